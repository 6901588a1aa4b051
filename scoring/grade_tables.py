"""A grade as tables for the terminal: what both parts have, and how the entry does slice by slice."""

from collections.abc import Callable
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from scoring.grading import Grade
from scoring.metrics import Result
from scoring.natural_frequency import in_words
from scoring.uncertainty import drawn

NUMBERS = (
    ("true positives", "tp"),
    ("false positives", "fp"),
    ("false negatives", "fn"),
    ("true negatives", "tn"),
)


def print_grade(graded: Grade, console: Console) -> None:
    console.print(_results(graded))
    for part, result in (("public", graded.public), ("private", graded.private)):
        for column, entries in (result.slices or {}).items():
            console.print(_slices(f"{part}, by {column}", entries))
    console.print(f"{graded.seconds['total'] * 1000:,.0f} ms on {graded.device}")


def _results(graded: Grade) -> Table:
    digits = graded.config.digits
    table = Table(
        title=f"{escape(graded.config.title)} (version {graded.config.version})", title_justify="left"
    )
    table.add_column()
    table.add_column("public", justify="right")
    table.add_column("private", justify="right")

    def add(name: str, show: Callable[[Result], str | None]) -> None:
        """A row, unless neither part has anything in it."""
        shown = [show(graded.public), show(graded.private)]
        if any(each is not None for each in shown):
            table.add_row(name, *(each or "–" for each in shown))

    def decimals(value: float | None) -> str | None:
        return None if value is None else f"{value:.{digits}f}"

    add("score", lambda result: f"[bold]{decimals(result.score) or 'below the gate'}[/bold]")
    add("95 % interval", lambda result: _interval(result.interval, digits))
    add(f"draws of {escape(drawn(graded.public.uncertainty))} below the gate", _risk)
    add("precision", lambda result: decimals(result.precision))
    add("recall", lambda result: decimals(result.recall))
    add("threshold", lambda result: None if result.threshold is None else f"{result.threshold:.6g}")
    for name, field in NUMBERS:
        add(name, lambda result, field=field: _count(getattr(result, field)))  # type: ignore[misc]
    for name in graded.public.details or {}:

        def detail(result: Result, name: str = name) -> str | None:
            return decimals((result.details or {}).get(name))

        add(escape(name.replace("_", " ")), detail)
    return table


def _risk(result: Result) -> str | None:
    if result.probability_below_gate is None:
        return None
    return in_words(result.probability_below_gate, draws=(result.uncertainty or {}).get("replicates", 1000))


def _slices(title: str, entries: list[dict[str, Any]]) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column()
    shown = [
        name for name in entries[0] if name != "value" and any(each[name] is not None for each in entries)
    ]
    for name in shown:
        table.add_column(name.replace("_", " "), justify="right")
    for entry in entries:
        value = "(no value)" if entry["value"] is None else str(entry["value"])
        table.add_row(value, *(_cell(entry[name]) for name in shown))
    return table


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3f}"
    if isinstance(value, int) or value is None:
        return _count(value) or "–"
    return _interval(value, 3) or "–"


def _interval(bounds: Any, digits: int) -> str | None:
    return None if bounds is None else f"{bounds[0]:.{digits}f} to {bounds[1]:.{digits}f}"


def _count(value: int | None) -> str | None:
    return None if value is None else f"{value:,}"
