"""Cut 64 × 64 patches out of a field, fill their gaps, and find the convective systems of a field."""

import numpy as np
from scipy import ndimage

from cloud_images.grid import Grid
from cloud_images.scale import olr_to_grey
from cloud_images.shards import IMAGE_SIZE

CENTRE = IMAGE_SIZE // 2
"""The grid point nearest to the centre is pixel (32, 32): 32 pixels lie north and west, 31 south and east."""

SYSTEM_SCALE_DEGREES = 0.5
"""Standard deviation of the Gaussian under which a convective system is one minimum of OLR."""
SYSTEM_OLR = 220.0
"""W m⁻², smoothed: minima above it are no deep convection."""


def fits(grid: Grid, row: np.ndarray, column: np.ndarray) -> np.ndarray:
    """(N,) centres, −1 where outside of the grid → (N,) bool: whether the whole patch lies on the grid."""
    rows, columns = grid.shape
    inside = (row >= CENTRE) & (row <= rows - (IMAGE_SIZE - CENTRE)) & (column >= 0)
    if grid.periodic:
        return inside
    return inside & (column >= CENTRE) & (column <= columns - (IMAGE_SIZE - CENTRE))


def cut(field: np.ndarray, row: np.ndarray, column: np.ndarray) -> np.ndarray:
    """Patches (N, 64, 64) of a field (rows, columns) around centres (N,) whose patches fit.

    Columns beyond the last go on at the first, which `fits` allows on periodic grids alone.
    """
    offset = np.arange(IMAGE_SIZE) - CENTRE
    rows = row[:, None, None] + offset[:, None]  # (N, 64, 1)
    columns = (column[:, None, None] + offset) % field.shape[1]  # (N, 1, 64)
    return field[rows, columns]


def missing_share(field: np.ndarray, row: np.ndarray, column: np.ndarray) -> np.ndarray:
    """The share of missing (NaN) pixels in each patch that `cut` gives, (N,), by a summed-area table."""
    gaps = np.pad(np.isnan(field), ((0, 0), (CENTRE, CENTRE)), mode="wrap")
    area = np.zeros((gaps.shape[0] + 1, gaps.shape[1] + 1), np.int32)
    np.cumsum(np.cumsum(gaps, axis=0, dtype=np.int32), axis=1, out=area[1:, 1:])
    north, south = row - CENTRE, row - CENTRE + IMAGE_SIZE
    west, east = column, column + IMAGE_SIZE  # the padding moves columns by CENTRE
    missing = area[south, east] - area[north, east] - area[south, west] + area[north, west]
    return missing / IMAGE_SIZE**2


def to_images(patches: np.ndarray) -> np.ndarray:
    """OLR in W m⁻² (N, 64, 64) → grey uint8; a missing pixel takes the value of the nearest measured one.

    Every patch needs at least one measured pixel.
    """
    gaps = np.isnan(patches)
    for patch in np.nonzero(gaps.any(axis=(1, 2)))[0]:
        nearest = ndimage.distance_transform_edt(gaps[patch], return_distances=False, return_indices=True)
        patches[patch] = patches[patch][tuple(nearest)]
    return olr_to_grey(patches)


def find_systems(olr: np.ndarray, grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    """Centres of the convective systems in a field (R, C) of OLR in W m⁻², coldest first: rows, columns (N,).

    A centre is a local minimum, within 0.5° around it, of OLR smoothed by a Gaussian of 0.5°, and not above
    220 W m⁻². At least half of the Gaussian's weight must be measured there.
    """
    sigma = [SYSTEM_SCALE_DEGREES / spacing for spacing in grid.spacing]
    reach = [2 * max(1, round(pixels)) + 1 for pixels in sigma]
    measured = np.isfinite(olr)
    edge = ["constant", "wrap" if grid.periodic else "constant"]
    weight = ndimage.gaussian_filter(measured.astype(np.float32), sigma, mode=edge, truncate=3)
    filled = np.where(measured, olr, 0).astype(np.float32)
    total = ndimage.gaussian_filter(filled, sigma, mode=edge, truncate=3)
    smooth = np.divide(total, weight, out=np.full_like(total, np.inf), where=weight > 0.5)
    lowest = ndimage.minimum_filter(smooth, reach, mode=edge, cval=np.inf)
    row, column = np.nonzero((smooth == lowest) & (smooth <= SYSTEM_OLR))
    coldest_first = np.argsort(smooth[row, column], kind="stable")
    return row[coldest_first], column[coldest_first]


def keep_apart(row: np.ndarray, column: np.ndarray, grid: Grid, pixels: int = CENTRE) -> np.ndarray:
    """(N,) centres, best first → (N,) bool: those left when each excludes the later ones in the same window.

    Two kept centres are at least `pixels` apart in row or in column (round the globe, too), so that with the
    default their patches overlap by half at most.
    """
    kept = np.zeros(len(row), bool)
    for one in range(len(row)):
        south = np.abs(row[kept] - row[one])
        east = np.abs(column[kept] - column[one])
        if grid.periodic:
            east = np.minimum(east, grid.shape[1] - east)
        kept[one] = bool(np.all(np.maximum(south, east) >= pixels))
    return kept
