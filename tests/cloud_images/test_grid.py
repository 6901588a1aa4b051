"""Grids as files store them, seen north up and from west to east."""

import numpy as np
import pytest

from cloud_images.grid import Grid

LATITUDE = np.arange(-20, 20.1, 0.5)
AROUND = np.arange(0, 360, 0.5)


@pytest.mark.parametrize("latitude", [LATITUDE, LATITUDE[::-1]], ids=["ascending", "descending"])
@pytest.mark.parametrize(
    ("longitude", "periodic"),
    [
        (AROUND, True),
        (AROUND - 180, True),
        (np.append(AROUND, 360), True),
        (AROUND[::-1], True),
        (np.append(AROUND, 360)[::-1], True),
        ((AROUND + 180) % 360, True),
        ((AROUND + 90 + 180) % 360 - 180, True),
        (np.arange(150, 200, 0.5), False),
        ((np.arange(150, 200, 0.5) + 180) % 360 - 180, False),
        (np.arange(-30, 20, 0.5) % 360, False),
        (np.sort((np.arange(150, 200, 0.5) + 180) % 360 - 180), False),
        (np.sort(np.arange(-30, 20, 0.5) % 360)[::-1], False),
    ],
    ids=[
        "0 to 360",
        "-180 to 180",
        "closed at 360",
        "westward",
        "closed, westward",
        "starts at 180",
        "jumps inside",
        "regional",
        "across the date line",
        "across Greenwich",
        "in two parts",
        "in two parts, westward",
    ],
)
def test_any_order_becomes_north_up_and_west_to_east(latitude, longitude, periodic):
    grid = Grid.of(latitude, longitude)
    latitudes, longitudes = np.meshgrid(latitude, longitude, indexing="ij")
    assert (latitudes[grid.rows][:, grid.columns] == grid.latitude[:, None]).all()
    stored_east = longitudes[grid.rows][:, grid.columns]
    assert np.allclose((stored_east - grid.longitude + 180) % 360, 180)
    assert (np.diff(grid.latitude) < 0).all()
    assert np.allclose(np.diff(grid.longitude), 0.5)
    assert grid.shape == latitudes[grid.rows][:, grid.columns].shape
    assert grid.periodic == periodic
    assert grid.spacing == pytest.approx((0.5, 0.5))


@pytest.mark.parametrize("longitude", [AROUND, AROUND - 180, (AROUND + 77) % 360, AROUND[::-1]])
def test_positions_find_their_nearest_point_round_the_globe(longitude):
    grid = Grid.of(LATITUDE, longitude)
    rng = np.random.default_rng(1)
    latitude, east = rng.uniform(-20.2, 20.2, 500), rng.uniform(-180, 360, 500)
    row, column = grid.locate(latitude, east)
    found_latitude, found_longitude = grid.position(row, column)
    assert np.abs(found_latitude - latitude).max() <= 0.25
    assert np.abs((found_longitude - east + 180) % 360 - 180).max() <= 0.25 + 1e-9
    assert (found_longitude >= -180).all()
    assert (found_longitude < 180).all()


def test_positions_outside_are_told_so():
    grid = Grid.of(LATITUDE, np.arange(150, 200.1, 0.5))
    row, column = grid.locate(
        np.array([20.2, 20.3, -20.3, 0, 0, 0, 0]), np.array([160, 160, 160, 149.8, 149.7, -159.8, -159.7])
    )
    assert (row >= 0).tolist() == [True, False, False, True, False, True, False]
    assert (column >= 0).tolist() == (row >= 0).tolist()
    assert column[[3, 5]].tolist() == [0, 100]


def test_gaussian_latitudes_and_rounded_coordinates_pass():
    gaussian = np.degrees(np.arcsin(np.polynomial.legendre.leggauss(160)[0]))
    grid = Grid.of(gaussian, np.round(np.arange(0, 360, 360 / 320), 2))
    row, _ = grid.locate(gaussian, np.zeros(160))
    assert (row == np.arange(160)[::-1]).all()


@pytest.mark.parametrize(
    ("latitude", "message"),
    [
        (np.sin(np.linspace(-1, 1, 80)) * 60, "latitudes are not evenly spaced: number"),
        (np.delete(LATITUDE, 40), "latitudes are not evenly spaced"),
        (np.full(80, 3.0), "latitudes begin and end at the same value"),
        (np.array([np.nan, 1]), "not a list of at least two numbers"),
        (np.arange(-100, 100.0), "latitudes reach -100 degrees"),
    ],
)
def test_uneven_or_impossible_coordinates_are_refused(latitude, message):
    with pytest.raises(ValueError, match=message):
        Grid.of(latitude, AROUND)


@pytest.mark.parametrize(
    ("longitude", "message"),
    [
        (np.delete(np.arange(100, 200, 0.5), slice(50, 60)), "longitudes are not evenly spaced"),
        (np.array([np.nan, 1]), "longitudes are not a list of at least two numbers"),
    ],
)
def test_a_hole_between_longitudes_is_refused(longitude, message):
    with pytest.raises(ValueError, match=message):
        Grid.of(LATITUDE, longitude)


def test_a_globe_with_a_hole_is_a_window_that_begins_after_it():
    grid = Grid.of(LATITUDE, np.delete(AROUND, slice(300, 320)))
    assert (grid.periodic, grid.longitude[0], grid.longitude[-1]) == (False, 160, 509.5)


def test_grids_are_the_same_whatever_their_convention_of_longitudes():
    one = Grid.of(LATITUDE, np.arange(170, 220, 0.5))
    assert one.same_as(Grid.of(LATITUDE[::-1], (np.arange(170, 220, 0.5) + 180) % 360 - 180))
    assert not one.same_as(Grid.of(LATITUDE, np.arange(170.5, 220.5, 0.5)))
    assert not one.same_as(Grid.of(LATITUDE[1:], np.arange(170, 220, 0.5)))
