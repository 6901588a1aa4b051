"""How many storms were found, and how many hits were none: POD and FAR against cyclone tracks.

The quantities of Matsuoka et al. (2018, doi 10.1186/s40645-018-0245-y): POD = hits / (hits + misses), FAR =
false alarms / (hits + false alarms). What exactly they count as a hit is assumed here as follows.

- A storm at one time (a *fix*, between two of them on the great circle) is a **hit** where a detection of
  that time lies within the distance; else it is a **miss**. Only fixes are judged whose own window can be cut
  from the field: whole on it, within the latitudes looked at, with few enough missing pixels. Storms that
  never became tropical storms, and spurs of other tracks, are not judged.
- A detection within the distance of a judged fix belongs to it; several of one fix count once, as that hit.
- Every other detection is a **false alarm**, unless it lies within the distance of a storm that is not
  judged, or where or when nobody kept tracks: such ones are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cloud_images.choices import Choices
from cloud_images.grid import Grid
from cloud_images.patches import fits, missing_share
from cloud_images.tracks import Storm, Tracks, distance_km
from scoring.resampling import draw_weights
from scoring.uncertainty import interval
from starter_kit.detect.sliding import Hits
from starter_kit.explain.rates import FEW_STORMS

REPLICATES = 1000

HIT, NOT_JUDGED, FALSE_ALARM, UNWATCHED = "hit", "storm not judged", "false alarm", "not watched"


@dataclass(frozen=True)
class Fix:
    """A judged storm at one time. lead_time_hours: until genesis, negative after it; None where unknown.
    distance_km: of the nearest detection, None without any; score: that of the best one within the distance,
    None for a miss."""

    storm_id: str
    latitude: float
    longitude: float
    basin: str
    lead_time_hours: float | None
    distance_km: float | None
    score: float | None

    @property
    def is_hit(self) -> bool:
        return self.score is not None


@dataclass(frozen=True)
class Sky:
    """One field that was looked at: which storms could have been seen in it?"""

    olr: NDArray[np.floating]
    grid: Grid
    max_missing: float
    max_latitude: float

    def can_show(self, latitude: NDArray[np.float64], longitude: NDArray[np.float64]) -> bool:
        """latitude, longitude: of one centre, (1,)."""
        row, column = self.grid.locate(latitude, longitude)
        if abs(latitude[0]) > self.max_latitude or row[0] < 0 or not fits(self.grid, row, column)[0]:
            return False
        return bool(missing_share(self.olr, row, column)[0] <= self.max_missing)


def judge(
    hits: Hits, skies: list[Sky], tracks: Tracks, seconds: float, *, distance: float
) -> tuple[list[Fix], list[str]]:
    """All detections of one time against the storms of that time: the judged fixes, and what each detection
    is, (K,) of `hit`, `storm not judged`, `false alarm`, `not watched`.

    distance: km between a storm's centre and a detection's, at most, for a hit.
    """
    fixes: list[Fix] = []
    apart, apart_from_others = np.full((2, len(hits)), np.inf)
    for storm in tracks.storms:
        latitude, longitude, nearest = storm.at(np.array([seconds]), Choices.max_gap_hours)  # (1,) each
        if nearest[0] < 0:
            continue
        away = distance_km(latitude, longitude, hits.latitude, hits.longitude)  # (K,)
        if not _is_usable(storm) or not any(sky.can_show(latitude, longitude) for sky in skies):
            apart_from_others = np.minimum(apart_from_others, away)
            continue
        apart = np.minimum(apart, away)
        inside = away <= distance
        fixes.append(
            Fix(
                storm_id=storm.storm_id,
                latitude=float(latitude[0]),
                longitude=float(longitude[0]),
                basin=str(storm.basin[nearest[0]]),
                lead_time_hours=None if storm.genesis is None else (storm.genesis - seconds) / 3600,
                distance_km=float(away.min()) if len(hits) else None,
                score=float(hits.score[inside].max()) if inside.any() else None,
            )
        )
    is_watched = tracks.watched(hits.latitude, hits.longitude)
    is_watched &= tracks.seconds[0] <= seconds <= tracks.seconds[-1]
    verdicts = np.select(
        [apart <= distance, apart_from_others <= distance, ~is_watched],
        [HIT, NOT_JUDGED, UNWATCHED],
        FALSE_ALARM,
    )
    return fixes, verdicts.tolist()


def _is_usable(storm: Storm) -> bool:
    """As for the positives of a release."""
    return not storm.spur and (storm.genesis is not None or not storm.strength_known)


@dataclass(frozen=True)
class Skill:
    """POD and FAR of some fixes and detections; None where nothing is to be divided."""

    hits: int
    misses: int
    false_alarms: int

    @property
    def pod(self) -> float | None:
        return self.hits / (self.hits + self.misses) if self.hits + self.misses else None

    @property
    def far(self) -> float | None:
        called = self.hits + self.false_alarms
        return self.false_alarms / called if called else None


def skill(fixes: Sequence[Fix], false_alarms: Sequence[float] = (), threshold: float = 0.0) -> Skill:
    """Over all times together, from a threshold on; false_alarms: the score of each.

    A higher threshold than that of the search needs no other search: merging keeps the highest, so that
    exactly those detections are left whose score reaches it.
    """
    found = sum(fix.score is not None and fix.score >= threshold for fix in fixes)
    return Skill(found, len(fixes) - found, sum(score >= threshold for score in false_alarms))


def pod_interval(fixes: Sequence[Fix]) -> tuple[float, float] | None:
    """95 % of the probability of detection, on draws of whole storms; None for fewer than
    `FEW_STORMS`."""
    storms = sorted({fix.storm_id for fix in fixes})
    if len(storms) < FEW_STORMS:
        return None
    place = {name: number for number, name in enumerate(storms)}
    storm = [place[fix.storm_id] for fix in fixes]
    judged = np.bincount(storm, minlength=len(storms))
    found = np.bincount(storm, weights=[fix.is_hit for fix in fixes], minlength=len(storms))
    weights = draw_weights(len(storms), REPLICATES, 0).astype(np.float64)  # (R, storms)
    effective = judged.sum() ** 2 / (judged**2).sum()
    return interval(weights @ found / (weights @ judged), float(effective))
