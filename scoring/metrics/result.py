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
