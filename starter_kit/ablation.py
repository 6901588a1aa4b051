"""The ablation table: what each method brings, in the number that is scored.

Every row of `ablation.toml` is trained with several seeds on one synthetic world and scored on its test
images by the platform's own code. What is done is kept, so that a run that was stopped goes on.
"""

from __future__ import annotations

import time
import tomllib
from collections.abc import Iterable, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict
from rich.console import Console

from cloud_images import Release, open_release
from cloud_images.synthetic import synthesize
from starter_kit.atomic_file import written_whole
from starter_kit.config import Recipe, load_recipe
from starter_kit.device import choose_device
from starter_kit.ensemble_folder import load_ensemble
from starter_kit.errors import StarterKitError
from starter_kit.evaluate import precision_at_recall, standard_error
from starter_kit.predict import score_test
from starter_kit.recipe import train_recipe
from starter_kit.run_folder import load_run
from starter_kit.scorers import FittedEnsemble, MeanOfRuns, Scorer
from starter_kit.terminal import console as terminal_console
from starter_kit.train import train

WORLD_SEED = 2018
SEEDS_APART = 100  # so that the repeats of one seed are not those of the next


class Plan(BaseModel):
    """A section of ablation.toml; `set` are knobs as `--set` takes them."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Scale(Plan):
    train: int
    test: int
    seeds: int
    set: list[str]
    rows: list[str] | None = None


class Row(Plan):
    """only: knobs for one scale, after the scale's own. seeds: at a scale, where fewer are wanted.
    same_training_as: another row, judged otherwise."""

    name: str
    what: str
    config: str = "baseline"
    set: list[str] = []
    only: dict[str, list[str]] = {}
    seeds: dict[str, int] = {}
    scales: list[str] | None = None
    same_training_as: str | None = None


class Ablation(Plan):
    scales: dict[str, Scale]
    rows: list[Row]

    def rows_at(self, scale: str) -> list[Row]:
        wanted = self.scales[scale].rows
        return [
            row
            for row in self.rows
            if scale in (row.scales or [scale]) and (wanted is None or row.name in wanted)
        ]


class Measured(BaseModel):
    """One row with one seed. standard_error: over storms of the test, drawn anew."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    row: str
    seed: int
    precision: float
    recall: float
    standard_error: float
    seconds: float


def read_plan() -> Ablation:
    text = (resources.files("starter_kit") / "ablation.toml").read_text(encoding="utf-8")
    return Ablation.model_validate(tomllib.loads(text))


def run_ablation(
    scale: str,
    out: Path,
    *,
    seeds: int | None = None,
    only: Sequence[str] = (),
    world: Path | None = None,
    device: str = "auto",
    console: Console | None = None,
) -> list[Measured]:
    """Train and score every row of the scale that is not done yet; the caller writes the tables.

    seeds: instead of the scale's number. only: names of rows. world: a release with its solution, instead of
    one that is made in `out`.
    Raises StarterKitError for rows that do not exist, or a world without a solution.
    """
    console = console or terminal_console
    plan = read_plan()
    rows, knobs = plan.rows_at(scale), plan.scales[scale]
    unknown = sorted(set(only) - {row.name for row in rows})
    if unknown:
        raise StarterKitError(
            f"There is no row “{unknown[0]}” at scale {scale}; it has {', '.join(row.name for row in rows)}."
        )
    release = _world(world, out / "world", knobs, console)
    measured = []
    for seed in range(seeds or knobs.seeds):
        for row in rows:
            is_wanted = not only or row.name in only
            if not is_wanted or seed >= (seeds or row.seeds.get(scale, knobs.seeds)):
                continue
            done = out / "runs" / _folder(row.name, seed) / "measured.json"
            if done.exists():
                measured.append(Measured.model_validate_json(done.read_bytes()))
                continue
            console.print(f"\n[{row.name}, seed {seed}] {row.what}")
            recipe = recipe_of(row, scale, knobs, seed, device)
            trained = out / "runs" / _folder(row.same_training_as or row.name, seed) / "run"
            measured.append(measure(row, seed, recipe, release, trained, console=console))
            with written_whole(_made(done.parent) / done.name) as draft:
                draft.write_text(measured[-1].model_dump_json() + "\n", encoding="utf-8")
            console.print(f"[{row.name}, seed {seed}] precision {measured[-1].precision:.3f} on the test")
    return measured


def recipe_of(row: Row, scale: str, knobs: Scale, seed: int, device: str = "auto") -> Recipe:
    """The row's recipe; of what is set twice the later counts: scale, row, row at this scale."""
    settings = [f"train.device={device}", *knobs.set, *row.set, *row.only.get(scale, [])]
    return load_recipe(row.config, [*settings, f"train.seed={SEEDS_APART * seed}"])


def measure(
    row: Row, seed: int, recipe: Recipe, release: Release, trained: Path, *, console: Console
) -> Measured:
    """Train, unless that is done, and score the test images."""
    started = time.perf_counter()
    trainings = recipe.trainings()
    first = next(iter(trainings.values()))
    processor = choose_device(first.train.device)
    scorer: Scorer
    if len(trainings) == 1:
        train(release, first, trained, resume=True, console=console)
        ensemble = recipe.ensemble
        scorer = MeanOfRuns([load_run(trained, processor)], ensemble.tta, ensemble.tta_shift)
    else:
        train_recipe(release, recipe, trained, resume=True, console=console)
        scorer = FittedEnsemble(load_ensemble(trained, processor))
    scores = score_test(release, scorer.score)["score"].to_numpy()
    truth = release.solution_table()
    hours = truth["time"].dt.epoch("s").to_numpy() / 3600
    result = precision_at_recall(
        scores,
        truth["label"].to_numpy(),
        first.metric.recall_floor,
        storms=truth["storm_id"].to_list(),
        hours=hours,
    )
    return Measured(
        row=row.name,
        seed=seed,
        precision=result.precision or 0.0,
        recall=result.recall or 0.0,
        standard_error=standard_error(result),
        seconds=time.perf_counter() - started,
    )


def _world(given: Path | None, made: Path, knobs: Scale, console: Console) -> Release:
    if given is None and not made.exists():
        console.print(f"Drawing a world of {knobs.train:,} training and {knobs.test:,} test images …")
        synthesize(_made(made.parent) / made.name, train=knobs.train, test=knobs.test, seed=WORLD_SEED)
    release = open_release(given or made)
    if not release.solution_path.exists():
        raise StarterKitError(
            f"{release.directory} has no solution.parquet, and only with it can a row be scored: take a "
            "world that you synthesized yourself."
        )
    return release


def _folder(name: str, seed: int) -> str:
    return f"{''.join(letter if letter.isalnum() else '_' for letter in name)}-{seed}"


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def summarised(measured: Iterable[Measured], plan: Ablation) -> list[dict[str, Any]]:
    """One entry for each row that was measured, in the plan's order: the mean over seeds of the precision,
    its interval, the false-alarm ratio, and by how much that is below the conventional model's.

    The interval is 95 % of Student's t over seeds, with one spread for all rows (two or three seeds tell that
    of a single row badly); with a single seed, of the storms drawn anew.
    """
    by_row: dict[str, list[Measured]] = {}
    for each in measured:
        by_row.setdefault(each.row, []).append(each)
    conventional = by_row.get("conventional")
    reference = 1 - np.mean([each.precision for each in conventional]) if conventional else None
    spread, freedom = _spread_over_seeds(list(by_row.values()))
    table = []
    for row in plan.rows:
        runs = by_row.get(row.name)
        if not runs:
            continue
        mean = float(np.mean([each.precision for each in runs]))
        margin = _margin(runs, spread, freedom)
        false_alarms = 1 - mean
        table.append(
            {
                "method": row.name,
                "what": row.what,
                "precision": mean,
                "low": max(0.0, mean - margin),
                "high": min(1.0, mean + margin),
                "false_alarm_ratio": false_alarms,
                "reduction": None if reference is None else float(1 - false_alarms / reference),
                "seeds": len(runs),
                "error_over_storms": float(np.mean([each.standard_error for each in runs])),
                "seconds": float(np.mean([each.seconds for each in runs])),
            }
        )
    return table


def _spread_over_seeds(rows: Sequence[Sequence[Measured]]) -> tuple[float, int]:
    """The standard deviation over seeds inside a row, pooled over all rows, and its degrees of freedom."""
    squares, freedom = 0.0, 0
    for runs in rows:
        precisions = [each.precision for each in runs]
        squares += float(np.var(precisions)) * len(runs)
        freedom += len(runs) - 1
    return (squares / freedom) ** 0.5 if freedom else 0.0, freedom


def _margin(runs: Sequence[Measured], spread: float, freedom: int) -> float:
    from scipy.stats import norm, t  # noqa: PLC0415 - half a second to import

    if not freedom:
        return float(norm.ppf(0.975) * runs[0].standard_error)
    return float(t.ppf(0.975, freedom) * spread / len(runs) ** 0.5)
