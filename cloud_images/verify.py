"""Verify a release: every byte, every id, and that nothing tells participants the answer."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import numpy as np
import polars as pl

from cloud_images.croissant import CROISSANT_NAME
from cloud_images.errors import ReleaseError
from cloud_images.manifest import MANIFEST_NAME, Manifest, ReleaseFile
from cloud_images.release import SOLUTION_NAME, Progress, Release, describe_file, open_release
from cloud_images.shards import IMAGE_SIZE, shard_lengths, shard_name
from cloud_images.tables import TRAIN_COLUMNS, contradictions, image_ids, read_table

SAMPLE_NAME = "sample_submission.csv"
TABLES = ("sample_submission.csv", "test.csv", "train.csv")


@dataclass(frozen=True)
class Problem:
    file: str
    """Path inside the release."""
    message: str

    def __str__(self) -> str:
        return f"{self.file}: {self.message}"


@dataclass
class Verification:
    problems: list[Problem] = field(default_factory=list)
    not_checked: list[Problem] = field(default_factory=list)
    """What this copy does not allow to check: participants have no solution."""

    @property
    def sound(self) -> bool:
        return not self.problems


def verify_release(directory: str | Path, *, on_progress: Progress | None = None) -> list[Problem]:
    """All problems of a release, each with its file; an empty list means that it is sound.

    Raises ReleaseError on a folder that is no release at all.
    """
    return examine_release(directory, on_progress=on_progress).problems


def examine_release(directory: str | Path, *, on_progress: Progress | None = None) -> Verification:
    """Read every byte of a release and compare what its files say with each other.

    Participants' copies, which lack the solution, are examined as far as they go. Raises ReleaseError on a
    folder that is no release at all.
    """
    release = open_release(directory)
    found = Verification()
    found.problems += _file_list(release.manifest)
    found.problems += _damaged_files(release, on_progress)
    found.problems += _unknown_files(release)
    found.problems += _shards(release)
    found.problems += _croissant(release)

    train = _table(found, release, "train.csv", TRAIN_COLUMNS)
    test = _table(found, release, "test.csv", ("image_id",))
    sample = _sample_submission(found, release)
    if train is not None:
        found.problems += _train_table(release.manifest, train)
    if test is not None:
        found.problems += _ids("test.csv", "test", test["image_id"], release.manifest.counts.test.images)
    if sample is not None:
        found.problems += _ids(SAMPLE_NAME, "test", sample["image_id"], release.manifest.counts.test.images)
    if release.has_solution:
        found.problems += _solution(release, train)
    else:
        found.not_checked.append(
            Problem(SOLUTION_NAME, "is not here, so labels and split of the test images were not checked")
        )
    return found


def _file_list(manifest: Manifest) -> Iterator[Problem]:
    """The manifest lists each file of a release once, and hides the solution."""
    counts = {"train": manifest.counts.train.images, "test": manifest.counts.test.images}
    needed = {SOLUTION_NAME, CROISSANT_NAME, *TABLES}
    for side, images in counts.items():
        needed |= {f"{side}/{shard_name(index)}" for index in range(len(shard_lengths(images)))}
    listed = [file.path for file in manifest.files]
    for path in sorted(needed - set(listed)):
        yield Problem(MANIFEST_NAME, f"does not list {path}")
    for path in sorted({path for path in listed if listed.count(path) > 1}):
        yield Problem(MANIFEST_NAME, f"lists {path} more than once")
    for path in listed:
        if not _inside(path):
            yield Problem(MANIFEST_NAME, f"lists {path!r}, which lies outside the release")
    for file in manifest.files:
        if file.path == SOLUTION_NAME and file.served:
            yield Problem(
                MANIFEST_NAME, f"marks {SOLUTION_NAME} as served: participants would get the answer"
            )
        if file.path != SOLUTION_NAME and file.served and file.size is None:
            yield Problem(MANIFEST_NAME, f"does not tell the size of {file.path}")


def _inside(path: str) -> bool:
    return bool(re.fullmatch(r"[\w.-]+(/[\w.-]+)*", path)) and ".." not in PurePosixPath(path).parts


def _damaged_files(release: Release, on_progress: Progress | None) -> Iterator[Problem]:
    files = [file for file in release.manifest.files if _inside(file.path)]
    for done, file in enumerate(files, start=1):
        problem = _damage(release, file)
        if problem:
            yield Problem(file.path, problem)
        if on_progress:
            on_progress("checksums", done, len(files))


def _damage(release: Release, file: ReleaseFile) -> str | None:
    path = release.directory / file.path
    if not path.is_file():
        return "is missing" if file.served else None
    try:
        size = path.stat().st_size
        if file.size not in (None, size):
            return f"has {size} bytes, not {file.size} as the manifest says"
        if describe_file(release.directory, path).sha256 != file.sha256:
            return "is damaged: its SHA-256 is not the manifest's"
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return None


def _unknown_files(release: Release) -> Iterator[Problem]:
    known = {file.path for file in release.manifest.files} | {MANIFEST_NAME}
    folders = {parent.as_posix() for path in known for parent in PurePosixPath(path).parents}
    for path in sorted(release.directory.rglob("*")):
        name = path.relative_to(release.directory).as_posix()
        if path.is_symlink():
            yield Problem(name, "is a link; a release holds its files itself")
        elif name not in (folders if path.is_dir() else known):
            yield Problem(name, "is not in the manifest")


def _shards(release: Release) -> Iterator[Problem]:
    counts = {"train": release.manifest.counts.train.images, "test": release.manifest.counts.test.images}
    for side, images in counts.items():
        for index, rows in enumerate(shard_lengths(images)):
            name = f"{side}/{shard_name(index)}"
            path = release.directory / name
            if not path.is_file():
                continue  # missing: said already
            try:
                shard = np.load(path, mmap_mode="r", allow_pickle=False)
            except (OSError, ValueError, EOFError) as error:
                yield Problem(name, f"is no readable .npy file: {error}")
                continue
            wanted = (rows, IMAGE_SIZE, IMAGE_SIZE)
            if shard.dtype != np.uint8 or shard.shape != wanted or not shard.flags.c_contiguous:
                order = "" if shard.flags.c_contiguous else " in Fortran order"
                yield Problem(name, f"holds {shard.dtype} {shard.shape}{order}; it must be uint8 {wanted}")


def _croissant(release: Release) -> Iterator[Problem]:
    """The Croissant description names the same files with the same checksums as the manifest."""
    try:
        described = json.loads((release.directory / CROISSANT_NAME).read_bytes())
        sums = {file["contentUrl"]: file["sha256"] for file in described["distribution"]}
    except FileNotFoundError:
        return  # said already
    except (OSError, ValueError, KeyError, TypeError):
        yield Problem(CROISSANT_NAME, "is no readable Croissant description")
        return
    for file in release.manifest.files:
        if file.path == CROISSANT_NAME:
            continue
        if file.served and sums.get(file.path) != file.sha256:
            yield Problem(CROISSANT_NAME, f"does not describe {file.path} as the manifest does")
        if not file.served and file.path in sums:
            yield Problem(CROISSANT_NAME, f"describes {file.path}, which is not served")


def _table(found: Verification, release: Release, name: str, columns: tuple[str, ...]) -> pl.DataFrame | None:
    path = release.directory / name
    if not path.is_file():
        return None  # said already
    if name == "test.csv":
        header = _header(path)
        if "image_id" in header and len(header) > 1:
            others = ", ".join(column for column in header if column != "image_id")
            found.problems.append(Problem(name, f"tells {others}; it may hold image_id alone"))
            return None
    try:
        return read_table(path, columns)
    except ReleaseError as error:
        found.problems.append(Problem(name, str(error).removeprefix(f"{path} ")))
        return None


def _header(path: Path) -> list[str]:
    with path.open("rb") as file:
        return file.readline(10_000).decode("utf-8", "replace").strip().split(",")


def _sample_submission(found: Verification, release: Release) -> pl.DataFrame | None:
    path = release.directory / SAMPLE_NAME
    if not path.is_file():
        return None  # said already
    prediction = "label" if _header(path)[-1] == "label" else "score"
    sample = _table(found, release, SAMPLE_NAME, ("image_id", prediction))
    if sample is not None and sample[prediction].n_unique() != 1:
        found.problems.append(
            Problem(SAMPLE_NAME, f"holds different values of {prediction}; a sample says nothing")
        )
    return sample


def _ids(file: str, side: str, ids: pl.Series, images: int) -> Iterator[Problem]:
    """The ids are the positions in the shards: complete, in order, each once."""
    if len(ids) != images:
        yield Problem(file, f"has {len(ids)} rows for {images} images")
    repeated = ids.filter(ids.is_duplicated())
    if len(repeated):
        yield Problem(file, f"has {repeated.n_unique()} ids more than once, first {repeated[0]}")
    expected = image_ids(side, len(ids))
    wrong = (ids != expected).fill_null(True).arg_true()
    if len(wrong):
        row = wrong[0]
        yield Problem(
            file, f"row {row} is {ids[row]}; it must be {expected[row]}, as the images lie in the shards"
        )


def _train_table(manifest: Manifest, train: pl.DataFrame) -> Iterator[Problem]:
    counts = manifest.counts.train
    yield from _ids("train.csv", "train", train["image_id"], counts.images)
    for contradiction in contradictions(train):
        yield Problem("train.csv", f"has {contradiction}")
    told = {"positives": counts.positives, "negatives": counts.negatives, "storms": counts.storms}
    seen = {
        "positives": int((train["label"] == 1).sum()),
        "negatives": int((train["label"] == 0).sum()),
        "storms": train["storm_id"].drop_nulls().n_unique(),
    }
    for what, number in told.items():
        if number != seen[what]:
            yield Problem("train.csv", f"has {seen[what]} {what} and the manifest says {number}")


def _solution(release: Release, train: pl.DataFrame | None) -> Iterator[Problem]:
    try:
        solution = release.solution_table()
    except ReleaseError as error:
        yield Problem(SOLUTION_NAME, str(error).removeprefix(f"{release.solution_path} "))
        return
    yield from _ids(SOLUTION_NAME, "test", solution["image_id"], release.manifest.counts.test.images)
    for contradiction in contradictions(solution):
        yield Problem(SOLUTION_NAME, f"has {contradiction}")
    parts = set(solution["split"].unique())
    if not {"private"} <= parts <= {"public", "private"}:
        names = ", ".join(sorted(map(str, parts)))
        yield Problem(SOLUTION_NAME, f"splits into {names}; it must be private, or public and private")
    for (part,), rows in solution.group_by("split"):
        if rows["label"].n_unique() < 2:
            yield Problem(SOLUTION_NAME, f"the {part} part lacks positives or negatives")

    storms = solution.drop_nulls("storm_id")
    parts_of_storm = storms.group_by("storm_id").agg(pl.col("split").n_unique()).filter(pl.col("split") > 1)
    for storm in parts_of_storm["storm_id"].sort():
        yield Problem(SOLUTION_NAME, f"storm {storm} lies in both public and private")
    if train is not None:
        for storm in sorted(set(storms["storm_id"]) & set(train["storm_id"].drop_nulls())):
            yield Problem(SOLUTION_NAME, f"storm {storm} lies in both train and test")
