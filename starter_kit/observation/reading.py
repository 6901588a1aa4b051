"""Cut real frames into the images of a release: the same grid spacing, centres, units and grey.

The way from a satellite's number to a grey value is that of `cloud_images`, by which a release is built:

    brightness temperature T_b (K)  →  flux temperature T_f = T_b (1.228 − 1.106·10⁻³ T_b)
    OLR = σ T_f⁴ (W m⁻²)            →  grey = 255 (300 − OLR) / (300 − 85), rounded, clipped to 0 … 255

(the first line after Ohring, Gruber & Ellingson 1984, as `cloud_images.scale` says).

An infrared window sees one part of the spectrum, OLR is all of it; the regression between them was made for
the whole globe and is off by some W m⁻² in single scenes. So a part of what is measured as a gap between
simulation and observation is this conversion.

This module needs xarray (the extra `fields`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import polars as pl

from cloud_images.basins import basin_of
from cloud_images.calendars import datetime_of_seconds, show_time
from cloud_images.choices import Choices
from cloud_images.fields import Fields
from cloud_images.patches import find_systems, fits, keep_apart, missing_share
from cloud_images.survey import Patches, survey
from cloud_images.tracks import Tracks
from starter_kit.errors import StarterKitError
from starter_kit.observation.episodes import find_episodes
from starter_kit.observation.patches import COLUMNS, STORM, SYSTEM, WINDOW, Observations

WINDOWS_APART = 16
"""Grid points between two windows: they overlap by three quarters of a side. A translation learns better from
overlapping images than from few."""


@dataclass(frozen=True)
class Cut:
    """What became of the frames. dropped: reason → how many centres."""

    observed: Observations
    frames: int
    dropped: dict[str, int]


def cut_frames(
    fields: Fields,
    tracks: Tracks,
    *,
    choices: Choices | None = None,
    seed: int = 0,
    on_progress: Callable[[int, int], None] | None = None,
) -> Cut:
    """Images around best-track positions, around systems far from them, and unlabelled windows.

    Storms and systems are chosen as for a release (`cloud_images.survey`); choices: as there, but no number
    of negatives to a positive. on_progress(frames done, of). Raises StarterKitError where no storm is in the
    frames, with both ranges of time; ReleaseError where a file cannot be read.
    """
    choices = choices or Choices()
    rng = np.random.default_rng(seed)

    def told(stage: str, done: int, total: int) -> None:
        if on_progress:
            on_progress(done, total)

    found = survey(fields, tracks, choices, rng=rng, on_progress=told)
    if not len(found.positives):
        raise StarterKitError(_nothing_found(fields, tracks))
    windows = _windows(fields, choices)
    patches = Patches.joined([found.positives, found.negatives, windows])
    kinds = [STORM] * len(found.positives) + [SYSTEM] * len(found.negatives) + [WINDOW] * len(windows)
    images = np.empty((len(patches), 64, 64), np.uint8)
    for rows, cut in patches.images(fields):
        images[rows] = cut
    observed = Observations(images, _table(patches, kinds, tracks))
    dropped = {reason: count for reason, count in sorted(found.dropped.items()) if count}
    return Cut(observed.take(observed.episodes >= 0), len(fields.frames), dropped)


def _windows(fields: Fields, choices: Choices) -> Patches:
    """All convective systems of every frame, coldest first, wherever a whole image can be cut."""
    none = np.empty(0, np.int64)
    parts = [Patches(none, none, none, np.empty(0), np.empty(0), np.empty(0), none, np.empty(0, object))]
    for seconds, group in groupby(enumerate(fields.frames), key=lambda numbered: numbered[1].seconds):
        for number, frame in group:
            grid, olr = fields.sources[frame.source].grid, fields.read(frame)
            row, column = find_systems(olr, grid)
            inside = fits(grid, row, column)
            row, column = row[inside], column[inside]
            latitude, longitude = grid.position(row, column)
            good = missing_share(olr, row, column) <= choices.max_missing
            good &= np.abs(latitude) <= choices.negative_max_latitude
            good[good] = keep_apart(row[good], column[good], grid, WINDOWS_APART)
            count = np.count_nonzero(good)
            found = Patches(
                frame=np.full(count, number),
                row=row[good],
                column=column[good],
                seconds=np.full(count, seconds),
                latitude=latitude[good],
                longitude=longitude[good],
                storm=np.full(count, -1),
                basin=basin_of(latitude[good], longitude[good]).astype(object),
            )
            parts.append(found)
    return Patches.joined(parts)


def _table(patches: Patches, kinds: list[str], tracks: Tracks) -> pl.DataFrame:
    is_window = np.array(kinds) == WINDOW
    ids = [None if number < 0 else tracks.storms[number].storm_id for number in patches.storm]
    genesis = [None if number < 0 else tracks.storms[number].genesis for number in patches.storm]
    lead = [
        None if begun is None else (begun - seconds) / 3600
        for begun, seconds in zip(genesis, patches.seconds, strict=True)
    ]
    label = pl.Series((patches.storm >= 0).astype(np.uint8)).to_frame("label")
    times = [datetime_of_seconds(seconds, tracks.calendar) for seconds in patches.seconds.tolist()]
    return pl.DataFrame(
        {
            "kind": kinds,
            "label": label.select(pl.when(~pl.Series(is_window)).then("label")).to_series(),
            "storm_id": ids,
            "time": pl.Series(times, dtype=pl.Datetime("ms", "UTC")),
            "latitude": patches.latitude,
            "longitude": patches.longitude,
            "lead_time_hours": lead,
            "basin": patches.basin.astype(str),
            "episode": find_episodes(patches.seconds / 3600, ids),
        },
        schema_overrides=COLUMNS,
    )


def _nothing_found(fields: Fields, tracks: Tracks) -> str:
    def run(first: float, last: float) -> str:
        return f"run from {show_time(first, fields.calendar)} to {show_time(last, fields.calendar)}"

    frames = run(fields.frames[0].seconds, fields.frames[-1].seconds)
    known = run(tracks.seconds[0], tracks.seconds[-1])
    return f"No storm of the tracks is in the frames. The frames {frames}, the tracks {known}."
