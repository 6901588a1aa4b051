"""An ensemble on disk: trained members, and how they become one score.

ensemble.json      the members' folders, how they are joined, what that reached
held_back.parquet  for every image that was held back: its label, each member's logit, the ensemble's score
members/           the members' runs, where a recipe trained them
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from cloud_images import Release
from cloud_images.shards import ShardedImages
from scoring import Result
from starter_kit.atomic_file import written_whole
from starter_kit.configuration.sections import EnsembleConfig, ValidationConfig
from starter_kit.errors import StarterKitError, first_line
from starter_kit.images.data import TrainingData, assign_folds, load_training_data
from starter_kit.inference.blending import Blend, cross_fitted, fit_blend
from starter_kit.inference.calibration import Calibration, fit_calibration
from starter_kit.inference.evaluate import precision_at_recall, standard_error
from starter_kit.inference.predict import OnProgress, Scores, predict_logits
from starter_kit.run_folder import load_run

ENSEMBLE, HELD_BACK = "ensemble.json", "held_back.parquet"
CROSS_FITTING_FOLDS = 5


class Reached(BaseModel):
    """What the ensemble reached on images that none of its members, nor its own fit, had seen."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    precision: float
    recall: float
    threshold: float
    recall_floor: float
    standard_error: float
    members: dict[str, float]  # the precision of each alone


class EnsembleRecord(BaseModel):
    """What ensemble.json holds. members: folders relative to it, by member; several where each has learned
    from other folds, and their logits are averaged."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    members: dict[str, list[str]]
    validation: ValidationConfig
    blend: Blend
    calibration: Calibration
    tta: bool
    tta_shift: int
    reached: Reached


@dataclass(frozen=True)
class Ensemble:
    """A fitted ensemble, ready to score. Its members are loaded one at a time."""

    directory: Path
    record: EnsembleRecord
    device: torch.device

    @property
    def runs(self) -> int:
        return sum(len(folders) for folders in self.record.members.values())

    def score(
        self,
        images: ShardedImages | NDArray[np.uint8],
        positions: NDArray[np.int64],
        *,
        on_progress: OnProgress | None = None,
    ) -> Scores:
        """Scores of the images at `positions`, float64 in 0 … 1, with the test-time augmentation that the
        ensemble was fitted with."""
        record = self.record

        def logits_of(folder: str) -> Scores:
            return predict_logits(
                load_run(self.directory / folder, self.device).model, images, positions,
                tta=record.tta, shift=record.tta_shift, on_progress=on_progress,
            )  # fmt: skip

        logits = np.stack(
            [
                np.mean([logits_of(folder) for folder in folders], axis=0)
                for folders in record.members.values()
            ]
        )
        return record.calibration(record.blend(logits))


def is_ensemble(directory: Path) -> bool:
    return (directory / ENSEMBLE).is_file()


def load_ensemble(directory: Path, device: torch.device) -> Ensemble:
    """Read an ensemble's folder. Raises StarterKitError for anything else."""
    try:
        record = EnsembleRecord.model_validate_json((directory / ENSEMBLE).read_bytes())
    except (OSError, ValidationError) as error:
        raise StarterKitError(f"The ensemble {directory} cannot be read: {first_line(error)}") from None
    return Ensemble(directory, record, device)


def fit_ensemble(
    release: Release,
    members: Mapping[str, Sequence[Path]],
    config: EnsembleConfig,
    out: Path,
    device: torch.device,
    *,
    on_progress: OnProgress | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> EnsembleRecord:
    """Score the held-back images with every member, fit how they are joined, and write `out`.

    members: the runs of each; one, or one for every fold of a cross-validation. What is reached is measured
    cross-fitted: each image by a fit that has not seen its storm.
    Raises StarterKitError where the members did not hold back the same images.
    """
    data, positions, logits, folds = held_back_logits(
        release, members, config, device, on_progress=on_progress
    )
    labels = data.labels[positions]
    first = load_run(next(iter(members.values()))[0], torch.device("cpu"))
    floor = first.config.metric.recall_floor
    honest = cross_fitted(config.method, logits, labels, folds, floor)
    calibration = fit_calibration(config.calibration, honest, labels)
    scores = calibration(honest)

    def judged(values: Scores, replicates: int = 1000) -> Result:
        storms = [data.storms[position] for position in positions]
        hours = data.hours[positions]
        return precision_at_recall(values, labels, floor, storms=storms, hours=hours, replicates=replicates)

    result = judged(scores)
    alone = {
        name: judged(row, replicates=0).precision or 0.0 for name, row in zip(members, logits, strict=True)
    }
    for name, precision in alone.items():
        say(f"  {name:<20} precision {precision:.3f}")
    record = EnsembleRecord(
        members={name: [str(os.path.relpath(run, out)) for run in runs] for name, runs in members.items()},
        validation=first.config.validation,
        blend=fit_blend(config.method, logits, labels, floor),
        calibration=calibration,
        tta=config.tta,
        tta_shift=config.tta_shift,
        reached=Reached(
            precision=result.precision or 0.0,
            recall=result.recall or 0.0,
            threshold=result.threshold or 0.0,
            recall_floor=floor,
            standard_error=standard_error(result),
            members=alone,
        ),
    )
    out.mkdir(parents=True, exist_ok=True)
    table = pl.DataFrame(
        {"position": positions, "label": labels, "score": scores}
        | {f"logit of {name}": row for name, row in zip(members, logits, strict=True)}
    )
    with written_whole(out / HELD_BACK) as draft:
        table.write_parquet(draft)
    with written_whole(out / ENSEMBLE) as draft:
        draft.write_text(record.model_dump_json(indent=1) + "\n", encoding="utf-8")
    return record


def held_back_logits(
    release: Release,
    members: Mapping[str, Sequence[Path]],
    config: EnsembleConfig,
    device: torch.device,
    *,
    on_progress: OnProgress | None = None,
) -> tuple[TrainingData, NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
    """The data, the positions (N,) that every member was tested on, their logits (K, N), and the fold of each
    image for cross-fitting, (N,). Raises StarterKitError where members held back different images."""
    held_back: dict[str, frozenset[ValidationConfig]] = {}
    rows: list[dict[int, NDArray[np.float64]]] = []
    data: TrainingData | None = None
    positions_of: dict[int, NDArray[np.int64]] = {}
    for name, runs in members.items():
        row = {}
        for folder in runs:
            run = load_run(folder, device)
            validation = run.config.validation
            data = load_training_data(release, validation)
            positions_of[validation.fold] = data.validation
            row[validation.fold] = predict_logits(
                run.model, data.images, data.validation,
                tta=config.tta, shift=config.tta_shift, on_progress=on_progress,
            )  # fmt: skip
            held_back[name] = held_back.get(name, frozenset()) | {validation}
        rows.append(row)
    assert data is not None
    wanted = next(iter(held_back.values()))
    for name, parts in held_back.items():
        if parts != wanted:
            raise StarterKitError(
                f"{name} and {next(iter(held_back))} held back different storms (their [validation] "
                "differs), so no image is new to both, and nothing can be fitted on any."
            )
    order = sorted(positions_of)
    positions = np.concatenate([positions_of[fold] for fold in order])
    logits = np.stack([np.concatenate([row[fold] for fold in order]) for row in rows])
    if len(order) > 1:
        folds = np.concatenate([np.full(len(positions_of[fold]), fold) for fold in order])
    else:
        folds = _inner_folds(release, positions, next(iter(wanted)))
    return data, positions, logits, folds


def _inner_folds(
    release: Release, positions: NDArray[np.int64], validation: ValidationConfig
) -> NDArray[np.int64]:
    """The held-back images divided once more, by storms and days, as far as there are storms."""
    table = release.train_table()[positions]
    storms = table["storm_id"].drop_nulls().n_unique()
    days = table.filter(pl.col("label") == 0)["time"].dt.epoch("d")
    parts = min(CROSS_FITTING_FOLDS, storms, (days // validation.block_days).n_unique())
    if parts < 2:
        return np.zeros(len(positions), np.int64)  # nothing can be cross-fitted on one storm, or one block
    inner = {"by": "storm", "folds": parts, "fold": 0}
    return assign_folds(table, validation.model_copy(update=inner))
