"""How an entry does on parts of the test images: by basin, by days before the cyclone forms, by season."""

import math
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from competition.submissions.charts import Axis, Bar, Gate, percent

COLUMN_NAMES: dict[str, str | Promise] = {
    "basin": gettext_lazy("Ocean basin"),
    "lead_time_day": gettext_lazy("Days until the cyclone forms"),
    "season": gettext_lazy("Season"),
    "month": gettext_lazy("Month"),
    "year": gettext_lazy("Year"),
    "hemisphere": gettext_lazy("Hemisphere"),
}
BASIN_NAMES: dict[str, str | Promise] = {
    "WNP": gettext_lazy("western North Pacific"),
    "ENP": gettext_lazy("eastern North Pacific"),
    "NAT": gettext_lazy("North Atlantic"),
    "NIO": gettext_lazy("North Indian Ocean"),
    "SIO": gettext_lazy("South Indian Ocean"),
    "SPO": gettext_lazy("South Pacific"),
    "SAT": gettext_lazy("South Atlantic"),
}

DESCENDING = ("lead_time_day",)  # as time goes by


@dataclass(frozen=True)
class Slice:
    """positives: None where they are not told. precision: None where it is not defined."""

    label: str
    positives: int | None
    recall: float
    recall_interval: list[float] | None
    precision: float | None
    bar: Bar


@dataclass(frozen=True)
class SliceTable:
    """scale: of the bars. gate: where on it, in percent. hidden: groups of too few images to be told of."""

    title: str
    rows: list[Slice]
    hidden: list[str]
    scale: Axis
    gate: str

    @property
    def has_precision(self) -> bool:
        return any(row.precision is not None for row in self.rows)

    @property
    def worst(self) -> Slice | None:
        """The one of the lowest recall, where there is most to win."""
        return min(self.rows, key=lambda row: row.recall) if len(self.rows) > 1 else None


def slice_tables(slices: dict[str, Any] | None, *, gate: Gate | None) -> list[SliceTable]:
    """One table for each column of `Result.slices`; groups without any positive are left out."""
    tables = []
    for column, entries in (slices or {}).items():
        ordered = sorted(entries or [], key=_order, reverse=column in DESCENDING)
        told = [entry for entry in ordered if entry.get("recall") is not None]
        hidden = [_label(column, entry.get("value")) for entry in ordered if entry.get("suppressed")]
        if told or hidden:
            floor = gate.floor if gate and gate.number == "recall" else None
            scale = _scale(told, floor)
            title = str(COLUMN_NAMES.get(column, capfirst(column.replace("_", " "))))
            edge = "" if floor is None else percent(scale.share(floor))
            rows = [_slice(column, entry, scale) for entry in told]
            tables.append(SliceTable(title, rows, hidden, scale, edge))
    return tables


def _scale(entries: list[dict[str, Any]], floor: float | None) -> Axis:
    """From a tenth below everything up to 1, so that the bars are long."""
    lows = [min(entry["recall"], *(entry.get("recall_interval") or [1.0])) for entry in entries]
    lowest = min([*lows, 1.0 if floor is None else floor])
    return Axis("", max(math.floor(10 * lowest - 0.5) / 10, 0.0), 1.0)


def _slice(column: str, entry: dict[str, Any], scale: Axis) -> Slice:
    recall, interval = entry["recall"], entry.get("recall_interval")
    return Slice(
        _label(column, entry.get("value")),
        entry.get("positives"),
        recall,
        interval,
        entry.get("precision"),
        Bar.on(scale, recall, interval),
    )


def _label(column: str, value: Any) -> str:
    if value is None:
        return _("not known")
    if column == "basin" and value in BASIN_NAMES:
        return str(BASIN_NAMES[value])
    if column == "lead_time_day":
        return _lead_time(round(float(value)))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _lead_time(day: int) -> str:
    if day < 0:
        return ngettext("%(days)s day after it formed", "%(days)s days after it formed", -day) % {
            "days": -day
        }
    if day == 0:
        return _("less than a day before")
    return ngettext("%(days)s day before", "%(days)s days before", day) % {"days": day}


def _order(entry: dict[str, Any]) -> tuple[bool, float, str]:
    """Numbers by size, texts by the alphabet, and what is not known at the end."""
    value = entry.get("value")
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return value is None, 0.0, str(value)
    return False, number, ""
