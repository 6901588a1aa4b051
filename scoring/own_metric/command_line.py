"""What the command line says about an organizer's own metric."""

import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from scoring.metrics.own import MetricFile, OwnMetric
from scoring.own_metric.source import SourceError, read_source
from scoring.own_metric.trial import Trial

MIB = 1024**2


class UnusableMetricError(Exception):
    """The metric's file or its configuration cannot be used; the message says why."""


def own_metric_of(path: Path, config: Path | None) -> OwnMetric:
    """The metric in a file, with its configuration; without one, the defaults and the file's name.

    Raises UnusableMetricError, OSError.
    """
    try:
        file = MetricFile(read_source(path.read_bytes()), path.name)
    except SourceError as error:
        raise UnusableMetricError(f"{path}, {error}") from error
    try:
        fields: Any = json.loads(config.read_bytes()) if config else {}
        if not isinstance(fields, dict) or fields.get("metric", "own") != "own":
            raise UnusableMetricError(f'{config} is the configuration of another metric than "own"')
        named = {"name": path.stem[:80], "sha256": file.sha256} | fields
        return OwnMetric.model_validate(named).with_file(file)
    except ValidationError as error:
        reasons = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        raise UnusableMetricError(f"{config} is no configuration of an own metric: {reasons}") from error
    except ValueError as error:  # no JSON, or of another file
        raise UnusableMetricError(f"{config or path}: {error}") from error


def print_trial(trial: Trial) -> None:
    """A table of the calls, what they returned and used, and what is to be said of them."""
    console = Console()
    table = Table(title="The metric on answers of known quality", title_justify="left")
    for column in ("answer", "part", "result", "time", "memory"):
        table.add_column(column, justify="right" if column in ("time", "memory") else "left")
    for each in trial.tries:
        fields = each.result or {}
        result = ", ".join(f"{name} {value}" for name, value in fields.items() if value is not None)
        table.add_row(
            each.answer,
            each.part,
            escape({"returned": result, "refused": f"refused: {each.message}"}.get(each.outcome, "failed")),
            "–" if each.seconds is None else f"{each.seconds:.2f} s",
            "–" if each.peak_memory is None else f"{each.peak_memory / MIB:,.0f} MiB",
        )
    console.print(table)
    for text in dict.fromkeys(each.report or each.printed for each in trial.tries):
        if text:
            console.print(text, markup=False, highlight=False)
    for problem in trial.problems:
        console.print(f"problem: {problem}", markup=False)
    for remark in trial.remarks:
        console.print(f"remark: {remark}", markup=False)
    if not trial.problems:
        console.print("The metric can be used.")
