"""Runs all ways of feeding in turn, after they have delivered the same images."""

from __future__ import annotations

import os
import platform
import tempfile
from collections.abc import Callable
from functools import partial
from importlib import metadata
from itertools import repeat
from pathlib import Path
from typing import Any

import torch

from cloud_images.shards import IMAGE_BYTES
from starter_kit.benchmark.case import Case, temporary_case
from starter_kit.benchmark.feeds import INFERENCE_BATCH, Feeds
from starter_kit.benchmark.report import ALL_IMAGES, LIMIT, Measured, Report, Work
from starter_kit.benchmark.steps import Steps
from starter_kit.benchmark.watch import Watched, measure
from starter_kit.configuration.sections import Config
from starter_kit.errors import StarterKitError
from starter_kit.training.launch import start_fabric

FEWEST_BATCHES = 4
PACKAGES = ("albumentations", "numpy", "pillow", "torch")


def compare(
    config: Config,
    *,
    images: int = 10_000,
    seconds: float = 3.0,
    rounds: int = 3,
    workers: int | None = None,
    folder: Path | None = None,
    seed: int = 1,
    say: Callable[[str], None] = lambda line: None,
) -> Report:
    """Measure every way for about `seconds`, `rounds` times in turn. The device is `config.train.device`.

    workers: processes of the DataLoader, by default one for each core. folder: where the case is written, by
    default that of temporary files. Raises StarterKitError for too few images, a device that is not there, a
    folder without room; UnequalError where two ways deliver different images.
    """
    batch_size = config.train.batch_size
    if images < FEWEST_BATCHES * batch_size:
        raise StarterKitError(
            f"{images:,} images are too few to measure with: {FEWEST_BATCHES} batches of {batch_size} take "
            f"{FEWEST_BATCHES * batch_size:,}. Raise --images, or make train.batch_size smaller."
        )
    fabric = start_fabric(config.train)
    workers = cores() if workers is None else workers
    say(f"Drawing {images:,} images, as shards and as PNG files …")
    with temporary_case(images, folder or Path(tempfile.gettempdir()), seed=seed) as case:
        feeds = Feeds(case, config.augment, fabric, batch_size, workers, seed)
        feeds.compare()
        say("All ways deliver the same images, bit for bit. Measuring …")
        steps = Steps(config, fabric)
        training_ways, inference_ways = feeds.training(), feeds.inference()
        delivery = {name: Measured(name) for name in training_ways}
        training = Work(Measured(LIMIT), {name: Measured(name) for name in training_ways})
        inference = Work(Measured(LIMIT), {name: Measured(name) for name in inference_ways})
        batch, larger_batch = feeds.resident(batch_size), feeds.resident(INFERENCE_BATCH)
        steps.train([batch] * 2)  # kernels are chosen, and with train.compile made
        steps.infer([larger_batch] * 2)
        one_run = partial(measure, device=fabric.device, seconds=seconds)
        for number in range(rounds):
            say(f"round {number + 1} of {rounds}")
            for name, feed in training_ways.items():
                delivery[name].runs.append(one_run(feed(), _discard))
            training.limit.runs.append(one_run(repeat(batch), steps.train))
            for name, feed in training_ways.items():
                training.ways[name].runs.append(one_run(feed(), steps.train))
            inference.limit.runs.append(one_run(repeat(larger_batch), steps.infer, most=ALL_IMAGES))
            for name, feed in inference_ways.items():
                inference.ways[name].runs.append(one_run(feed(), steps.infer, most=ALL_IMAGES))
        model_alone = {
            "train": 1e6 / training.limit.images_per_second,
            "infer": 1e6 / inference.limit.images_per_second,
        }
        stages = {name: stages | model_alone for name, stages in feeds.stages().items()}
        setting = _setting(config, fabric.device, steps, case)
    setting |= {"workers": workers, "rounds": rounds, "seconds": seconds}
    return Report(setting, stages, delivery, training, inference)


def cores() -> int:
    """That this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _discard(batches: Watched) -> None:
    for _ in batches:
        pass


def _setting(config: Config, device: torch.device, steps: Steps, case: Case) -> dict[str, Any]:
    on_cuda = device.type == "cuda"
    return {
        "device": device.type,
        "device_name": torch.cuda.get_device_name(device) if on_cuda else platform.machine(),
        "cores": cores(),
        "model": config.model.name,
        "parameters": steps.parameters,
        "batch_size": config.train.batch_size,
        "inference_batch_size": INFERENCE_BATCH,
        "training_precision": steps.training_precision,
        "inference_precision": steps.inference_precision,
        "compiled": config.train.compile,
        "images": len(case.images),
        "png_bytes": case.png_bytes,
        "shard_bytes": IMAGE_BYTES,
        "peak_device_mebibytes": torch.cuda.max_memory_allocated(device) / 2**20 if on_cuda else None,
        "versions": {name: metadata.version(name) for name in PACKAGES},
    }
