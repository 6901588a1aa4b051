"""The work that is fed: the kit's own training and inference, with the configured model."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any, cast

import torch
from lightning_fabric import Fabric
from torch import nn

from starter_kit.benchmark.watch import Tensors
from starter_kit.configuration.sections import Config
from starter_kit.device import seed_everything
from starter_kit.inference.predict import computes_in_bfloat16, logits_of
from starter_kit.networks.classifier import build_model
from starter_kit.training.launch import arithmetic
from starter_kit.training.losses import ConfiguredLoss
from starter_kit.training.moving_average import moving_average
from starter_kit.training.train import train_one_epoch


class Steps:
    """As a training sets them up, but for the learning rate: it is 0, so that every run meets the same
    weights."""

    def __init__(self, config: Config, fabric: Fabric) -> None:
        knobs = config.train
        seed_everything(knobs.seed)
        model = build_model(config.model, channels_last=knobs.channels_last)
        self.parameters = sum(parameter.numel() for parameter in model.parameters())
        self.training_precision = arithmetic(knobs.precision, fabric.device)
        self.inference_precision = "bfloat16" if computes_in_bfloat16(fabric.device) else "float32"
        average = moving_average(model, knobs.ema_decay, fabric.device) if knobs.ema_decay else None
        optimizer = torch.optim.AdamW(model.parameters(), lr=knobs.learning_rate)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 0.0)
        faster = cast(nn.Module, torch.compile(model)) if knobs.compile else model
        stepping, optimizing = fabric.setup(faster, optimizer)
        self._model = model  # as `predict` uses it, never compiled
        self._train_one_epoch = partial(
            train_one_epoch,
            fabric,
            stepping,
            loss=ConfiguredLoss(config.loss).to(fabric.device),
            optimizer=optimizing,
            schedule=schedule,
            clip_norm=knobs.clip_norm,
            after_step=partial(average.update_parameters, model) if average else lambda: None,
        )

    def train(self, batches: Iterable[Tensors]) -> None:
        self._train_one_epoch(cast(Any, batches))

    def infer(self, batches: Iterable[Tensors]) -> None:
        """All eight views of every image."""
        logits_of(self._model, (images for images, *_ in batches), tta=True)
