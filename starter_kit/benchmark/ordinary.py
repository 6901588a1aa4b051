"""The ordinary way to feed a network: PNG files, PIL, albumentations, and torch's DataLoader with workers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch.utils.data import DataLoader, Dataset, get_worker_info

from cloud_images.manifest import Scale
from starter_kit.benchmark.case import Case
from starter_kit.configuration.sections import AugmentConfig
from starter_kit.images.augment import build_augmentation
from starter_kit.images.batch_augment import build_batch_augmentation
from starter_kit.training.train import Batch


class PngImages(Dataset[tuple[torch.Tensor, int]]):
    """Image, uint8 (64, 64), and label, by number. augment: with `path = "image"`."""

    def __init__(
        self,
        files: Sequence[Path],
        labels: NDArray[np.uint8],
        augment: AugmentConfig,
        scale: Scale,
        seed: int,
    ) -> None:
        self.files, self.labels = files, labels
        self.augment, self.scale, self.seed = augment, scale, seed

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, number: int) -> tuple[torch.Tensor, int]:
        image = self._vary(read_png(self.files[number])[None])[0]
        return torch.from_numpy(image), int(self.labels[number])

    @cached_property
    def _vary(self) -> Callable[[NDArray[np.uint8]], NDArray[np.uint8]]:
        """Built in the worker, or all of them would draw the same chances."""
        worker = get_worker_info()
        return build_augmentation(self.augment, self.scale, [self.seed, worker.id if worker else 0])


def read_png(file: Path) -> NDArray[np.uint8]:
    with Image.open(file) as picture:
        return np.array(picture)


def ordinary_batches(
    case: Case,
    drawn: NDArray[np.int64],
    augment: AugmentConfig,
    device: torch.device,
    *,
    batch_size: int,
    workers: int,
    seed: int,
) -> Iterator[Batch]:
    """As the kit's `training_batches`: the images at `drawn` and their labels, varied, on the device.

    Images stay uint8 until they are on the device, which spares this way three quarters of what its workers
    hand over. Mixtures of two images, which need the batch, are made there as well.
    """
    loader = DataLoader(
        PngImages(case.files, case.labels, augment, case.scale, seed),
        batch_size,
        sampler=drawn.tolist(),
        num_workers=workers,
        pin_memory=device.type == "cuda",
    )
    mix = build_batch_augmentation(augment, case.scale, seed)
    for images, labels in loader:
        on_device = [part.to(device, non_blocking=device.type == "cuda") for part in (images, labels.float())]
        yield mix(*on_device)
