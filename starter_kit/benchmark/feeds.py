"""The ways of feeding that are compared."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray

from starter_kit.benchmark.case import Case
from starter_kit.benchmark.ordinary import ordinary_batches, read_png
from starter_kit.benchmark.report import ALL_IMAGES, IMAGE_BY_IMAGE, ORDINARY, OURS
from starter_kit.benchmark.watch import Tensors, synchronize
from starter_kit.configuration.sections import AugmentConfig
from starter_kit.errors import StarterKitError
from starter_kit.images.augment import build_augmentation
from starter_kit.images.batch_augment import Vary, build_batch_augmentation
from starter_kit.images.read_ahead import to_device
from starter_kit.inference.predict import batches_in_order
from starter_kit.training.train import training_batches

Feed = Callable[[], Iterator[Tensors]]
"""Batches on the device from the start on: images, uint8 (B, 64, 64), and for training labels, float (B,)."""
Images = NDArray[np.uint8]
Positions = NDArray[np.int64]
T = TypeVar("T")

NO_AUGMENTATION = AugmentConfig(flips=False, rotations=False)
TRAINING_IMAGES = 2_000_000  # drawn for one run: more than it gets through
INFERENCE_BATCH = 512
STAGE_BATCHES = 16


class UnequalError(StarterKitError):
    """Two ways delivered different images, so that their times mean nothing."""


@dataclass(frozen=True)
class Feeds:
    """workers: processes of the DataLoader; seed: of order and chances."""

    case: Case
    augment: AugmentConfig
    fabric: Fabric
    batch_size: int
    workers: int
    seed: int

    def training(self) -> dict[str, Feed]:
        return self._training(self.augment, np.resize(self._shuffled(), TRAINING_IMAGES))

    def inference(self) -> dict[str, Feed]:
        return self._inference(np.resize(np.arange(len(self.case.images)), ALL_IMAGES))

    def resident(self, batch_size: int) -> Tensors:
        """One batch, to be used again and again."""
        positions = np.resize(self._shuffled(), batch_size)
        device = self.fabric.device
        labels = to_device(self.case.labels[positions], device).float()
        return to_device(self.case.images[positions], device), labels

    def compare(self) -> None:
        """One pass of every way without augmentation. Raises UnequalError unless all deliver the images that
        were drawn, in their order, bit for bit, with their labels."""
        for positions, ways in (
            (drawn := self._shuffled(), self._training(NO_AUGMENTATION, drawn)),
            (ordered := np.arange(len(self.case.images)), self._inference(ordered)),
        ):
            for name, feed in ways.items():
                delivered = 0
                for images, *labels in feed():
                    expected = positions[delivered : delivered + len(images)]
                    delivered += len(images)
                    same = np.array_equal(images.cpu().numpy(), self.case.images[expected])
                    if labels:
                        same &= np.array_equal(labels[0].cpu().numpy(), self.case.labels[expected])
                    if not same:
                        raise UnequalError(f"{name} delivers other images or labels than were drawn.")
                if delivered != len(positions):
                    raise UnequalError(f"{name} delivers {delivered:,} images of {len(positions):,}.")

    def stages(self) -> dict[str, dict[str, float]]:
        """Of every way, microseconds for an image in each stage when it has the machine to itself."""
        each, batch = (self._varies(self.augment, path) for path in ("image", "batch"))
        files = self.case.files

        def read_files(part: Positions) -> Images:
            return np.stack([read_png(files[number]) for number in part])

        return {
            ORDINARY: self._stages(read_files, *each),
            IMAGE_BY_IMAGE: self._stages(self.case.images.__getitem__, *each),
            OURS: self._stages(self.case.images.__getitem__, *batch),
        }

    def _training(self, augment: AugmentConfig, drawn: Positions) -> dict[str, Feed]:
        def kit(path: str) -> Iterator[Tensors]:
            each, batch = self._varies(augment, path)
            return training_batches(
                self.fabric, self.case.images, self.case.labels, drawn,
                vary_each=each, vary_batch=batch, batch_size=self.batch_size,
            )  # fmt: skip

        return {
            ORDINARY: partial(self._ordinary, augment, drawn, self.batch_size),
            IMAGE_BY_IMAGE: partial(kit, "image"),
            OURS: partial(kit, "batch"),
        }

    def _inference(self, positions: Positions) -> dict[str, Feed]:
        def kit() -> Iterator[Tensors]:
            batches = batches_in_order(
                self.case.images, positions, self.fabric.device, batch_size=INFERENCE_BATCH
            )
            return ((images,) for images in batches)

        ordinary = partial(self._ordinary, NO_AUGMENTATION, positions, INFERENCE_BATCH)
        return {ORDINARY: ordinary, OURS: kit}

    def _ordinary(self, augment: AugmentConfig, drawn: Positions, batch_size: int) -> Iterator[Tensors]:
        return ordinary_batches(
            self.case,
            drawn,
            augment.model_copy(update={"path": "image"}),
            self.fabric.device,
            batch_size=batch_size,
            workers=self.workers,
            seed=self.seed,
        )

    def _varies(self, augment: AugmentConfig, path: str) -> tuple[Callable[[Images], Images], Vary]:
        augment = augment.model_copy(update={"path": path})
        scale = self.case.scale
        return (
            build_augmentation(augment, scale, self.seed),
            build_batch_augmentation(augment, scale, self.seed),
        )

    def _stages(
        self, read: Callable[[Positions], Images], vary_each: Callable[[Images], Images], vary_batch: Vary
    ) -> dict[str, float]:
        device, size = self.fabric.device, self.batch_size
        drawn = np.resize(self._shuffled(), (STAGE_BATCHES + 1) * size)
        spent: dict[str, float] = {}

        def timed(stage: str, work: Callable[[], T]) -> T:
            began = time.perf_counter()
            done = work()
            synchronize(device)
            spent[stage] = spent.get(stage, 0.0) + time.perf_counter() - began
            return done

        for number, part in enumerate(drawn.reshape(-1, size)):
            raw = timed("read", partial(read, part))
            each = timed("augment", partial(vary_each, raw))
            there = timed("to_device", partial(to_device, each, device))
            timed("augment", partial(vary_batch, there, torch.zeros(size, device=device)))
            if number == 0:
                spent.clear()  # what is done once
        return {stage: 1e6 * seconds / (STAGE_BATCHES * size) for stage, seconds in spent.items()}

    def _shuffled(self) -> Positions:
        return np.random.default_rng(self.seed).permutation(len(self.case.images))
