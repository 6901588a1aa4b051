"""An average of the weights of the last steps, which judges better than the last ones alone."""

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

Tensors = tuple[torch.Tensor, ...] | list[torch.Tensor]


def moving_average(model: nn.Module, decay: float) -> AveragedModel:
    """Exponential moving average of weights and batch norm statistics (Polyak & Juditsky 1992; as decay ≈ 1
    by Tarvainen & Valpola 2017, arXiv 1703.01780). After step t (1, 2, …) it is

        average ← d × average + (1 − d) × weights,   d = min(decay, t / (t + 9)),

    the ramp lest the first, untrained weights linger: a short training has few steps to forget them.
    """

    @torch.no_grad()
    def update(averages: Tensors, current: Tensors, steps: torch.Tensor | int) -> None:
        step = int(steps)
        weight = 1 - min(decay, step / (step + 9))
        for average, value in zip(averages, current, strict=True):
            if average.is_floating_point():
                average.lerp_(value, weight)
            else:  # a count, such as batch norm's
                average.copy_(value)

    return AveragedModel(model, multi_avg_fn=update, use_buffers=True)
