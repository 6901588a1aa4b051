"""The best of one quantity where another one keeps a floor."""

from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from scoring.metrics.configuration import THRESHOLD, MetricConfig, Threshold
from scoring.metrics.result import Curve, Result
from scoring.resampling import Replicates
from scoring.tally import Floats, Part, Tally

CURVE_POINTS = 200
# With threshold "submitted", the participant has shifted the scores so that theirs lies here.
SUBMITTED_THRESHOLD = 0.0
# With prediction "label" the images labelled 1 are called positive.
CALLED = 1.0
# In a draw, a few more of the highest negatives matter than in the part itself.
DRAWN_MARGIN = 1.6


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
    family: ClassVar[str] = "With a gate"
    gate: ClassVar[Literal["recall", "precision"] | None] = "recall"

    metric: Literal["recall_constrained_precision"] = "recall_constrained_precision"
    prediction: Literal["score", "label"] = "score"
    recall_floor: float = Field(
        default=0.79, gt=0, le=1, description="The recall that an entry must reach to have a score."
    )
    threshold: Threshold = Field(default="per_split", description=THRESHOLD)

    def evaluate(self, part: Part, *, public: Result | None = None) -> Result:
        if not len(part.positives):
            raise ValueError("recall is not defined: there is no positive image")
        tally = part.tally()
        if self.prediction == "label":
            return self._result(tally.at(CALLED), None, Curve([], [], []))
        if self.threshold == "submitted":
            threshold = SUBMITTED_THRESHOLD
        elif self.threshold == "from_public" and public is not None:
            assert public.threshold is not None
            threshold = public.threshold
        else:
            threshold = self.best_threshold(part)
        return self._result(tally.at(threshold), threshold, precision_recall_curve(tally, threshold))

    def replicate(self, part: Part, result: Result, *, public: Result | None = None) -> Replicates:
        """Recall and precision at the entry's own threshold. Where the score is the best of all thresholds,
        so it is in every draw; where the threshold is given, it is in every draw, and the score is the
        precision there (drawn below the gate, it ranks by recall − 1).
        """
        draws = part.draws
        assert draws is not None
        tp, fp = draws.at(CALLED if result.threshold is None else result.threshold)
        drawn = draws.positives > 0  # a slice may have no positive in a draw
        recall = np.divide(tp, draws.positives, out=np.full(len(tp), np.nan), where=drawn)
        called = tp + fp
        precision = np.divide(tp, called, out=np.zeros(len(tp)), where=called > 0)
        passed = recall >= self.recall_floor
        if result.threshold is None or self.threshold == "submitted" or self._is_given(public):
            ranked = np.where(passed, precision, recall - 1)
            return Replicates(np.where(drawn, precision, np.nan), recall, precision, passed, ranked)
        return Replicates(self.best_in_draws(part), recall, precision, passed)

    def best_in_draws(self, part: Part) -> Floats:
        """(R,) the best precision that keeps the floor in each draw, NaN in one without positives."""
        draws = part.draws
        assert draws is not None
        best = draws.best(self._allowed_precision, reach=self._reach(part))
        return np.where(draws.positives > 0, best, np.nan)

    def _is_given(self, public: Result | None) -> bool:
        return self.threshold == "from_public" and public is not None

    def _allowed_precision(self, tp: Floats, fp: Floats, positives: Floats, _negatives: Floats) -> Floats:
        """Precision, −inf under the recall floor; a threshold that calls nothing is always under it."""
        with np.errstate(invalid="ignore"):  # 0 / 0 is not allowed, and NaN is at no floor
            return np.where(tp / positives >= self.recall_floor, tp / (tp + fp), -np.inf)

    def _reach(self, part: Part) -> int:
        """How many of the highest negatives the best precision can depend on (in a draw: is likely to).

        Where the gate is first passed, with TP₀ and FP₀, precision is TP₀ / (TP₀ + FP₀). Further down it is
        at most P / (P + FP), which is as much only for FP ≤ FP₀ · P / TP₀.
        """
        tally = part.tally()
        gate = np.count_nonzero(tally.recall >= self.recall_floor) - 1
        tp, fp, *_ = tally.at(tally.thresholds[gate])
        reach = fp * tally.positives // tp + 1
        return reach if part.clusters is None else int(reach * DRAWN_MARGIN)

    def best_threshold(self, part: Part) -> float:
        """Of the thresholds that keep the floor the one of the best precision, a positive's score."""
        # Between two positives' scores a lower threshold only adds false positives, so the optimum is at a
        # positive's score. The lowest one of the best precision comes first: it has the highest recall.
        tally = part.tally()
        can_win = tally.top(self._reach(part)).covers(tally.thresholds)
        allowed = (tally.recall >= self.recall_floor) & can_win
        thresholds = tally.thresholds[allowed]
        tp, fp = tally.counts(thresholds)
        return float(thresholds[np.argmax(tp / (tp + fp))])

    def scores(self, tp: Any, fp: Any, positives: Any, negatives: Any) -> Floats:
        calls = np.add(tp, fp, dtype=np.float64)
        precision = np.divide(tp, calls, out=np.zeros(np.shape(calls)), where=calls > 0)
        return np.where(np.greater(positives, 0), precision, np.nan)

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
    """At most ``points`` + 1 points, evenly spaced in recall down to the operating point, which is among
    them, and four times as wide below it, where the curve is smooth and counting all negatives is slow."""
    last = len(tally.thresholds) - 1
    chosen = np.unique(np.linspace(0, last, points).round().astype(np.int64))
    thresholds = tally.thresholds[chosen]
    below = np.count_nonzero(thresholds < operating_point)
    thresholds = np.unique(np.concatenate([thresholds[:below:4], thresholds[below:], [operating_point]]))
    tp, fp = tally.counts(thresholds)
    called = tp + fp
    precision = np.divide(tp, called, out=np.zeros(len(tp)), where=called > 0)
    return Curve(precision.tolist(), (tp / tally.positives).tolist(), thresholds.tolist())
