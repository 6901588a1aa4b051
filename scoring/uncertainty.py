"""How sure a result is: intervals, the risk of missing the gate, tie bands, and a threshold that keeps away.

Everything here is read off the same bootstrap draws of storms and blocks of time (`scoring.resampling`).
How often the intervals hold what they are to hold is measured by `scoring.coverage`; `docs/uncertainty.md`
has the table and the reasons.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

from scoring.resampling import SINGLY, Clusters, Replicates
from scoring.solution import STORM

Floats = npt.NDArray[np.float64]

LEVEL = 0.95
QUANTILES = (0.025, 0.05, 0.25, 0.5, 0.75, 0.95, 0.975)
CLOUD_POINTS = 200


def drawn(uncertainty: Mapping[str, Any] | None) -> str:
    """What the positives were drawn by, in the plural: ``storms``, ``images``, ``groups by basin``.

    uncertainty: as a Result or the site's API tells it.
    """
    by = (uncertainty or {}).get("clusters", {}).get("positives", {}).get("by", STORM)
    return {STORM: "storms", SINGLY: "images"}.get(by, f"groups by {by}")


def summarise(replicates: Replicates, clusters: Clusters) -> dict[str, Any]:
    """The fields of a Result that the bootstrap fills: ``interval``, ``probability_below_gate``,
    ``uncertainty``.

    ``uncertainty``: ``replicates``; ``level`` of the intervals; ``standard_error`` of the score;
    ``clusters``: for ``positives`` and ``negatives``, ``by`` what, how many (``count``), and how many of
    equal size would tell as much (``effective``); and where the metric has an operating point: ``recall``
    and ``precision`` there, each with ``interval`` and ``quantiles``, and ``cloud``: recall and precision
    of the first 200 draws.
    """
    told: dict[str, Any] = {
        "replicates": len(replicates.values),
        "level": LEVEL,
        "standard_error": _standard_error(replicates.values),
        "clusters": {
            name: {"by": grouping.by, "count": grouping.count, "effective": round(grouping.effective, 1)}
            for name, grouping in (("positives", clusters.positives), ("negatives", clusters.negatives))
        },
    }
    for name, values, effective in (
        ("recall", replicates.recall, clusters.positives.effective),
        ("precision", replicates.precision, clusters.effective),
    ):
        if values is not None:
            told[name] = {"interval": interval(values, effective), "quantiles": _quantiles(values)}
    if replicates.recall is not None and replicates.precision is not None:
        told["cloud"] = {
            "recall": replicates.recall[:CLOUD_POINTS].tolist(),
            "precision": replicates.precision[:CLOUD_POINTS].tolist(),
        }
    return {
        "interval": interval(replicates.values, clusters.effective),
        "probability_below_gate": _share_below(replicates),
        "uncertainty": told,
    }


def interval(
    values: Floats, effective_clusters: float | None = None, level: float = LEVEL
) -> tuple[float, float] | None:
    """The expanded percentile interval of the draws (R,); NaN, where the value is not defined, is left out.
    None without any.

    For few storms the middle `level` of the draws is too narrow, so the quantiles are taken further out
    (`expanded_tail`). effective_clusters: how many storms of equal size would tell as much; without it the
    plain percentiles.
    """
    defined = values[np.isfinite(values)]
    if not len(defined):
        return None
    tail = (1 - level) / 2
    if effective_clusters is not None:
        tail = expanded_tail(tail, effective_clusters)
    low, high = np.quantile(defined, (tail, 1 - tail)).tolist()
    return low, high


def _share_below(replicates: Replicates) -> float | None:
    """Of the draws with positives: in one where no threshold at all keeps a floor of precision there is no
    value, and yet the entry misses the gate."""
    if replicates.passed is None:
        return None
    defined = np.isfinite(replicates.values if replicates.recall is None else replicates.recall)
    return float(np.mean(~replicates.passed[defined])) if defined.any() else None


def expanded_tail(tail: float, effective_clusters: float, freedom: float | None = None) -> float:
    """The share of the draws to leave out at an end, for one of `tail` in the population.

    With n storms the draws spread too little, by √((n − 1) / n), and their distribution is taken for normal
    where it is Student's. The quantile at Φ(√(n / (n − 1)) · t), t Student's quantile, makes up for both.
    freedom: the degrees of freedom; n − 1 if None. Source: Hesterberg, T. (2015), What teachers should know
    about the bootstrap, The American Statistician 69, 371–386.
    """
    clusters = max(2.0, round(effective_clusters, 1))
    return _expanded_tail(tail, clusters, clusters - 1 if freedom is None else max(1.0, round(freedom, 1)))


@cache
def _expanded_tail(tail: float, clusters: float, freedom: float) -> float:
    stretched = (clusters / (clusters - 1)) ** 0.5 * student_quantile(tail, freedom)
    return round(NormalDist().cdf(stretched), 6)  # the last bits of cosines differ between machines


def student_quantile(probability: float, freedom: float) -> float:
    """Of Student's t with at least 1 degree of freedom, to about four digits.

    With t = √ν tan θ its density is proportional to cos^(ν−1) θ, which is summed on a grid.
    """
    angle = np.linspace(-np.pi / 2, np.pi / 2, 40_001)
    density = np.cos(angle).clip(0) ** (freedom - 1)
    steps = (density[1:] + density[:-1]) / 2
    below = np.append(0, steps.cumsum()) / steps.sum()
    return float(freedom**0.5 * np.tan(np.interp(probability, below, angle)))


def _quantiles(values: Floats) -> dict[str, float] | None:
    defined = values[np.isfinite(values)]
    if not len(defined):
        return None
    return dict(zip(map(str, QUANTILES), np.quantile(defined, QUANTILES).tolist(), strict=True))


def _standard_error(values: Floats) -> float | None:
    defined = values[np.isfinite(values)]
    return float(defined.std(ddof=1)) if len(defined) > 1 else None


@dataclass(frozen=True)
class Comparison:
    """Two entries on the same draws. difference: mean of a − b; interval: its middle 95 %;
    probability_better: the share of the draws in which a is better, ties one half."""

    difference: float
    interval: tuple[float, float]
    probability_better: float

    @property
    def is_distinguishable(self) -> bool:
        low, high = self.interval
        return not low <= 0 <= high


def compare(
    a: Floats,
    b: Floats,
    *,
    higher_is_better: bool = True,
    level: float = LEVEL,
    effective_clusters: float | None = None,
) -> Comparison:
    """Paired difference of two entries, of what each draw ranks them by (`Grade.replicates`): (R,) each.

    effective_clusters: widens the interval for few storms or blocks, see `interval`; the smaller of the two
    ``effective`` in the results' ``uncertainty["clusters"]``.
    Entries of different R are compared on the draws they share, which are the first ones. Draws in which
    either is not defined are left out. Raises ValueError where none is left.
    """
    shared = min(len(a), len(b))
    differences = a[:shared] - b[:shared]
    differences = differences[np.isfinite(differences)]
    found = interval(differences, effective_clusters, level)
    if found is None:
        raise ValueError("the two entries have no bootstrap draw in common")
    signed = differences if higher_is_better else -differences
    better = float(np.mean(signed > 0) + np.mean(signed == 0) / 2)
    return Comparison(float(differences.mean()), found, better)


def tie_bands(
    standing: Sequence[Floats | None],
    *,
    higher_is_better: bool = True,
    level: float = LEVEL,
    effective_clusters: float | None = None,
) -> list[int | None]:
    """The band of each entry, in standing order: 1 for the leader and all that follow without a gap and
    cannot be distinguished from it; the first that can be starts the next band, and leads it.

    An entry without draws (None, or an empty array) has no band (None) and ends none.
    """
    bands: list[int | None] = []
    leader: Floats | None = None
    band = 0
    for draws in standing:
        if draws is None or not len(draws):
            bands.append(None)
            continue
        if leader is not None:
            paired = compare(
                leader,
                draws,
                higher_is_better=higher_is_better,
                level=level,
                effective_clusters=effective_clusters,
            )
        if leader is None or paired.is_distinguishable:
            leader, band = draws, band + 1
        bands.append(band)
    return bands
