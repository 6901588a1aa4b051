"""The skill on observed images of models that learned from simulation, with each translation's help.

A translation can help at either end: what is observed is made to look simulated before the model sees it, or
the model is trained on simulated images that were made to look observed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cloud_images import Release
from cloud_images.shards import ShardedImages
from scoring import evaluate as evaluate_predictions
from scoring.metrics import AveragePrecision, RocAuc
from starter_kit.configuration.sections import Config
from starter_kit.images.data import TrainingData, open_data
from starter_kit.inference.evaluate import on_validation
from starter_kit.inference.predict import Scores, predict_logits, probability
from starter_kit.observation.episodes import Divided
from starter_kit.observation.patches import Images, save_observations
from starter_kit.observation.skill import Skill, measure_skill
from starter_kit.observation.translated_release import translate_release
from starter_kit.observation.translation import Method, NoTranslation, Translation
from starter_kit.run_folder import Run, load_run

TrainOn = Callable[[Release, Config, Path], object]
"""train_on(release, config, folder): leaves a run in the folder; one that is finished stays as it is."""
NONE = "none"


def skill_with_translated_observations(
    run: Run, learned: Mapping[str, Sequence[Translation]], divided: Divided, *, tta: bool
) -> list[Skill]:
    """The model as it is; what is observed is made to look simulated by each translation in turn.

    learned: by name, for each half a translation that has learned nothing from it.
    """
    return [
        _measured(NONE, method, [run, run], translations, divided.labelled(), tta=tta)
        for method, translations in learned.items()
    ]


def skill_of_retrained(
    method: Method,
    run: Run,
    learned: Sequence[Translation],
    divided: Divided,
    *,
    release: Release,
    folders: Sequence[Path],
    waves: int,
    tta: bool,
    train_on: TrainOn,
) -> Skill:
    """Models with the knobs of `run`, trained on simulated images made to look observed; the observed stay as
    they are. A folder for each half takes the translated release and the run; Fourier style needs no
    translated release, it is an augmentation."""
    runs = []
    for side, (folder, translation) in enumerate(zip(folders, learned, strict=True)):
        config, world = run.config, release
        if method == "fourier":
            save_observations(divided.side(1 - side), folder / "styles")
            style = {"style": folder / "styles", "style_waves": waves}
            config = config.model_copy(update={"augment": config.augment.model_copy(update=style)})
        else:
            world = _translated(release, translation, folder / f"{method}-world")
        target = folder / f"{method}-run"
        train_on(world, config, target)
        runs.append(load_run(target, next(run.model.parameters()).device))
    as_they_are = [NoTranslation(), NoTranslation()]
    return _measured(method, NONE, runs, as_they_are, divided.labelled(), tta=tta)


def skill_on_simulation(run: Run, data: TrainingData, *, tta: bool) -> dict[str, float | None]:
    """What the model reaches on the storms of the simulation that it held back."""
    scores, labels = _scores(run, data.images, data.validation, tta=tta), data.labels[data.validation]
    return {
        "auc": evaluate_predictions(labels, scores, RocAuc(), device="cpu").score,
        "average_precision": evaluate_predictions(labels, scores, AveragePrecision(), device="cpu").score,
        "precision": on_validation(scores, data, run.config.metric.recall_floor).score,
        "positives": float(labels.mean()),
    }


def _measured(
    trained_on: str,
    seen: str,
    runs: Sequence[Run],
    translations: Sequence[Translation],
    judged: Divided,
    *,
    tta: bool,
) -> Skill:
    scores = np.empty(len(judged.observed))
    for side, (run, translation) in enumerate(zip(runs, translations, strict=True)):
        images = translation.translate(judged.side(side).images, "simulated", seed=side)
        scores[judged.half == side] = _scores(run, images, np.arange(len(images)), tta=tta)
    return measure_skill(trained_on, seen, scores, judged, runs[0].config.metric.recall_floor)


def _scores(run: Run, images: ShardedImages | Images, rows: NDArray[np.int64], *, tta: bool) -> Scores:
    return probability(predict_logits(run.model, images, rows, tta=tta))


def _translated(release: Release, translation: Translation, folder: Path) -> Release:
    if folder.exists():
        return open_data(folder)
    return translate_release(
        release, translation, folder, title=f"{release.manifest.title}, made to look observed"
    )
