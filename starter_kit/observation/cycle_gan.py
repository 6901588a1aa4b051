"""The networks and losses of CycleGAN: Zhu et al. 2017, doi 10.1109/ICCV.2017.244.

Two generators translate, one each way; two discriminators judge small parts of an image (PatchGAN). No pairs
are needed: what holds a translation to its image is that the way there and back must lead home.

Grey goes in and out as −1 … 1. It differs from the paper in what grey means here, which is radiation:

- a generator adds what it computes to its input, since most of an image should stay, and its last layers see
  that input: instance normalisation has taken the absolute value out of all other features;
- discriminators have no normalisation: with it they would not see that all of an image is too warm;
- cycle and identity weigh less: simulation and observation are so alike that at the paper's weights (10 and
  5) the generators learn to do nothing at all;
- images are enlarged by nearest neighbours and a convolution, since transposed convolutions leave a
  checkerboard (Odena et al. 2016, doi 10.23915/distill.00003) that any classifier would see.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt
from torch import nn
from torch.nn import functional as F

from starter_kit.configuration.sections import Section

Tensor = torch.Tensor


class Generator(nn.Module):
    """One domain to the other: (B, 1, 64, 64) of −1 … 1 to the same shape, which may overshoot a little."""

    def __init__(self, width: int, blocks: int) -> None:
        """width: channels at full size, doubled at each of two halvings. blocks: residual ones between."""
        super().__init__()
        self.layers = nn.Sequential(
            _layer(1, width, kernel=7),  # (B, width, 64, 64)
            _layer(width, 2 * width, stride=2),  # (B, 2 width, 32, 32)
            _layer(2 * width, 4 * width, stride=2),  # (B, 4 width, 16, 16)
            *(ResidualBlock(4 * width) for _ in range(blocks)),
            nn.Upsample(scale_factor=2),
            _layer(4 * width, 2 * width),  # (B, 2 width, 32, 32)
            nn.Upsample(scale_factor=2),  # (B, 2 width, 64, 64)
        )
        self.change = nn.Sequential(
            nn.Conv2d(2 * width + 1, width, 3, padding=1, padding_mode="reflect"),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(width, 1, 7, padding=3, padding_mode="reflect"),
        )
        for part in self.modules():
            if isinstance(part, nn.Conv2d):
                nn.init.normal_(part.weight, 0.0, 0.02)

    def forward(self, images: Tensor) -> Tensor:
        features = self.layers(images)  # (B, 2 width, 64, 64), normalised: no longer W m⁻²
        return images + self.change(torch.cat([features, images], dim=1))


class ResidualBlock(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            _layer(channels, channels),
            nn.Conv2d(channels, channels, 3, padding=1, padding_mode="reflect"),
            nn.InstanceNorm2d(channels),
        )

    def forward(self, features: Tensor) -> Tensor:
        return features + self.layers(features)


def _layer(channels_in: int, channels_out: int, *, kernel: int = 3, stride: int = 1) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, kernel, stride, padding=kernel // 2, padding_mode="reflect"),
        nn.InstanceNorm2d(channels_out),
        nn.ReLU(inplace=True),
    )


def discriminator(width: int) -> nn.Module:
    """PatchGAN: (B, 1, 64, 64) to (B, 1, 14, 14), each output seeing 34 × 34 points: higher is more real."""
    return nn.Sequential(
        nn.Conv2d(1, width, 4, 2, padding=1),  # (B, width, 32, 32)
        nn.LeakyReLU(0.2, inplace=True),
        nn.Conv2d(width, 2 * width, 4, 2, padding=1),  # (B, 2 width, 16, 16)
        nn.LeakyReLU(0.2, inplace=True),
        nn.Conv2d(2 * width, 4 * width, 4, 1, padding=1),  # (B, 4 width, 15, 15)
        nn.LeakyReLU(0.2, inplace=True),
        nn.Conv2d(4 * width, 1, 4, 1, padding=1),  # (B, 1, 14, 14)
    )


class Generators(nn.Module):
    """Both ways."""

    def __init__(self, width: int, blocks: int) -> None:
        super().__init__()
        self.to_observed = Generator(width, blocks)
        self.to_simulated = Generator(width, blocks)


class Discriminators(nn.Module):
    """A judge of each domain."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.observed = discriminator(width)
        self.simulated = discriminator(width)


class GanKnobs(Section):
    """How a CycleGAN is trained; the defaults are for two CPU cores and some minutes."""

    width: PositiveInt = Field(8, description="Channels at full size; 64 in the paper, for a GPU.")
    blocks: PositiveInt = Field(4, description="Residual blocks; the paper has 6 for images of 128 × 128.")
    steps: PositiveInt = Field(2000, description="Some minutes on two CPU cores.")
    batch_size: PositiveInt = Field(4, description="1 in the paper; more is steadier.")
    learning_rate: PositiveFloat = Field(
        5e-4, description="Adam's, β₁ = 0.5; constant for half of the steps, then straight down to 0."
    )
    cycle_weight: NonNegativeFloat = Field(2.0, description="Of the way there and back; 10 in the paper.")
    identity_weight: NonNegativeFloat = Field(
        0.5, description="Of images that are there already; 5 in the paper, where colours should stay."
    )
    buffer: NonNegativeInt = Field(50, description="Translations that are shown again; as in the paper.")
    seed: NonNegativeInt = Field(0, description="Weights, drawing and flips follow from it.")


@dataclass(frozen=True)
class GeneratorLosses:
    """What makes up the generators' loss, each a mean over images and points, both ways added."""

    adversarial: Tensor
    cycle: Tensor
    identity: Tensor

    def total(self, knobs: GanKnobs) -> Tensor:
        return self.adversarial + knobs.cycle_weight * self.cycle + knobs.identity_weight * self.identity


def generator_losses(
    generators: Generators, judges: Discriminators, simulated: Tensor, observed: Tensor
) -> tuple[GeneratorLosses, Tensor, Tensor]:
    """The losses, and the translated images: simulated as observed, observed as simulated.

    adversarial: LSGAN's (Mao et al. 2017), mean of (D(G(x)) − 1)²; cycle: mean |back(there(x)) − x|;
    identity: mean |G(y) − y| on images that are of the target domain already.
    """
    as_observed, as_simulated = generators.to_observed(simulated), generators.to_simulated(observed)
    adversarial = _is(judges.observed(as_observed), 1.0) + _is(judges.simulated(as_simulated), 1.0)
    cycle = F.l1_loss(generators.to_simulated(as_observed), simulated) + F.l1_loss(
        generators.to_observed(as_simulated), observed
    )
    identity = F.l1_loss(generators.to_simulated(simulated), simulated) + F.l1_loss(
        generators.to_observed(observed), observed
    )
    return GeneratorLosses(adversarial, cycle, identity), as_observed.detach(), as_simulated.detach()


def discriminator_loss(judge: nn.Module, real: Tensor, translated: Tensor) -> Tensor:
    """LSGAN: half of the mean of (D(real) − 1)² + D(translated)²."""
    return 0.5 * (_is(judge(real), 1.0) + _is(judge(translated), 0.0))


def _is(verdict: Tensor, wanted: float) -> Tensor:
    return ((verdict - wanted) ** 2).mean()


class ReplayBuffer:
    """Translated images of earlier steps, so that discriminators do not forget (Shrivastava et al. 2017, doi
    10.1109/CVPR.2017.241): once it is full, each new image is with one half chance swapped for an old one."""

    def __init__(self, size: int, held: Tensor | None = None) -> None:
        self.size = size
        self.held = torch.empty(0) if held is None else held  # (K, 1, 64, 64), K up to size

    def exchange(self, images: Tensor, rng: np.random.Generator) -> Tensor:
        """What the discriminator is to see in place of these images; the same shape."""
        if self.size == 0:
            return images
        shown = []
        for image in images:
            if len(self.held) < self.size:
                self.held = torch.cat([self.held.to(image), image[None]])
                shown.append(image)
            elif rng.random() < 0.5:
                place = int(rng.integers(self.size))
                shown.append(self.held[place].clone())
                self.held[place] = image
            else:
                shown.append(image)
        return torch.stack(shown)


def as_input(images: Tensor) -> Tensor:
    """uint8 (B, 64, 64) → float (B, 1, 64, 64) of −1 … 1."""
    return images[:, None].float() / 127.5 - 1


def as_grey(output: Tensor) -> Tensor:
    """float (B, 1, 64, 64) → uint8 (B, 64, 64), rounded, clipped to 0 … 255."""
    return ((output[:, 0] + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
