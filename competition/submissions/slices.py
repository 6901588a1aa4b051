"""How an entry does on parts of the test images: by basin, by days before the cyclone forms, by season."""

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


@dataclass(frozen=True)
class Slice:
    """positives: None where they are not told. recall, precision: None where they are not defined, or (as
    `hidden` says) too few images to be told."""

    label: str
    positives: int | None
    recall: float | None
    recall_interval: list[float] | None
    precision: float | None
    hidden: bool
    bar: Bar | None


@dataclass(frozen=True)
class SliceTable:
    name: str  # unique on its page
    title: str
    rows: list[Slice]
    gate: str  # in percent of the bars' width
    worst: Slice | None  # of the lowest recall: where there is most to win

    @property
    def has_precision(self) -> bool:
        return any(row.precision is not None for row in self.rows)

    @property
    def has_positives(self) -> bool:
        return any(row.positives is not None for row in self.rows)

    @property
    def hides(self) -> bool:
        return any(row.hidden for row in self.rows)


def slice_tables(slices: dict[str, Any] | None, *, gate: Gate | None, name: str) -> list[SliceTable]:
    """One table for each column of `Result.slices`; empty where there are none. name: makes theirs unique."""
    tables = []
    for column, entries in (slices or {}).items():
        rows = [_slice(column, entry) for entry in sorted(entries or [], key=_order)]
        rows = [row for row in rows if row.recall is not None or row.hidden]
        if not rows:
            continue
        told = [row for row in rows if row.recall is not None]
        tables.append(
            SliceTable(
                f"{name}-{column}",
                str(COLUMN_NAMES.get(column, capfirst(column.replace("_", " ")))),
                rows,
                percent(gate.floor) if gate and gate.number == "recall" else "",
                min(told, key=lambda row: row.recall or 0.0) if len(told) > 1 else None,
            )
        )
    return tables


def _slice(column: str, entry: dict[str, Any]) -> Slice:
    recall, interval = entry.get("recall"), entry.get("recall_interval")
    positives = entry.get("positives")
    bar = None if recall is None else Bar.on(Axis("", 0.0, 1.0), recall, interval)
    return Slice(
        _label(column, entry.get("value")),
        positives,
        recall,
        interval,
        entry.get("precision"),
        bool(entry.get("suppressed")),
        bar,
    )


def _label(column: str, value: Any) -> str:
    if value is None:
        return _("not known")
    if column == "basin" and value in BASIN_NAMES:
        return f"{value} · {BASIN_NAMES[value]}"
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
