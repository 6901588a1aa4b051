"""The commands around a model: train, configs, predict, ensemble, evaluate."""
# torch takes seconds to import, and `--help` or `leaderboard` should not wait for it; parameters are options.
# ruff: noqa: PLC0415, PLR0917

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.table import Table

from starter_kit.errors import StarterKitError
from starter_kit.terminal import console, errors, print_problems, progress_bar, show

if TYPE_CHECKING:
    from scoring import MetricConfig
    from starter_kit.configuration.sections import EnsembleConfig
    from starter_kit.inference.scorers import Judged

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


ShiftOption = Annotated[
    int,
    typer.Option(
        "--tta-shift",
        min=0,
        max=16,
        help="Also each image moved by so many pixels, four ways; 5 times as long.",
    ),
]


def train(
    data: DataOption,
    out: Annotated[Path, typer.Option(metavar="RUN", help="A new folder for the trained model.")],
    config: Annotated[
        str, typer.Option(metavar="NAME|FILE", help="A named configuration or recipe, or a TOML file.")
    ] = "baseline",
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="One knob, such as train.epochs=5; repeatable."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the run in RUN.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with what was stopped or killed.")] = False,
) -> None:
    """Train a model and keep its best epoch; or all members of a recipe, and join them.

    Example: `python -m starter_kit train --data tropical --out runs/first --set train.epochs=5`

    Example: `python -m starter_kit train --data tropical --out runs/winner --config winner --resume`

    Each epoch prints the loss and the precision at the recall floor on storms held back, by the platform's
    own code. Ctrl-C stops early and keeps the best so far. `configs` lists all knobs and recipes.

    Several GPUs: `torchrun --nproc-per-node 4 -m starter_kit train …`
    """
    from starter_kit.configuration.reading import load_recipe
    from starter_kit.images.data import open_data
    from starter_kit.training.recipe import train_recipe
    from starter_kit.training.train import train as train_model

    release, recipe = open_data(data), load_recipe(config, set_ or [])
    only, *others = recipe.trainings().values()
    try:
        if others:
            train_recipe(release, recipe, out, overwrite=overwrite, resume=resume, console=console)
        else:
            train_model(release, only, out, overwrite=overwrite, resume=resume, console=console)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def configs() -> None:
    """List every knob with its default and the reason for it, and the named configurations.

    Example: `python -m starter_kit configs`
    """
    from starter_kit.configuration.reading import knobs, named_configs, summary

    table = Table("Knob", "Default", "Why", title="Knobs: train --set KNOB=VALUE")
    for name, field in knobs():
        table.add_row(name, "none" if field.default is None else str(field.default), field.description)
    show(table)
    recipes = Table("Name", "What it is", title="Named configurations: train --config NAME")
    for name in named_configs():
        recipes.add_row(name, summary(name))
    show(recipes)


def predict(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN", help="Trained models, for their mean; or one ensemble.")
    ],
    data: DataOption,
    out: Annotated[Path, typer.Option(metavar="FILE", help="Ends in .csv, .csv.gz, .csv.zst or .parquet.")],
    tta: TtaOption = False,
    tta_shift: ShiftOption = 0,
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
    max_gate_risk: Annotated[
        float | None,
        typer.Option(
            min=0.001,
            max=0.5,
            help="For labels: the threshold that misses the recall floor on new storms with at most this "
            "probability, such as 0.05.",
        ),
    ] = None,
    device: DeviceOption = "auto",
) -> None:
    """Score the test images and write a submission.

    Example: `python -m starter_kit predict runs/first runs/second --data tropical --out submission.csv --tta`

    Example: `python -m starter_kit predict runs/winner --data tropical --out labels.csv --as label
    --max-gate-risk 0.05`
    """
    import polars as pl

    from starter_kit.device import choose_device
    from starter_kit.images.data import open_data
    from starter_kit.inference.predict import (
        asked_column,
        refuse_unknown_ending,
        score_test,
        write_submission,
    )
    from starter_kit.inference.scorers import load_scorer

    release = open_data(data)
    refuse_unknown_ending(out)
    column = as_ or asked_column(release.directory / "sample_submission.csv")
    if max_gate_risk is not None and (column == "score" or threshold is not None):
        raise StarterKitError("--max-gate-risk chooses the threshold of labels: --as label, no --threshold.")
    scorer = load_scorer(runs, choose_device(device), tta=tta, shift=tta_shift)
    if column == "label" and threshold is None:
        with _progress("validation images") as advance:
            judged = scorer.judged(release, on_progress=advance)
        threshold = _chosen_threshold(judged, max_gate_risk)
    with _progress("test images", total=scorer.models * release.manifest.counts.test.images) as advance:
        table = score_test(release, partial(scorer.score, on_progress=advance))
    if column == "label":
        table = table.select("image_id", label=(pl.col("score") >= threshold).cast(pl.UInt8))
    write_submission(out, table)
    console.print(f"{len(table):,} predictions in {out}.")


def _chosen_threshold(judged: Judged, max_gate_risk: float | None) -> float:
    if max_gate_risk is None:
        result = judged.result()
        assert result.threshold is not None
        console.print(
            f"Threshold {result.threshold:.6g}: precision {result.precision:.3f} at recall "
            f"{result.recall:.3f} on validation. New storms differ: --max-gate-risk 0.05 keeps a margin."
        )
        return result.threshold
    advice = judged.advice(max_gate_risk)
    console.print(
        f"Threshold {advice.threshold:.6g}: precision {advice.precision:.3f} at recall {advice.recall:.3f} "
        "on validation. On new storms the recall floor is missed with probability "
        f"{advice.probability_below_gate:.3f}; without this margin it were "
        f"{advice.best_probability_below_gate:.3f}. The margin costs {advice.cost:.3f} of precision."
    )
    return advice.threshold


def ensemble(
    targets: Annotated[
        list[Path], typer.Argument(metavar="FILE|RUN", help="Submissions with scores, or trained models.")
    ],
    out: Annotated[
        Path,
        typer.Option(
            metavar="FILE|DIR", help="Of submissions: a file, .csv or .parquet; of models: a folder."
        ),
    ],
    method: Annotated[
        Literal["mean", "rank_mean", "weights", "stacking"],
        typer.Option(help="`rank_mean` bears other scales; `weights` and `stacking` are fitted, on models."),
    ] = "mean",
    data: Annotated[
        Path | None, typer.Option("--data", metavar="DIR", help="For models: the competition's files.")
    ] = None,
    tta: TtaOption = False,
    tta_shift: ShiftOption = 0,
    calibration: Annotated[
        Literal["none", "temperature", "isotonic"],
        typer.Option(help="For models: make the scores probabilities; their order stays."),
    ] = "none",
    device: DeviceOption = "auto",
) -> None:
    """Average submission files, or fit an ensemble of trained models for `predict`.

    Example: `python -m starter_kit ensemble first.csv second.csv --out both.csv --method rank_mean`

    Example: `python -m starter_kit ensemble runs/a runs/b --data tropical --out runs/both --method weights`

    What is fitted is fitted on the storms that the models held back, under the competition's own number, and
    what it reaches is measured on storms that the fit had not seen either.
    """
    if data is not None:
        from starter_kit.configuration.sections import EnsembleConfig

        settings = EnsembleConfig(method=method, tta=tta, tta_shift=tta_shift, calibration=calibration)
        _fit_models(targets, data, out, settings, device)
        return
    from starter_kit.inference.ensemble import combine
    from starter_kit.inference.predict import refuse_unknown_ending, write_submission

    if any(target.is_dir() for target in targets):
        raise StarterKitError("To join trained models give --data DIR, of which they held storms back.")
    if method in {"weights", "stacking"} or calibration != "none" or tta or tta_shift:
        raise StarterKitError(
            "Submission files tell no labels, so nothing can be fitted: use the method mean or rank_mean, or "
            "give trained models and --data."
        )
    refuse_unknown_ending(out)
    table = combine(targets, "rank_mean" if method == "rank_mean" else "mean")
    write_submission(out, table)
    console.print(f"The {method} of {len(targets)} submissions in {out}.")


def _fit_models(runs: list[Path], data: Path, out: Path, settings: EnsembleConfig, device: str) -> None:
    from starter_kit.device import choose_device
    from starter_kit.images.data import open_data
    from starter_kit.inference.ensemble_folder import fit_ensemble

    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise StarterKitError(f"{out} exists already. Choose another name for --out.")
    release = open_data(data)
    members = {f"{number} {run.name}": [run] for number, run in enumerate(runs, 1)}
    with _progress("validation images") as advance:
        record = fit_ensemble(
            release, members, settings, out, choose_device(device), on_progress=advance, say=console.print
        )
    reached = record.reached
    console.print(
        f"Together, by {settings.method}: precision {reached.precision:.3f} ± {reached.standard_error:.3f} "
        f"at recall {reached.recall:.3f}. Kept in {out}; `predict {out}` uses it."
    )


@contextmanager
def _progress(noun: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    with progress_bar() as progress:
        task = progress.add_task(noun, total=total)
        yield lambda done: progress.advance(task, done)


def evaluate(
    targets: Annotated[
        list[Path], typer.Argument(metavar="RUN|SUBMISSION", help="Trained models, or one submission file.")
    ],
    data: Annotated[
        Path | None, typer.Option("--data", metavar="DIR", help="For models: the competition's files.")
    ] = None,
    solution: Annotated[
        Path | None, typer.Option(metavar="FILE", help="For a submission: solution.parquet, if you have it.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A metric's configuration (JSON), for any metric.")
    ] = None,
    tta: TtaOption = False,
    tta_shift: ShiftOption = 0,
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
        results = _grade(targets[0], solution, _metric(config))
    elif data is not None:
        measured = _evaluate_models(targets, data, _metric(config), tta=tta, shift=tta_shift, device=device)
        results = {"validation": measured}
    else:
        raise StarterKitError("evaluate needs --data DIR for models, or --solution FILE for a submission.")
    if as_json:
        console.print(json.dumps(results, allow_nan=False))
        return
    table = Table("", *results)
    for name in ("score", "precision", "recall", "threshold", "tp", "fp", "fn", "tn"):
        if name != "score" and all(result[name] is None for result in results.values()):
            continue  # a metric without an operating point
        table.add_row(name, *(_shown(result[name]) for result in results.values()))
    show(table)


def _evaluate_models(
    targets: list[Path], data: Path, metric: MetricConfig | None, *, tta: bool, shift: int, device: str
) -> dict[str, Any]:
    from starter_kit.device import choose_device
    from starter_kit.images.data import open_data
    from starter_kit.inference.scorers import load_scorer

    release = open_data(data)
    scorer = load_scorer(targets, choose_device(device), tta=tta, shift=shift)
    with _progress("validation images") as advance:
        return scorer.judged(release, on_progress=advance).result(metric).to_dict()


def _metric(config: Path | None) -> MetricConfig | None:
    from pydantic import ValidationError

    from scoring import MetricConfig

    try:
        return MetricConfig.model_validate_json(config.read_bytes()) if config else None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise StarterKitError(f"{config} is no metric's configuration: {where}: {first['msg']}") from None
    except OSError as error:
        raise StarterKitError(str(error)) from None


def _grade(submission: Path, solution: Path, metric: MetricConfig | None) -> dict[str, dict[str, Any]]:
    from scoring import InvalidSubmission, Solution, SolutionError, grade

    try:
        graded = grade(submission, Solution.load(solution), metric)
    except InvalidSubmission as error:
        print_problems(error.summary, [problem.message for problem in error.problems])
        raise typer.Exit(2) from error
    except FileNotFoundError as error:
        raise StarterKitError(f"There is no file {error.filename}.") from None
    except (SolutionError, OSError) as error:
        raise StarterKitError(str(error)) from None
    for warning in graded.warnings:
        errors.print(f"Warning: {warning}")
    return {"public": graded.public.to_dict(), "private": graded.private.to_dict()}


def _shown(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,}" if isinstance(value, int) else f"{value:.5f}"
