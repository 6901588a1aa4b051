"""Slide a model over a field: score a window at every few grid points, then keep one hit for each system."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cloud_images.choices import KM_PER_DEGREE
from cloud_images.grid import Grid
from cloud_images.patches import CENTRE, cut, fits, missing_share, to_images
from cloud_images.tracks import distance_km

Scores = NDArray[np.float64]
Score = Callable[[NDArray[np.uint8], NDArray[np.int64]], Scores]
"""score(images (B, 64, 64) uint8, positions (B,)) gives (B,), as `predict_ensemble` does."""

BATCH = 1024
"""Windows cut at once: 16 MB of float32, and 4 MB as uint8 on the device."""

MODEL_SPACING = 0.126
"""Degrees between the points of the images of 2018: 14 km."""
ALIKE = 1.25
"""So far from it, as a factor, the clouds still look alike: models bear zooms of a fifth."""


@dataclass(frozen=True)
class Windows:
    """Scored windows of one field: centres in degrees, longitude in [−180, 180); all arrays (N,)."""

    latitude: NDArray[np.float64]
    longitude: NDArray[np.float64]
    score: Scores


@dataclass(frozen=True)
class Hits:
    """What is left of the windows at or above the threshold, best first; (K,) each. windows: how many of them
    each stands for, itself among them."""

    latitude: NDArray[np.float64]
    longitude: NDArray[np.float64]
    score: Scores
    windows: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.score)


def window_centres(
    olr: NDArray[np.floating], grid: Grid, *, stride: int, max_missing: float, max_latitude: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows and columns (N,) of the windows to look at: every `stride` points, whole on the grid (across the
    seam, where it goes round the globe), not poleward of `max_latitude` degrees, and with no larger share of
    missing pixels than `max_missing`, as when a release is built."""
    rows, columns = grid.shape
    every_row = np.arange(CENTRE % stride, rows, stride)
    every_column = np.arange(0 if grid.periodic else CENTRE % stride, columns, stride)
    row, column = (each.ravel() for each in np.meshgrid(every_row, every_column, indexing="ij"))
    wanted = fits(grid, row, column) & (np.abs(grid.latitude[row]) <= max_latitude)
    row, column = row[wanted], column[wanted]
    measured = missing_share(olr, row, column) <= max_missing
    return row[measured], column[measured]


def slide(
    olr: NDArray[np.floating],
    grid: Grid,
    score: Score,
    *,
    stride: int,
    max_missing: float,
    max_latitude: float,
) -> Windows:
    """Score the windows of a field (rows, columns) of OLR in W m⁻², NaN where missing; they become images as
    when a release is built, a batch at a time."""
    row, column = window_centres(olr, grid, stride=stride, max_missing=max_missing, max_latitude=max_latitude)
    scores = np.empty(len(row))
    for some in _batches(len(row)):
        images = to_images(cut(olr, row[some], column[some]))
        scores[some] = score(images, np.arange(len(images)))
    latitude, longitude = grid.position(row, column)
    return Windows(latitude, longitude, scores)


def _batches(count: int) -> Iterator[slice]:
    return (slice(first, first + BATCH) for first in range(0, count, BATCH))


def merge(windows: Windows, *, threshold: float, radius_km: float) -> Hits:
    """Non-maximum suppression on the sphere: the highest window is a hit and takes all within `radius_km`
    with it, great-circle distance between centres; then the highest of the rest, and so on."""
    called = np.flatnonzero(windows.score >= threshold)
    order = called[np.argsort(-windows.score[called], kind="stable")]
    latitude, longitude = windows.latitude[order], windows.longitude[order]
    free = np.ones(len(order), bool)
    kept, stands_for = [], []
    for place in range(len(order)):
        if not free[place]:
            continue
        near = free & (distance_km(latitude[place], longitude[place], latitude, longitude) <= radius_km)
        near[place] = True
        free &= ~near
        kept.append(place)
        stands_for.append(np.count_nonzero(near))
    chosen = np.array(kept, np.int64)
    return Hits(
        latitude[chosen], longitude[chosen], windows.score[order][chosen], np.array(stands_for, np.int64)
    )


def half_window_km(spacing: tuple[float, float]) -> float:
    """Half the height of a window on a grid with this spacing (degrees between rows, between columns)."""
    return CENTRE * spacing[0] * KM_PER_DEGREE


def is_another_spacing(spacing: tuple[float, float]) -> bool:
    """Whether a grid with this spacing (degrees between rows, between columns) shows clouds in another size
    than the images that models of the competition learn from."""
    return any(not 1 / ALIKE <= each / MODEL_SPACING <= ALIKE for each in spacing)
