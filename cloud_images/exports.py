"""Releases as image files, for people who want files, and back again.

`png`: one zip archive for each shard, stored (PNG is compressed already), members `train_0000000.png`.
`tiff`: the layout of the competition of 2018, `train/True/*.tif`, `train/False/*.tif`, `test/*.tif`.
All other files of the release lie beside the images, so that `restore_release` gives it back bit by bit.
"""

import io
import shutil
import zipfile
from collections.abc import Iterable, Iterator
from enum import StrEnum
from itertools import islice
from pathlib import Path

import numpy as np
import polars as pl
from PIL import Image, UnidentifiedImageError

from cloud_images.errors import ReleaseError
from cloud_images.manifest import MANIFEST_NAME
from cloud_images.release import (
    About,
    ImageSet,
    Progress,
    Release,
    folder_when_complete,
    open_release,
    refuse_occupied,
    write_release,
)
from cloud_images.shards import (
    IMAGE_BYTES,
    IMAGE_SIZE,
    SHARD_ROWS,
    ShardedImages,
    ShardWriter,
    bytes_on_disk,
    shard_name,
)
from cloud_images.tables import METADATA_COLUMNS, image_ids
from cloud_images.verify import examine_release

BATCH = 1024


class Layout(StrEnum):
    PNG = "png"
    TIFF = "tiff"


def export_release(
    release: Release,
    out: str | Path,
    *,
    layout: Layout = Layout.PNG,
    with_solution: bool = False,
    on_progress: Progress | None = None,
) -> Path:
    """Write the images as files into a new folder, with the tables and the manifest beside them.

    with_solution: bring solution.parquet too; such a folder is not for participants. Raises ReleaseError on
    a folder that is not empty, on a full disk, and where the release lacks the solution that is asked for.
    """
    out = Path(out)
    refuse_occupied(out)
    if with_solution and not release.has_solution:
        raise ReleaseError(f"{release.solution_path} is missing; only organizers have it.")
    images = len(release.train_images) + len(release.test_images)
    block = 2 * IMAGE_BYTES if layout is Layout.TIFF else IMAGE_BYTES  # a file of its own takes whole blocks
    with folder_when_complete(out, room=images * block) as draft:
        for file in release.manifest.files:
            wanted = file.served or with_solution
            if wanted and not file.path.endswith(".npy"):
                shutil.copyfile(release.directory / file.path, draft / file.path)
        shutil.copyfile(release.directory / MANIFEST_NAME, draft / MANIFEST_NAME)
        write = _write_tiffs if layout is Layout.TIFF else _write_zips
        label = release.train_table()["label"].to_numpy()
        for side, shown, told in (
            ("train", release.train_images, label),
            ("test", release.test_images, None),
        ):
            _report(write(draft / side, shown, told), f"{side} images", len(shown), on_progress)
    return out


def restore_release(folder: str | Path, out: str | Path, *, on_progress: Progress | None = None) -> Release:
    """Turn an export back into the release it was made from, and verify every byte.

    Raises ReleaseError on a folder that is no export, and where a file is missing or differs.
    """
    folder, out = Path(folder), Path(out)
    refuse_occupied(out)
    if not (folder / MANIFEST_NAME).is_file():
        raise ReleaseError(
            f"{folder} is no export: it has no {MANIFEST_NAME}. Files from elsewhere need a table (--table)."
        )
    exported = open_release(folder)
    counts = {"train": exported.manifest.counts.train.images, "test": exported.manifest.counts.test.images}
    with folder_when_complete(out, room=sum(map(bytes_on_disk, counts.values()))) as draft:
        for file in exported.manifest.files:
            if not file.path.endswith(".npy") and (folder / file.path).is_file():
                shutil.copyfile(folder / file.path, draft / file.path)
        shutil.copyfile(folder / MANIFEST_NAME, draft / MANIFEST_NAME)
        for side, images in counts.items():
            restored = _restore_side(folder / side, draft / side, images)
            _report(restored, f"{side} images", images, on_progress)
        problems = examine_release(draft, on_progress=on_progress).problems
        if problems:
            more = f" (and {len(problems) - 1} more problems)" if len(problems) > 1 else ""
            raise ReleaseError(f"{folder} does not give the release of its manifest: {problems[0]}{more}")
    return open_release(out)


def import_images(
    folder: str | Path,
    out: str | Path,
    *,
    table: str | Path,
    about: About,
    seed: int,
    on_progress: Progress | None = None,
) -> Release:
    """Make a release from image files in the layout of 2018 and a CSV table that tells what they show.

    folder: `train/True`, `train/False` and `test`, with files that Pillow can read (TIFF, PNG), each 64 by 64
    points of 8-bit grey. table: the columns `file` (the name without folder), `label`, `storm_id`, `time`
    (ISO 8601, UTC), `latitude`, `longitude`, `lead_time_hours`, `basin`, one row for each file. Raises
    ReleaseError where files and rows do not belong together, and on what `write_release` refuses.
    """
    folder = Path(folder)
    refuse_occupied(Path(out))
    told = _read_told(Path(table))
    train = _with_paths(folder, ("train/True", "train/False"), told)
    test = _with_paths(folder, ("test",), told)
    unused = told.filter(~pl.col("file").is_in(pl.concat([train["file"], test["file"]]).to_list()))
    if len(unused):
        raise ReleaseError(
            f"{table} tells of {len(unused)} files that {folder} does not hold, first {unused['file'][0]}."
        )
    for path, label in zip(train["path"], train["label"], strict=True):
        if (Path(path).parent.name == "True") != (label == "1"):
            raise ReleaseError(
                f"{path} lies in {Path(path).parent.name} and {table} gives it the label {label}."
            )
    train_set, test_set = (ImageSet(side, _image_batches(side["path"].to_list())) for side in (train, test))
    return write_release(out, train=train_set, test=test_set, about=about, seed=seed, on_progress=on_progress)


def _report(counts: Iterable[int], stage: str, total: int, on_progress: Progress | None) -> None:
    """Run a generator that yields the number of images done so far."""
    for done in counts:
        if on_progress:
            on_progress(stage, done, total)


def _write_zips(folder: Path, images: ShardedImages, label: np.ndarray | None) -> Iterator[int]:
    """Yields the number of images written so far. label is not needed: the tables tell it."""
    folder.mkdir()
    names = image_ids(folder.name, len(images))
    for first in range(0, len(images), SHARD_ROWS):
        path = (folder / shard_name(first // SHARD_ROWS)).with_suffix(".zip")
        last = min(first + SHARD_ROWS, len(images))
        with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
            for row in range(first, last):
                picture = io.BytesIO()
                Image.fromarray(images[row]).save(picture, format="PNG")
                # A fixed date makes the same archive on every run.
                archive.writestr(zipfile.ZipInfo(f"{names[row]}.png"), picture.getvalue())
                if row % BATCH == 0:
                    yield row
        yield last


def _write_tiffs(folder: Path, images: ShardedImages, label: np.ndarray | None) -> Iterator[int]:
    names = image_ids(folder.name, len(images))
    folders = [folder] * 2 if label is None else [folder / "False", folder / "True"]
    for each in folders:
        each.mkdir(parents=True, exist_ok=True)
    for row, name in enumerate(names):
        place = folders[0] if label is None else folders[label[row]]
        Image.fromarray(images[row]).save(place / f"{name}.tif", format="TIFF")
        if row % BATCH == 0:
            yield row
    yield len(names)


def _restore_side(source: Path, target: Path, images: int) -> Iterator[int]:
    names = image_ids(source.name, images)
    with ShardWriter(target, images) as shards:
        for first in range(0, images, SHARD_ROWS):
            archive = (source / shard_name(first // SHARD_ROWS)).with_suffix(".zip")
            wanted = names[first : first + SHARD_ROWS]
            found = _unzipped(archive, wanted) if archive.is_file() else _read_tiffs(source, wanted)
            row = first
            while batch := list(islice(found, BATCH)):
                shards.write(np.arange(row, row + len(batch)), np.stack(batch))
                row += len(batch)
                yield row


def _unzipped(path: Path, names: pl.Series) -> Iterator[np.ndarray]:
    try:
        with zipfile.ZipFile(path) as archive:
            for name in names:
                member = f"{name}.png"
                yield _read_image(io.BytesIO(archive.read(member)), f"{path}: {member}")
    except KeyError as error:
        raise ReleaseError(f"{path} lacks an image: {error.args[0]}") from None
    except zipfile.BadZipFile as error:
        raise ReleaseError(f"{path} is damaged: {error}") from None


def _read_tiffs(folder: Path, names: pl.Series) -> Iterator[np.ndarray]:
    places = [folder, folder / "True", folder / "False"]
    for name in names:
        path = next((place / f"{name}.tif" for place in places if (place / f"{name}.tif").is_file()), None)
        if path is None:
            raise ReleaseError(f"{folder} holds neither {name}.tif nor the archive with its PNG.")
        yield _read_image(path, str(path))


def _read_image(source: Path | io.BytesIO, name: str) -> np.ndarray:
    try:
        with Image.open(source) as picture:
            if picture.mode != "L" or picture.size != (IMAGE_SIZE, IMAGE_SIZE):
                raise ReleaseError(
                    f"{name} is {picture.width} by {picture.height} points of mode {picture.mode}; "
                    f"images are {IMAGE_SIZE} by {IMAGE_SIZE} points of 8-bit grey (mode L)."
                )
            return np.asarray(picture)
    except (UnidentifiedImageError, OSError, SyntaxError) as error:
        raise ReleaseError(f"{name} is no readable image: {error}") from None


def _image_batches(paths: list[str]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for first in range(0, len(paths), BATCH):
        some = paths[first : first + BATCH]
        yield np.arange(first, first + len(some)), np.stack([_read_image(Path(path), path) for path in some])


def _read_told(path: Path) -> pl.DataFrame:
    wanted = ("file", "label", *METADATA_COLUMNS)
    try:
        table = pl.read_csv(path, infer_schema=False)
    except FileNotFoundError:
        raise ReleaseError(f"{path} is missing.") from None
    except (OSError, pl.exceptions.PolarsError) as error:
        raise ReleaseError(f"{path} is no readable CSV file: {str(error).splitlines()[0]}") from None
    missing = [name for name in wanted if name not in table.columns]
    if missing:
        raise ReleaseError(
            f"{path} lacks the columns {', '.join(missing)}. Storms and times are needed: "
            "whole storms and whole spans of days are divided into public and private."
        )
    repeated = table.filter(pl.col("file").is_duplicated())
    if len(repeated):
        raise ReleaseError(f"{path} tells of {repeated['file'][0]} more than once.")
    try:
        return table.with_columns(pl.col("time").str.to_datetime(time_unit="ms", time_zone="UTC"))
    except pl.exceptions.PolarsError as error:
        raise ReleaseError(f"{path} holds an unreadable time: {str(error).splitlines()[0]}") from None


def _with_paths(folder: Path, places: tuple[str, ...], told: pl.DataFrame) -> pl.DataFrame:
    """The rows of the table for the files in these folders, with the column `path`, sorted by name."""
    paths = [path for place in places for path in (folder / place).glob("*") if path.is_file()]
    if not paths:
        raise ReleaseError(f"{folder} holds no images in {' and '.join(places)}.")
    files = pl.DataFrame({"file": [path.name for path in paths], "path": [str(path) for path in paths]})
    joined = files.sort("file").join(told, on="file", how="left", maintain_order="left")
    untold = joined.filter(pl.col("label").is_null())
    if len(untold):
        raise ReleaseError(f"The table tells nothing of {len(untold)} files, first {untold['path'][0]}.")
    return joined
