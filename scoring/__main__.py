"""``python -m scoring``: grade and validate submissions as the platform does, and measure the speed of it.

Exit status: 0 done, 2 invalid submission (or a mistake on the command line), 1 anything else.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import typer
from pydantic import ValidationError
from rich.console import Console
from rich.markdown import Markdown
from rich.table import Table

from scoring.advice import MAX_GATE_RISK
from scoring.file_contents import PARQUET_MAGIC
from scoring.grade_tables import print_grade
from scoring.grading import DeviceError, grade
from scoring.image_ids import ImageIds
from scoring.labelled_predictions import UnusableLabelsError
from scoring.metrics import METRICS, MetricConfig
from scoring.metrics.definition import Definition, definitions, describe, to_markdown
from scoring.own_metric import MetricFailed, SandboxUnavailable
from scoring.own_metric.command_line import UnusableMetricError, own_metric_of, print_trial
from scoring.own_metric.trial import try_metric
from scoring.problems import InvalidSubmission
from scoring.resampling import MAX_REPLICATES
from scoring.solution import REQUIRED_COLUMNS, Solution, SolutionError
from scoring.submission_file import validate_submission
from scoring.uncertainty_commands import advice_for, print_advice, to_json

INVALID = 2

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="The platform's scoring on your machine: the same code, the same numbers.\n\n"
    "Before you submit: validate. With labels at hand: advise, for a threshold. With the solution: grade.",
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)
SUBMISSIONS, METRIC, MEASURE = "A submission", "Metrics", "Measure the scoring itself"


class Device(StrEnum):
    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"


class UnusableError(Exception):
    """A file other than the submission cannot be used."""


SubmissionArgument = Annotated[
    Path, typer.Argument(metavar="SUBMISSION", help="A file: .csv, .csv.gz, .csv.zst or .parquet.")
]
ConfigOption = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help="The metric's configuration (JSON).")
]
DeviceOption = Annotated[Device, typer.Option(help="Where to count; the result is the same.")]
ReplicatesOption = Annotated[
    int | None,
    typer.Option(min=0, max=MAX_REPLICATES, help="Bootstrap draws, instead of the configuration's number."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


@app.command(
    "grade",
    rich_help_panel=SUBMISSIONS,
    epilog="Example: `python -m scoring grade submission.csv --solution world/solution.parquet`",
)
def grade_command(
    submission: SubmissionArgument,
    *,
    solution: Annotated[Path, typer.Option(metavar="FILE", help="solution.parquet of the release.")],
    config: ConfigOption = None,
    metric_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="metric.py of an organizer's own metric, run as the platform runs it."
        ),
    ] = None,
    device: DeviceOption = Device.auto,
    replicates: ReplicatesOption = None,
    as_json: JsonOption = False,
) -> None:
    """Score a submission against a solution, public and private."""
    with _reported(as_json):
        metric = _read_config(config) if metric_file is None else own_metric_of(metric_file, config)
        graded = grade(
            submission, Solution.load(solution), metric, device=device.value, replicates=replicates
        )
        if as_json:
            print(json.dumps(graded.to_dict(), allow_nan=False))
        else:
            _warn(graded.warnings)
            print_grade(graded, Console())


@app.command(
    "advise",
    rich_help_panel=SUBMISSIONS,
    epilog="Example: `python -m scoring advise held_back.csv --labels data/train.csv --max-gate-risk 0.05`",
)
def advise_command(
    submission: SubmissionArgument,
    *,
    solution: Annotated[
        Path | None, typer.Option(metavar="FILE", help="solution.parquet; or give --labels.")
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="train.csv, or a Parquet file, that has the predicted images' labels."
        ),
    ] = None,
    config: ConfigOption = None,
    max_gate_risk: Annotated[
        float, typer.Option(min=0.0001, max=0.9999, help="Probability of missing the recall floor.")
    ] = MAX_GATE_RISK,
    replicates: ReplicatesOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find the threshold that keeps the recall floor on other storms, and what it costs in precision."""
    with _reported(as_json):
        metric = _read_config(config)
        told, warnings = advice_for(
            submission,
            metric,
            solution=solution,
            labels=labels,
            max_gate_risk=max_gate_risk,
            replicates=replicates,
        )
        if as_json:
            print(json.dumps(to_json(told), allow_nan=False))
        else:
            _warn(warnings)
            print_advice(told, Console())


@app.command(
    "coverage",
    rich_help_panel=MEASURE,
    epilog="Example: `python -m scoring coverage --rounds 100`",
)
def coverage_command(
    rounds: Annotated[int, typer.Option(min=1, help="Test sets drawn of each world.")] = 400,
    replicates: Annotated[
        int, typer.Option(min=2, max=MAX_REPLICATES, help="Bootstrap draws of each.")
    ] = 500,
    seed: Annotated[int, typer.Option(help="Of the simulated worlds.")] = 0,
) -> None:
    """Measure on simulated worlds how often the intervals hold the truth (the table of the documentation)."""
    from scoring import coverage  # noqa: PLC0415 - nothing else needs it

    for line in coverage.run(rounds=rounds, replicates=replicates, seed=seed):
        print(line, flush=True)


@app.command(
    "try-metric",
    rich_help_panel=METRIC,
    epilog="Example: `python -m scoring try-metric metric.py --solution world/solution.parquet`",
)
def try_metric_command(
    metric_file: Annotated[
        Path, typer.Argument(metavar="METRIC", help="metric.py with score(solution, submission).")
    ],
    solution: Annotated[Path, typer.Option(metavar="FILE", help="solution.parquet of the release.")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run an organizer's own metric on answers of which one knows how good they are, as the platform does."""
    with _reported(as_json):
        trial = try_metric(own_metric_of(metric_file, config), Solution.load(solution))
        if as_json:
            print(json.dumps(trial.to_dict(), allow_nan=False))
        else:
            print_trial(trial)
        if trial.problems:
            raise typer.Exit(1)


@app.command(
    "validate",
    rich_help_panel=SUBMISSIONS,
    epilog="Example: `python -m scoring validate submission.csv --ids data/sample_submission.csv`",
)
def validate_command(
    submission: SubmissionArgument,
    ids: Annotated[
        Path,
        typer.Option(metavar="FILE", help="sample_submission.csv of the release, or its solution.parquet."),
    ],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check a submission as the platform does before it is queued."""
    with _reported(as_json):
        image_ids, prediction = _read_sample(ids)
        metric = _read_config(config) if config else MetricConfig.model_validate({"prediction": prediction})
        valid = validate_submission(submission, ids=image_ids, config=metric)
        if as_json:
            print(json.dumps({"valid": True, "rows": len(valid.predictions), "warnings": valid.warnings}))
        else:
            _warn(valid.warnings)
            print(f"{submission}: valid, {len(valid.predictions):,} predictions")


@app.command(
    "metrics",
    rich_help_panel=METRIC,
    epilog="Example: `python -m scoring metrics recall_constrained_precision`",
)
def metrics_command(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="One metric; all of them without.")
    ] = None,
    as_json: JsonOption = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Print docs/metrics.md.")] = False,
) -> None:
    """Print the definitions of the metrics."""
    with _reported(as_json):
        if as_markdown:
            print(to_markdown(), end="")
            return
        found = definitions()
        if name is not None:
            found = [each for each in found if each.name == name]
            if not found:
                raise UnusableError(f"there is no metric {name!r}: they are {', '.join(METRICS)}")
        if as_json:
            told = [each.to_dict() for each in found]
            print(json.dumps(told[0] if name else told, ensure_ascii=False, allow_nan=False))
        elif name:
            Console().print(Markdown(describe(found[0])))
        else:
            _print_metrics(found)


@app.command(
    "simulate-attacks",
    rich_help_panel=MEASURE,
    epilog="Example: `python -m scoring simulate-attacks --worlds 3`",
)
def simulate_attacks_command(
    worlds: Annotated[int, typer.Option(min=1, help="Invented public parts; means are printed.")] = 10,
    images: Annotated[int, typer.Option(min=1000, help="Public images of each.")] = 12_000,
    as_json: JsonOption = False,
) -> None:
    """Attack an invented leaderboard as the literature does: labels that leak in 100 submissions."""
    from scoring import attacks  # noqa: PLC0415 - for organizers alone

    rows = attacks.table(worlds=worlds, images=images)
    if as_json:
        print(json.dumps([row.to_dict() for row in rows], allow_nan=False))
        return
    table = Table(title=f"{attacks.SUBMISSIONS} submissions, {images:,} public images", title_justify="left")
    for column in ("attack", "shown", "digits", "labels", "typhoons", "bits", "inflation"):
        table.add_column(column, justify="left" if column in {"attack", "shown"} else "right")
    for row in rows:
        leak = row.leak
        table.add_row(
            row.attack,
            row.protection,
            "–" if row.digits is None else str(row.digits),
            f"{leak.named:,}",
            f"{leak.positives:,}",
            f"{leak.bits:,.0f}",
            "–" if leak.inflation is None else f"{leak.inflation:.4f}",
        )
    Console().print(table)


@app.command(
    "benchmark",
    rich_help_panel=MEASURE,
    epilog="Example: `python -m scoring benchmark --rows 100000`",
)
def benchmark_command(  # noqa: PLR0917 - the options of a command
    rows: Annotated[int, typer.Option(min=100, help="Of the made submission.")] = 1_120_000,
    repeats: Annotated[int, typer.Option(min=1, help="Timed runs of each way.")] = 5,
    replicates: Annotated[int, typer.Option(min=1, help="Bootstrap draws of the runs with them.")] = 1000,
    seed: Annotated[int, typer.Option(help="Of the made case.")] = 1,
    device: DeviceOption = Device.auto,
    as_json: JsonOption = False,
) -> None:
    """Time this engine against pandas and scikit-learn, alternately, with equal results."""
    with _reported(as_json):
        try:
            from scoring import benchmark  # noqa: PLC0415 - what it compares with is not installed everywhere
        except ImportError as error:
            raise UnusableError(
                f"{error}: install the extra 'test' to compare with pandas and scikit-learn"
            ) from error
        try:
            report = benchmark.run(
                rows=rows, repeats=repeats, replicates=replicates, device=device.value, seed=seed
            )
        except benchmark.Unequal as error:
            raise UnusableError(f"the results differ: {error}") from error
        if as_json:
            print(json.dumps(report.to_dict(), allow_nan=False))
        else:
            _print_report(report.to_dict())


@contextmanager
def _reported(as_json: bool) -> Iterator[None]:
    """Turns the errors that a person can do something about into lines on stderr and an exit status."""
    try:
        yield
    except InvalidSubmission as error:
        print(f"invalid submission: {error.summary}", file=sys.stderr)
        for problem in error.problems:
            print(problem.message, file=sys.stderr)
        if as_json:
            print(json.dumps({"valid": False, "problems": [problem.to_dict() for problem in error.problems]}))
        raise typer.Exit(INVALID) from error
    except MetricFailed as error:
        print(f"error: the metric failed: {error.reason}\n{error.report()}", file=sys.stderr)
        raise typer.Exit(1) from error
    except (
        DeviceError,
        SandboxUnavailable,
        SolutionError,
        UnusableError,
        UnusableLabelsError,
        UnusableMetricError,
    ) as error:
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(1) from error
    except OSError as error:
        told = (error.filename, error.strerror or str(error))  # pyarrow's own name the file in the message
        print(f"error: {': '.join(filter(None, told))}", file=sys.stderr)
        raise typer.Exit(1) from error


def _read_config(path: Path | None) -> MetricConfig:
    if path is None:
        return MetricConfig.model_validate({})
    try:
        return MetricConfig.model_validate_json(path.read_bytes())
    except ValidationError as error:
        reasons = (
            f"{'.'.join(map(str, each['loc'])) or 'the file'}: {each['msg']}" for each in error.errors()
        )
        raise UnusableError(f"{path} is no metric configuration: {'; '.join(reasons)}") from error


def _read_sample(path: Path) -> tuple[ImageIds, str]:
    """The ids of a sample submission or a solution, CSV or Parquet, and whether scores or labels are asked
    for."""
    # Not from the open file: Arrow's threads may still read from it when an error ends the process.
    content = pa.py_buffer(path.read_bytes())
    head = bytes(content[:4096])
    if b"\0" in head and not head.startswith(PARQUET_MAGIC):
        raise UnusableError(f"{path} is no sample submission: it is neither text nor a Parquet file")
    try:
        if head.startswith(PARQUET_MAGIC):
            table = pq.read_table(pa.BufferReader(content), use_threads=False)
        else:
            table = pa_csv.read_csv(
                pa.BufferReader(content),
                read_options=pa_csv.ReadOptions(use_threads=False),
                convert_options=pa_csv.ConvertOptions(column_types={"image_id": pa.string()}),
            )
        ids = ImageIds(table["image_id"])
    except (KeyError, ValueError) as error:  # pyarrow's own errors are ValueErrors too
        raise UnusableError(f"{path} is no sample submission with a column image_id: {error}") from error
    names = set(table.column_names)  # a solution's labels are the answers, and not what it asks for
    return ids, "label" if "label" in names and not names.issuperset(REQUIRED_COLUMNS) else "score"


def _print_metrics(found: list[Definition]) -> None:
    table = Table(title="python -m scoring metrics NAME tells more", title_justify="left")
    for column in ("name", "metric", "score", "direction", "gate"):
        table.add_column(column, no_wrap=column == "name")
    for each in found:
        table.add_row(each.name, each.title, each.range, each.direction, each.gate or "–")
    Console().print(table)


def _warn(warnings: list[str]) -> None:
    for warning in warnings:
        print(f"warning: {warning}", file=sys.stderr)


def _print_report(report: dict[str, Any]) -> None:
    console = Console()
    ours = report["ways"][-1]
    table = Table(
        title=f"{report['rows']:,} rows, {report['file_bytes'] / 2**20:.1f} MiB of CSV, shuffled ids;"
        f" {report['device']}, {report['cores']} cores; equal results",
        title_justify="left",
    )
    _add_columns(table, "way", "median", "ratio", "processor", "rows/s", "peak memory")
    for way in report["ways"]:
        table.add_row(way["name"], _milliseconds(way["median_seconds"]), f"{way['ratio']:.1f}", *_costs(way))
    console.print(table)

    drawn, resampling = report["bootstrap"], report["bootstrap"]["resampling"]
    table = Table(title=f"with {drawn['replicates']:,} replicates of both parts", title_justify="left")
    _add_columns(table, "way", "median", "ratio", "processor", "rows/s", "peak memory")
    table.add_row(
        f"{resampling['name']} (extrapolated from {resampling['replicates_run']} replicates)",
        f"{resampling['extrapolated_seconds']:,.0f} s",
        f"{drawn['ratio']:,.0f}",
        *("", "", ""),
    )
    table.add_row(ours["name"], _milliseconds(drawn["median_seconds"]), "1", *_costs(drawn))
    console.print(table)

    stages = list(dict.fromkeys(stage for each in [drawn, *report["files"]] for stage in each["stages"]))
    table = Table(title="stages of this engine, medians in ms", title_justify="left")
    _add_columns(table, "file", *stages, "reading the bytes alone")
    for each in [*report["files"], drawn]:
        table.add_row(
            each["name"],
            *(f"{each['stages'].get(stage, 0) * 1000:.1f}" for stage in stages),
            f"{each['floor_seconds'] * 1000:.1f}" if "floor_seconds" in each else "",
        )
    console.print(table)
    console.print(", ".join(f"{name} {version}" for name, version in report["versions"].items()))
    if not report["compiled"]:
        console.print(
            "Arrow reads the rows: with a C++ compiler at hand, `make install` builds a faster reader."
        )


def _add_columns(table: Table, first: str, *others: str) -> None:
    table.add_column(first)
    for name in others:
        table.add_column(name, justify="right")


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:,.0f} ms"


def _costs(way: dict[str, Any]) -> tuple[str, str, str]:
    peak = way["peak_mebibytes"]
    return (
        _milliseconds(way["median_cpu_seconds"]),
        f"{way['rows_per_second']:,.0f}",
        "–" if peak is None else f"{peak:,.0f} MiB",
    )


if __name__ == "__main__":
    app()
