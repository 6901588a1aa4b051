"""Variations of a whole batch at once, on the device where it is: a GPU then never waits for them.

The same variations as `augment.py`, which says which are true symmetries, each image by its own chance; and
mixtures of two images, which need the batch. Images are uint8 (B, 64, 64) before and after.
Chances come from a NumPy generator on the CPU, so that the same seed varies alike on every device.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from cloud_images.manifest import Scale
from starter_kit.configuration.sections import AugmentConfig
from starter_kit.images.read_ahead import to_device
from starter_kit.observation.fourier_style import lender_of

Tensor = torch.Tensor
Vary = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""vary(images uint8 (B, 64, 64), labels float (B,)) -> the same, varied."""

MEAN_GREY = 81
"""What cutout fills in: the mean of the synthetic world."""

# A view of the square: transposed first, then mirrored north-south, then east-west.
AS_IT_IS, NORTH_SOUTH, EAST_WEST, HALF_TURN = (0, 0, 0), (0, 1, 0), (0, 0, 1), (0, 1, 1)
QUARTER_TURNS = [AS_IT_IS, (1, 1, 0), HALF_TURN, (1, 0, 1)]
EIGHT_VIEWS = [(t, ns, ew) for t in (0, 1) for ns in (0, 1) for ew in (0, 1)]


def build_batch_augmentation(config: AugmentConfig, scale: Scale, seed: int | Sequence[int]) -> Vary:
    """A function that varies the images of a batch, and with mixup or cutmix their labels. With `path =
    "image"` styles and mixtures are all that is left to do here.

    Raises StarterKitError where the folder of styles is none.
    """
    rng = np.random.default_rng(seed)
    lender = None if config.style is None else lender_of(config.style, config.style_waves)

    def vary(images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        count, on = len(images), images.device
        if config.path == "batch":
            views = allowed_views(config)
            if len(views) > 1:
                images = turned(images, _to(on, np.array(views)[rng.integers(len(views), size=count)]))
            if config.shift_pixels or config.rotate_degrees:
                limit = config.shift_pixels
                shifts = _to(on, rng.integers(-limit, limit + 1, (count, 2)))  # down, right
                degrees = _to(on, rng.uniform(-1, 1, count) * config.rotate_degrees)
                images = moved(images, degrees, shifts) if config.rotate_degrees else shifted(images, shifts)
            if config.brightness:
                olr = rng.uniform(-config.brightness, config.brightness, count)  # W m⁻²
                images = brightened(images, _to(on, -olr * 255 / (scale.black - scale.white)))
            if config.cutout_pixels:
                side = config.cutout_pixels
                corners = rng.integers(0, images.shape[1] - side + 1, (count, 2))
                images = cut_out(images, _to(on, corners), side, _to(on, rng.random(count) < 0.5))
        if lender is not None:
            images = lender.restyle(images, rng, config.style_share)
        if config.mixup:
            shares = _to(on, rng.beta(config.mixup, config.mixup, count))
            images, labels = mixed(images, labels, shares, _to(on, rng.permutation(count)))
        if config.cutmix:
            boxes = _boxes(rng.beta(config.cutmix, config.cutmix, count), images.shape[1], rng)
            images, labels = pasted(images, labels, _to(on, boxes), _to(on, rng.permutation(count)))
        return images, labels

    return vary


def allowed_views(config: AugmentConfig) -> list[tuple[int, int, int]]:
    """The views of the square that the configuration allows, each to be equally likely."""
    if config.rotations:
        return EIGHT_VIEWS if config.flips else QUARTER_TURNS
    if config.flips:
        return [AS_IT_IS, NORTH_SOUTH] + ([EAST_WEST, HALF_TURN] if config.east_west else [])
    return [AS_IT_IS]


def turned(images: Tensor, views: Tensor) -> Tensor:
    """Each image in its view, (B, 3) of 0 and 1: transposed, mirrored north-south, mirrored east-west."""
    transpose, north_south, east_west = (views[:, number, None, None].bool() for number in range(3))
    images = torch.where(transpose, images.transpose(1, 2), images)
    images = torch.where(north_south, images.flip(1), images)
    # In the usual order in memory: torch.compile makes new kernels for another one, which takes a minute.
    return torch.where(east_west, images.flip(2), images).contiguous()


def shifted(images: Tensor, shifts: Tensor) -> Tensor:
    """Each image moved by whole pixels, shifts int (B, 2) down and right; what comes in is the mirrored
    edge."""
    size = images.shape[1]
    rows, columns = (  # (B, size): where each row and column comes from
        _reflected(torch.arange(size, device=images.device) - shifts[:, axis, None], size) for axis in (0, 1)
    )
    batch = torch.arange(len(images), device=images.device)[:, None, None]
    return images[batch, rows[:, :, None], columns[:, None, :]]


def _reflected(index: Tensor, size: int) -> Tensor:
    """… 2 1 0 1 2 … size−2 size−1 size−2 …: the edge itself is not repeated."""
    index = index.abs() % (2 * size - 2)
    return torch.minimum(index, 2 * size - 2 - index)


def moved(images: Tensor, degrees: Tensor, shifts: Tensor) -> Tensor:
    """Each image turned counter-clockwise about its centre, then shifted (B, 2) down and right; bilinear,
    edges mirrored."""
    size = images.shape[1]
    angle = torch.deg2rad(degrees.float())
    cos, sin = torch.cos(angle), torch.sin(angle)
    down, right = (2 / (size - 1) * shifts.float()).unbind(dim=1)  # in grid_sample's −1 … 1 over the image
    # Rows x (right) and y (down) of the map from a place in the new image to its origin in the old.
    theta = torch.stack(
        [
            torch.stack([cos, -sin, -cos * right + sin * down], dim=1),
            torch.stack([sin, cos, -sin * right - cos * down], dim=1),
        ],
        dim=1,
    )  # (B, 2, 3)
    grid = F.affine_grid(theta, [len(images), 1, size, size], align_corners=True)
    grey = F.grid_sample(
        images[:, None].float(), grid, mode="bilinear", padding_mode="reflection", align_corners=True
    )
    return _grey(grey[:, 0])


def brightened(images: Tensor, greys: Tensor) -> Tensor:
    """Each image with its number of grey steps added, stopping at 0 and 255."""
    return _grey(images.float() + greys.float()[:, None, None])


def cut_out(images: Tensor, corners: Tensor, side: int, chosen: Tensor) -> Tensor:
    """A square of mean grey in the chosen (B,) images, its upper left corner at (B, 2)."""
    size = images.shape[1]
    place = torch.arange(size, device=images.device)
    inside = (place >= corners[:, :, None]) & (place < corners[:, :, None] + side)  # (B, 2, size)
    hole = inside[:, 0, :, None] & inside[:, 1, None, :] & chosen[:, None, None]
    return images.masked_fill(hole, MEAN_GREY)


def mixed(images: Tensor, labels: Tensor, share: Tensor, partner: Tensor) -> tuple[Tensor, Tensor]:
    """mixup (Zhang et al. 2018, arXiv 1710.09412): share × image + (1 − share) × its partner, and so the
    labels."""
    share = share.float()
    weight = share[:, None, None]
    mixture = weight * images.float() + (1 - weight) * images[partner].float()
    return _grey(mixture), share * labels + (1 - share) * labels[partner]


def pasted(images: Tensor, labels: Tensor, boxes: Tensor, partner: Tensor) -> tuple[Tensor, Tensor]:
    """cutmix (Yun et al. 2019, doi 10.1109/ICCV.2019.00612): a box of the partner pasted in, the label by
    area. boxes: (B, 2, 2), first and last + 1 of rows and columns."""
    size = images.shape[1]
    place = torch.arange(size, device=images.device)
    inside = (place >= boxes[:, :, 0, None]) & (place < boxes[:, :, 1, None])  # (B, 2, size)
    box = inside[:, 0, :, None] & inside[:, 1, None, :]  # (B, size, size)
    share = 1 - box.float().mean(dim=(1, 2))
    return torch.where(box, images[partner], images), share * labels + (1 - share) * labels[partner]


def _boxes(share: NDArray[np.float64], size: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Squares of area 1 − share with a centre anywhere, cut off at the edges: (B, 2, 2)."""
    half = np.round(size * np.sqrt(1 - share) / 2)[:, None]
    centre = rng.integers(0, size, (len(share), 2))
    return np.stack([centre - half, centre + half], axis=2).clip(0, size).astype(np.int64)


def _grey(values: Tensor) -> Tensor:
    return values.round().clamp(0, 255).to(torch.uint8)


def _to(device: torch.device, values: NDArray) -> Tensor:
    if values.dtype == np.float64:  # which Apple's GPUs do not have
        values = values.astype(np.float32)
    return to_device(values, device)
