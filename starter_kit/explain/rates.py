"""How often storms are found, by basin, month and lead time; how honest the scores are; who is better.

Counts are at the operating threshold; every interval (95 %) is read off the platform's draws of whole storms
and blocks of days.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from scoring import Comparison, compare
from scoring.metrics.probability import BrierScore
from scoring.metrics.slices import Slicing, slice_results
from scoring.resampling import one_thread
from scoring.uncertainty import interval
from starter_kit.errors import StarterKitError
from starter_kit.explain.cases import LEADS, MONTHS, Cases
from starter_kit.inference.evaluate import metric_at

Interval = tuple[float, float]
REPORTED_DAYS = (2, 5, 7)
"""Matsuoka et al. (2018, doi 10.1186/s40645-018-0245-y) tell how many precursors are found so many days
before their formation."""
BINS = 10
FEW_STORMS = 5
"""Groups of fewer have no interval: two storms that happen to agree would make it a point."""


@dataclass(frozen=True)
class Rate:
    """One group of images. pod: probability of detection, hits / (hits + misses), None without cyclones; far:
    false-alarm ratio, false alarms / (hits + false alarms), None where nothing is called, or where other
    clouds belong to no group; storms: of how many storms the cyclones are. Intervals are None for fewer than
    `FEW_STORMS`."""

    group: str
    positives: int
    storms: int
    hits: int
    false_alarms: int | None
    pod: float | None
    pod_interval: Interval | None
    far: float | None
    far_interval: Interval | None


def rates_by_basin(cases: Cases) -> list[Rate]:
    return _rates(cases, cases.table["basin"], sorted(cases.table["basin"].drop_nulls().unique()))


def rates_by_month(cases: Cases) -> list[Rate]:
    """By month of the year (UTC)."""
    named = cases.table["month"].replace_strict(dict(enumerate(MONTHS, 1)), return_dtype=pl.String)
    return _rates(cases, named, MONTHS)


def rates_by_lead(cases: Cases) -> list[Rate]:
    """In the four groups by which errors are listed. Other clouds have no lead time: there is no far."""
    return _rates(cases, cases.table["lead"], tuple(LEADS))


def rates_by_day(cases: Cases) -> list[Rate]:
    """By whole days until genesis, earliest first: day 2 holds the images from 60 to 36 hours before, and
    day −1 those around 24 hours after it."""
    day = (cases.table["lead_time_hours"] / 24 + 0.5).floor().cast(pl.Int64)
    days = [str(each) for each in day.drop_nulls().unique().sort(descending=True)]
    return _rates(cases, day.cast(pl.String), days)


def _rates(cases: Cases, group: pl.Series, names: Sequence[str]) -> list[Rate]:
    """group: (N,) of each image, null for none; names: in the order wanted."""
    codes = group.replace_strict(
        {name: code for code, name in enumerate(names)}, default=len(names), return_dtype=pl.Int64
    ).to_numpy()
    positive = cases.table["label"].to_numpy() == 1
    none_outside = bool((codes[~positive] == len(names)).all())
    by = Slicing("group", [*names, None], codes[positive], None if none_outside else codes[~positive])
    config = metric_at(cases.recall_floor)
    sliced = slice_results(config, cases.part, cases.result, [by])["group"]
    storms = (
        pl.DataFrame({"group": group, "storm": cases.table["storm_id"]})
        .group_by("group")
        .agg(pl.col("storm").drop_nulls().n_unique())
    )
    count = dict(storms.iter_rows())
    return [_rate(entry, count[entry["value"]]) for entry in sliced if entry["value"] is not None]


def _rate(entry: dict[str, Any], storms: int) -> Rate:
    precision = entry["precision"]
    is_known = storms >= FEW_STORMS
    score_interval = entry["interval"] if is_known and precision is not None else None
    return Rate(
        group=entry["value"],
        positives=entry["positives"],
        storms=storms,
        hits=entry["tp"],
        false_alarms=entry["fp"],
        pod=entry["recall"],
        pod_interval=entry["recall_interval"] if is_known else None,
        far=None if precision is None else 1 - precision,
        far_interval=None if score_interval is None else (1 - score_interval[1], 1 - score_interval[0]),
    )


@dataclass(frozen=True)
class Reliability:
    """In each bin of equal width that holds images: mean score, share of cyclones and its interval, images,
    (K,) each. brier: the mean squared error of the scores as probabilities; details: its parts."""

    forecast: list[float]
    observed: list[float]
    intervals: list[Interval | None]
    count: list[int]
    brier: float
    details: dict[str, float | None]


def reliability(cases: Cases) -> Reliability:
    """Whether of the images with a score of 0.3 three in ten are cyclones."""
    part = cases.part
    result = BrierScore(bins=BINS).evaluate(part)
    curve = result.reliability
    assert curve is not None
    assert result.score is not None
    assert result.details is not None
    clusters = part.clusters
    assert clusters is not None
    with one_thread():
        cyclones = _drawn_counts(
            clusters.positives.cluster, clusters.positive_weights, _bin_of(part.positives)
        )
        others = _drawn_counts(clusters.negatives.cluster, clusters.negative_weights, _bin_of(part.negatives))
    with np.errstate(invalid="ignore"):
        share = cyclones / (cyclones + others)  # (R, BINS)
    held = np.flatnonzero(np.bincount(_bin_of(np.concatenate([part.positives, part.negatives]))))
    intervals = [interval(share[:, place]) if clusters.can_vary else None for place in held]
    return Reliability(
        curve.forecast, curve.observed, intervals, curve.count, result.score, dict(result.details)
    )


def _bin_of(scores: NDArray[np.float64]) -> NDArray[np.int64]:
    """As the Brier score has them: a bin includes its upper edge."""
    return np.searchsorted(np.linspace(0, 1, BINS + 1)[1:-1], scores, side="left")


def _drawn_counts(
    cluster: NDArray[np.int32], weights: NDArray[Any], bin_of: NDArray[np.int64]
) -> NDArray[np.float64]:
    """(R, BINS) images of each bin in each draw."""
    clusters = weights.shape[1]
    cells = cluster.astype(np.int64) * BINS + bin_of
    images = np.bincount(cells, minlength=clusters * BINS).reshape(clusters, BINS)
    return (weights @ images.astype(weights.dtype)).astype(np.float64)


def compare_cases(one: Cases, other: Cases) -> Comparison:
    """The paired difference of precision at the recall floor, `one` − `other`, both on the same images in the
    same order (`shared_cases`). Raises StarterKitError where storms are too few to draw from."""
    if one.recall_floor != other.recall_floor:
        raise StarterKitError(
            f"The models were chosen by different recall floors, {one.recall_floor:g} and "
            f"{other.recall_floor:g}; compare models of one floor (metric.recall_floor)."
        )
    try:
        return compare(_draws(one), _draws(other), effective_clusters=_effective(one), higher_is_better=True)
    except ValueError as error:
        raise StarterKitError(f"The two models cannot be compared: {error}.") from None


def _draws(cases: Cases) -> NDArray[np.float64]:
    """(R,) what each draw would rank the model by."""
    part = cases.part
    if part.clusters is None or not part.clusters.can_vary:
        return np.empty(0)
    with one_thread():
        drawn = metric_at(cases.recall_floor).replicate(part, cases.result)
    return drawn.values if drawn.ranked is None else drawn.ranked


def _effective(cases: Cases) -> float:
    clusters = cases.part.clusters
    assert clusters is not None
    return clusters.effective
