"""Style by Fourier amplitudes: an image keeps the phases, its shapes, and takes on another's amplitudes.

Fourier Domain Adaptation: Yang & Soatto 2020, doi 10.1109/CVPR42600.2020.00414. Of the two-dimensional
spectrum of each image, the amplitudes of the longest waves, those up to `waves` cycles per image in either
direction, are replaced by those of an image of the other domain:

    F⁻¹( [M · |F(style)| + (1 − M) · |F(image)|] · exp(i · phase of F(image)) )

(their β is waves / 64). It asks for no training and no labels. With 32 waves all amplitudes are replaced,
down to the texture of single points.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import torch

from starter_kit.observation.patches import Images, open_observations

Tensor = torch.Tensor


def with_style(images: Tensor, styles: Tensor, waves: int) -> Tensor:
    """Each image with the amplitudes of its style; uint8 (B, S, S) all, rounded and clipped.

    waves: the highest wave number in either direction that is replaced; 0 is the mean alone, S / 2 all.
    """
    size = images.shape[-1]
    spectrum = torch.fft.rfft2(images.float())  # (B, S, S / 2 + 1)
    amplitude, phase = spectrum.abs(), spectrum.angle()
    lent = torch.fft.rfft2(styles.float()).abs()
    down = torch.fft.fftfreq(size, 1 / size, device=images.device).abs()
    right = torch.fft.rfftfreq(size, 1 / size, device=images.device)
    replaced = (down[:, None] <= waves) & (right <= waves)
    mixed = torch.where(replaced, lent, amplitude)
    restyled = torch.fft.irfft2(torch.polar(mixed, phase), s=(size, size))
    return restyled.round().clamp(0, 255).to(torch.uint8)


class StyleLender:
    """Gives images the style of others, drawn at random."""

    def __init__(self, styles: Images, waves: int) -> None:
        """styles: uint8 (K, S, S), at least one."""
        self.styles, self.waves = torch.from_numpy(styles), waves

    def restyle(self, images: Tensor, rng: np.random.Generator, share: float = 1.0) -> Tensor:
        """A `share` of the images, uint8 (B, S, S), each with the style of one drawn by `rng`."""
        self.styles = self.styles.to(images.device)
        drawn = torch.from_numpy(rng.integers(len(self.styles), size=len(images)))
        chosen = torch.from_numpy(rng.random(len(images)) < share).to(images.device)
        restyled = with_style(images, self.styles[drawn.to(images.device)], self.waves)
        return torch.where(chosen[:, None, None], restyled, images)


@cache
def lender_of(folder: Path, waves: int) -> StyleLender:
    """The styles of a folder of `observe frames`, read once. Raises StarterKitError where it is none."""
    return StyleLender(open_observations(folder).images, waves)
