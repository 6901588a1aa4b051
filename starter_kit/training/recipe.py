"""Train a recipe: its members one after the other, then how they become one score."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from rich.console import Console

from cloud_images import Release
from starter_kit.atomic_file import written_whole
from starter_kit.configuration.reading import Recipe
from starter_kit.device import choose_device
from starter_kit.errors import StarterKitError
from starter_kit.inference.ensemble_folder import ENSEMBLE, HELD_BACK, EnsembleRecord, fit_ensemble
from starter_kit.terminal import console as terminal_console
from starter_kit.terminal import image_columns, progress_bar
from starter_kit.training.train import train

RECIPE, MEMBERS = "recipe.json", "members"


def train_recipe(
    release: Release,
    recipe: Recipe,
    out: Path,
    *,
    overwrite: bool = False,
    resume: bool = False,
    console: Console | None = None,
) -> EnsembleRecord | None:
    """Train every member into `out`/members and fit the ensemble. Of several processes the first fits it, and
    the others return None.

    resume: members that are finished stay, the one that was stopped goes on, the others follow.
    Raises StarterKitError for a folder in use, and as `train`.
    """
    console = console or terminal_console
    trainings = recipe.trainings()
    is_first = os.environ.get("RANK", "0") == "0"  # of the processes that torchrun started
    if is_first:
        _prepare(recipe, out, overwrite=overwrite, resume=resume)
    else:
        console = Console(quiet=True)
    for number, (name, config) in enumerate(trainings.items(), 1):
        console.print(f"\nMember {number} of {len(trainings)}: {name}")
        train(release, config, out / MEMBERS / name, resume=resume, console=console)
    return fit_recipe(release, recipe, out, out, console=console) if is_first else None


def fit_recipe(
    release: Release, recipe: Recipe, trained: Path, out: Path, *, console: Console | None = None
) -> EnsembleRecord:
    """Join the members of a recipe that were trained into `trained`/members; `out` takes the ensemble."""
    console = console or terminal_console
    device = choose_device(next(iter(recipe.members.values())).train.device)
    console.print(f"\nEach member alone on the images held back, and their {recipe.ensemble.method}:")
    with progress_bar(*image_columns(), on=console) as progress:
        task = progress.add_task("images held back", total=None)
        record = fit_ensemble(
            release,
            _runs_by_member(recipe, trained),
            recipe.ensemble,
            out,
            device,
            on_progress=lambda images: progress.advance(task, images),
            say=console.print,
        )
    reached = record.reached
    console.print(
        f"  {'together':<20} precision {reached.precision:.3f} ± {reached.standard_error:.3f} "
        f"at recall {reached.recall:.3f}\nKept in {out}."
    )
    return record


def _runs_by_member(recipe: Recipe, trained: Path) -> dict[str, list[Path]]:
    """The runs of each member and seed; those that differ in their fold alone belong together."""
    runs: dict[str, list[Path]] = {}
    for name, config in recipe.trainings().items():
        fold = f"-fold{config.validation.fold}"
        member = name.removesuffix(fold) if recipe.ensemble.cross_validate else name
        runs.setdefault(member, []).append(trained / MEMBERS / name)
    return runs


def _prepare(recipe: Recipe, out: Path, *, overwrite: bool, resume: bool) -> None:
    """Make the folder and write down what it is for. Raises StarterKitError where something would be lost or
    mixed."""
    content = {
        "trainings": {name: config.model_dump(mode="json") for name, config in recipe.trainings().items()},
        "ensemble": recipe.ensemble.model_dump(mode="json"),
    }
    before = out / RECIPE
    if before.is_file() and resume:
        known = json.loads(before.read_text(encoding="utf-8"))
        if known["trainings"] != content["trainings"]:
            raise StarterKitError(
                f"{out} was begun with another recipe. Give the same --config and --set as then, or start "
                "anew with --overwrite."
            )
    elif out.exists() and (not out.is_dir() or any(out.iterdir())):
        if not (overwrite and before.is_file()):
            way_out = "--resume goes on, --overwrite starts anew." if before.is_file() else "Choose another."
            raise StarterKitError(f"{out} exists already. {way_out}")
        shutil.rmtree(out / MEMBERS, ignore_errors=True)
    for name in (ENSEMBLE, HELD_BACK):
        (out / name).unlink(missing_ok=True)
    try:
        (out / MEMBERS).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StarterKitError(f"The folder {out} cannot be made: {error.strerror}.") from None
    with written_whole(before) as draft:
        draft.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
