"""Which parts of an image made a network say what it says.

Two answers of different kinds. *Grad-CAM* asks the last feature map, coarse but hard to fool, where it saw
what speaks for a cyclone. *Integrated gradients* share the logit out over the pixels, fine but grainy, and
add up: to the difference that the image makes against a cloudless sky. Neither says why the weather is so.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional as F

from cloud_images import IMAGE_SIZE
from starter_kit.errors import StarterKitError

Images = NDArray[np.uint8]  # (N, 64, 64)
Maps = NDArray[np.float32]  # (N, 64, 64)

CLOUDLESS = 0
"""The grey of warm, clear sea (300 W m⁻² and more): an image without any cloud is all of it."""
POOLINGS = (
    nn.MaxPool2d,
    nn.AvgPool2d,
    nn.AdaptiveAvgPool2d,
    nn.AdaptiveMaxPool2d,
)
BATCH = 128


def grad_cam(model: nn.Module, images: Images) -> Maps:
    """Where the last feature map holds what speaks for a cyclone: float32 (N, 64, 64), at least 0.

    Each channel of the map weighs the mean gradient of the logit in it; the weighted sum, negative parts cut
    off, is stretched to the image. Selvaraju et al. (2017), Grad-CAM: visual explanations from deep networks
    via gradient-based localization, doi 10.1109/ICCV.2017.74.

    model: uint8 (B, 64, 64) to logits (B,). Raises StarterKitError where it has no feature map.
    """
    device = next(model.parameters()).device
    layer = feature_layer(model)
    maps = np.empty(images.shape, np.float32)
    with _evaluating(model), torch.enable_grad():
        for start in range(0, len(images), BATCH):
            batch = torch.from_numpy(images[start : start + BATCH]).to(device)
            kept: list[torch.Tensor] = []
            handle = layer.register_forward_hook(lambda _, __, output, kept=kept: kept.append(output))
            try:
                logits = model(batch)  # (B,)
            finally:
                handle.remove()
            features = kept[-1]  # (B, C, H, W)
            (gradient,) = torch.autograd.grad(logits.sum(), features)
            weights = gradient.mean(dim=(2, 3), keepdim=True)  # (B, C, 1, 1)
            coarse = F.relu((weights * features.detach()).sum(dim=1, keepdim=True))  # (B, 1, H, W)
            size = (IMAGE_SIZE, IMAGE_SIZE)
            fine = F.interpolate(coarse.float(), size, mode="bilinear", align_corners=False)
            maps[start : start + len(batch)] = fine[:, 0].cpu().numpy()
    return maps


def feature_layer(model: nn.Module) -> nn.Module:
    """The module that gives the last feature map, (B, C, H, W) of more than one point, before it is pooled.

    It is found by running one image through, so that it holds for every architecture. Raises StarterKitError
    where there is none.
    """
    found: list[nn.Module] = []

    def note(module: nn.Module, _: Any, output: Any) -> None:
        is_map = isinstance(output, torch.Tensor) and output.ndim == 4 and output.shape[2:].numel() > 1
        if is_map and not isinstance(module, POOLINGS):
            found.append(module)

    handles = [module.register_forward_hook(note) for module in model.modules()]
    try:
        with _evaluating(model), torch.no_grad():
            blank = torch.zeros(1, IMAGE_SIZE, IMAGE_SIZE, dtype=torch.uint8)
            model(blank.to(next(model.parameters()).device))
    finally:
        for handle in handles:
            handle.remove()
    if not found:
        raise StarterKitError(
            "Grad-CAM needs a network with a feature map, (B, C, H, W), and this one has none."
        )
    return found[-1]


@dataclass(frozen=True)
class Attributions:
    """Integrated gradients. maps: (N, 64, 64), of one image in logits, positive where a pixel speaks for a
    cyclone. difference: (N,) logit of the image less that of the baseline. gap: (N,) how much the sum of the
    map misses it."""

    maps: Maps
    difference: NDArray[np.float64]
    gap: NDArray[np.float64]


def integrated_gradients(
    model: nn.Module, images: Images, *, tolerance: float = 0.01, max_steps: int = 512
) -> Attributions:
    """The logit shared out over the pixels, against an image without any cloud.

    A pixel gets its difference from the baseline times the mean of the gradient on the straight way from
    there; by the midpoint rule, in 32 steps, and twice as many until the sums miss their completeness by less
    than `tolerance` of the difference (of 1 logit, where that is more), or `max_steps` are done.
    Sundararajan, Taly & Yan (2017), Axiomatic attribution for deep networks, arXiv 1703.01365.
    """
    maps = np.empty(images.shape, np.float32)
    difference, gap = np.empty(len(images)), np.empty(len(images))
    with _evaluating(model), torch.enable_grad():
        for place, image in enumerate(images):
            steps = 32
            while True:
                one = _integrated(model, image, steps)
                misses = abs(one.gap[0]) > tolerance * max(1.0, abs(one.difference[0]))
                if not misses or 2 * steps > max_steps:
                    break
                steps *= 2
            maps[place], difference[place], gap[place] = one.maps[0], one.difference[0], one.gap[0]
    return Attributions(maps, difference, gap)


def _integrated(model: nn.Module, image: Images, steps: int) -> Attributions:
    """Of one image, (64, 64)."""
    device = next(model.parameters()).device
    end = torch.from_numpy(image).to(device, torch.float32)  # (64, 64), greys 0 … 255
    start = torch.full_like(end, CLOUDLESS)
    total = torch.zeros(end.shape, dtype=torch.float64, device=device if device.type != "mps" else "cpu")
    for first in range(0, steps, BATCH):
        last = min(first + BATCH, steps)
        shares = (torch.arange(first, last, device=device) + 0.5) / steps  # (S,)
        between = start + shares[:, None, None] * (end - start)  # (S, 64, 64)
        between.requires_grad_()
        (gradient,) = torch.autograd.grad(model(between).sum(), between)
        total += gradient.to(total.device).double().sum(dim=0)
    shared = ((end - start).to(total.device).double() * total / steps).cpu().numpy()  # (64, 64)
    with torch.no_grad():
        from_logit, to_logit = model(torch.stack([start, end])).double().tolist()
    difference = np.array([to_logit - from_logit])
    return Attributions(shared[None].astype(np.float32), difference, shared.sum() - difference)


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    """Without dropout, and with the batch norms as they were learned."""
    was_training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(was_training)
