"""The whole comparison: every translation, the gap that it leaves, and a model's skill on observed images.

    OUT/half-0/histogram/        learned from the other half of the observed images, and so judged on half 0
    OUT/half-0/histogram-world/  with retraining: the release translated by it …
    OUT/half-0/histogram-run/    … and the model trained on that, with the knobs of the given one

What is finished stays, so that a comparison that was stopped goes on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.progress import Progress, TaskID

from cloud_images import Release
from starter_kit.configuration.sections import ValidationConfig
from starter_kit.images.data import TrainingData, load_training_data
from starter_kit.observation.cycle_gan import GanKnobs
from starter_kit.observation.cycle_gan_training import Losses
from starter_kit.observation.episodes import Divided, divide
from starter_kit.observation.gap import Gap, control, measure_gap
from starter_kit.observation.learn import DEFAULT_WAVES, learn
from starter_kit.observation.patches import Images, Observations
from starter_kit.observation.skill import Skill
from starter_kit.observation.transfer import (
    NONE,
    skill_of_retrained,
    skill_on_simulation,
    skill_with_translated_observations,
)
from starter_kit.observation.translation import Method, NoTranslation, Translation
from starter_kit.run_folder import Run
from starter_kit.terminal import progress_bar
from starter_kit.training.train import train

Learned = Mapping[str, Sequence[Translation]]
"""By name, for each half a translation that has learned nothing from it."""


@dataclass(frozen=True)
class Plan:
    """What to compare. networks, steps: of the classifiers that tell images apart; waves: Fourier style's."""

    methods: Sequence[Method] = ("histogram", "fourier", "cyclegan")
    retrain: bool = False
    tta: bool = False
    waves: int = DEFAULT_WAVES
    knobs: GanKnobs = field(default_factory=GanKnobs)
    networks: int = 3
    steps: int = 200


@dataclass
class Study:
    """What came out. control: AUCs that two storms of the simulation reach against the rest of it; simulated:
    what the model reaches on the storms of the simulation that it held back, by metric; gallery: by caption
    as many simulated, translated and observed images, (G, 64, 64) each, the first half of them storms."""

    about: dict[str, object]
    gaps: list[Gap]
    control: list[float]
    skills: list[Skill] = field(default_factory=list)
    simulated: dict[str, float | None] = field(default_factory=dict)
    gallery: dict[str, Images] = field(default_factory=dict)


def compare(
    release: Release,
    observed: Observations,
    out: Path,
    plan: Plan,
    *,
    run: Run | None,
    device: torch.device,
    source: str,
    console: Console,
) -> Study:
    """Learn every translation on each half of the observed, measure the gaps, and with a run its skill.

    source: what the observations are called. Raises StarterKitError where they cannot be divided, or where
    `out` holds translations of other images or options.
    """
    data = load_training_data(release, run.config.validation if run else ValidationConfig())
    divided = divide(observed)
    folders = [out / "half-0", out / "half-1"]
    learned: dict[str, list[Translation]] = {NONE: [NoTranslation(), NoTranslation()]}
    for method in plan.methods:
        learned[method] = []
        for side, folder in enumerate(folders):
            console.print(f"Learning {method}, to be judged on half {side} …")
            names = (f"{release.manifest.name} {release.manifest.version}", f"{source}, half {1 - side}")
            with progress_bar() as bar:
                task = bar.add_task("steps", total=plan.knobs.steps if method == "cyclegan" else None)
                translation = learn(
                    method, data, divided.side(1 - side), folder / method, source=names, waves=plan.waves,
                    knobs=plan.knobs, device=device, on_step=partial(_show, bar, task),
                )  # fmt: skip
            learned[method].append(translation)
    gaps = []
    for name, translations in learned.items():
        console.print(f"Telling apart: simulated, translated by {name}, and observed …")
        gap = measure_gap(
            name, translations, data, divided, seeds=range(plan.networks), steps=plan.steps, device=device
        )
        gaps.append(gap)
    console.print("Telling apart: two storms of the simulation, and the rest of it …")
    study = Study(
        about=_about(release, divided, source, plan, run),
        gaps=gaps,
        control=control(data, divided, steps=plan.steps, device=device),
        gallery=_gallery(learned, data, divided),
    )
    if run is None:
        return study
    console.print("Looking for cyclones in the observed images …")
    study.simulated = skill_on_simulation(run, data, tta=plan.tta)
    study.skills = skill_with_translated_observations(run, learned, divided, tta=plan.tta)
    for method in plan.methods if plan.retrain else ():
        console.print(f"Training on images translated by {method} …")
        skill = skill_of_retrained(
            method, run, learned[method], divided, release=release, folders=folders, waves=plan.waves,
            tta=plan.tta,
            train_on=partial(train, resume=True, console=console),
        )  # fmt: skip
        study.skills.append(skill)
    return study


def _show(bar: Progress, task: TaskID, step: int, losses: Losses) -> None:
    bar.update(task, completed=step)


def _gallery(learned: Learned, data: TrainingData, divided: Divided, each: int = 4) -> dict[str, Images]:
    """Storms, then other clouds: simulated ones in every translation, and observed ones of half 0, spread
    over its time."""
    rng = np.random.default_rng(7)
    held_back = data.validation
    drawn = [rng.permutation(held_back[data.labels[held_back] == label])[:each] for label in (1, 0)]
    simulated = data.images[np.concatenate(drawn)]
    pictures = {"simulated": simulated}
    for method, translations in learned.items():
        if method != NONE:
            pictures[method] = translations[0].translate(simulated, "observed", seed=7)
    judged = divided.labelled().side(0)
    rows = [np.flatnonzero(judged.labels == label) for label in (1, 0)]
    spread = [some[np.linspace(0, len(some) - 1, each).round().astype(int)] for some in rows]
    pictures["observed"] = judged.images[np.concatenate(spread)]
    return pictures


def _about(release: Release, divided: Divided, source: str, plan: Plan, run: Run | None) -> dict[str, object]:
    def half(number: int) -> dict[str, object]:
        part = divided.side(number)
        labels = part.labels[part.labelled]
        return {
            "storms": part.table["storm_id"].drop_nulls().unique().sort().to_list(),
            "first": part.table["time"].dt.strftime("%Y-%m-%d").min(),
            "last": part.table["time"].dt.strftime("%Y-%m-%d").max(),
            "images_of_storms": int(labels.sum()),
            "images_of_other_clouds": len(labels) - int(labels.sum()),
            "windows": len(part) - len(labels),
        }

    return {
        "release": f"{release.manifest.name} {release.manifest.version}",
        "training_images": len(release.train_images),
        "observed": source,
        "halves": [half(0), half(1)],
        "run": None if run is None else run.directory.name,
        "recall_floor": None if run is None else run.config.metric.recall_floor,
        "tta": plan.tta,
        "cyclegan": plan.knobs.model_dump() if "cyclegan" in plan.methods else None,
        "waves": plan.waves,
        "networks": plan.networks,
        "steps": plan.steps,
    }
