"""The best recall where precision keeps a floor."""

from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from scoring.metrics.threshold import Counts, Floats, ThresholdMetric, ratio


class PrecisionConstrainedRecall(ThresholdMetric):
    """The best recall TP / P among the thresholds with precision TP / (TP + FP) ≥ `precision_floor`.

    Higher is better; from 0 to 1. Equal recalls: the one of higher precision. The gate compares the float64
    quotient with the floor. An entry that does not keep the floor, at whatever threshold where it is the best
    one that is looked for, is below the gate: it has no score, is reported at the threshold of its highest
    precision (of equal ones that of the highest recall), and is ranked by that precision under all that pass.
    Where nothing is called positive precision is 0; without a negative image it is defined; without a
    positive one it is not, and refused.

    Source: the classical operating point "recall at a fixed precision" of the precision-recall curve, as in
    scikit-learn's `precision_recall_curve`, whose thresholds are the candidates.
    """

    version: ClassVar[int] = 1
    title: ClassVar[str] = "Recall at a precision floor"
    family: ClassVar[str] = "With a gate"
    gate: ClassVar[Literal["recall", "precision"] | None] = "precision"

    metric: Literal["precision_constrained_recall"] = "precision_constrained_recall"
    precision_floor: float = Field(
        default=0.5, gt=0, le=1, description="The precision that an entry must reach to have a score."
    )

    def score_of(self, tp: Counts, fp: Counts, positives: Counts, negatives: Counts) -> Floats:
        return ratio(tp, positives)

    def passes(self, tp: Any, fp: Any, positives: Any) -> npt.NDArray[np.bool_]:
        return ratio(tp, np.add(tp, fp)) >= self.precision_floor

    def nearest_threshold(self, thresholds: Floats, tp: Counts, fp: Counts) -> float:
        return float(thresholds[np.argmax(ratio(tp, tp + fp))])
