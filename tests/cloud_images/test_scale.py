"""OLR to grey and brightness temperature to OLR."""

import netCDF4
import numpy as np
import pytest

from cloud_images.scale import grey_to_olr, olr_of_brightness_temperature, olr_to_grey
from tests.cloud_images.skies import real_file


def test_the_scale_runs_from_black_at_300_to_white_at_85_and_is_clipped_beyond():
    olr = np.array([400.0, 300.0, 85.0, 20.0])
    assert olr_to_grey(olr).tolist() == [0, 0, 255, 255]
    assert olr_to_grey(olr).dtype == np.uint8


def test_halves_are_rounded_up():
    # 300 − 215 (n + ½) / 255 is the border between n and n + 1. 192.5 is exactly half way, at n = 127.
    assert olr_to_grey(np.array([192.5])) == 128
    borders = 300 - 215 * (np.arange(255) + 0.5) / 255
    assert (olr_to_grey(borders - 1e-9) == np.arange(1, 256)).all()
    assert (olr_to_grey(borders + 1e-9) == np.arange(255)).all()


def test_every_grey_comes_back_from_its_olr():
    grey = np.arange(256, dtype=np.uint8)
    assert (olr_to_grey(grey_to_olr(grey)) == grey).all()


def test_brightness_temperature_follows_the_published_formula():
    # By hand: T_f = 200 (1.228 − 0.2212) = 201.36 K; σ T_f⁴ = 5.670374e-8 · 1.643978e9 = 93.22 W m⁻².
    assert olr_of_brightness_temperature(np.array([200.0])) == pytest.approx(93.22, abs=0.01)
    assert np.isnan(olr_of_brightness_temperature(np.array([np.nan]))).all()


@pytest.mark.real_data
def test_the_satellite_files_own_olr_is_that_of_their_brightness_temperature():
    with netCDF4.Dataset(real_file("olr/typhoon_200717_olr_0125deg.nc")) as file:
        olr, kelvin = file["olr"][:], file["tb"][:]
    difference = np.abs(olr_of_brightness_temperature(kelvin.filled(np.nan)) - olr.filled(np.nan))
    assert np.nanmax(difference) < 0.03  # both are packed, in steps of 0.02 W m⁻² and 0.01 K
