"""The commands around a model: train, configs, predict, ensemble, evaluate."""
# torch takes seconds to import, and `--help` or `leaderboard` should not wait for it; parameters are options.
# ruff: noqa: PLC0415, PLR0917

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.table import Table

from starter_kit.errors import StarterKitError
from starter_kit.terminal import console, errors, print_problems, progress_bar, show

# Torch's threads must not spin while they wait for each other: on a busy machine that costs several times the
# time. OpenMP reads this when torch is loaded, inside the commands.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

DataOption = Annotated[
    Path, typer.Option("--data", metavar="DIR", help="The competition's files, as `download` leaves them.")
]
DeviceOption = Annotated[
    Literal["auto", "cpu", "cuda", "mps"], typer.Option(help="`auto` takes the GPU where there is one.")
]
TtaOption = Annotated[
    bool, typer.Option("--tta", help="Mean over eight views of each image: better, and 8 times as long.")
]


def train(
    data: DataOption,
    out: Annotated[Path, typer.Option(metavar="RUN", help="A new folder for the trained model.")],
    config: Annotated[
        str, typer.Option(metavar="NAME|FILE", help="A named configuration, or a TOML file.")
    ] = "baseline",
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="One knob, such as train.epochs=5; repeatable."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the run in RUN.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with what was stopped or killed.")] = False,
) -> None:
    """Train a model and keep its best epoch.

    Example: `python -m starter_kit train --data tropical --out runs/first --set train.epochs=5`

    Each epoch prints the loss and the precision at the recall floor on storms held back, by the platform's
    own code. Ctrl-C stops early and keeps the best so far. `configs` lists all knobs.
    """
    from starter_kit.config import load_config
    from starter_kit.data import open_data
    from starter_kit.train import train as train_model

    release, configuration = open_data(data), load_config(config, set_ or [])
    try:
        train_model(release, configuration, out, overwrite=overwrite, resume=resume, console=console)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def configs() -> None:
    """List every knob with its default and the reason for it, and the named configurations.

    Example: `python -m starter_kit configs`
    """
    from starter_kit.config import knobs, named_configs

    table = Table("Knob", "Default", "Why", title="Knobs: train --set KNOB=VALUE")
    for name, field in knobs():
        table.add_row(name, "none" if field.default is None else str(field.default), field.description)
    show(table)
    console.print(f"Named configurations: {', '.join(named_configs())}.")


def predict(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN…", help="Trained models; their mean.")],
    data: DataOption,
    out: Annotated[Path, typer.Option(metavar="FILE", help="Ends in .csv, .csv.gz, .csv.zst or .parquet.")],
    tta: TtaOption = False,
    as_: Annotated[
        Literal["score", "label"] | None,
        typer.Option("--as", help="What to write; by default what sample_submission.csv asks for."),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            min=0, max=1, help="For labels: 1 from this probability on. By default the best on validation."
        ),
    ] = None,
    device: DeviceOption = "auto",
) -> None:
    """Score the test images and write a submission.

    Example: `python -m starter_kit predict runs/first runs/second --data tropical --out submission.csv --tta`
    """
    import polars as pl

    from starter_kit.data import open_data
    from starter_kit.device import choose_device
    from starter_kit.evaluate import evaluate_runs
    from starter_kit.predict import asked_column, predict_test, refuse_unknown_ending, write_submission
    from starter_kit.run_folder import load_run

    release = open_data(data)
    refuse_unknown_ending(out)
    column = as_ or asked_column(release.directory / "sample_submission.csv")
    loaded = [load_run(run, choose_device(device)) for run in runs]
    if column == "label" and threshold is None:
        with _progress("validation images") as advance:
            result = evaluate_runs(loaded, release, tta=tta, on_progress=advance)
        assert result.threshold is not None
        threshold = result.threshold
        console.print(
            f"Threshold {threshold:.6g}: precision {result.precision:.3f} at recall {result.recall:.3f} "
            "on validation."
        )
    with _progress("test images", total=len(loaded) * release.manifest.counts.test.images) as advance:
        table = predict_test([run.model for run in loaded], release, tta=tta, on_progress=advance)
    if column == "label":
        table = table.select("image_id", label=(pl.col("score") >= threshold).cast(pl.UInt8))
    write_submission(out, table)
    console.print(f"{len(table):,} predictions in {out}.")


def ensemble(
    submissions: Annotated[list[Path], typer.Argument(metavar="FILE…", help="Submissions with scores.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="Ends in .csv, .csv.gz, .csv.zst or .parquet.")],
    method: Annotated[
        Literal["mean", "rank_mean"],
        typer.Option(help="`rank_mean` for models whose scores have different scales."),
    ] = "mean",
) -> None:
    """Average submission files.

    Example: `python -m starter_kit ensemble first.csv second.csv --out both.csv --method rank_mean`
    """
    from starter_kit.ensemble import combine
    from starter_kit.predict import refuse_unknown_ending, write_submission

    refuse_unknown_ending(out)
    table = combine(submissions, method)
    write_submission(out, table)
    console.print(f"The {method} of {len(submissions)} submissions in {out}.")


@contextmanager
def _progress(noun: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    with progress_bar() as progress:
        task = progress.add_task(noun, total=total)
        yield lambda done: progress.advance(task, done)


def evaluate(
    targets: Annotated[
        list[Path], typer.Argument(metavar="RUN…|SUBMISSION", help="Trained models, or one submission file.")
    ],
    data: Annotated[
        Path | None, typer.Option("--data", metavar="DIR", help="For models: the competition's files.")
    ] = None,
    solution: Annotated[
        Path | None, typer.Option(metavar="FILE", help="For a submission: solution.parquet, if you have it.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="For a submission: the metric's configuration (JSON).")
    ] = None,
    tta: TtaOption = False,
    device: DeviceOption = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Measure with the platform's own code: models on the storms they never saw, or a submission.

    Example: `python -m starter_kit evaluate runs/first --data tropical --tta`

    Example: `python -m starter_kit evaluate submission.csv --solution made-by-me/solution.parquet`
    """
    if solution is not None:
        if len(targets) != 1 or data is not None:
            raise StarterKitError("With --solution, evaluate takes one submission file, and no --data.")
        results = _grade(targets[0], solution, config)
    elif data is not None:
        results = {"validation": _evaluate_runs(targets, data, tta=tta, device=device)}
    else:
        raise StarterKitError("evaluate needs --data DIR for models, or --solution FILE for a submission.")
    if as_json:
        console.print(json.dumps(results, allow_nan=False))
        return
    table = Table("", *results)
    for name in ("score", "precision", "recall", "threshold", "tp", "fp", "fn", "tn"):
        table.add_row(name, *(_shown(result[name]) for result in results.values()))
    show(table)


def _evaluate_runs(targets: list[Path], data: Path, *, tta: bool, device: str) -> dict[str, Any]:
    from starter_kit.data import open_data
    from starter_kit.device import choose_device
    from starter_kit.evaluate import evaluate_runs
    from starter_kit.run_folder import load_run

    release = open_data(data)
    runs = [load_run(target, choose_device(device)) for target in targets]
    with _progress("validation images") as advance:
        return evaluate_runs(runs, release, tta=tta, on_progress=advance).to_dict()


def _grade(submission: Path, solution: Path, config: Path | None) -> dict[str, dict[str, Any]]:
    from pydantic import ValidationError

    from scoring import InvalidSubmission, MetricConfig, Solution, SolutionError, grade

    try:
        metric = MetricConfig.model_validate_json(config.read_bytes()) if config else None
        graded = grade(submission, Solution.load(solution), metric)
    except InvalidSubmission as error:
        print_problems(error.summary, [problem.message for problem in error.problems])
        raise typer.Exit(2) from error
    except ValidationError as error:
        first = error.errors()[0]
        raise StarterKitError(
            f"{config} is no metric's configuration: {first['loc']} {first['msg']}"
        ) from None
    except (SolutionError, OSError) as error:
        raise StarterKitError(str(error)) from None
    for warning in graded.warnings:
        errors.print(f"Warning: {warning}")
    return {"public": graded.public.to_dict(), "private": graded.private.to_dict()}


def _shown(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,}" if isinstance(value, int) else f"{value:.5f}"
