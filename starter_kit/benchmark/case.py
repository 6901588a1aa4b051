"""The case to measure: a synthetic release, and the same images as PNG files."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cloud_images import ReleaseError
from cloud_images.manifest import Scale
from cloud_images.shards import IMAGE_BYTES, ShardedImages
from cloud_images.synthetic import synthesize
from starter_kit.errors import StarterKitError

TEST_IMAGES = 64  # a release has some; they are not used
BLOCK = 4096  # bytes that the smallest file takes


@dataclass(frozen=True)
class Case:
    """images: (N, 64, 64) uint8, of shards on disk; labels: (N,) uint8; files: the same images as PNG, in the
    same order."""

    images: ShardedImages
    labels: NDArray[np.uint8]
    files: list[Path]
    scale: Scale

    @property
    def png_bytes(self) -> float:
        """Of a file, on average."""
        return sum(file.stat().st_size for file in self.files) / len(self.files)


@contextmanager
def temporary_case(images: int, folder: Path, *, seed: int = 1) -> Iterator[Case]:
    """A case of so many images in `folder`, removed afterwards. Raises StarterKitError where there is no such
    folder, or no room in it."""
    _refuse_small_folder(folder, images * (IMAGE_BYTES + BLOCK))
    with ExitStack() as until_done:
        try:
            temporary = TemporaryDirectory(prefix="tamago-benchmark-", dir=folder)
            case = _write_case(Path(until_done.enter_context(temporary)), images, seed)
        except (OSError, ReleaseError) as error:
            raise StarterKitError(
                f"The images could not be written to {folder}: {error}. --folder names another place."
            ) from None
        yield case


def _write_case(folder: Path, images: int, seed: int) -> Case:
    release = synthesize(folder / "release", train=images, test=TEST_IMAGES, seed=seed)
    (folder / "png").mkdir()
    files = [folder / "png" / f"train_{number:07d}.png" for number in range(images)]
    for file, image in zip(files, release.train_images, strict=True):
        Image.fromarray(image).save(file)
    labels = release.train_table()["label"].to_numpy().astype(np.uint8)
    return Case(release.train_images, labels, files, release.manifest.scale)


def _refuse_small_folder(folder: Path, needed: int) -> None:
    if not folder.is_dir():
        raise StarterKitError(
            f"There is no folder {folder} to write the images into; --folder takes one that exists."
        )
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise StarterKitError(
            f"The images need {needed / 1e6:,.0f} MB, and {folder} has {free / 1e6:,.0f} MB free. "
            "Ask for fewer with --images, or name another place with --folder."
        )
