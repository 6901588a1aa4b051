"""How fast images are read at random from a release's shards, against the usual ways to keep them."""

import tempfile
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import IO

import numpy as np
from PIL import Image

from cloud_images.exports import Layout, export_release
from cloud_images.release import Release
from cloud_images.shards import IMAGE_BYTES
from cloud_images.synthetic import synthesize

BATCH = 128


@dataclass(frozen=True)
class Reading:
    """One way to keep images, and how many are read from it in a second."""

    name: str
    bytes_per_image: float
    images_per_second: float


def compare_formats(*, images: int = 10_000, rounds: int = 3, seed: int = 0) -> tuple[float, list[Reading]]:
    """Draw a release and read its images at random in each format: batches of 128, one process, a warm cache.

    The formats take turns in each round, and the median of the rounds counts. Returns the images drawn in a
    second, and one Reading for each format, the shards first.
    """
    with tempfile.TemporaryDirectory(prefix="tamago-benchmark-") as scratch:
        folder = Path(scratch)
        began = time.perf_counter()
        release = synthesize(folder / "npy", train=images, test=64, seed=seed)
        drawn_per_second = (images + 64) / (time.perf_counter() - began)
        readers = _readers(release, folder)
        order = np.random.default_rng(seed).permutation(images)
        batches = [order[first : first + BATCH] for first in range(0, images, BATCH)]
        speeds: dict[str, list[float]] = {name: [] for name in readers}
        for _ in range(rounds):
            for name, (read, _) in readers.items():
                began = time.perf_counter()
                for rows in batches:
                    read(rows)
                speeds[name].append(images / (time.perf_counter() - began))
    return drawn_per_second, [
        Reading(name, size, median(speeds[name])) for name, (_, size) in readers.items()
    ]


def _readers(release: Release, folder: Path) -> dict[str, tuple[Callable[[np.ndarray], np.ndarray], float]]:
    """For each format, how a batch of images is read, and the bytes of an image in it."""
    images = len(release.train_images)
    export_release(release, folder / "png", layout=Layout.PNG)
    export_release(release, folder / "tiff", layout=Layout.TIFF)
    zip_path = folder / "png" / "train" / "images-00000.zip"
    archive = zipfile.ZipFile(zip_path)
    names = archive.namelist()
    archive.extractall(folder / "files")
    pngs = [folder / "files" / name for name in names]
    found = {path.stem: path for path in (folder / "tiff" / "train").rglob("*.tif")}
    tiffs = [found[path.stem] for path in pngs]

    def decode(source: Path | IO[bytes]) -> np.ndarray:
        with Image.open(source) as picture:
            return np.asarray(picture)

    def mean_size(paths: list[Path]) -> float:
        return sum(path.stat().st_size for path in paths) / images

    return {
        "npy memory map": (release.train_images.__getitem__, IMAGE_BYTES),
        "PNG in a stored zip": (
            lambda rows: np.stack([decode(archive.open(names[row])) for row in rows]),
            zip_path.stat().st_size / images,
        ),
        "PNG files": (lambda rows: np.stack([decode(pngs[row]) for row in rows]), mean_size(pngs)),
        "TIFF files": (lambda rows: np.stack([decode(tiffs[row]) for row in rows]), mean_size(tiffs)),
    }
