"""The release as training sees it: images on disk, labels, and a part held back by whole storms."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from cloud_images import Release, ReleaseError, open_release
from cloud_images.shards import ShardedImages
from cloud_images.tables import contradictions
from starter_kit.configuration.sections import ValidationConfig
from starter_kit.errors import StarterKitError, did_you_mean

Positions = NDArray[np.int64]


@dataclass(frozen=True)
class TrainingData:
    """Labelled images and their division.

    images: (N, 64, 64) uint8, read from disk when indexed; labels: (N,) uint8, 1 for a cyclone or precursor;
    storms: (N,) storm ids, None for negatives; training, validation: positions, ascending, sharing no storm;
    hours: (N,) float64, hours since 1970 (UTC); latitude, longitude: (N,) float64, degrees.
    """

    images: ShardedImages
    labels: NDArray[np.uint8]
    storms: list[str | None]
    training: Positions
    validation: Positions
    hours: NDArray[np.float64]
    latitude: NDArray[np.float64]
    longitude: NDArray[np.float64]


def open_data(directory: str | Path) -> Release:
    """Open a release folder. Raises StarterKitError that says what a right folder looks like."""
    try:
        return open_release(directory)
    except ReleaseError as error:
        near = did_you_mean(Path(directory), "manifest.json")
        raise StarterKitError(
            f"{error}{near} --data takes the folder of a release, with manifest.json, train/ and test/ in "
            "it: `python -m starter_kit download COMPETITION --out DIR` makes one."
        ) from None


def rows_and_images(release: Release, part: Literal["train", "test"]) -> tuple[Any, ShardedImages]:
    """The table of the training images or the ids of the test images, and the images, one for each row.
    Raises StarterKitError for a damaged release."""
    try:
        rows, images = (
            (release.train_table(), release.train_images)
            if part == "train"
            else (release.test_ids(), release.test_images)
        )
    except ReleaseError as error:
        raise StarterKitError(f"{error} Downloading again repairs it.") from None
    if len(rows) != len(images):
        named = "training" if part == "train" else "test"
        raise StarterKitError(
            f"{release.directory} has {len(rows)} rows in {part}.csv and {len(images)} {named} images; "
            "downloading again repairs it."
        )
    return rows, images


def load_training_data(release: Release, validation: ValidationConfig) -> TrainingData:
    """Read labels and hold back a part. Raises StarterKitError for a damaged or too small release."""
    table, images = rows_and_images(release, "train")
    for contradiction in contradictions(table):
        raise StarterKitError(
            f"{release.directory / 'train.csv'} has {contradiction}. Downloading again repairs it."
        )
    folds = assign_folds(table, validation)
    held_back = folds == validation.fold
    return TrainingData(
        images=images,
        labels=table["label"].to_numpy().astype(np.uint8),
        storms=table["storm_id"].to_list(),
        training=np.flatnonzero(~held_back),
        validation=np.flatnonzero(held_back),
        hours=table["time"].dt.epoch("s").to_numpy() / 3600,
        latitude=table["latitude"].to_numpy().astype(np.float64),
        longitude=table["longitude"].to_numpy().astype(np.float64),
    )


def assign_folds(table: pl.DataFrame, config: ValidationConfig) -> NDArray[np.int64]:
    """The fold of each row, (N,) in 0 … folds − 1.

    Images of one storm resemble each other, and so do the negatives of the same days: a random split would
    let the model recognise what it has seen. So whole storms, and whole blocks of days, are dealt to the
    folds; with `by = "year"` whole years are, a storm going with the year of its first image.

    Raises StarterKitError where there are fewer storms, blocks or years than folds.
    """
    rng = np.random.default_rng(config.seed)
    positive = table["label"].to_numpy() == 1
    if config.by == "year":
        first_seen = pl.col("time").min().over("storm_id")  # null, the negatives, is no storm
        year = pl.when(pl.col("storm_id").is_null()).then("time").otherwise(first_seen).dt.year()
        groups_by_class = [(np.ones(len(table), bool), table.select(year).to_series().to_numpy(), "years")]
    else:
        days = table["time"].dt.epoch("s").to_numpy() // 86_400
        blocks = days[~positive] // config.block_days
        groups_by_class = [
            (positive, table["storm_id"].to_numpy()[positive], "storms"),
            (~positive, blocks, f"{config.block_days}-day blocks of negatives"),
        ]
    folds = np.empty(len(table), np.int64)
    for rows, groups, noun in groups_by_class:
        names, group_of_row = np.unique(groups, return_inverse=True)
        if len(names) < config.folds:
            fewer = f", or --set validation.folds={len(names)}" if len(names) > 1 else ""
            raise StarterKitError(
                f"The training images hold {len(names)} {noun}, too few for {config.folds} folds: "
                f"a larger release{fewer}."
            )
        fold_of_group = rng.permutation(len(names)) % config.folds
        folds[rows] = fold_of_group[group_of_row]
    return folds
