"""The ablation table: what each method brings, in the number that is scored.

Every row of `ablation.toml` is trained with several seeds on one synthetic world and scored on its test
images by the platform's own code. What is done is kept, so that a run that was stopped goes on. On a world of
a known seed the table ends with its ceiling, the best that any detector could reach on these images.
"""

from __future__ import annotations

import time
import tomllib
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError
from rich.console import Console

from cloud_images import Release, ReleaseError, open_release
from cloud_images.synthetic import oracle_scores, synthesize
from starter_kit.atomic_file import written_whole
from starter_kit.configuration.reading import Recipe, load_config, load_recipe
from starter_kit.device import choose_device
from starter_kit.errors import StarterKitError
from starter_kit.inference.ensemble_folder import load_ensemble
from starter_kit.inference.evaluate import precision_at_recall, standard_error
from starter_kit.inference.predict import score_test
from starter_kit.inference.scorers import FittedEnsemble, MeanOfRuns, Scorer
from starter_kit.run_folder import load_run
from starter_kit.terminal import console as terminal_console
from starter_kit.training.recipe import fit_recipe, train_recipe
from starter_kit.training.train import train

WORLD_SEED = 2018
SEEDS_APART = 100  # so that the repeats of one seed are not those of the next
CEILING = "ceiling"
ABOUT = "about.json"
MEASURED = "measured.json"


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
    """config_at, only: another configuration, and knobs after the scale's own, at a scale. seeds: at a scale,
    where more or fewer are wanted. same_training_as: another row, judged or joined otherwise."""

    name: str
    what: str
    config: str = "baseline"
    config_at: dict[str, str] = {}
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
    """One row with one seed. standard_error: over storms of the test, drawn anew. seconds: that have passed;
    processor_seconds: that its processor cores have worked, which other programs do not lengthen."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    row: str
    seed: int
    precision: float
    recall: float
    standard_error: float
    seconds: float
    processor_seconds: float


class About(BaseModel):
    """What an ablation's folder was begun with: rows of another world, size or arithmetic do not compare."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    scale: str
    world: str
    world_seed: int | None
    settings: list[str]

    def __str__(self) -> str:
        seed = [] if self.world_seed is None else [f"world {self.world_seed}"]
        told = [f"scale {self.scale}", self.world, *seed, *self.settings]
        return f"What each method brings ({', '.join(told)})"


def read_plan() -> Ablation:
    text = (resources.files("starter_kit.ablation") / "ablation.toml").read_text(encoding="utf-8")
    return Ablation.model_validate(tomllib.loads(text))


def run_ablation(
    scale: str,
    out: Path,
    *,
    seeds: int | None = None,
    only: Sequence[str] = (),
    world: Path | None = None,
    world_seed: int | None = None,
    settings: Sequence[str] = (),
    device: str = "auto",
    console: Console | None = None,
) -> list[Measured]:
    """Train and score every row of the scale that is not done yet. Returns what `out` then holds, of earlier
    runs as well; the caller writes the tables.

    seeds: instead of the scale's number. only: names of rows to run. world: a release with its solution,
    instead of one that is made in `out`. world_seed: of the world made, now or then: it brings the ceiling.
    settings: knobs for every row, as `--set` takes them; what the row itself is about goes before.
    Raises StarterKitError for rows that do not exist, a world without a solution or of another seed, and a
    folder that was begun with anything else.
    """
    console = console or terminal_console
    plan = read_plan()
    rows, knobs = plan.rows_at(scale), plan.scales[scale]
    unknown = sorted(set(only) - {row.name for row in rows} - {CEILING})
    if unknown:
        raise StarterKitError(
            f"There is no row “{unknown[0]}” at scale {scale}; it has {', '.join(row.name for row in rows)}."
        )
    if world is None and world_seed is None:
        world_seed = WORLD_SEED
    settings = [*fast_arithmetic(device), *settings]
    place = str(world.resolve()) if world else f"{knobs.train:,} training and {knobs.test:,} test images"
    _begin(out, About(scale=scale, world=place, world_seed=world_seed, settings=[*knobs.set, *settings]))
    release = _world(world, out / "world", knobs, world_seed, console)
    ceiling = []  # first, so that the seed of another world is refused before hours of training
    if world_seed is not None:
        floor = load_config("baseline", settings).metric.recall_floor
        ceiling = [measured_ceiling(release, world_seed, floor)]
    trainings = {row.name: seeds or row.seeds.get(scale, knobs.seeds) for row in rows}
    for seed in range(max(trainings.values())):
        for row in rows:
            if seed >= trainings[row.name] or (only and row.name not in only):
                continue
            done = out / "runs" / _folder(row.name, seed) / MEASURED
            if done.exists():
                continue
            console.print(f"\n[{row.name}, seed {seed}] {row.what}")
            recipe = recipe_of(row, scale, knobs, seed, device=device, settings=settings)
            trained = out / "runs" / _folder(row.same_training_as or row.name, seed) / "run"
            joined = done.parent / "run"
            measured = measure(row, seed, recipe, release, trained=trained, joined=joined, console=console)
            with written_whole(_made(done.parent) / done.name) as draft:
                draft.write_text(measured.model_dump_json() + "\n", encoding="utf-8")
            console.print(f"[{row.name}, seed {seed}] precision {measured.precision:.3f} on the test")
    held = sorted((out / "runs").glob(f"*/{MEASURED}"))
    return [*(Measured.model_validate_json(file.read_bytes()) for file in held), *ceiling]


def fast_arithmetic(device: str) -> list[str]:
    """The knob that halves the time of a training where the processor itself multiplies bfloat16. (One that
    does not takes several times longer with it.)"""
    has_it = torch.cpu.get_capabilities()
    is_fast = any(has_it.get(name) for name in ("avx512_bf16", "amx_bf16"))
    return ["train.precision=bfloat16"] if choose_device(device).type == "cpu" and is_fast else []


def recipe_of(
    row: Row, scale: str, knobs: Scale, seed: int, *, device: str = "auto", settings: Sequence[str] = ()
) -> Recipe:
    """The row's recipe; of what is set twice the later counts: scale, settings, row, row at this scale."""
    chosen = [f"train.device={device}", *knobs.set, *settings, *row.set, *row.only.get(scale, [])]
    return load_recipe(row.config_at.get(scale, row.config), [*chosen, f"train.seed={SEEDS_APART * seed}"])


def measure(
    row: Row, seed: int, recipe: Recipe, release: Release, *, trained: Path, joined: Path, console: Console
) -> Measured:
    """Train into `trained`, unless that is done, and score the test images. joined: where the members of a
    recipe are joined, which is another folder for a row that has the same training as another."""
    started = _now()
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
        if joined != trained:
            fit_recipe(release, recipe, trained, joined, console=console)
        scorer = FittedEnsemble(load_ensemble(joined, processor))
    scores = score_test(release, scorer.score)["score"].to_numpy()
    reached = _on_the_test(release, scores, first.metric.recall_floor)
    return Measured(row=row.name, seed=seed, **reached, **_since(started))


def measured_ceiling(release: Release, world_seed: int, recall_floor: float) -> Measured:
    """The best that any detector could reach on these test images: `cloud_images.synthetic.ceiling`."""
    started = _now()
    try:
        scores = oracle_scores(release, world_seed)
    except ReleaseError as error:
        raise StarterKitError(str(error)) from None
    reached = _on_the_test(release, scores, recall_floor)
    return Measured(row=CEILING, seed=0, **reached, **_since(started))


def _on_the_test(release: Release, scores: NDArray[np.float64], recall_floor: float) -> dict[str, float]:
    truth = release.solution_table()
    result = precision_at_recall(
        scores,
        truth["label"].to_numpy(),
        recall_floor,
        storms=truth["storm_id"].to_list(),
        hours=truth["time"].dt.epoch("s").to_numpy() / 3600,
    )
    return {
        "precision": result.precision or 0.0,
        "recall": result.recall or 0.0,
        "standard_error": standard_error(result),
    }


def _now() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def _since(started: tuple[float, float]) -> dict[str, float]:
    passed, worked = (now - then for now, then in zip(_now(), started, strict=True))
    return {"seconds": passed, "processor_seconds": worked}


def read_about(out: Path) -> About:
    """What the folder was begun with. Raises StarterKitError where that cannot be read."""
    file = out / ABOUT
    try:
        return About.model_validate_json(file.read_bytes())
    except ValidationError as error:
        problems = error.error_count()
        raise StarterKitError(f"{file} cannot be read ({problems} problems): name a new --out.") from None


def _begin(out: Path, about: About) -> None:
    """Write down what the folder is for. Raises StarterKitError where it was begun for something else."""
    try:
        known = read_about(out)
    except FileNotFoundError:
        with written_whole(_made(out) / ABOUT) as draft:
            draft.write_text(about.model_dump_json(indent=1) + "\n", encoding="utf-8")
        return
    differing = [name for name, value in about if value != getattr(known, name)]
    if differing:
        what = differing[0].replace("_", " ")
        was, now = getattr(known, differing[0]), getattr(about, differing[0])
        raise StarterKitError(
            f"{out} holds an ablation with another {what} ({was}, not {now}), and rows of both do not "
            "compare: name a new --out, or go on with what it was begun with."
        )


def _world(given: Path | None, made: Path, knobs: Scale, seed: int | None, console: Console) -> Release:
    try:
        if given is None and not made.exists():
            assert seed is not None
            console.print(f"Drawing a world of {knobs.train:,} training and {knobs.test:,} test images …")
            synthesize(_made(made.parent) / made.name, train=knobs.train, test=knobs.test, seed=seed)
        release = open_release(given or made)
    except ReleaseError as error:
        raise StarterKitError(str(error)) from None
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
