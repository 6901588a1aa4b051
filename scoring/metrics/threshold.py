"""Metrics of the images that are called positive: where the line is drawn, and what is counted there."""

from abc import abstractmethod
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from scoring.metrics.configuration import THRESHOLD, MetricConfig, Threshold
from scoring.metrics.constrained import CALLED, SUBMITTED_THRESHOLD, precision_recall_curve
from scoring.metrics.result import Curve, Result
from scoring.resampling import Draws, Replicates
from scoring.tally import Part, Tally

Floats = npt.NDArray[np.float64]
# Numbers of images, integers in any numeric type: weighted ones of bootstrap draws are floats.
Counts = npt.NDArray[Any]
SMALLEST = float(np.finfo(np.float64).tiny)


def ratio(numerator: Any, denominator: Any, otherwise: float = 0.0) -> Floats:
    """numerator / denominator ≥ 0 in float64; where that is 0, so must be the numerator, `otherwise`."""
    quotient = np.divide(numerator, np.maximum(denominator, SMALLEST))  # 0 / smallest is 0
    return np.where(np.equal(denominator, 0), otherwise, quotient) if otherwise else quotient


class ThresholdMetric(MetricConfig):
    """A metric of the counts at one threshold.

    A subclass defines its score as a function of counts, and has with it the value of an entry, of its slices
    and of all bootstrap draws.
    """

    family: ClassVar[str] = "Right and wrong calls"

    prediction: Literal["score", "label"] = "score"
    threshold: Threshold = Field(default="per_split", description=THRESHOLD)

    @abstractmethod
    def score_of(self, tp: Counts, fp: Counts, positives: Counts, negatives: Counts) -> Floats:
        """The score of counts, arrays of one shape or scalars; positives > 0, and negatives where needed."""

    def passes(self, tp: Any, fp: Any, positives: Any) -> npt.NDArray[np.bool_]:
        """Whether counts keep the metric's floor, if it has one."""
        return np.ones(np.broadcast_shapes(np.shape(tp), np.shape(fp)), np.bool_)

    def scores(self, tp: Any, fp: Any, positives: Any, negatives: Any) -> Floats:
        """The score of counts as float64, NaN where it is not defined; the gate is not asked."""
        counts = (tp, fp, positives, negatives)
        tp, fp, positives, negatives = (np.asarray(each, np.float64) for each in counts)
        defined = (positives > 0) & (negatives >= self.needs_negatives)
        return np.where(defined, self.score_of(tp, fp, positives, negatives), np.nan)

    def evaluate(self, part: Part, *, public: Result | None = None) -> Result:
        self.require_classes(part)
        tally = part.tally()
        if self.prediction == "label":
            return self._result(tally, None)
        if self.threshold == "submitted":
            return self._result(tally, SUBMITTED_THRESHOLD)
        if self.threshold == "from_public" and public is not None:
            return self._result(tally, public.threshold)
        return self._result(tally, self._best_threshold(tally))

    def replicate(self, part: Part, result: Result, *, public: Result | None = None) -> Replicates:
        """Recall and precision at the entry's own threshold. Where the score is the best of all thresholds,
        it is so in every draw; where the threshold is given, it is given in every draw."""
        draws = part.draws
        assert draws is not None
        tp, fp = draws.at(CALLED if result.threshold is None else result.threshold)
        recall, precision = ratio(tp, draws.positives, otherwise=np.nan), ratio(tp, tp + fp)
        passed = self.passes(tp, fp, draws.positives)
        given = self.prediction == "label" or self.threshold == "submitted"
        if given or (self.threshold == "from_public" and public is not None):
            values, scored = self.scores(tp, fp, draws.positives, draws.negatives), passed
        else:
            values = self._best_of_draws(draws)
            scored = np.isfinite(values)
        if self.gate is None:
            return Replicates(values, recall, precision)
        return Replicates(values, recall, precision, passed, np.where(scored, values, precision - 1))

    def _best_threshold(self, tally: Tally) -> float:
        """The threshold of the best score, the lowest of equal ones: it has the highest recall.

        Between two positives' scores a lower threshold only adds false positives. That makes any score worse
        that is better than chance, and at the lowest positive's score, where recall is 1, none is worse than
        chance: so the best one is at a positive's score.
        """
        tp, fp = tally.tp, tally.fp
        allowed = self.passes(tp, fp, tally.positives)
        if not allowed.any():
            return self.nearest_threshold(tally.thresholds, tp, fp)
        scores = self.scores(tp, fp, tally.positives, tally.negatives)
        return float(tally.thresholds[np.argmax(np.where(allowed, scores, -np.inf))])

    def _best_of_draws(self, draws: Draws) -> Floats:
        """(R,) the best score over all thresholds, NaN where it is not defined or none passes the gate."""

        def value(tp: Floats, fp: Floats, positives: Floats, negatives: Floats) -> Floats:
            scores = self.score_of(tp, fp, positives, negatives)
            return np.where(self.passes(tp, fp, positives), scores, -np.inf) if self.gate else scores

        best = draws.best(value)
        defined = (draws.positives > 0) & (draws.negatives >= self.needs_negatives) & np.isfinite(best)
        return np.where(defined, best, np.nan)

    def nearest_threshold(self, thresholds: Floats, tp: Counts, fp: Counts) -> float:
        """The threshold for an entry that is below the gate wherever the line is drawn."""
        raise NotImplementedError(f"{type(self).__name__} has a score at every threshold")

    def _result(self, tally: Tally, threshold: float | None) -> Result:
        tp, fp, fn, tn = tally.at(CALLED if threshold is None else threshold)
        precision = tp / (tp + fp) if tp + fp else 0.0
        recall = tp / tally.positives
        passed = bool(self.passes(tp, fp, tally.positives))
        return Result(
            score=float(self.scores(tp, fp, tally.positives, tally.negatives)) if passed else None,
            passed_gate=passed,
            precision=precision,
            recall=recall,
            threshold=threshold,
            tp=tp,
            fp=fp,
            fn=fn,
            tn=tn,
            curve=(
                Curve([precision], [recall], [None])
                if threshold is None
                else precision_recall_curve(tally, threshold)
            ),
        )


class FBeta(ThresholdMetric):
    """F_β, the weighted harmonic mean of precision and recall: (1 + β²) TP / ((1 + β²) TP + β² FN + FP).

    Higher is better; from 0 to 1. With β > 1 recall weighs more than precision, with β < 1 less. Where
    nothing is called positive it is 0, as it is without any true positive; without a negative image it is
    defined; without a positive one it is not, and refused.

    Source: van Rijsbergen, C. J. (1979), Information Retrieval, 2nd ed., chapter 7 (F = 1 − E). Equal to
    scikit-learn's `fbeta_score`.
    """

    version: ClassVar[int] = 1
    title: ClassVar[str] = "F-beta"

    metric: Literal["f_beta"] = "f_beta"
    beta: float = Field(
        default=1.0, gt=0, le=1000, description="How many times recall counts as much as precision."
    )

    def score_of(self, tp: Counts, fp: Counts, positives: Counts, negatives: Counts) -> Floats:
        square = self.beta**2
        return ratio((1 + square) * tp, square * positives + (tp + fp))


class MatthewsCorrelation(ThresholdMetric):
    """The correlation of calls and labels:
    (TP·TN − FP·FN) / √((TP + FP)(TP + FN)(TN + FP)(TN + FN)).

    Higher is better; from −1 (all wrong) over 0 (as good as chance) to 1 (all right). Where nothing or
    everything is called positive it is 0, by convention: such calls tell nothing. It needs images of both
    classes, and is refused without.

    Source: Matthews, B. W. (1975), Comparison of the predicted and observed secondary structure of T4 phage
    lysozyme, Biochim. Biophys. Acta 405, 442–451, doi:10.1016/0005-2795(75)90109-9. Equal to scikit-learn's
    `matthews_corrcoef`.
    """

    version: ClassVar[int] = 1
    title: ClassVar[str] = "Matthews correlation coefficient (MCC)"
    range: ClassVar[tuple[float, float]] = (-1.0, 1.0)
    needs_negatives: ClassVar[bool] = True

    metric: Literal["mcc"] = "mcc"

    def score_of(self, tp: Counts, fp: Counts, positives: Counts, negatives: Counts) -> Floats:
        called = tp + fp
        uncalled = positives + negatives - called
        covariance = tp * negatives - fp * positives  # = TP·TN − FP·FN
        return ratio(covariance, np.sqrt(called * uncalled) * np.sqrt(positives * negatives))
