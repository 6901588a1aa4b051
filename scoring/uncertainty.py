"""How sure a result is: intervals, the risk of missing the gate, tie bands, and a threshold that keeps away.

Everything here is read off the same bootstrap draws of storms and blocks of time (`scoring.resampling`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from scoring.resampling import Clusters, Replicates

Floats = npt.NDArray[np.float64]

LEVEL = 0.95
QUANTILES = (0.025, 0.05, 0.25, 0.5, 0.75, 0.95, 0.975)
CLOUD_POINTS = 200


def summarise(replicates: Replicates, clusters: Clusters, point: float | None) -> dict[str, Any]:
    """The fields of a Result that the bootstrap fills: ``interval``, ``probability_below_gate``,
    ``uncertainty``.

    ``uncertainty``: ``replicates``; ``level`` of the intervals; ``standard_error`` of the score;
    ``clusters``: for ``positives`` and ``negatives``, ``by`` what and how many (``count``); and where the
    metric has an operating point: ``recall`` and ``precision`` there, each with ``interval`` and
    ``quantiles``, and ``cloud``: recall and precision of the first 200 draws.
    """
    told: dict[str, Any] = {
        "replicates": len(replicates.values),
        "level": LEVEL,
        "standard_error": _standard_error(replicates.values),
        "clusters": {
            name: {"by": grouping.by, "count": grouping.count}
            for name, grouping in (("positives", clusters.positives), ("negatives", clusters.negatives))
        },
    }
    for name in ("recall", "precision"):
        values = getattr(replicates, name)
        if values is not None:
            told[name] = {
                "interval": interval(values),
                "quantiles": dict(
                    zip(map(str, QUANTILES), np.nanquantile(values, QUANTILES).tolist(), strict=True)
                ),
            }
    if replicates.recall is not None and replicates.precision is not None:
        told["cloud"] = {
            name: getattr(replicates, name)[:CLOUD_POINTS].tolist() for name in ("recall", "precision")
        }
    return {
        "interval": interval(replicates.values),
        "probability_below_gate": None if replicates.passed is None else float(1 - replicates.passed.mean()),
        "uncertainty": told,
    }


def interval(values: Floats, level: float = LEVEL) -> tuple[float, float] | None:
    """The middle `level` of the draws (R,), those where the value is not defined (NaN) left out; None without
    any."""
    defined = values[np.isfinite(values)]
    if not len(defined):
        return None
    low, high = np.quantile(defined, ((1 - level) / 2, (1 + level) / 2)).tolist()
    return low, high


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


def compare(a: Floats, b: Floats, *, higher_is_better: bool = True, level: float = LEVEL) -> Comparison:
    """Paired difference of two entries, of what each draw ranks them by (`Grade.replicates`): (R,) each.

    Entries of different R are compared on the draws they share, which are the first ones. Draws in which
    either is not defined are left out. Raises ValueError where none is left.
    """
    shared = min(len(a), len(b))
    differences = a[:shared] - b[:shared]
    differences = differences[np.isfinite(differences)]
    if not len(differences):
        raise ValueError("the two entries have no bootstrap draw in common")
    found = interval(differences, level)
    assert found is not None
    signed = differences if higher_is_better else -differences
    better = float(np.mean(signed > 0) + np.mean(signed == 0) / 2)
    return Comparison(float(differences.mean()), found, better)


def tie_bands(
    standing: Sequence[Floats | None], *, higher_is_better: bool = True, level: float = LEVEL
) -> list[int | None]:
    """The band of each entry, in standing order: 1 for the leader and all that follow without a gap and
    cannot be distinguished from it; the first that can be starts the next band, and leads it.

    An entry without draws (None) has no band (None) and ends none.
    """
    bands: list[int | None] = []
    leader: Floats | None = None
    band = 0
    for draws in standing:
        if draws is None:
            bands.append(None)
            continue
        if (
            leader is None
            or compare(leader, draws, higher_is_better=higher_is_better, level=level).is_distinguishable
        ):
            leader, band = draws, band + 1
        bands.append(band)
    return bands
