"""What grading one part of the test set gives."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Curve:
    """Precision and recall at some thresholds, of ascending threshold and so of descending recall."""

    precision: list[float]
    recall: list[float]
    threshold: list[float | None]


@dataclass(frozen=True)
class RocCurve:
    """Share of the negatives and of the positives that are called, of ascending threshold, from 1 to 0."""

    false_positive_rate: list[float]
    recall: list[float]


@dataclass(frozen=True)
class ReliabilityCurve:
    """Per bin of the forecast probability that holds images: mean forecast, share of positives, images."""

    forecast: list[float]
    observed: list[float]
    count: list[int]


@dataclass(frozen=True)
class Result:
    """The result on one part of the test set.

    score: None below the gate, where an entry has no score. threshold: the images at or above it are called
    positive; None for submitted labels. precision to tn: at the threshold; None for metrics that judge the
    scores without one. slices: None until computed.
    interval: of the score, 95 % (below the gate: of what the score would be). probability_below_gate: of
    missing the gate at the entry's own threshold in a fresh draw of storms. uncertainty: what else the
    bootstrap tells, see `scoring.uncertainty.summarise`. All None where nothing was drawn.
    details: further numbers of the metric, by name. roc, reliability: for the metrics that are about them.
    """

    score: float | None
    passed_gate: bool
    precision: float | None
    recall: float | None
    threshold: float | None
    tp: int | None
    fp: int | None
    fn: int | None
    tn: int | None
    curve: Curve
    interval: tuple[float, float] | None = None
    probability_below_gate: float | None = None
    uncertainty: dict[str, Any] | None = None
    slices: dict[str, Any] | None = None
    details: dict[str, float | None] | None = None
    roc: RocCurve | None = None
    reliability: ReliabilityCurve | None = None

    @classmethod
    def without_calls(cls, score: float, curve: Curve, **more: Any) -> "Result":
        """Of a metric that judges the scores without a threshold, and so has no gate. more: other fields."""
        return cls(
            score=score,
            passed_gate=True,
            precision=None,
            recall=None,
            threshold=None,
            tp=None,
            fp=None,
            fn=None,
            tn=None,
            curve=curve,
            **more,
        )

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)
