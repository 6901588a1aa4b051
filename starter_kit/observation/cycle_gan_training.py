"""Train a CycleGAN on two heaps of images; stopped or killed, it goes on where it was.

Every step draws its images and flips from a seed of its own, and the checkpoint holds all the rest that
training changes: a resumed training ends with the weights of one that ran through, bit for bit (same machine,
same number of threads).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from cloud_images.shards import ShardedImages
from starter_kit.atomic_file import written_whole
from starter_kit.device import seed_everything
from starter_kit.errors import StarterKitError
from starter_kit.observation.cycle_gan import (
    Discriminators,
    GanKnobs,
    Generators,
    ReplayBuffer,
    as_input,
    discriminator_loss,
    generator_losses,
)
from starter_kit.observation.patches import Images, Rows
from starter_kit.run_folder import read_state

Tensor = torch.Tensor
GAN_CHECKPOINT = "checkpoint.pt"
KEEP_EVERY = 100
"""Steps between checkpoints: half a minute on two CPU cores."""
Losses = dict[str, float]


def train_cycle_gan(
    simulated: ShardedImages | Images,
    simulated_rows: Rows,
    observed: Images,
    knobs: GanKnobs,
    folder: Path,
    *,
    device: torch.device,
    on_step: Callable[[int, Losses], None] | None = None,
) -> tuple[Generators, list[Losses]]:
    """Generators, in evaluation mode, and the mean losses of every `KEEP_EVERY` steps.

    simulated: read at `simulated_rows`; observed: uint8 (K, 64, 64). folder: for checkpoints; one of the same
    knobs and images is gone on with. on_step(step, losses of the step).
    Raises StarterKitError for too little memory, and where losses are no finite numbers any more.
    """
    seed_everything(knobs.seed, 1)
    generators = Generators(knobs.width, knobs.blocks).to(device)
    judges = Discriminators(knobs.width).to(device)
    optimizers = [
        torch.optim.Adam(part.parameters(), lr=knobs.learning_rate, betas=(0.5, 0.999))
        for part in (generators, judges)
    ]
    schedules = [torch.optim.lr_scheduler.LambdaLR(each, _decay(knobs.steps)) for each in optimizers]
    buffers = [ReplayBuffer(knobs.buffer), ReplayBuffer(knobs.buffer)]
    stateful: list[Any] = [generators, judges, *optimizers, *schedules]
    identity = json.dumps([knobs.model_dump(), _fingerprint(simulated[simulated_rows[:64]], observed)])
    begin, history = 0, []
    if (found := _load(folder, identity)) is not None:
        for part, state in zip(stateful, found["parts"], strict=True):
            part.load_state_dict(state)
        buffers = [ReplayBuffer(knobs.buffer, held.to(device)) for held in found["buffers"]]
        begin, history = found["step"], found["history"]

    some: list[Losses] = []
    for step in range(begin, knobs.steps):
        rng = np.random.default_rng([knobs.seed, 2, step])
        here = _drawn(simulated, rng.choice(simulated_rows, knobs.batch_size), rng, device)
        there = _drawn(observed, rng.integers(len(observed), size=knobs.batch_size), rng, device)
        try:
            losses = _step(
                generators, judges, optimizers, buffers, simulated=here, observed=there, knobs=knobs, rng=rng
            )
        except torch.OutOfMemoryError:
            raise StarterKitError(
                f"Out of memory at {knobs.batch_size} images a step. Try a smaller --batch-size or --width."
            ) from None
        if not np.isfinite(sum(losses.values())):
            raise StarterKitError(
                f"The CycleGAN diverged at step {step + 1}: its losses are no numbers any more. Another "
                "--seed, or more --batch-size, may do."
            )
        for schedule in schedules:
            schedule.step()
        some.append(losses)
        if on_step:
            on_step(step + 1, losses)
        if (step + 1) % KEEP_EVERY == 0 or step + 1 == knobs.steps:
            means = {name: float(np.mean([each[name] for each in some])) for name in some[0]}
            history.append({"step": step + 1, **means})
            some = []
            state = {
                "identity": identity,
                "step": step + 1,
                "history": history,
                "parts": [part.state_dict() for part in stateful],
                "buffers": [buffer.held.cpu() for buffer in buffers],
            }
            with written_whole(folder / GAN_CHECKPOINT) as draft:
                torch.save(state, draft)
    return generators.eval(), history


def _step(
    generators: Generators,
    judges: Discriminators,
    optimizers: list[torch.optim.Adam],
    buffers: list[ReplayBuffer],
    *,
    simulated: Tensor,
    observed: Tensor,
    knobs: GanKnobs,
    rng: np.random.Generator,
) -> Losses:
    """Generators first, then discriminators, on one batch of each domain, (B, 1, 64, 64)."""
    optimize_generators, optimize_judges = optimizers
    judges.requires_grad_(False)
    parts, as_observed, as_simulated = generator_losses(generators, judges, simulated, observed)
    optimize_generators.zero_grad()
    parts.total(knobs).backward()
    optimize_generators.step()

    judges.requires_grad_(True)
    loss = discriminator_loss(judges.observed, observed, buffers[0].exchange(as_observed, rng))
    loss = loss + discriminator_loss(judges.simulated, simulated, buffers[1].exchange(as_simulated, rng))
    optimize_judges.zero_grad()
    loss.backward()
    optimize_judges.step()
    return {
        "adversarial": parts.adversarial.item(),
        "cycle": parts.cycle.item(),
        "identity": parts.identity.item(),
        "discriminators": loss.item(),
    }


def _drawn(
    images: ShardedImages | Images, rows: Rows, rng: np.random.Generator, device: torch.device
) -> Tensor:
    """Images as the networks take them, half of them mirrored north-south and half east-west."""
    batch = images[rows]
    for axis in (1, 2):
        mirrored = rng.random(len(batch)) < 0.5
        batch[mirrored] = np.flip(batch[mirrored], axis)
    return as_input(torch.from_numpy(batch).to(device))


def _decay(steps: int) -> Callable[[int], float]:
    """The learning rate's factor: 1 for the first half of the steps, then straight down to 0."""
    return lambda step: min(1.0, 2 * (1 - step / steps))


def _fingerprint(simulated: Images, observed: Images) -> list[int]:
    """Tells other images from these."""
    return [len(observed), int(observed.sum(dtype=np.int64)), int(simulated.sum(dtype=np.int64))]


def _load(folder: Path, identity: str) -> dict[str, Any] | None:
    state = read_state(folder / GAN_CHECKPOINT, remedy="Delete it to start anew.")
    if state is None:
        return None
    if state["identity"] != identity:
        raise StarterKitError(
            f"{folder} was begun with other options or other images. Give the same as then, or another --out."
        )
    return state
