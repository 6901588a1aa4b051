"""Charts of a result as they are drawn on a submission's page: SVG made by the server, no script needed.

Everything is placed in percent of the drawing, so that it stretches with the page while letters, lines and
dots keep their size; `templates/submissions/plot.html` writes it down. Curves are paths in a square of
`SQUARE` units that is stretched the same way.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import ceil, floor, log10, sqrt
from typing import Any

from django.utils.translation import gettext as _

SQUARE = 1000
TICKS = 6
TABLE_ROWS = 11
DOT = 5.0  # CSS pixels

Point = tuple[float, float]
CLOUD_MARGIN = 0.12  # free space around the cloud, as a share of its extent
SMALLEST_EXTENT = 0.02  # of a closer look: nothing is told apart below


@dataclass(frozen=True)
class Axis:
    """From `low` to `high`, with the label that stands beside it."""

    label: str
    low: float
    high: float

    def share(self, value: float) -> float:
        """Where a value lies: 0 at `low`, 1 at `high`, and beyond them outside."""
        return (value - self.low) / (self.high - self.low)

    def holds(self, value: float) -> bool:
        return self.low <= value <= self.high

    def ticks(self) -> list[tuple[float, str]]:
        """Round values within, with their texts."""
        step = round_step((self.high - self.low) / TICKS)
        digits = max(-floor(log10(step)), 0)
        first, last = ceil(self.low / step - 1e-9), floor(self.high / step + 1e-9)
        return [(number * step, f"{number * step:.{digits}f}") for number in range(first, last + 1)]


def round_step(least: float) -> float:
    """The smallest of …, 0.1, 0.2, 0.5, 1, … that is not below `least`."""
    power = 10.0 ** floor(log10(least))
    return next(power * digit for digit in (1, 2, 5, 10) if power * digit >= least * (1 - 1e-9))


@dataclass(frozen=True)
class Bar:
    """A value with its interval on a scale that several share, in percent of its width."""

    at: str
    low: str
    width: str

    @classmethod
    def on(cls, axis: Axis, value: float, interval: Sequence[float] | None) -> "Bar":
        low, high = interval or (value, value)
        return cls(
            percent(axis.share(value)), percent(axis.share(low)), percent(axis.share(high) - axis.share(low))
        )


@dataclass(frozen=True)
class Mark:
    """A point, or a text; x, y in percent from the top left. title: the text, or what a mouse reads."""

    x: str
    y: str
    kind: str
    title: str = ""
    anchor: str = "middle"


@dataclass(frozen=True)
class Box:
    """In percent of the drawing, from the top left."""

    x: str
    y: str
    width: str
    height: str


@dataclass(frozen=True)
class Line:
    """In percent of the drawing, from the top left."""

    x1: str
    y1: str
    x2: str
    y2: str


@dataclass(frozen=True)
class Gate:
    """The floor of a number of the result, ``recall`` or ``precision``: an entry below it has no score."""

    number: str
    floor: float

    def refuses(self, point: Point) -> bool:
        """Whether a point (recall, precision) lies below the gate."""
        return point[0 if self.number == "recall" else 1] < self.floor

    def below(self) -> str:
        floor = {"floor": f"{self.floor:g}"}
        if self.number == "recall":
            return _("too few typhoons found: recall under %(floor)s") % floor
        return _("too many false alarms: precision under %(floor)s") % floor


@dataclass(frozen=True)
class Path:
    """d: in units of the square. width: of its stroke in CSS pixels, where it is not its kind's."""

    kind: str
    d: str
    width: str = ""


@dataclass
class Plot:
    """A drawing: `name` is unique on its page, `summary` says in words what it shows."""

    name: str
    title: str
    summary: str
    x: Axis
    y: Axis
    paths: list[Path] = field(default_factory=list)
    points: list[Mark] = field(default_factory=list)
    texts: list[Mark] = field(default_factory=list)
    forbidden: Box | None = None  # below the gate
    gate_line: Line | None = None
    window: Box | None = None  # what another plot looks at closely
    legend: list[tuple[str, str]] = field(default_factory=list)  # kind, text
    columns: tuple[str, ...] = ()
    rows: list[tuple[str, ...]] = field(default_factory=list)  # the same in numbers

    def place(self, x: float, y: float) -> tuple[str, str]:
        return percent(self.x.share(x)), percent(1 - self.y.share(y))

    def frame(self, other: "Plot") -> None:
        """Show what the other plot looks at."""
        left, right = self.x.share(other.x.low), self.x.share(other.x.high)
        top, bottom = 1 - self.y.share(other.y.high), 1 - self.y.share(other.y.low)
        self.window = Box(percent(left), percent(top), percent(right - left), percent(bottom - top))

    @property
    def x_ticks(self) -> list[tuple[str, str]]:
        return [(percent(self.x.share(value)), text) for value, text in self.x.ticks()]

    @property
    def y_ticks(self) -> list[tuple[str, str]]:
        return [(percent(1 - self.y.share(value)), text) for value, text in self.y.ticks()]

    def line(self, kind: str, points: Iterable[Point]) -> None:
        """Join the points by straight lines; what lies outside is cut off."""
        if drawn := "L".join(self._unit(x, y) for x, y in points):
            self.paths.append(Path(kind, f"M{drawn}"))

    def dots(self, kind: str, points: Iterable[Point]) -> None:
        """Many dots in few paths: each a line without length and with round ends. Rounded points fall on
        each other: the area of a dot is their number."""
        by_number: dict[int, list[str]] = {}
        for (x, y), number in Counter(points).items():
            by_number.setdefault(number, []).append(f"M{self._unit(x, y)}h0")
        for number, drawn in sorted(by_number.items()):
            self.paths.append(Path(kind, "".join(drawn), f"{DOT * sqrt(number):.1f}"))

    def _unit(self, x: float, y: float) -> str:
        return f"{SQUARE * self.x.share(x):.0f} {SQUARE * (1 - self.y.share(y)):.0f}"


def percent(share: float) -> str:
    return f"{100 * share:.2f}%"


@dataclass(frozen=True)
class Cloud:
    """Where single draws would have put the entry, at its own threshold."""

    points: list[Point]

    @classmethod
    def of(cls, result: dict[str, Any]) -> "Cloud | None":
        cloud = (result.get("uncertainty") or {}).get("cloud") or {}
        pairs = zip(cloud.get("recall") or [], cloud.get("precision") or [], strict=True)
        points = [(recall, precision) for recall, precision in pairs if None not in {recall, precision}]
        return cls(points) if points else None

    @property
    def recall(self) -> list[float]:
        return [recall for recall, _precision in self.points]

    @property
    def precision(self) -> list[float]:
        return [precision for _recall, precision in self.points]


def plots_of(result: dict[str, Any], *, gate: Gate | None, name: str, is_exact: bool) -> list[Plot]:
    """What there is to draw of a result: the curve that its metric is about, precision against recall, and a
    closer look at where the entry stands with its cloud. Of what is not there nothing is drawn: labels have
    no curve, old scores no cloud.

    result: as it may be shown. name: a prefix that makes the plots' names unique on a page. is_exact: whether
    the result is the one that was computed, or made coarse to be shown.
    """
    plots = []
    if roc := result.get("roc"):
        plots.append(_roc(roc, name))
    if reliability := result.get("reliability"):
        plots.append(_reliability(reliability, name))
    return plots + _precision_recall(result, gate, name, is_exact)


def _precision_recall(result: dict[str, Any], gate: Gate | None, name: str, is_exact: bool) -> list[Plot]:
    curve, cloud = result.get("curve") or {}, Cloud.of(result)
    points = sorted(zip(curve.get("recall") or [], curve.get("precision") or [], strict=True))
    points = [(recall, precision) for recall, precision in points if precision is not None]
    recall, precision = result.get("recall"), result.get("precision")
    entry = None if recall is None or precision is None else (recall, precision)
    plots = []
    if len(points) > 1:
        plots.append(_whole_curve(points, entry, gate, name))
        if not is_exact:
            coarse = _("%(summary)s Until the close it is drawn from a few points.")
            plots[0].summary = coarse % {"summary": plots[0].summary}
    if cloud and entry:
        close = _close_look(points, entry, gate, cloud, name)
        for plot in plots:
            plot.frame(close)
        plots.append(close)
    return plots


def _whole_curve(points: list[Point], entry: Point | None, gate: Gate | None, name: str) -> Plot:
    highest = max(0.01, *(precision for _recall, precision in points), entry[1] if entry else 0.0)
    step = round_step(highest / TICKS)
    plot = Plot(
        f"{name}-curve",
        _("Precision against recall"),
        _("What other thresholds would give: the more typhoons are found, the more alarms are false."),
        Axis(_("recall"), 0.0, 1.0),
        Axis(_("precision"), 0.0, min(ceil(highest / step - 1e-9) * step, 1.0)),
    )
    plot.line("curve", points)
    if entry:
        _draw_entry(plot, entry)
    plot.legend.append(("curve", _("other thresholds")))
    _draw_gate(plot, gate)
    if gate:
        plot.legend.append(("gate", gate.below()))
    plot.columns, plot.rows = (_("recall"), _("precision")), _thinned(points)
    return plot


def _close_look(points: list[Point], entry: Point, gate: Gate | None, cloud: Cloud, name: str) -> Plot:
    recalls, precisions = zip(*cloud.points, entry, strict=True)
    plot = Plot(
        f"{name}-cloud",
        _("A closer look"),
        _(
            "Each dot is this entry on another draw: recall from %(low)s to %(high)s, precision from "
            "%(worst)s to %(best)s."
        )
        % {
            "low": f"{min(cloud.recall):.2f}",
            "high": f"{max(cloud.recall):.2f}",
            "worst": f"{min(cloud.precision):.2f}",
            "best": f"{max(cloud.precision):.2f}",
        },
        _around(_("recall"), recalls, gate.floor if gate and gate.number == "recall" else None),
        _around(_("precision"), precisions, gate.floor if gate and gate.number == "precision" else None),
    )
    plot.line("curve", points)
    below = [point for point in cloud.points if gate and gate.refuses(point)]
    passing = [point for point in cloud.points if not (gate and gate.refuses(point))]
    plot.dots("draw", passing)
    plot.dots("draw-below", below)
    _draw_entry(plot, entry)
    plot.legend.append(("draw", _("other draws")))
    if gate:
        plot.legend[-1] = ("draw", _("other draws that pass"))
        plot.legend.append(("draw-below", _("other draws below the gate")))
    _draw_gate(plot, gate)
    return plot


def _roc(curve: dict[str, Any], name: str) -> Plot:
    points = sorted(zip(curve["false_positive_rate"], curve["recall"], strict=True))
    plot = Plot(
        f"{name}-roc",
        _("Receiver operating characteristic"),
        _("Which share of the typhoons is found for the share of other clouds that are called too."),
        Axis(_("share of other clouds called"), 0.0, 1.0),
        Axis(_("recall"), 0.0, 1.0),
    )
    plot.line("guess", [(0.0, 0.0), (1.0, 1.0)])
    plot.line("curve", points)
    plot.legend = [("curve", _("this entry")), ("guess", _("guessing"))]
    plot.columns, plot.rows = (plot.x.label, plot.y.label), _thinned(points)
    return plot


def _reliability(curve: dict[str, Any], name: str) -> Plot:
    bins = list(zip(curve["forecast"], curve["observed"], curve.get("count") or [], strict=False))
    plot = Plot(
        f"{name}-reliability",
        _("Reliability"),
        _("How often a typhoon was there, for each probability that was said."),
        Axis(_("probability said"), 0.0, 1.0),
        Axis(_("share that were typhoons"), 0.0, 1.0),
    )
    plot.line("guess", [(0.0, 0.0), (1.0, 1.0)])
    plot.line("curve", [(forecast, observed) for forecast, observed, _count in bins])
    for forecast, observed, count in bins:
        title = _("said %(said)s, was %(was)s, %(count)s images") % {
            "said": f"{forecast:.2f}",
            "was": f"{observed:.2f}",
            "count": f"{count:,}",
        }
        plot.points.append(Mark(*plot.place(forecast, observed), "bin", title))
    plot.legend = [("bin", _("this entry")), ("guess", _("perfectly reliable"))]
    plot.columns = (plot.x.label, plot.y.label, _("images"))
    plot.rows = [(f"{forecast:.2f}", f"{observed:.2f}", f"{count:,}") for forecast, observed, count in bins]
    return plot


def _draw_gate(plot: Plot, gate: Gate | None) -> None:
    if gate is None:
        return
    text = _("gate %(floor)s") % {"floor": f"{gate.floor:g}"}
    if gate.number == "recall" and plot.x.holds(gate.floor):
        share = plot.x.share(gate.floor)
        plot.forbidden = Box("0%", "0%", percent(share), "100%")
        plot.gate_line = Line(percent(share), "0%", percent(share), "100%")
        plot.texts.append(Mark(percent(share), "0%", "gate-text", text, "end" if share > 0.5 else "start"))
    elif gate.number == "precision" and plot.y.holds(gate.floor):
        share = plot.y.share(gate.floor)
        plot.forbidden = Box("0%", percent(1 - share), "100%", percent(share))
        plot.gate_line = Line("0%", percent(1 - share), "100%", percent(1 - share))
        plot.texts.append(Mark("100%", percent(1 - share), "gate-text", text, "end"))


def _draw_entry(plot: Plot, entry: Point) -> None:
    title = _("this entry: recall %(recall)s, precision %(precision)s") % {
        "recall": f"{entry[0]:.4f}",
        "precision": f"{entry[1]:.4f}",
    }
    plot.points.append(Mark(*plot.place(*entry), "entry", title))
    plot.legend.insert(0, ("entry", _("this entry")))


def _around(label: str, values: Sequence[float], floor: float | None) -> Axis:
    """An axis inside 0 and 1 with some space around the values, and the gate on it where it is not far."""
    low, high = min(values), max(values)
    if floor is not None and low - (high - low) < floor < high + (high - low):
        low, high = min(low, floor), max(high, floor)
    reach = max(high - low, SMALLEST_EXTENT) * (0.5 + CLOUD_MARGIN)
    middle = (low + high) / 2
    return Axis(label, max(middle - reach, 0.0), min(middle + reach, 1.0))


def _thinned(points: list[Point]) -> list[tuple[str, ...]]:
    """For the table: the point nearest to each tenth of the way."""
    wanted = [number / (TABLE_ROWS - 1) for number in range(TABLE_ROWS)]
    nearest = {min(points, key=lambda point: abs(point[0] - tenth)) for tenth in wanted}
    return [(f"{x:.2f}", f"{y:.2f}") for x, y in sorted(nearest)]
