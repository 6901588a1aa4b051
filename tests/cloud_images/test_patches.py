"""Patches are cut where they should be, gaps are judged and filled, and cold systems are found."""

import numpy as np
import pytest

from cloud_images.grid import Grid
from cloud_images.patches import cut, find_systems, fits, keep_apart, missing_share, to_images
from cloud_images.scale import olr_to_grey
from tests.cloud_images.skies import CLEAR, CLOUD, cloud

REGION = Grid.of(np.arange(0, 40, 0.25), np.arange(100, 150, 0.25))  # 160 × 200
GLOBE = Grid.of(np.arange(-40, 40, 0.5), np.arange(0, 360, 0.5))  # 160 × 720


def numbered(grid: Grid) -> np.ndarray:
    return np.arange(np.prod(grid.shape), dtype=np.float64).reshape(grid.shape)


def test_the_centre_is_pixel_32_32_and_north_is_up():
    field = numbered(REGION)
    patches = cut(field, np.array([40, 100]), np.array([50, 90]))
    assert patches.shape == (2, 64, 64)
    assert patches[:, 32, 32].tolist() == [field[40, 50], field[100, 90]]
    assert (patches[0] == field[8:72, 18:82]).all()


@pytest.mark.parametrize("column", [0, 5, 31, 32, 688, 689, 700, 719])
def test_patches_go_on_round_the_globe(column):
    field = numbered(GLOBE)
    rolled = np.roll(field, 360 - column, axis=1)
    assert fits(GLOBE, np.array([80]), np.array([column])).all()
    assert (cut(field, np.array([80]), np.array([column]))[0] == rolled[48:112, 328:392]).all()


def test_patches_over_an_edge_do_not_fit():
    row = np.array([31, 32, 128, 129, 80, 80, 80, 80, -1])
    column = np.array([80, 80, 80, 80, 31, 32, 168, 169, -1])
    assert fits(REGION, row, column).tolist() == [False, True, True, False, False, True, True, False, False]
    assert fits(GLOBE, np.array([31, 32]), np.array([0, 0])).tolist() == [False, True]


@pytest.mark.parametrize("grid", [REGION, GLOBE], ids=["region", "globe"])
def test_the_share_of_missing_pixels_is_counted_exactly(grid):
    rng = np.random.default_rng(3)
    field = numbered(grid)
    field[rng.random(grid.shape) < 0.1] = np.nan
    field[60:90, :40] = np.nan
    row, column = rng.integers(0, grid.shape[0], 300), rng.integers(0, grid.shape[1], 300)
    whole = fits(grid, row, column)
    row, column = row[whole], column[whole]
    by_hand = np.isnan(cut(field, row, column)).mean(axis=(1, 2))
    assert len(row) > 50
    assert (missing_share(field, row, column) == by_hand).all()


def test_missing_pixels_take_the_nearest_measured_value():
    patch = np.full((1, 64, 64), 200.0)
    patch[0, :, 40:] = 100.0
    expected = olr_to_grey(patch.copy())
    patch[0, 10:14, 30:34] = np.nan
    patch[0, 20:24, 45:50] = np.nan
    patch[0, 0, 0] = np.nan
    assert (to_images(patch) == expected).all()


def test_a_cold_cloud_is_a_system_at_its_centre_and_a_faint_one_is_none():
    grid = REGION
    olr = np.full(grid.shape, CLEAR)
    for at, cold in (((20.0, 120.0), CLOUD), ((12.0, 135.0), CLOUD + 20), ((30.0, 110.0), 250.0)):
        olr -= (CLEAR - cold) * cloud(grid.latitude, grid.longitude, at)
    latitude, longitude = grid.position(*find_systems(olr, grid))
    assert list(zip(latitude, longitude, strict=True)) == [(20.0, 120.0), (12.0, 135.0)]


def test_a_system_on_the_seam_of_the_globe_is_found_once():
    olr = np.full(GLOBE.shape, CLEAR)
    olr -= (CLEAR - CLOUD) * cloud(GLOBE.latitude, GLOBE.longitude, (10.0, 0.0))
    latitude, longitude = GLOBE.position(*find_systems(olr, GLOBE))
    assert (latitude.tolist(), longitude.tolist()) == ([10.0], [0.0])


def test_a_border_of_missing_pixels_is_no_system():
    olr = np.full(REGION.shape, CLEAR)
    olr[:, 90:] = np.nan
    assert len(find_systems(olr, REGION)[0]) == 0
    olr[:] = np.nan
    assert len(find_systems(olr, REGION)[0]) == 0


def test_of_overlapping_systems_the_first_stays():
    row, column = np.array([50, 60, 50, 110]), np.array([50, 60, 82, 50])
    assert keep_apart(row, column, REGION).tolist() == [True, False, True, True]
    on_seam = keep_apart(np.array([80, 80]), np.array([2, 715]), GLOBE)
    assert on_seam.tolist() == [True, False]
    assert keep_apart(np.array([80, 80]), np.array([2, 195]), REGION).tolist() == [True, True]
