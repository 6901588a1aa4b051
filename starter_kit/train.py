"""Train a classifier of cloud images. Read it from top to bottom: it is the whole training.

`train` sets up, and then repeats: `train_one_epoch` makes the loss smaller, `evaluate` measures on storms
that the model has never seen, and the best state so far is kept on disk.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

from cloud_images import Release
from scoring import Result
from starter_kit.augment import build_augmentation
from starter_kit.config import Config, TrainConfig
from starter_kit.data import TrainingData, load_training_data
from starter_kit.device import choose_device, seed_everything
from starter_kit.errors import StarterKitError
from starter_kit.evaluate import precision_at_recall
from starter_kit.losses import Loss, bce, build_loss
from starter_kit.model import CycloneClassifier, build_model
from starter_kit.predict import predict_logits, probability
from starter_kit.run_folder import (
    EpochMetrics,
    RunMetrics,
    describe,
    prepare_run_folder,
    save_metrics,
    save_run,
)
from starter_kit.sampler import draw_epoch
from starter_kit.terminal import console as terminal_console
from starter_kit.terminal import progress_bar

COLUMNS = (
    TextColumn("{task.description}"),
    BarColumn(),
    MofNCompleteColumn(),
    TextColumn("images"),
    TimeRemainingColumn(),
)
# What to do about memory beside smaller batches.
SMALLER = {
    "small_cnn": "a smaller model.width helps too.",
    "resnet18": "model.early_downsampling=true helps more.",
}


def train(
    release: Release, config: Config, out: Path, *, overwrite: bool = False, console: Console | None = None
) -> RunMetrics:
    """Train as the configuration says and leave the best epoch in the folder `out`.

    Ctrl-C ends the training early: KeyboardInterrupt goes on to the caller after saying what was kept.
    Raises StarterKitError, with what to change, for a folder in use, a missing GPU or too little memory.
    """
    console = console or terminal_console
    knobs = config.train
    data = load_training_data(release, config.validation)
    device = choose_device(knobs.device)
    seed_everything(knobs.seed)
    rng = np.random.default_rng(knobs.seed)

    model = build_model(config.model).to(device)
    loss = build_loss(config.loss)
    vary = build_augmentation(config.augment, knobs.seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=knobs.learning_rate, weight_decay=knobs.weight_decay)
    size = epoch_size(knobs, len(data.training))
    steps = knobs.epochs * math.ceil(size / knobs.batch_size)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, warmup_then_cosine(steps, knobs.warmup_share))
    # Half precision needs the loss scaled up, lest small gradients vanish; disabled, the scaler does nothing.
    scaler = torch.amp.GradScaler(device.type, enabled=knobs.amp and device.type == "cuda")

    prepare_run_folder(out, overwrite=overwrite)
    console.print(introduction(release, data, model, device))
    started = time.perf_counter()
    history: list[EpochMetrics] = []
    metrics: RunMetrics | None = None
    try:
        for epoch in range(1, knobs.epochs + 1):
            epoch_started = time.perf_counter()
            drawn = data.training[draw_epoch(config.sampler, data.labels[data.training], size, rng)]
            with progress_bar(*COLUMNS, on=console) as progress:
                task = progress.add_task(f"epoch {epoch}/{knobs.epochs}", total=size)
                training_loss = train_one_epoch(
                    model, data, drawn, loss=loss, vary=vary, optimizer=optimizer, schedule=schedule,
                    scaler=scaler, batch_size=knobs.batch_size, on_progress=partial(progress.advance, task),
                )  # fmt: skip
            training_seconds = time.perf_counter() - epoch_started
            validation_loss, result = evaluate(model, data, config.metric.recall_floor)
            history.append(
                EpochMetrics(
                    epoch=epoch,
                    loss=training_loss,
                    validation_loss=validation_loss,
                    precision=result.precision,
                    recall=result.recall,
                    threshold=result.threshold or 0.0,
                    seconds=time.perf_counter() - epoch_started,
                    images_per_second=size / training_seconds,
                )
            )
            best = max(history, key=lambda entry: entry.precision)
            current = RunMetrics(
                release=release.manifest.name,
                release_version=release.manifest.version,
                recall_floor=config.metric.recall_floor,
                device=str(device),
                torch=torch.__version__,
                seconds=time.perf_counter() - started,
                best=best,
                history=history,
            )
            if best is history[-1]:
                save_run(out, model, config)
            save_metrics(out, current)
            metrics = current
            console.print(epoch_line(history[-1], metrics, knobs.epochs))
    except KeyboardInterrupt:
        kept = f"kept in {out}: {describe(metrics)}" if metrics else "nothing is kept, no epoch was complete"
        console.print(f"Stopped by you; {kept}.")
        raise
    except (torch.OutOfMemoryError, RuntimeError) as error:
        if isinstance(error, torch.OutOfMemoryError) or "not enough memory" in str(error):
            raise StarterKitError(
                f"Out of memory on {device.type} at {knobs.batch_size} images per batch. "
                f"Try --set train.batch_size={max(1, knobs.batch_size // 2)}; {SMALLER[config.model.name]}"
            ) from error
        raise
    assert metrics is not None
    console.print(f"Done in {metrics.seconds:.0f} s; kept in {out}: {describe(metrics)}.")
    return metrics


def train_one_epoch(
    model: CycloneClassifier,
    data: TrainingData,
    drawn: NDArray[np.int64],
    *,
    loss: Loss,
    vary: Callable[[NDArray[np.uint8]], NDArray[np.uint8]],
    optimizer: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
    scaler: torch.amp.GradScaler,
    batch_size: int,
    on_progress: Callable[[int], None] = lambda images: None,
) -> float:
    """One step per batch of the images at `drawn`, int64 (size,); returns the mean loss per image."""
    model.train()
    device = next(model.parameters()).device
    total = torch.zeros((), device=device)
    for start in range(0, len(drawn), batch_size):
        batch = drawn[start : start + batch_size]
        images = torch.from_numpy(vary(data.images[batch])).to(device)  # (B, 64, 64) uint8
        labels = torch.from_numpy(data.labels[batch]).to(device).float()  # (B,) 0 or 1
        with torch.autocast(device.type, dtype=torch.float16, enabled=scaler.is_enabled()):
            logits = model(images)  # (B,)
        batch_loss = loss(logits.float(), labels)

        optimizer.zero_grad()
        scaler.scale(batch_loss).backward()
        scaler.step(optimizer)
        scaler.update()
        schedule.step()

        total += batch_loss.detach() * len(batch)
        on_progress(len(batch))
    return total.item() / len(drawn)


def evaluate(model: CycloneClassifier, data: TrainingData, recall_floor: float) -> tuple[float, Result]:
    """Mean cross-entropy and the competition's score on the validation storms, by the platform's own code.

    Raises StarterKitError where the model predicts no finite numbers any more.
    """
    logits = predict_logits(model, data.images, data.validation)  # (V,) float64
    if not np.isfinite(logits).all():
        raise StarterKitError(
            "The training diverged: the model predicts no finite numbers any more. Choose a smaller "
            "train.learning_rate, such as --set train.learning_rate=0.001."
        )
    labels = data.labels[data.validation]
    loss = bce(torch.from_numpy(logits), torch.from_numpy(labels).double()).item()
    return loss, precision_at_recall(probability(logits), labels, recall_floor)


def warmup_then_cosine(steps: int, warmup_share: float) -> Callable[[int], float]:
    """The learning rate's factor by step: a straight rise to 1, then half a cosine down to 0."""
    warmup = round(steps * warmup_share)

    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / warmup
        return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))

    return factor


def epoch_size(knobs: TrainConfig, available: int) -> int:
    """Images per epoch, in whole batches where there is one: batch norm dislikes a last batch of three
    images."""
    size = knobs.images_per_epoch or available
    return max(size - size % knobs.batch_size, min(size, knobs.batch_size))


def introduction(release: Release, data: TrainingData, model: CycloneClassifier, device: torch.device) -> str:
    def side(positions: NDArray[np.int64]) -> str:
        storms = {data.storms[position] for position in positions} - {None}
        positives = int(data.labels[positions].sum())
        return f"{len(positions):,} images, {positives:,} of them of {len(storms):,} storms"

    parameters = sum(parameter.numel() for parameter in model.parameters())
    return (
        f"{release.manifest.title}\n"
        f"  training    {side(data.training)}\n"
        f"  validation  {side(data.validation)}, none of them in training\n"
        f"  model       {parameters:,} parameters on {device}"
    )


def epoch_line(entry: EpochMetrics, metrics: RunMetrics, epochs: int) -> str:
    return (
        f"epoch {entry.epoch:>{len(str(epochs))}}/{epochs}"
        f"  loss {entry.loss:.4f}  validation {entry.validation_loss:.4f}"
        f"  precision {entry.precision:.3f} at recall {metrics.recall_floor:g}"
        f"  threshold {entry.threshold:.3f}"
        f"  {entry.images_per_second:,.0f} images/s"
        f"  {entry.seconds:.1f} s" + ("  best" if entry is metrics.best else "")
    )
