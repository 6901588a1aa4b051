"""The best of one quantity where another one keeps a floor."""

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from scoring.metrics.configuration import MetricConfig
from scoring.metrics.result import Curve, Result
from scoring.tally import Part, Tally

CURVE_POINTS = 200
# With threshold "submitted", the participant has shifted the scores so that theirs lies here.
SUBMITTED_THRESHOLD = 0.0


class RecallConstrainedPrecision(MetricConfig):
    """The best precision TP / (TP + FP) among the thresholds with recall TP / P ≥ ``recall_floor``.

    Higher is better; from 0 to 1. An image is called positive when its score is at or above the threshold,
    so that all images of one score fall on the same side. The candidates are those of scikit-learn's
    ``precision_recall_curve``: the distinct scores. Equal precisions: the one of higher recall. The gate
    compares the float64 quotient TP / P with the floor, so 79 of 100 pass a floor of 0.79.
    Without positives it is undefined (ValueError); without any image called positive precision is 0.

    threshold: ``per_split``: public and private each take their best; ``from_public``: the public part's
    best is applied to the private part, where it may miss the gate; ``submitted``: positive is score ≥ 0,
    the participant has subtracted the threshold of their choice.
    With ``prediction: label`` the labels themselves are judged and ``threshold`` has no meaning: the
    competition of 2018. An entry under the floor is below the gate and has no score.

    Source: Matsuoka, D. et al. (2018), Deep learning approach for detecting tropical cyclones and their
    precursors in the simulation by a cloud-resolving global nonhydrostatic atmospheric model, Prog. Earth
    Planet. Sci. 5, 80, doi:10.1186/s40645-018-0245-y, for task and data; the score is the classical
    operating point "precision at a fixed recall" of the precision-recall curve.
    """

    version: ClassVar[int] = 1
    title: ClassVar[str] = "Precision at a recall floor"
    gate: ClassVar[Literal["recall", "precision"] | None] = "recall"

    metric: Literal["recall_constrained_precision"] = "recall_constrained_precision"
    prediction: Literal["score", "label"] = "score"
    recall_floor: float = Field(default=0.79, gt=0, le=1)
    threshold: Literal["per_split", "from_public", "submitted"] = "per_split"

    def evaluate(self, part: Part, *, public: Result | None = None) -> Result:
        if not len(part.positives):
            raise ValueError("recall is not defined: there is no positive image")
        tally = part.tally()
        if self.prediction == "label":
            return self._result(tally.at(1.0), None, Curve([], [], []))
        if self.threshold == "submitted":
            threshold = SUBMITTED_THRESHOLD
        elif self.threshold == "from_public" and public is not None:
            assert public.threshold is not None
            threshold = public.threshold
        else:
            threshold = self._best_threshold(tally)
        return self._result(tally.at(threshold), threshold, precision_recall_curve(tally, threshold))

    def _best_threshold(self, tally: Tally) -> float:
        # Between two positives' scores a lower threshold only adds false positives, so the optimum is at a
        # positive's score. The lowest one of the best precision comes first: it has the highest recall.
        allowed = tally.recall >= self.recall_floor
        precision = np.where(allowed, tally.precision, -1.0)
        return float(tally.thresholds[np.argmax(precision)])

    def _result(self, counts: tuple[int, int, int, int], threshold: float | None, curve: Curve) -> Result:
        tp, fp, fn, tn = counts
        precision = tp / (tp + fp) if tp + fp else 0.0
        recall = tp / (tp + fn)
        passed = recall >= self.recall_floor
        if threshold is None:
            curve = Curve([precision], [recall], [None])
        return Result(
            precision if passed else None, passed, precision, recall, threshold, tp, fp, fn, tn, curve
        )


def precision_recall_curve(tally: Tally, operating_point: float, points: int = CURVE_POINTS) -> Curve:
    """At most ``points`` + 1 points, evenly spaced in recall, the operating point among them."""
    chosen = np.unique(np.linspace(0, len(tally.thresholds) - 1, points).round().astype(np.int64))
    thresholds = np.unique(np.append(tally.thresholds[chosen], operating_point))
    tp, fp = tally.counts(thresholds)
    called = tp + fp
    precision = np.divide(tp, called, out=np.zeros(len(tp)), where=called > 0)
    return Curve(precision.tolist(), (tp / tally.positives).tolist(), thresholds.tolist())
