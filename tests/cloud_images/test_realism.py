"""The synthetic storms beside two real typhoons: the same radiation, the same texture.

Two storms are no climatology, so the bands are wide.
"""

import numpy as np
import pytest
import xarray as xr

from cloud_images.scale import grey_to_olr, olr_to_grey
from cloud_images.synthetic import synthesize
from tests.cloud_images.skies import real_file

REAL_FRAMES = ("olr/typhoon_198702_olr_0125deg.nc", "olr/typhoon_200717_olr_0125deg.nc")
TROPICAL_STORM_TO_TYPHOON = (3, 4, 5)  # classes of the JMA best track
PERCENTILES = (5, 25, 50, 75, 95)

pytestmark = pytest.mark.real_data


@pytest.fixture(scope="module")
def real_storms() -> np.ndarray:
    """(N, 64, 64) W m⁻², centred on the storm, as the grey scale keeps them."""
    patches = []
    for name in REAL_FRAMES:
        with xr.open_dataset(real_file(name)) as frames:
            for _, frame in frames.groupby("time"):
                now = frame.squeeze("time")
                if int(now.tc_class) not in TROPICAL_STORM_TO_TYPHOON:
                    continue
                row = int(np.abs(frames.lat.values - now.tc_lat.item()).argmin())
                column = int(np.abs(frames.lon.values - now.tc_lon.item()).argmin())
                patch = now.olr.values[row - 32 : row + 32, column - 32 : column + 32]
                if patch.shape == (64, 64) and np.isfinite(patch).all():
                    patches.append(patch)
    assert len(patches) >= 8
    return grey_to_olr(olr_to_grey(np.stack(patches)))


@pytest.fixture(scope="module")
def synthetic_storms(tmp_path_factory) -> np.ndarray:
    release = synthesize(tmp_path_factory.mktemp("storms") / "r", train=16_000, test=64, seed=12)
    lead = release.train_table()["lead_time_hours"].fill_null(1).to_numpy()
    return grey_to_olr(release.train_images[lead <= 0])


def spectral_slope(olr: np.ndarray) -> float:
    """Exponent of the power spectrum between wavelengths of 37 and 450 km."""
    window = np.hanning(64)[:, None] * np.hanning(64)
    anomaly = (olr - olr.mean((1, 2), keepdims=True)) * window
    power = (np.abs(np.fft.fft2(anomaly)) ** 2).mean(0)
    wavenumber = np.hypot(np.fft.fftfreq(64)[:, None], np.fft.fftfreq(64)[None]) * 64
    rings = np.arange(2, 25)
    energy = [power[np.abs(wavenumber - ring) < 0.5].mean() for ring in rings]
    return float(np.polyfit(np.log(rings), np.log(energy), 1)[0])


def test_radiation_is_distributed_as_over_real_storms(real_storms, synthetic_storms):
    real, synthetic = (np.percentile(storms, PERCENTILES) for storms in (real_storms, synthetic_storms))
    assert np.abs(real - synthetic).max() < 25, (real, synthetic)


def test_texture_has_the_slope_of_real_storms(real_storms, synthetic_storms):
    real, synthetic = spectral_slope(real_storms), spectral_slope(synthetic_storms)
    assert -3.7 < synthetic < -2.8
    assert abs(real - synthetic) < 0.35


def test_storms_are_cold_in_the_middle(real_storms, synthetic_storms):
    for storms in (real_storms, synthetic_storms):
        middle, edge = storms[:, 24:40, 24:40].mean(), storms[:, :4].mean()
        assert edge - middle > 30
