"""Train a classifier of cloud images. Read it from top to bottom: it is the whole training.

`train` sets up, and then repeats: `train_one_epoch` makes the loss smaller, `evaluate` measures on storms
that the model has never seen, and the best state so far is kept on disk. Every epoch starts from a seed of
its own, so that a training that was killed repeats the epoch it was in and ends as if nothing had happened.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from rich.console import Console
from torch import nn

from cloud_images import Release
from cloud_images.shards import ShardedImages
from scoring import Result
from starter_kit.configuration.sections import Config, SamplerConfig, TrainConfig
from starter_kit.device import seed_everything
from starter_kit.errors import StarterKitError, is_out_of_memory
from starter_kit.images.augment import build_augmentation
from starter_kit.images.batch_augment import Vary, build_batch_augmentation
from starter_kit.images.data import TrainingData, load_training_data
from starter_kit.images.read_ahead import device_ahead, to_device
from starter_kit.inference.evaluate import on_validation, standard_error
from starter_kit.inference.predict import predict_logits, probability
from starter_kit.networks.backbones import ARCHITECTURES
from starter_kit.networks.classifier import CycloneClassifier, build_model
from starter_kit.run_folder import (
    CHECKPOINT,
    EpochMetrics,
    RunMetrics,
    describe,
    finished_metrics,
    load_checkpoint,
    prepare_run_folder,
    save_checkpoint,
    save_metrics,
    save_run,
)
from starter_kit.terminal import console as terminal_console
from starter_kit.terminal import image_columns, progress_bar
from starter_kit.training.hard_negatives import hardest, is_mining_epoch, mineable_negatives
from starter_kit.training.launch import gathered, share_buffers, shared_out, start_fabric
from starter_kit.training.losses import ConfiguredLoss, Loss, bce
from starter_kit.training.moving_average import moving_average
from starter_kit.training.sampler import Pools, build_pools, draw_epoch
from starter_kit.training.selection import is_kept, is_over

Batch = tuple[torch.Tensor, torch.Tensor]
"""Images, uint8 (B, 64, 64), and labels, float (B,), on the device."""


def train(
    release: Release,
    config: Config,
    out: Path,
    *,
    overwrite: bool = False,
    resume: bool = False,
    console: Console | None = None,
) -> RunMetrics:
    """Train as the configuration says and leave the best epoch in the folder `out`.

    resume: go on with a training in `out` that was stopped or killed; the weights will be those of a training
    that ran through. A finished one is left as it is, and where there is none, one begins.

    Ctrl-C ends the training early: KeyboardInterrupt goes on to the caller after saying what was kept.
    Raises StarterKitError, with what to change, for a folder in use, a missing GPU or too little memory.
    """
    knobs = config.train
    fabric = start_fabric(knobs)
    is_first = fabric.global_rank == 0  # of several processes, one speaks and writes
    console = (console or terminal_console) if is_first else Console(quiet=True)
    if resume and (done := finished_metrics(out, config)):
        console.print(f"{out} is finished: {describe(done)}.")
        return done
    data = load_training_data(release, config.validation)
    labels = data.labels[data.training]
    pools = build_pools(config.sampler, labels, [data.storms[p] for p in data.training], knobs.seed)

    seed_everything(knobs.seed)
    model = build_model(config.model, channels_last=knobs.channels_last)
    share = config.sampler.positive_share if config.sampler.name != "natural" else labels.mean()
    loss = ConfiguredLoss(
        config.loss, drawn_positive_share=float(share), recall_floor=config.metric.recall_floor
    ).to(fabric.device)
    average = moving_average(model, knobs.ema_decay, fabric.device) if knobs.ema_decay else None
    optimizer = torch.optim.AdamW(model.parameters(), lr=knobs.learning_rate, weight_decay=knobs.weight_decay)
    size = epoch_size(knobs, pools.size)
    steps = knobs.epochs * math.ceil(size / knobs.batch_size)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, warmup_then_cosine(steps, knobs.warmup_share))

    identity = f"{release.manifest.name} {release.manifest.version}"
    checkpoint = load_checkpoint(out, config, identity) if resume else None
    if checkpoint is None and is_first:
        prepare_run_folder(out, overwrite=overwrite or resume)
    fabric.barrier()
    faster = cast(nn.Module, torch.compile(model)) if knobs.compile else model
    stepping, optimizing = fabric.setup(faster, optimizer)
    judged = cast(CycloneClassifier, average.module) if average else model  # measured, and kept
    # Of the state that training changes, everything: what is missing here would make a resumed run another.
    stateful: dict[str, Any] = {"model": model, "loss": loss, "optimizer": optimizer, "schedule": schedule}
    stateful |= {"average": average} if average else {}
    stateful |= {"precision": fabric.strategy.precision}  # the loss scale of float16
    history: list[EpochMetrics] = []
    seconds_before = 0.0
    if checkpoint is not None:
        for name, part in stateful.items():
            part.load_state_dict(checkpoint[name])
        history = [EpochMetrics.model_validate(entry) for entry in checkpoint["history"]]
        seconds_before = checkpoint["seconds"]
        pools = replace(pools, hard=checkpoint["hard"].numpy())

    console.print(introduction(release, data, model, fabric))
    if fabric.device.type == "cpu" and config.model.name in ARCHITECTURES:
        console.print(
            "  A deep network, and no GPU: one epoch may take hours. strong_laptop and winner_laptop are "
            "the recipes for a CPU."
        )
    if history:
        console.print(f"Going on after epoch {len(history)}.")
    started = time.perf_counter() - seconds_before
    metrics: RunMetrics | None = None
    kept = next((entry for entry in history if entry.epoch == (checkpoint or {}).get("kept")), None)
    try:
        for epoch in range(len(history) + 1, knobs.epochs + 1):
            if is_over(history, knobs.patience):
                console.print(
                    f"Stopped early: {knobs.patience} epochs worse than the best by more than noise."
                )
                break
            epoch_started = time.perf_counter()
            seed_everything(knobs.seed, epoch, fabric.global_rank)
            if is_mining_epoch(config.sampler, epoch):
                console.print("Asking the model which negatives are hard …")
                pools = mined(fabric, judged, data, pools, config.sampler)
            rng = np.random.default_rng([knobs.seed, epoch])
            drawn = data.training[draw_epoch(config.sampler, pools, size, rng)]
            chances = [knobs.seed, epoch, fabric.global_rank]
            with progress_bar(*image_columns(), on=console) as progress:
                task = progress.add_task(f"epoch {epoch}/{knobs.epochs}", total=size)
                batches = training_batches(
                    fabric, data.images, data.labels, drawn, batch_size=knobs.batch_size,
                    vary_each=build_augmentation(config.augment, release.manifest.scale, chances),
                    vary_batch=build_batch_augmentation(config.augment, release.manifest.scale, chances),
                )  # fmt: skip
                training_loss = train_one_epoch(
                    fabric, stepping, batches, loss=loss,
                    optimizer=optimizing, schedule=schedule, clip_norm=knobs.clip_norm,
                    after_step=partial(average.update_parameters, model) if average else lambda: None,
                    on_progress=partial(progress.advance, task),
                )  # fmt: skip
            training_seconds = time.perf_counter() - epoch_started
            share_buffers(fabric, judged)
            validation_loss, result = evaluate(judged, data, config.metric.recall_floor, fabric=fabric)
            history.append(
                EpochMetrics(
                    epoch=epoch,
                    loss=training_loss,
                    validation_loss=validation_loss,
                    precision=result.precision or 0.0,
                    recall=result.recall or 0.0,
                    threshold=result.threshold or 0.0,
                    standard_error=standard_error(result),
                    seconds=time.perf_counter() - epoch_started,
                    images_per_second=size / training_seconds,
                )
            )
            if kept is None or is_kept(history, knobs.selection):
                kept = history[-1]
            metrics = RunMetrics(
                release=release.manifest.name,
                release_version=release.manifest.version,
                recall_floor=config.metric.recall_floor,
                device=str(fabric.device),
                torch=torch.__version__,
                seconds=time.perf_counter() - started,
                best=kept,
                history=history,
            )
            if is_first:
                if kept is history[-1]:
                    save_run(out, judged, config)
                save_metrics(out, metrics)
                save_checkpoint(
                    out,
                    {name: part.state_dict() for name, part in stateful.items()}
                    | {
                        "config": config.model_dump_json(),
                        "release": identity,
                        "history": [entry.model_dump() for entry in history],
                        "kept": kept.epoch,
                        "seconds": metrics.seconds,
                        "hard": torch.from_numpy(pools.hard),
                    },
                )
            console.print(epoch_line(history[-1], metrics, knobs.epochs))
    except KeyboardInterrupt:
        what = f"kept in {out}: {describe(metrics)}" if metrics else "nothing is kept, no epoch was complete"
        console.print(f"Stopped by you; {what}. --resume goes on.")
        raise
    except (MemoryError, RuntimeError) as error:
        if is_out_of_memory(error):
            raise StarterKitError(out_of_memory(config, fabric.device)) from error
        raise
    assert kept is not None
    if metrics is None:  # resumed after the last epoch, before the end was written
        metrics = RunMetrics.model_validate_json((out / "metrics.json").read_bytes())
    metrics = metrics.model_copy(update={"finished": True})
    if is_first:
        save_metrics(out, metrics)
        (out / CHECKPOINT).unlink(missing_ok=True)
    fabric.barrier()
    console.print(f"Done in {metrics.seconds:.0f} s; kept in {out}: {describe(metrics)}.")
    return metrics


def training_batches(
    fabric: Fabric,
    images: ShardedImages,
    labels: NDArray[np.uint8],
    drawn: NDArray[np.int64],
    *,
    vary_each: Callable[[NDArray[np.uint8]], NDArray[np.uint8]],
    vary_batch: Vary,
    batch_size: int,
) -> Iterator[Batch]:
    """Batches of the images at `drawn`, int64 (size,), and their labels, varied and on the device before they
    are asked for. Of each batch every process takes its part."""
    device = fabric.device

    def read(part: NDArray[np.int64]) -> Batch:
        each = vary_each(images[part])
        return vary_batch(to_device(each, device), to_device(labels[part], device).float())

    parts = [
        shared_out(fabric, drawn[start : start + batch_size]) for start in range(0, len(drawn), batch_size)
    ]
    return device_ahead(read, parts, device)


def train_one_epoch(
    fabric: Fabric,
    model: nn.Module,
    batches: Iterable[Batch],
    *,
    loss: Loss,
    optimizer: Any,
    schedule: torch.optim.lr_scheduler.LRScheduler,
    clip_norm: float | None = None,
    after_step: Callable[[], None] = lambda: None,
    on_progress: Callable[[int], None] = lambda images: None,
) -> float:
    """One step per batch; returns the mean loss per image.

    model, optimizer: as `fabric.setup` returned them.
    """
    model.train()
    total, seen = torch.zeros((), device=fabric.device), 0
    # uint8 (B, 64, 64); float (B,), 0 or 1, and in between where images are mixed
    for images, labels in batches:
        logits = model(images)  # (B,)
        batch_loss = loss(logits.float(), labels)

        optimizer.zero_grad()
        fabric.backward(batch_loss)
        if clip_norm is not None:
            # To look for infinities here would keep the GPU waiting; `evaluate` finds them.
            fabric.clip_gradients(model, optimizer, max_norm=clip_norm, error_if_nonfinite=False)
        optimizer.step()
        schedule.step()
        after_step()

        total += batch_loss.detach() * len(images)
        seen += len(images)
        on_progress(len(images) * fabric.world_size)
    sums = torch.stack([total, torch.full_like(total, seen)])
    total, images_of_all = cast(torch.Tensor, fabric.all_reduce(sums, reduce_op="sum")).tolist()
    return total / images_of_all


def evaluate(
    model: CycloneClassifier, data: TrainingData, recall_floor: float, *, fabric: Fabric | None = None
) -> tuple[float, Result]:
    """Mean cross-entropy, and the competition's score on the validation storms by the platform's own code.

    Raises StarterKitError where the model predicts no finite numbers any more.
    """
    logits = predict_together(fabric, model, data, data.validation)  # (V,) float64
    if not np.isfinite(logits).all():
        raise StarterKitError(
            "The training diverged: the model predicts no finite numbers any more. Choose a smaller "
            "train.learning_rate, such as --set train.learning_rate=0.001, or --set train.clip_norm=1."
        )
    labels = torch.from_numpy(data.labels[data.validation]).double()
    loss = bce(torch.from_numpy(logits), labels).item()
    return loss, on_validation(probability(logits), data, recall_floor)


def mined(
    fabric: Fabric, model: CycloneClassifier, data: TrainingData, pools: Pools, config: SamplerConfig
) -> Pools:
    """The pools with the negatives that the model, as it is now, finds hardest."""
    negatives = data.training[pools.negatives]
    logits = predict_together(fabric, model, data, negatives)
    keep = round(config.hard_per_positive * len(pools.positives))
    chosen = hardest(
        logits,
        keep=keep,
        skip_share=config.skip_hardest,
        mineable=mineable_negatives(config, data, negatives),
    )
    return replace(pools, hard=pools.negatives[chosen])


def predict_together(
    fabric: Fabric | None, model: CycloneClassifier, data: TrainingData, positions: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Logits of the images at `positions`, each process scoring its part."""
    if fabric is None:
        return predict_logits(model, data.images, positions)
    mine = predict_logits(model, data.images, shared_out(fabric, positions))
    return gathered(fabric, mine, len(positions))


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


def introduction(release: Release, data: TrainingData, model: CycloneClassifier, fabric: Fabric) -> str:
    def side(positions: NDArray[np.int64]) -> str:
        storms = {data.storms[position] for position in positions} - {None}
        positives = int(data.labels[positions].sum())
        return f"{len(positions):,} images, {positives:,} of them of {len(storms):,} storms"

    parameters = sum(parameter.numel() for parameter in model.parameters())
    processes = f", {fabric.world_size} processes" if fabric.world_size > 1 else ""
    return (
        f"{release.manifest.title}\n"
        f"  training    {side(data.training)}\n"
        f"  validation  {side(data.validation)}, none of them in training\n"
        f"  model       {parameters:,} parameters on {fabric.device.type}{processes}"
    )


def epoch_line(entry: EpochMetrics, metrics: RunMetrics, epochs: int) -> str:
    return (
        f"epoch {entry.epoch:>{len(str(epochs))}}/{epochs}"
        f"  loss {entry.loss:.4f}  validation {entry.validation_loss:.4f}"
        f"  precision {entry.precision:.3f} ± {entry.standard_error:.3f} at recall {metrics.recall_floor:g}"
        f"  threshold {entry.threshold:.3f}"
        f"  {entry.images_per_second:,.0f} images/s"
        f"  {entry.seconds:.1f} s" + ("  best" if entry is metrics.best else "")
    )


def out_of_memory(config: Config, device: torch.device) -> str:
    batch = config.train.batch_size
    smaller = "a smaller model.width" if config.model.name == "small_cnn" else "model.early_downsampling=true"
    return (
        f"Out of memory on {device.type} at {batch} images per batch. "
        f"Try --set train.batch_size={max(1, batch // 2)}; {smaller} helps too."
    )
