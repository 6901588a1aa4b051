"""A result of one part as a page tells it: how sure it is, how near the gate, drawn and in words."""

from dataclasses import dataclass
from typing import Any

from competition.submissions.charts import Gate, Plot, plots_of
from competition.submissions.gate_risk import Drawn, GateRisk
from competition.submissions.slices import SliceTable, slice_tables
from scoring import METRICS
from scoring.resampling import SINGLY
from scoring.solution import STORM

# What a probability that was rounded before it is shown can tell at least; see `scoring.disclosure`.
ROUNDED_DRAWS = 100
INTERVAL_DIGITS = 3


@dataclass(frozen=True)
class Report:
    """part: ``public`` or ``private``. result: scoring's, as it may be shown. metric: its configuration."""

    part: str
    result: dict[str, Any]
    metric: dict[str, Any]
    gate: Gate | None
    risk: GateRisk | None
    plots: list[Plot]
    slices: list[SliceTable]
    is_exact: bool

    @property
    def value(self) -> float | None:
        return self.result.get("score")

    @property
    def passed_gate(self) -> bool | None:
        return self.result.get("passed_gate")

    @property
    def is_withheld(self) -> bool:
        """Whether the Ladder does not show it."""
        return self.result.get("shown") is False

    @property
    def interval_text(self) -> str:
        interval = self.result.get("interval")
        return self._span(interval) if interval else ""

    @property
    def recall_interval_text(self) -> str:
        return self._span(self.recall_interval) if self.recall_interval else ""

    @property
    def recall_interval(self) -> list[float] | None:
        return (self._uncertainty.get("recall") or {}).get("interval")

    @property
    def replicates(self) -> int:
        return self._uncertainty.get("replicates") or 0

    @property
    def drawn(self) -> Drawn:
        """What is drawn together of the positives."""
        return drawn_by(self.result, self.metric)

    @property
    def draws_blocks(self) -> bool:
        """Whether negatives are drawn in blocks of days."""
        return _clusters(self.result).get("negatives", {}).get("by") != SINGLY

    @property
    def advice(self) -> dict[str, Any] | None:
        """The threshold that keeps the risk low, as `scoring.uncertainty.Advice` tells it; None where the
        entry is below that risk already."""
        advice = self._uncertainty.get("advice")
        return advice if advice and self.risk and self.risk.probability > advice["max_gate_risk"] else None

    @property
    def keeps_threshold(self) -> bool:
        """Whether the private part is judged at this very threshold, so that the risk is one that counts."""
        return self.metric.get("prediction") == "label" or self.metric.get("threshold") != "per_split"

    @property
    def draws_gauge(self) -> bool:
        """Whether nothing else shows where the recall stands."""
        return not self.plots

    @property
    def _uncertainty(self) -> dict[str, Any]:
        return self.result.get("uncertainty") or {}

    def _span(self, interval: list[float]) -> str:
        digits = min(self.metric.get("digits", INTERVAL_DIGITS), INTERVAL_DIGITS)
        return "–".join(f"{bound:.{digits}f}" for bound in interval)


def report(result: dict[str, Any], *, metric: dict[str, Any], part: str, is_exact: bool) -> Report:
    """result: the public one as `public_result` hands it out, or the private one after the close. is_exact:
    whether its numbers are the ones that were computed, or rounded to be shown."""
    gate = gate_of(metric)
    drawn = (result.get("uncertainty") or {}).get("replicates") or ROUNDED_DRAWS
    probability = result.get("probability_below_gate")
    risk = None
    if gate and probability is not None:
        risk = GateRisk(
            probability,
            passed=bool(result.get("passed_gate")),
            draws=drawn if is_exact else min(drawn, ROUNDED_DRAWS),
            drawn=drawn_by(result, metric),
        )
    return Report(
        part,
        result,
        metric,
        gate,
        risk,
        plots_of(result, gate=gate, name=part, is_exact=is_exact),
        slice_tables(result.get("slices"), gate=gate),
        is_exact,
    )


def drawn_by(result: dict[str, Any], metric: dict[str, Any]) -> Drawn:
    """As it was when the result was computed: a solution without storms is drawn image by image."""
    asked = metric.get("cluster_by", STORM)
    by = _clusters(result).get("positives", {}).get("by") or asked or SINGLY
    return "storms" if by == STORM else "images" if by == SINGLY else "groups"


def _clusters(result: dict[str, Any]) -> dict[str, Any]:
    return (result.get("uncertainty") or {}).get("clusters") or {}


def gate_of(metric: dict[str, Any]) -> Gate | None:
    """What an entry must reach before its score counts, by the metric's configuration."""
    known = METRICS.get(metric.get("metric", ""))
    number = known.gate if known else None
    return Gate(number, metric[f"{number}_floor"]) if number and f"{number}_floor" in metric else None
