"""The metrics: each one is a pydantic model whose fields are its configuration.

``MetricConfig.model_validate({"metric": "recall_constrained_precision", …})`` returns the class that the
registry ``METRICS`` holds under that name. To add a metric, subclass ``MetricConfig``, give it its name as
a ``Literal`` and its version, and define ``evaluate``.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from scoring.tally import Part, Tally

CURVE_POINTS = 200
# With threshold "submitted", the participant has shifted the scores so that theirs lies here.
SUBMITTED_THRESHOLD = 0.0

METRICS: dict[str, "type[MetricConfig]"] = {}


@dataclass(frozen=True)
class Curve:
    """Precision and recall at some thresholds, of ascending threshold and so of descending recall."""

    precision: list[float]
    recall: list[float]
    threshold: list[float | None]


@dataclass(frozen=True)
class Result:
    """The result on one part of the test set.

    score: None below the gate, where an entry has no score. threshold: the images at or above it are called
    positive; None for submitted labels. interval, probability_below_gate, slices: None until estimated.
    """

    score: float | None
    passed_gate: bool
    precision: float
    recall: float
    threshold: float | None
    tp: int
    fp: int
    fn: int
    tn: int
    curve: Curve
    interval: tuple[float, float] | None = None
    probability_below_gate: float | None = None
    slices: dict[str, Any] | None = None

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


class MetricConfig(BaseModel):
    """What all metrics are configured with; ``model_validate`` picks the metric by its name.

    prediction: ``score`` (any finite float, higher is more typhoon-like) or ``label`` (0 or 1).
    form: ``table`` for a header and columns, or ``2018`` for lines of ``name<TAB>0|1`` without a header.
    cluster_by: the solution's column whose groups are resampled together. replicates: bootstrap resamples.
    slices: columns of the solution to report separately. digits: of the public score, 1 to 15.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: ClassVar[int]
    title: ClassVar[str]
    higher_is_better: ClassVar[bool] = True

    metric: str
    prediction: Literal["score", "label"] = "score"
    form: Literal["table", "2018"] = "table"
    cluster_by: str | None = "storm_id"
    replicates: int = Field(default=1000, ge=0, le=100_000)
    slices: tuple[str, ...] = ()
    digits: int = Field(default=5, ge=1, le=15)

    def __new__(cls, *args: Any, **kwargs: Any) -> "MetricConfig":
        if cls is MetricConfig:
            raise TypeError("MetricConfig stands for all metrics: use MetricConfig.model_validate({...})")
        return super().__new__(cls)

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        METRICS[cls.model_fields["metric"].default] = cls

    @model_validator(mode="wrap")
    @classmethod
    def _pick_metric(cls, value: Any, handler: Callable[[Any], "MetricConfig"]) -> "MetricConfig":
        if cls is not MetricConfig or isinstance(value, MetricConfig) or not isinstance(value, dict):
            return handler(value)
        name = value.get("metric", RecallConstrainedPrecision.model_fields["metric"].default)
        if not isinstance(name, str) or name not in METRICS:
            raise ValueError(f"unknown metric {name!r}; the metrics are {', '.join(sorted(METRICS))}")
        return METRICS[name].model_validate(value)

    @model_validator(mode="after")
    def _check_form(self) -> "MetricConfig":
        if self.form == "2018" and self.prediction != "label":
            raise ValueError('form "2018" holds labels: set prediction to "label"')
        return self

    def evaluate(self, part: Part, *, public: Result | None = None) -> Result:
        """The result on one part; public: the public part's result, when this is the private part.

        Raises ValueError where the metric is not defined, such as recall without positives.
        """
        raise NotImplementedError


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

    metric: Literal["recall_constrained_precision"] = "recall_constrained_precision"
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
