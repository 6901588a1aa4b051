"""A release on disk: write it, open it.

A release is a folder of image shards, tables, a solution and a manifest: see `docs/release-format.md`.
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl
from pydantic import ValidationError

from cloud_images.croissant import CROISSANT_NAME, croissant_text
from cloud_images.errors import ReleaseError
from cloud_images.manifest import (
    MANIFEST_NAME,
    Counts,
    Licence,
    Manifest,
    ReleaseFile,
    TestCounts,
    TrainCounts,
)
from cloud_images.shards import (
    IMAGE_SIZE,
    SHARD_ROWS,
    ShardedImages,
    ShardWriter,
    bytes_on_disk,
    shard_lengths,
    shard_name,
)
from cloud_images.split import public_rows
from cloud_images.tables import (
    SOLUTION_COLUMNS,
    TRAIN_COLUMNS,
    checked_table,
    image_ids,
    read_solution,
    read_table,
    write_csv,
)

__all__ = [
    "IMAGE_SIZE",
    "SHARD_ROWS",
    "TRAIN_COLUMNS",
    "About",
    "ImageSet",
    "Progress",
    "Release",
    "ReleaseError",
    "open_release",
    "write_release",
]

SOLUTION_NAME = "solution.parquet"
TABLE_BYTES_PER_ROW = 160  # generous: both tables, sample submission and solution together

Progress = Callable[[str, int, int], None]
"""on_progress(stage, done, total): called now and then, `done` reaching `total` at the end of each stage."""


@dataclass(frozen=True)
class About:
    """What a release says about itself beside its numbers."""

    name: str
    version: str
    title: str
    description: str
    licence: str
    licence_url: str
    source: str
    attribution: str
    url: str | None = None
    extra: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class ImageSet:
    """The images of one side, train or test, and what is known of them.

    table: N rows with `label` (1 for a cyclone or precursor, else 0), `storm_id` (null for negatives),
    `time` (UTC), `latitude`, `longitude` (degrees; longitude in [-180, 180)), `lead_time_hours` (hours until
    genesis, negative after it, null for negatives), `basin`.
    batches: pairs of row numbers (B,) int64 and images (B, 64, 64) uint8, north up; in any order, each row
    once.
    """

    table: pl.DataFrame
    batches: Iterable[tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Release:
    """An opened release. Participants' copies lack the solution."""

    directory: Path
    manifest: Manifest

    @cached_property
    def train_images(self) -> ShardedImages:
        return self._images("train")

    @cached_property
    def test_images(self) -> ShardedImages:
        return self._images("test")

    @property
    def has_solution(self) -> bool:
        return self.solution_path.is_file()

    @property
    def solution_path(self) -> Path:
        return self.directory / SOLUTION_NAME

    def train_table(self) -> pl.DataFrame:
        """The columns TRAIN_COLUMNS; row i belongs to train_images[i]."""
        return read_table(self.directory / "train.csv", TRAIN_COLUMNS)

    def test_ids(self) -> pl.Series:
        """The id of each test image; row i belongs to test_images[i]."""
        return read_table(self.directory / "test.csv", ("image_id",))["image_id"]

    def solution_table(self) -> pl.DataFrame:
        """The columns SOLUTION_COLUMNS; row i belongs to test_images[i]."""
        return read_solution(self.solution_path)

    def _images(self, side: Literal["train", "test"]) -> ShardedImages:
        count = (self.manifest.counts.train if side == "train" else self.manifest.counts.test).images
        images = ShardedImages(
            self.directory / side / shard_name(index) for index in range(len(shard_lengths(count)))
        )
        if len(images) != count:
            raise ReleaseError(
                f"{self.directory / side} holds {len(images)} images and the manifest says {count}; "
                f"`python -m cloud_images verify {self.directory}` names the damaged file."
            )
        return images


def open_release(directory: str | Path) -> Release:
    """Open a release without reading its images. Raises ReleaseError on a folder that is none."""
    directory = Path(directory)
    path = directory / MANIFEST_NAME
    try:
        manifest = Manifest.model_validate_json(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        raise ReleaseError(f"{directory} is no release: it has no {MANIFEST_NAME}.") from None
    except OSError as error:
        raise ReleaseError(f"{path} cannot be read: {error.strerror}.") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ReleaseError(f"{path} is no manifest of a release: {where} {first['msg']}".rstrip()) from None
    return Release(directory, manifest)


def write_release(
    directory: str | Path,
    *,
    train: ImageSet,
    test: ImageSet,
    about: About,
    seed: int,
    public_fraction: float = 0.3,
    prediction: Literal["score", "label"] = "score",
    on_progress: Progress | None = None,
) -> Release:
    """Write a release into a new folder and open it.

    The images are shuffled, so that ids and positions tell nothing; the test is split into a public and a
    private part (`cloud_images.split`). All is a pure function of the images, the tables and the seed, except
    the time of creation in the manifest. The folder appears when it is complete: a killed run leaves only a
    hidden sibling that ends in `.partial`. Raises ReleaseError on tables or images that make no release, on a
    folder that is not empty, and on a full disk.
    """
    directory = Path(directory)
    refuse_occupied(directory)
    train_table, test_table = checked_table(train.table, "train"), checked_table(test.table, "test")
    _refuse_shared_storms(train_table, test_table)
    shuffle_train, shuffle_test, split = (
        _secret_rng(seed, stream, table) for stream, table in enumerate((train_table, test_table, test_table))
    )
    public = public_rows(test_table, public_fraction=public_fraction, rng=split)
    test_table = test_table.with_columns(split=pl.Series(np.where(public, "public", "private")))

    progress = on_progress or _ignore_progress
    with folder_when_complete(directory, room=release_bytes(len(train_table), len(test_table))) as draft:
        train_table = _write_images(draft / "train", train, train_table, shuffle_train, progress)
        test_table = _write_images(draft / "test", test, test_table, shuffle_test, progress)
        write_csv(train_table.select(TRAIN_COLUMNS), draft / "train.csv")
        write_csv(test_table.select("image_id"), draft / "test.csv")
        empty_score = pl.lit(0.0 if prediction == "score" else 0).alias(prediction)
        write_csv(test_table.select("image_id", empty_score), draft / "sample_submission.csv")
        test_table.select(SOLUTION_COLUMNS).write_parquet(draft / SOLUTION_NAME)
        storms = train_table["storm_id"].drop_nulls().n_unique()
        positives = int(train_table["label"].sum())
        counts = Counts(
            train=TrainCounts(
                images=len(train_table),
                positives=positives,
                negatives=len(train_table) - positives,
                storms=storms,
            ),
            test=TestCounts(images=len(test_table)),
        )
        write_manifest(draft, about=about, counts=counts, on_progress=progress)
    return open_release(directory)


def write_manifest(directory: Path, *, about: About, counts: Counts, on_progress: Progress) -> None:
    """Describe the files in the folder: croissant.json for the served ones, manifest.json for all."""
    manifest = Manifest(
        name=about.name,
        version=about.version,
        title=about.title,
        description=about.description,
        licence=Licence(name=about.licence, url=about.licence_url),
        source=about.source,
        attribution=about.attribution,
        url=about.url,
        created=datetime.now(UTC).replace(microsecond=0),
        counts=counts,
        files=list_files(directory, on_progress),
        extra=about.extra,
    )
    (directory / CROISSANT_NAME).write_text(croissant_text(manifest), encoding="utf-8")
    files = [*manifest.files, describe_file(directory, directory / CROISSANT_NAME)]
    manifest = manifest.model_copy(update={"files": sorted(files, key=lambda file: file.path)})
    (directory / MANIFEST_NAME).write_text(manifest.model_dump_json(indent=1) + "\n", encoding="utf-8")


def list_files(directory: Path, on_progress: Progress) -> list[ReleaseFile]:
    paths = sorted(path for path in directory.rglob("*") if path.is_file())
    files = []
    for done, path in enumerate(paths, start=1):
        files.append(describe_file(directory, path))
        on_progress("checksums", done, len(paths))
    return files


def describe_file(directory: Path, path: Path) -> ReleaseFile:
    served = path.name != SOLUTION_NAME
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    size = path.stat().st_size if served else None
    return ReleaseFile(path=path.relative_to(directory).as_posix(), size=size, sha256=digest, served=served)


def refuse_occupied(directory: Path) -> None:
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        kind = "is not empty" if directory.is_dir() else "is a file"
        raise ReleaseError(f"{directory} exists and {kind}. Name a new folder, or remove it first.")


def refuse_full_disk(directory: Path, *, room: int) -> None:
    """Raise ReleaseError where the disk that would hold the folder has less than `room` bytes free."""
    existing = next(parent for parent in directory.absolute().parents if parent.exists())
    free = shutil.disk_usage(existing).free
    if free < room:
        raise ReleaseError(
            f"No space: {directory} needs {room / 1e9:.2f} GB and the disk has {free / 1e9:.2f} GB free."
        )


class folder_when_complete:  # noqa: N801 - reads as the verb of a with statement
    """Fill a hidden sibling folder and give it its name at the end; remove it where that fails.

    room: the bytes that will be written; raises ReleaseError where the disk has less.
    """

    def __init__(self, directory: Path, *, room: int) -> None:
        self._directory = directory
        self._room = room

    def __enter__(self) -> Path:
        parent = self._directory.absolute().parent
        try:
            refuse_full_disk(self._directory, room=self._room)
            parent.mkdir(parents=True, exist_ok=True)
            self._draft = Path(
                tempfile.mkdtemp(prefix=f".{self._directory.name}.", suffix=".partial", dir=parent)
            )
        except OSError as error:
            raise ReleaseError(
                f"{self._directory} cannot be made: {error.filename or parent}: {error.strerror}."
            ) from error
        return self._draft

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        try:
            if kind is None:
                umask = os.umask(0)
                os.umask(umask)
                self._draft.chmod(0o777 & ~umask)  # mkdtemp lets nobody else in; a web server has to get in
                self._draft.rename(self._directory)
        except OSError as problem:
            kind, error = type(problem), problem
        if kind is not None:
            shutil.rmtree(self._draft, ignore_errors=True)
        if isinstance(error, OSError):
            raise ReleaseError(f"Writing {self._directory} failed: {error.strerror or error}.") from error


def _secret_rng(seed: int, stream: int, table: pl.DataFrame) -> np.random.Generator:
    """Random numbers that nobody can repeat from the seed alone: who guessed it could undo the shuffle."""
    digest = hashlib.sha256()
    for name in ("label", "latitude", "longitude"):
        digest.update(table[name].to_numpy().tobytes())
    digest.update(table["time"].dt.timestamp("ms").to_numpy().tobytes())
    return np.random.default_rng([seed, stream, *np.frombuffer(digest.digest(), np.uint32)])


def release_bytes(train: int, test: int) -> int:
    """The room that a release of so many images takes on disk, generously."""
    return bytes_on_disk(train) + bytes_on_disk(test) + (train + test) * TABLE_BYTES_PER_ROW


def _ignore_progress(stage: str, done: int, total: int) -> None:
    pass


def _write_images(
    folder: Path, images: ImageSet, table: pl.DataFrame, rng: np.random.Generator, on_progress: Progress
) -> pl.DataFrame:
    """Write the images at shuffled positions; returns the table in the order of the shards, with image_id."""
    side = folder.name
    row_at = rng.permutation(len(table))
    position_of = np.empty_like(row_at)
    position_of[row_at] = np.arange(len(table))
    with ShardWriter(folder, len(table)) as shards:
        done = 0
        for rows, batch in images.batches:
            rows = np.asarray(rows)  # noqa: PLW2901
            if rows.size and (rows.min() < 0 or rows.max() >= len(table)):
                raise ReleaseError(
                    f"The {side} batches bring row {rows.max()} of a table of {len(table)} rows."
                )
            shards.write(position_of[rows], batch)
            done += len(rows)
            on_progress(f"{side} images", done, len(table))
        missing = len(table) - int(shards.written.sum())
        if missing:
            first = int(np.flatnonzero(~shards.written[position_of])[0])
            raise ReleaseError(
                f"The {side} batches leave out {missing} rows of the table, first row {first}."
            )
    return table[row_at].with_columns(image_ids(side, len(table)))


def _refuse_shared_storms(train: pl.DataFrame, test: pl.DataFrame) -> None:
    shared = sorted(set(train["storm_id"].drop_nulls()) & set(test["storm_id"].drop_nulls()))
    if shared:
        raise ReleaseError(
            f"{len(shared)} storms lie in both train and test, first {shared[0]}; "
            "each must lie wholly in one."
        )
