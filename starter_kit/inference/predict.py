"""From images to scores, and from scores to a submission file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

from cloud_images import Release
from cloud_images.shards import ShardedImages
from starter_kit.atomic_file import written_whole
from starter_kit.errors import StarterKitError, is_out_of_memory
from starter_kit.images.batch_augment import shifted
from starter_kit.images.data import rows_and_images
from starter_kit.images.read_ahead import device_ahead, to_device
from starter_kit.networks.classifier import CycloneClassifier

Scores = NDArray[np.float64]
COMPRESSIONS: dict[str, Literal["uncompressed", "gzip", "zstd"]] = {
    ".csv": "uncompressed",
    ".gz": "gzip",
    ".zst": "zstd",
}
OnProgress = Callable[[int], None]
"""on_progress(n): n more images are done."""


def eight_views(images: torch.Tensor) -> list[torch.Tensor]:
    """An image turned by quarters, and each of the four mirrored: the group D4 of the square. (B, 64, 64)
    each."""
    turned = [torch.rot90(images, quarter, dims=(1, 2)) for quarter in range(4)]
    return turned + [view.flip(2) for view in turned]


def all_views(images: torch.Tensor, *, tta: bool, shift: int) -> list[torch.Tensor]:
    """The views that test-time augmentation averages, (B, 64, 64) each: the image, with `tta` its eight, and
    with a `shift` the same of the image moved by so many pixels up, down, left and right. All are in the
    usual order in memory, for which torch.compile makes its kernels once."""
    moves = torch.tensor([[0, 0], [-1, 0], [1, 0], [0, -1], [0, 1]], device=images.device) * shift
    copies = [shifted(images, move.expand(len(images), 2)) for move in moves] if shift else [images]
    return [view.contiguous() for copy in copies for view in (eight_views(copy) if tta else [copy])]


def predict_logits(
    model: CycloneClassifier,
    images: ShardedImages | NDArray[np.uint8],
    positions: NDArray[np.int64],
    *,
    tta: bool = False,
    shift: int = 0,
    batch_size: int = 512,
    on_progress: OnProgress | None = None,
) -> Scores:
    """Logits of the images at `positions`, float64 (len(positions),); the model is left in evaluation mode.

    tta, shift: test-time augmentation, the mean of the logits of `all_views`; 8, 5 or 40 times the work.
    """
    batches = batches_in_order(images, positions, next(model.parameters()).device, batch_size=batch_size)
    return logits_of(model, batches, tta=tta, shift=shift, on_progress=on_progress)


def batches_in_order(
    images: ShardedImages | NDArray[np.uint8],
    positions: NDArray[np.int64],
    device: torch.device,
    *,
    batch_size: int = 512,
) -> Iterator[torch.Tensor]:
    """The images at `positions`, uint8 (B, 64, 64), on the device before they are asked for."""

    def read(start: int) -> tuple[torch.Tensor]:
        return (to_device(images[positions[start : start + batch_size]], device),)

    starts = range(0, len(positions), batch_size)
    return (batch for (batch,) in device_ahead(read, starts, device))


@torch.inference_mode()
def logits_of(
    model: CycloneClassifier,
    batches: Iterable[torch.Tensor],
    *,
    tta: bool = False,
    shift: int = 0,
    on_progress: OnProgress | None = None,
) -> Scores:
    """As `predict_logits`, of batches on the model's device.

    The logits stay there until all are done, 4 bytes for each view: fetching those of a batch would keep a
    GPU waiting for the next one.
    """
    model.eval()
    in_memory = InMemory(model)
    logits = []  # float32 (views, B) each
    for batch in batches:
        device = batch.device
        with torch.autocast(device.type, torch.bfloat16, enabled=computes_in_bfloat16(device)):
            logits.append(torch.stack([in_memory(view) for view in all_views(batch, tta=tta, shift=shift)]))
        if on_progress:
            on_progress(len(batch))
    if not logits:
        return np.empty(0)
    return torch.cat(logits, dim=1).cpu().numpy().mean(axis=0, dtype=np.float64)


class InMemory:
    """A model that takes a batch in parts once the whole does not fit into memory. In evaluation mode no
    image's logit depends on what is beside it."""

    def __init__(self, model: CycloneClassifier) -> None:
        self.model = model
        self.most: int | None = None  # images at a time; None: none were too many yet

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """uint8 (B, 64, 64) to logits (B,). Raises what the model does, where one image is too much, too."""
        while True:
            size = min(self.most or len(images), len(images))
            try:
                return torch.cat([self.model(part) for part in images.split(max(1, size))])
            except (MemoryError, RuntimeError) as error:
                if size <= 1 or not is_out_of_memory(error):
                    raise
            # After the except: its traceback holds what the failed attempt had allocated.
            self.most = size // 2
            if images.device.type == "cuda":
                torch.cuda.empty_cache()


def computes_in_bfloat16(device: torch.device) -> bool:
    """Whether inference does, but for the last layer: on GPUs that have it. Elsewhere nothing is won."""
    return device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)


def probability(logits: Scores) -> Scores:
    """The logistic function in float64: float32 would round the surest cyclones to ties at 1."""
    return np.exp(-np.logaddexp(0.0, -logits))


def predict_ensemble(
    models: Sequence[CycloneClassifier],
    images: ShardedImages | NDArray[np.uint8],
    positions: NDArray[np.int64],
    *,
    tta: bool = False,
    shift: int = 0,
    on_progress: OnProgress | None = None,
) -> Scores:
    """The mean of the models' probabilities, float64 (len(positions),) in 0 … 1, higher is more
    cyclone-like."""
    total = np.zeros(len(positions))
    for model in models:
        logits = predict_logits(model, images, positions, tta=tta, shift=shift, on_progress=on_progress)
        total += probability(logits)
    return total / len(models)


def predict_test(
    models: Sequence[CycloneClassifier],
    release: Release,
    *,
    tta: bool = False,
    shift: int = 0,
    on_progress: OnProgress | None = None,
) -> pl.DataFrame:
    """`image_id` and `score` of every test image, in the order of the release, as `predict_ensemble` scores
    them. Raises StarterKitError."""

    def score(images: ShardedImages, positions: NDArray[np.int64]) -> Scores:
        return predict_ensemble(models, images, positions, tta=tta, shift=shift, on_progress=on_progress)

    return score_test(release, score)


def score_test(release: Release, score: Callable[[ShardedImages, NDArray[np.int64]], Scores]) -> pl.DataFrame:
    """`image_id` and `score` of every test image, by a function of images and positions. Raises
    StarterKitError."""
    image_ids, images = rows_and_images(release, "test")
    return pl.DataFrame({"image_id": image_ids, "score": score(images, np.arange(len(images)))})


def write_submission(path: Path, table: pl.DataFrame) -> None:
    """Write `image_id` and `score` or `label` as .csv, .csv.gz, .csv.zst or .parquet, whole or not at all.

    Raises StarterKitError for another ending, or a folder that cannot be written to.
    """
    refuse_unknown_ending(path)
    with written_whole(path) as draft:
        if path.name.endswith(".parquet"):
            table.write_parquet(draft)
        else:
            table.write_csv(str(draft), compression=COMPRESSIONS[path.suffix], check_extension=False)


def refuse_unknown_ending(path: Path) -> None:
    """Raises StarterKitError now rather than after an hour of predicting."""
    if not path.name.endswith((".csv", ".csv.gz", ".csv.zst", ".parquet")):
        raise StarterKitError(f"{path}: a submission's name ends in .csv, .csv.gz, .csv.zst or .parquet.")
    if not path.absolute().parent.is_dir():
        raise StarterKitError(f"There is no folder {path.absolute().parent} to write {path.name} into.")


def asked_column(sample_submission: Path) -> Literal["score", "label"]:
    """What the competition wants predicted, by the header of its sample_submission.csv."""
    try:
        with sample_submission.open(encoding="utf-8-sig") as file:
            header = file.readline().strip().split(",")
    except FileNotFoundError:
        raise StarterKitError(
            f"{sample_submission} is missing, and with it what to predict. Download it, or choose with --as."
        ) from None
    for column in ("score", "label"):
        if column in header:
            return column
    raise StarterKitError(f"{sample_submission} asks for {header[1:]}; the kit knows score and label.")
