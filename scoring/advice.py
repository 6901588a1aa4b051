"""The threshold adviser: how far below the best threshold to stay so that new storms do not cost the gate."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from scoring.clustering import clusters_of
from scoring.metrics import RecallConstrainedPrecision
from scoring.resampling import Draws, one_thread
from scoring.tally import Floats, Part, Tally, part_of
from scoring.uncertainty import expanded_tail, interval

MAX_GATE_RISK = 0.05
SHOWN_DIGITS = 3


@dataclass(frozen=True)
class Advice:
    """The highest threshold at which the gate is missed with a probability of at most ``max_gate_risk``.

    threshold: a positive's score; images at or above it are called. precision, recall, called_fraction (of
    all images that are called): there, on the images at hand. probability_below_gate: in fresh draws.
    best_precision: at the threshold without a margin, the best that keeps the recall floor on these images;
    best_probability_below_gate: in fresh draws, at that threshold. cost: best_precision − precision;
    cost_interval: its middle 95 % in (ordinary) draws.
    """

    recall_floor: float
    max_gate_risk: float
    threshold: float
    called_fraction: float
    precision: float
    recall: float
    probability_below_gate: float
    best_precision: float
    best_probability_below_gate: float
    cost: float
    cost_interval: tuple[float, float]
    replicates: int

    def without_threshold(self) -> dict[str, Any]:
        """What may be told of the public part while a competition is open: a threshold is the score of a
        positive image, so it is told as ``called_percent`` of the images to call, rounded up to three digits
        (more called images never raise the risk of missing the gate)."""
        return {
            "recall_floor": self.recall_floor,
            "max_gate_risk": self.max_gate_risk,
            "called_percent": round_up(100 * self.called_fraction),
            "precision": self.precision,
            "recall": self.recall,
            "probability_below_gate": self.probability_below_gate,
            "best_precision": self.best_precision,
            "best_probability_below_gate": self.best_probability_below_gate,
            "cost": self.cost,
            "cost_interval": self.cost_interval,
        }


def advise_threshold(
    labels: npt.ArrayLike,
    predictions: npt.ArrayLike,
    *,
    clusters: Any = None,
    times: Any = None,
    config: RecallConstrainedPrecision | None = None,
    max_gate_risk: float = MAX_GATE_RISK,
    replicates: int | None = None,
) -> Advice:
    """From predictions of images whose labels are known, and that the network has not seen: out of fold.

    labels (N,) of 0 and 1, predictions (N,) scores, clusters (N,) storm ids, times (N,) datetimes, which make
    blocks of the negatives and have a part only in `cost_interval`. Without clusters each image is one,
    and the risk is underestimated. Raises ValueError for other shapes and values, and for a single storm.
    """
    config = config or RecallConstrainedPrecision()
    part, positive = part_of(labels, predictions)
    count = config.replicates if replicates is None else replicates
    drawn = Part(part.positives, part.negatives, clusters_of(positive, clusters, times, count))
    return advise(drawn, config, max_gate_risk)


def advise(
    part: Part,
    config: RecallConstrainedPrecision,
    max_gate_risk: float = MAX_GATE_RISK,
    *,
    best_drawn: Floats | None = None,
) -> Advice:
    """Of one part with clusters. best_drawn: (R,) the best precision of each draw, where it is known already.

    A threshold is chosen on these storms and used on others. Both are draws, so the fresh draws are draws
    from draws (`Clusters.fresh`): a margin from single ones would be missed more than twice too often. For
    few storms a smaller share of the draws is aimed at, as for intervals (`expanded_tail`), and a smaller one
    still where storms are of unequal size: a few large ones decide how much recall seems to vary
    (`Grouping.freedom`).
    Recall never falls when the threshold does, in no draw; so the risk never rises, and halving finds the
    threshold. At the lowest one recall is 1.
    """
    if not 0 < max_gate_risk < 1:
        raise ValueError(f"max_gate_risk is {max_gate_risk}; it must lie between 0 and 1, as 0.05")
    if config.prediction != "score":
        raise ValueError("labels have no threshold to advise on: the adviser needs scores")
    if part.clusters is None or not part.clusters.replicates:
        raise ValueError("the adviser needs bootstrap draws: replicates must not be 0")
    if not part.clusters.can_vary:
        raise ValueError("the positives are of a single storm, so nothing tells how others would differ")
    tally = part.tally()
    best_threshold = config.best_threshold(part)
    best_precision, _ = _operating_point(tally, best_threshold)
    with one_thread():
        fresh = Draws(tally, part.clusters.fresh)
        storms = part.clusters.positives
        aim = expanded_tail(max_gate_risk, storms.effective, storms.freedom)
        low, high = 0, len(tally.thresholds)  # the risk is small enough at `low`, too large at `high`
        while high - low > 1:
            middle = (low + high) // 2
            if _risk(fresh, tally.thresholds[middle], config.recall_floor) <= aim:
                low = middle
            else:
                high = middle
        threshold = float(tally.thresholds[low])
        if best_drawn is None:
            best_drawn = config.best_in_draws(part)
        cost = interval(best_drawn - _precision_in_draws(part, threshold), part.clusters.effective)
        assert cost is not None
        precision, recall = _operating_point(tally, threshold)
        tp, fp, *_ = tally.at(threshold)
        return Advice(
            recall_floor=config.recall_floor,
            max_gate_risk=max_gate_risk,
            threshold=threshold,
            called_fraction=(tp + fp) / (tally.positives + tally.negatives),
            precision=precision,
            recall=recall,
            probability_below_gate=_risk(fresh, threshold, config.recall_floor),
            best_precision=best_precision,
            best_probability_below_gate=_risk(fresh, best_threshold, config.recall_floor),
            cost=best_precision - precision,
            cost_interval=cost,
            replicates=part.clusters.replicates,
        )


def round_up(number: float, digits: int = SHOWN_DIGITS) -> float:
    """A positive number to so many significant digits, never to less than it was."""
    decimals = digits - 1 - math.floor(math.log10(number))
    return round(math.ceil(round(number * 10.0**decimals, 9)) / 10.0**decimals, max(decimals, 0))


def _risk(fresh: Draws, threshold: float, floor: float) -> float:
    return float(np.mean(fresh.positives_at(threshold) / fresh.positives < floor))


def _operating_point(tally: Tally, threshold: float) -> tuple[float, float]:
    """(precision, recall) at a positive's score."""
    tp, fp, fn, _ = tally.at(threshold)
    return tp / (tp + fp), tp / (tp + fn)


def _precision_in_draws(part: Part, threshold: float) -> Floats:
    assert part.draws is not None
    tp, fp = part.draws.at(threshold)
    called = tp + fp
    return np.divide(tp, called, out=np.zeros(len(tp)), where=called > 0)
