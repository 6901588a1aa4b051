"""Learn a translation from simulated and observed images, neither of which needs a label."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from starter_kit.errors import StarterKitError
from starter_kit.images.data import TrainingData
from starter_kit.observation.cycle_gan import GanKnobs
from starter_kit.observation.cycle_gan_training import Losses, train_cycle_gan
from starter_kit.observation.patches import Images, Observations, Rows
from starter_kit.observation.translation import (
    RECORD,
    CycleGan,
    FourierStyle,
    HistogramMatching,
    Method,
    Translation,
    TranslationRecord,
    open_translation,
    save_translation,
)

SIMULATED_IMAGES = 4096
"""So many represent the simulation: more change no quantile by a grey."""
STYLES = 1024
DEFAULT_WAVES = 3


def learn(
    method: Method,
    data: TrainingData,
    observed: Observations,
    folder: Path,
    *,
    source: tuple[str, str],
    waves: int = DEFAULT_WAVES,
    knobs: GanKnobs | None = None,
    device: torch.device | None = None,
    on_step: Callable[[int, Losses], None] | None = None,
) -> Translation:
    """Learn from the training side of `data` (what a model holds back stays unseen) and all of `observed`.

    The simulated images are drawn with the same share of storms as the observed ones, so that no method
    takes the rarity of storms for a matter of appearance. source: names of the release and of the folder of
    observations, for the record. A finished translation of the same options in `folder` is opened instead, a
    CycleGAN that was stopped goes on. Raises StarterKitError where there is nothing to learn from, or where
    `folder` holds another translation.
    """
    device = device or torch.device("cpu")
    if not len(observed):
        raise StarterKitError("There are no observed images to learn from.")
    knobs = (knobs or GanKnobs()) if method == "cyclegan" else None
    record = TranslationRecord(
        method=method, release=source[0], observed=source[1], images=len(observed), cyclegan=knobs
    )
    if (folder / RECORD).exists():
        found, before = open_translation(folder, device)
        _refuse_another(folder, found, before, record, waves)
        return found
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StarterKitError(f"The folder {folder} cannot be made: {error.strerror}.") from None
    rng = np.random.default_rng([0 if knobs is None else knobs.seed, 3])
    rows = matched_rows(data.labels, data.training, float(observed.labels.mean()), SIMULATED_IMAGES, rng)
    learned: Translation
    if method == "histogram":
        learned = HistogramMatching.learn(data.images[rows], observed.images)
    elif method == "fourier":
        learned = FourierStyle(data.images[rows[:STYLES]], _some(observed.images, rng), waves)
    else:
        assert knobs is not None
        generators, losses = train_cycle_gan(
            data.images, rows, observed.images, knobs, folder, device=device, on_step=on_step
        )
        learned, record = CycleGan(generators), record.model_copy(update={"losses": losses})
    save_translation(folder, learned, record)
    return learned


def matched_rows(
    labels: NDArray[np.uint8], candidates: Rows, storm_share: float, size: int, rng: np.random.Generator
) -> Rows:
    """Up to `size` of the candidate positions in random order, of which `storm_share` show storms.

    No image twice: where there are too few of a class, there are fewer of the other, too. Raises
    StarterKitError where a class that is wanted has no image at all.
    """
    storms, others = candidates[labels[candidates] == 1], candidates[labels[candidates] == 0]
    for name, rows, share in (("storms", storms, storm_share), ("other clouds", others, 1 - storm_share)):
        if share > 0 and not len(rows):
            raise StarterKitError(f"The release has no training images of {name} to set beside the observed.")
        if share > 0:
            size = min(size, int(len(rows) / share + 1e-9))
    wanted = round(size * storm_share)
    drawn = np.concatenate([rng.permutation(storms)[:wanted], rng.permutation(others)[: size - wanted]])
    return rng.permutation(drawn)


def _some(images: Images, rng: np.random.Generator) -> Images:
    return images[np.sort(rng.permutation(len(images))[:STYLES])]


def _refuse_another(
    folder: Path, found: Translation, before: TranslationRecord, now: TranslationRecord, waves: int
) -> None:
    same_waves = not isinstance(found, FourierStyle) or found.waves == waves
    if before.model_copy(update={"losses": []}) != now or not same_waves:
        told = json.dumps(before.model_dump(exclude={"losses"}, exclude_none=True))
        raise StarterKitError(
            f"{folder} holds another translation already ({told}). Choose another name for --out."
        )
