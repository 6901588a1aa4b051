"""Look through fields for cyclones, and write what was found: maps, GeoJSON, CSV, and the skill."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from cloud_images.calendars import datetime_of_seconds, show_time
from cloud_images.choices import Choices
from cloud_images.fields import Fields, Frame
from cloud_images.tracks import Tracks
from starter_kit.atomic_file import written_whole
from starter_kit.detect.map import draw_map
from starter_kit.detect.sliding import Hits, Score, Windows, half_window_km, merge, slide
from starter_kit.detect.verification import FALSE_ALARM, Fix, Skill, Sky, judge, pod_interval, skill
from starter_kit.errors import StarterKitError
from starter_kit.explain.rates import REPORTED_DAYS

DETECTIONS, GEOJSON, STORMS, SKILL, MAPS = (
    "detections.csv",
    "detections.geojson",
    "storms.csv",
    "skill.json",
    "maps",
)
STEPS = 21  # thresholds at which the skill is told, from the one of the search up
DETECTION_COLUMNS = {
    "time": pl.String,
    "latitude": pl.Float64,
    "longitude": pl.Float64,
    "score": pl.Float64,
    "windows": pl.Int64,
    "verdict": pl.String,
}
STORM_COLUMNS = {
    "time": pl.String,
    "storm_id": pl.String,
    "basin": pl.String,
    "latitude": pl.Float64,
    "longitude": pl.Float64,
    "lead_time_hours": pl.Float64,
    "found": pl.Boolean,
    "score": pl.Float64,
    "distance_km": pl.Float64,
}


@dataclass(frozen=True)
class Search:
    """How to look. stride: grid points between windows; threshold: of the score; merge_km, hit_km: None for
    half a window's height, 445 km on a grid of 0.125°; the rest as when a release is built."""

    threshold: float
    stride: int = 8
    merge_km: float | None = None
    hit_km: float | None = None
    max_missing: float = Choices.max_missing
    max_latitude: float = Choices.negative_max_latitude


@dataclass
class Found:
    """What a search found, over all times. windows: how many were scored."""

    fields: int = 0
    windows: int = 0
    detections: list[dict[str, Any]] = field(default_factory=list)
    storms: list[dict[str, Any]] = field(default_factory=list)
    skill: Skill | None = None
    pod_interval: tuple[float, float] | None = None
    by_threshold: dict[float, Skill] = field(default_factory=dict)
    by_lead: dict[str, Skill] = field(default_factory=dict)
    by_basin: dict[str, Skill] = field(default_factory=dict)


def search(
    fields: Fields,
    score: Score,
    how: Search,
    out: Path,
    *,
    tracks: Tracks | None = None,
    maps: bool = True,
    on_progress: Callable[[int], None] | None = None,
) -> Found:
    """Look at every field, draw each, and write all to `out`. Fields of one time are searched together.

    on_progress(n): n more fields are done. Raises StarterKitError where no window fits, or the folder cannot
    be written to; ReleaseError where a field cannot be read.
    """
    merge_km = how.merge_km or half_window_km(fields.spacing)
    hit_km = how.hit_km or half_window_km(fields.spacing)
    try:
        (out / MAPS if maps else out).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StarterKitError(f"The folder {out} cannot be made: {error.strerror}.") from None
    found = Found()
    fixes: list[Fix] = []
    for seconds, frames in groupby(fields.frames, key=lambda frame: frame.seconds):
        skies, windows = _look(fields, list(frames), score, how)
        found.fields += len(skies)
        found.windows += len(windows.score)
        hits = merge(windows, threshold=how.threshold, radius_km=merge_km)
        here: list[Fix] = []
        verdicts: Sequence[str | None] = [None] * len(hits)
        if tracks is not None:
            here, verdicts = judge(hits, skies, tracks, seconds, distance=hit_km)
        fixes += here
        time = datetime_of_seconds(seconds, fields.calendar)
        found.detections += list(_detection_rows(time, hits, verdicts))
        found.storms += [_storm_row(time, fix) for fix in here]
        for number, sky in enumerate(skies if maps else [], 1):
            part = f"-{number}" if len(skies) > 1 else ""
            draw_map(
                out / MAPS / f"{time:%Y-%m-%dT%H%M}{part}.png",
                sky.olr,
                sky.grid,
                hits,
                title=show_time(seconds, fields.calendar) + " UTC",
                radius_km=merge_km,
                tracks=tracks,
                seconds=seconds,
                fixes=here,
                false_alarms=[verdict == FALSE_ALARM for verdict in verdicts],
            )
        if on_progress:
            on_progress(len(skies))
    if not found.windows:
        raise StarterKitError(
            "No window could be looked at: every one reaches over the edge of the fields, poleward of "
            f"{how.max_latitude:g}°, or has more than {how.max_missing:.0%} missing pixels. See "
            "--max-latitude and --max-missing."
        )
    if tracks is not None:
        _summarise(found, fixes)
    _write(found, out, how, merge_km, hit_km)
    return found


def _look(fields: Fields, frames: list[Frame], score: Score, how: Search) -> tuple[list[Sky], Windows]:
    """All fields of one time, and their windows together."""
    skies, parts = [], []
    for frame in frames:
        grid, olr = fields.sources[frame.source].grid, fields.read(frame)
        skies.append(Sky(olr, grid, how.max_missing, how.max_latitude))
        parts.append(
            slide(
                olr,
                grid,
                score,
                stride=how.stride,
                max_missing=how.max_missing,
                max_latitude=how.max_latitude,
            )
        )
    latitude, longitude, scores = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("latitude", "longitude", "score")
    )
    return skies, Windows(latitude, longitude, scores)


def _detection_rows(time: datetime, hits: Hits, verdicts: Sequence[str | None]) -> Iterator[dict[str, Any]]:
    columns = (hits.latitude, hits.longitude, hits.score, hits.windows)
    for latitude, longitude, score, windows, verdict in zip(
        *(each.tolist() for each in columns), verdicts, strict=True
    ):
        yield {
            "time": _iso(time),
            "latitude": latitude,
            "longitude": longitude,
            "score": score,
            "windows": windows,
            "verdict": verdict,
        }


def _storm_row(time: datetime, fix: Fix) -> dict[str, Any]:
    return {
        "time": _iso(time),
        "storm_id": fix.storm_id,
        "basin": fix.basin,
        "latitude": fix.latitude,
        "longitude": fix.longitude,
        "lead_time_hours": fix.lead_time_hours,
        "found": fix.is_hit,
        "score": fix.score,
        "distance_km": fix.distance_km,
    }


def _iso(time: datetime) -> str:
    return f"{time:%Y-%m-%dT%H:%M:%SZ}"


def _summarise(found: Found, fixes: list[Fix]) -> None:
    """Fill in the skill. By lead time and basin there is POD alone: a false alarm belongs to none."""
    wrong = [row["score"] for row in found.detections if row["verdict"] == FALSE_ALARM]
    found.skill, found.pod_interval = skill(fixes, wrong), pod_interval(fixes)
    scores = [row["score"] for row in found.detections]
    for threshold in np.unique(np.quantile(scores, np.linspace(0, 1, STEPS))) if scores else ():
        found.by_threshold[float(threshold)] = skill(fixes, wrong, float(threshold))
    for day in REPORTED_DAYS:
        # As in explain: 2 days before genesis is 60 to 36 hours before it.
        then = [
            fix
            for fix in fixes
            if fix.lead_time_hours is not None and -12 <= fix.lead_time_hours - 24 * day < 12
        ]
        found.by_lead[f"{day} days before genesis"] = skill(then)
    after = [fix for fix in fixes if fix.lead_time_hours is not None and fix.lead_time_hours <= 0]
    found.by_lead["from genesis on"] = skill(after)
    for basin in sorted({fix.basin for fix in fixes}):
        found.by_basin[basin] = skill([fix for fix in fixes if fix.basin == basin])


def _write(found: Found, out: Path, how: Search, merge_km: float, hit_km: float) -> None:
    with written_whole(out / DETECTIONS) as draft:
        pl.DataFrame(found.detections, schema=DETECTION_COLUMNS).write_csv(draft)
    with written_whole(out / GEOJSON) as draft:
        text = json.dumps(geojson(found.detections), allow_nan=False, indent=1)
        draft.write_text(text + "\n", encoding="utf-8")
    if found.skill is None:
        return
    with written_whole(out / STORMS) as draft:
        pl.DataFrame(found.storms, schema=STORM_COLUMNS).write_csv(draft)
    told = {
        "threshold": how.threshold,
        "stride": how.stride,
        "merge_km": merge_km,
        "hit_km": hit_km,
        "windows": found.windows,
        **_told(found.skill),
        "pod_interval": found.pod_interval,
        "by_threshold": [{"threshold": at, **_told(each)} for at, each in found.by_threshold.items()],
        "by_lead_time": {name: _told(each) for name, each in found.by_lead.items()},
        "by_basin": {name: _told(each) for name, each in found.by_basin.items()},
    }
    with written_whole(out / SKILL) as draft:
        draft.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


def _told(each: Skill) -> dict[str, Any]:
    return {
        "hits": each.hits,
        "misses": each.misses,
        "false_alarms": each.false_alarms,
        "pod": each.pod,
        "far": each.far,
    }


def geojson(detections: list[dict[str, Any]]) -> dict[str, Any]:
    """A FeatureCollection of points (RFC 7946: WGS 84, longitude before latitude, within ±180°), with `time`,
    `score`, `windows` and, against tracks, `verdict`."""
    return {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "geometry": {
                    "type": "Point",
                    "coordinates": [round(row["longitude"], 5), round(row["latitude"], 5)],
                },
                "properties": {
                    name: row[name]
                    for name in ("time", "score", "windows", "verdict")
                    if row[name] is not None
                },
            }
            for row in detections
        ],
    }
