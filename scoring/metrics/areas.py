"""Areas under curves: metrics that judge the order of the scores, without a threshold."""

import math
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from scoring.metrics.configuration import MetricConfig
from scoring.metrics.constrained import CURVE_POINTS, precision_recall_curve
from scoring.metrics.result import Result, RocCurve
from scoring.metrics.threshold import Counts, Floats, ratio
from scoring.resampling import Replicates
from scoring.tally import Part, Tally


@dataclass(frozen=True)
class Steps:
    """The counts at the positives' distinct scores, from the highest score down.

    tp, fp: (T, …) the positives and negatives at or above each score; before, above: (T, …) those strictly
    above it. positives, negatives: (…) all of them. The further axis is that of bootstrap draws.
    """

    before: Counts
    tp: Counts
    above: Counts
    fp: Counts
    positives: Any
    negatives: Any


class AreaMetric(MetricConfig):
    """The mean of a quantity over the recalls from a floor to 1.

    Recall grows at the positives' distinct scores alone, so it is a sum with a term for each of them. A
    subclass defines the terms, for the value of an entry and for all bootstrap draws alike.
    """

    family: ClassVar[str] = "Order of the scores"

    prediction: Literal["score"] = "score"

    @abstractmethod
    def terms(self, steps: Steps) -> Floats:
        """(T, …) what each distinct score of positives adds, summed with the positives as unit: an area of 1
        is the sum `positives`."""

    @property
    def needs_above(self) -> bool:
        """Whether the terms ask for the negatives strictly above a score."""
        return False

    def evaluate(self, part: Part, *, public: Result | None = None) -> Result:
        self.require_classes(part)
        tally = part.tally()
        return Result.without_calls(
            score=self.area(tally),
            curve=precision_recall_curve(tally, float(tally.thresholds[0])),
            roc=roc_curve(tally) if tally.negatives else None,
        )

    def area(self, tally: Tally) -> float:
        tp, fp = tally.tp[::-1], tally.fp[::-1]
        above = negatives_above(tally)[::-1] if self.needs_above else fp
        steps = Steps(np.append(0, tp[:-1]), tp, above, fp, tally.positives, tally.negatives)
        # The exact sum, rounded once.
        return min(1.0, math.fsum(self.terms(steps).tolist()) / tally.positives)

    def replicate(self, part: Part, result: Result, *, public: Result | None = None) -> Replicates:
        draws = part.draws
        assert draws is not None
        area = np.zeros(draws.replicates)
        last = np.zeros((1, draws.replicates))
        for tp, fp, above in self._blocks(part):
            before = np.vstack([last, tp[:-1]])
            area += self.terms(Steps(before, tp, above, fp, draws.positives, draws.negatives)).sum(axis=0)
            last = tp[-1:]
        defined = (draws.positives > 0) & (draws.negatives >= self.needs_above)
        return Replicates(np.where(defined, ratio(area, draws.positives), np.nan))

    def _blocks(self, part: Part) -> Iterator[tuple[Floats, Floats, Floats]]:
        """(tp, fp, above), each (k, R), of all draws, some distinct scores of positives at a time."""
        draws = part.draws
        assert draws is not None
        if not self.needs_above:
            yield from ((tp, fp, fp) for _, tp, fp in draws.blocks())
            return
        # Above a score is at or above the next number: draws of positives that score so count it.
        raised = Part(next_up(part.positives), part.negatives, part.clusters).draws
        assert raised is not None
        for (_, tp, fp), (_, _, above) in zip(draws.blocks(), raised.blocks(), strict=True):
            yield tp, fp, above


class AveragePrecision(AreaMetric):
    """AP, the area under the precision-recall curve as steps: Σ (Rₙ − Rₙ₋₁) Pₙ over the distinct scores from
    the highest down, with Pₙ and Rₙ precision and recall of the images at or above the n-th.

    Higher is better; from 0 to 1; chance is the share of positives. Images of one score count
    together. Without a negative image it is 1; without a positive one it is not defined, and refused.

    Source: Manning, C. D., Raghavan, P., Schütze, H. (2008), Introduction to Information Retrieval, section
    8.4, with ties taken together as in scikit-learn's `average_precision_score`, which it equals.
    """

    version: ClassVar[int] = 1
    title: ClassVar[str] = "Average precision (AP)"

    metric: Literal["average_precision"] = "average_precision"

    def terms(self, steps: Steps) -> Floats:
        return mean_precision_terms(steps, 0.0)


class RocAuc(AreaMetric):
    """The area under the ROC curve: the share of the pairs of a positive and a negative in which the positive
    scores higher, ties one half.

    Higher is better; from 0 to 1; chance is 1/2. Counted in integers and divided once, so that it is exact.
    It needs images of both classes, and is refused without.

    Source: Hanley, J. A., McNeil, B. J. (1982), The meaning and use of the area under a receiver operating
    characteristic (ROC) curve, Radiology 143, 29–36, doi:10.1148/radiology.143.1.7063747. Equal to
    scikit-learn's `roc_auc_score`.
    """

    version: ClassVar[int] = 1
    title: ClassVar[str] = "Area under the ROC curve (ROC AUC)"
    needs_negatives: ClassVar[bool] = True

    metric: Literal["roc_auc"] = "roc_auc"

    def terms(self, steps: Steps) -> Floats:
        return mean_specificity_terms(steps, 0.0)

    @property
    def needs_above(self) -> bool:
        return True

    def area(self, tally: Tally) -> float:
        found = tally.tp - np.append(tally.tp[1:], 0)
        twice_right = found * (2 * tally.negatives - negatives_above(tally) - tally.fp)
        return int(twice_right.sum()) / (2 * tally.positives * tally.negatives)

    def replicate(self, part: Part, result: Result, *, public: Result | None = None) -> Replicates:
        draws = part.draws
        assert draws is not None
        return Replicates(ratio(draws.pairs(), draws.positives * draws.negatives, otherwise=np.nan))


class PartialAuc(AreaMetric):
    """The part of the area under a curve that lies above a recall, as the mean over the recalls r from
    `recall_above` to 1, so that a perfect order has 1 whatever the recall.

    `curve: precision_recall`: the mean of the precision, Σ (Rₙ − max(Rₙ₋₁, r₀)) Pₙ / (1 − r₀) over the
    distinct scores with Rₙ > r₀ = `recall_above`; with r₀ = 0 it is average precision. `curve: roc`: the mean
    of the specificity 1 − FP / N, linear between the points of the ROC curve; with r₀ = 0 it is ROC AUC, and
    chance is (1 − r₀) / 2.

    Higher is better; from 0 to 1. Without a negative image it is 1 for `precision_recall`, and refused for
    `roc`; without a positive one it is not defined, and refused.

    Source: Jiang, Y., Metz, C. E., Nishikawa, R. M. (1996), A receiver operating characteristic partial area
    index for highly sensitive diagnostic tests, Radiology 201, 745–750, for `roc`, where it is the partial
    area index: pROC's partial AUC with focus on sensitivity, divided by 1 − r₀. (The standardisation of
    McClish, D. K. (1989), Med. Decis. Making 9, 190–195, is a linear function of it, so that it orders
    entries alike.) For `precision_recall` the same index of the curve that scikit-learn's
    `average_precision_score` integrates.
    """

    version: ClassVar[int] = 1
    title: ClassVar[str] = "Partial area above a recall"

    metric: Literal["partial_auc"] = "partial_auc"
    curve: Literal["precision_recall", "roc"] = Field(
        default="precision_recall", description="The curve whose area is taken."
    )
    recall_above: float = Field(
        default=0.79, ge=0, lt=1, description="The recall r₀ above which it is taken."
    )

    def require_classes(self, part: Part) -> None:
        super().require_classes(part)
        if self.curve == "roc" and not len(part.negatives):
            raise ValueError(f"{self.title} is not defined for the ROC curve: there is no negative image")

    def terms(self, steps: Steps) -> Floats:
        if self.curve == "precision_recall":
            return mean_precision_terms(steps, self.recall_above)
        return mean_specificity_terms(steps, self.recall_above)

    @property
    def needs_above(self) -> bool:
        return self.curve == "roc"


def mean_precision_terms(steps: Steps, floor: float) -> Floats:
    counted = steps.before if floor == 0 else np.maximum(steps.before, floor * steps.positives)
    precision = ratio(steps.tp, steps.tp + steps.fp)
    return np.maximum(steps.tp - counted, 0.0) * precision / (1 - floor)


def mean_specificity_terms(steps: Steps, floor: float) -> Floats:
    found = steps.tp - steps.before
    # Of the straight line through the images of one score, only the part above the floor.
    skipped = np.clip(floor * steps.positives - steps.before, 0.0, found)
    at_floor = steps.above + ratio(skipped, found) * (steps.fp - steps.above)
    specificity = 1 - ratio(at_floor + steps.fp, 2 * steps.negatives)
    return (found - skipped) * specificity / (1 - floor)


def next_up(values: Any) -> Any:
    """The next float64 above each of some values, an array or a tensor."""
    if isinstance(values, np.ndarray):
        with np.errstate(over="ignore"):  # above the largest is infinity, as it should be
            return np.nextafter(values, np.inf)
    import torch  # noqa: PLC0415 - slow to import, and only tensors need it

    return torch.nextafter(values, torch.full_like(values, np.inf))


def negatives_above(tally: Tally) -> Counts:
    """(T,) the negatives that score strictly higher than each of the positives' distinct scores."""
    return tally.counts(next_up(tally.thresholds))[1]


def roc_curve(tally: Tally, points: int = CURVE_POINTS) -> RocCurve:
    """At most ``points`` + 2 points from (1, 1) to (0, 0), evenly spaced in recall."""
    chosen = np.unique(np.linspace(0, len(tally.thresholds) - 1, points).round().astype(np.int64))
    fp, tp = tally.fp[chosen] / tally.negatives, tally.tp[chosen] / tally.positives
    return RocCurve([1.0, *fp.tolist(), 0.0], [1.0, *tp.tolist(), 0.0])
