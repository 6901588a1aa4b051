"""An average of the weights of the last steps, which judges better than the last ones alone."""

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

Tensors = tuple[torch.Tensor, ...] | list[torch.Tensor]
CPU = torch.device("cpu")


def moving_average(model: nn.Module, decay: float, device: torch.device = CPU) -> AveragedModel:
    """Exponential moving average of weights and batch norm statistics (Polyak & Juditsky 1992; as decay ≈ 1
    by Tarvainen & Valpola 2017, arXiv 1703.01780), on the device. After step t (1, 2, …) it is

        average ← d × average + (1 − d) × weights,   d = min(decay, t / (t + 9)),

    the ramp lest the first, untrained weights linger: a short training has few steps to forget them.
    """

    @torch.no_grad()
    def update(averages: Tensors, current: Tensors, _: torch.Tensor | int) -> None:
        step = int(average.n_averaged)
        weight = 1 - min(decay, step / (step + 9))
        for mean, value in zip(averages, current, strict=True):
            if mean.is_floating_point():
                mean.lerp_(value, weight)
            else:  # a count, such as batch norm's
                mean.copy_(value)

    average = AveragedModel(model, multi_avg_fn=update, use_buffers=True)
    average.module.to(device)  # and not the count: to ask a GPU for it would keep both waiting at every step
    return average
