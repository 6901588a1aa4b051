"""Small skies for the tests: clear sea with cold clouds where the test wants them, stored as files are."""

import os
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

CLEAR, CLOUD = 290.0, 110.0

REAL_DATA = Path(os.environ.get("TAMAGO_REAL_DATA", Path(__file__).parents[2] / "../shared/data")).resolve()


def real_file(name: str) -> Path:
    """A file of the real data; skips the test where there is none, and fails it in continuous integration."""
    path = REAL_DATA / name
    if not path.exists():
        reason = f"no real data at {path}; set TAMAGO_REAL_DATA"
        if os.environ.get("CI") == "true" and "TAMAGO_REAL_DATA" in os.environ:
            pytest.fail(reason)
        pytest.skip(reason)
    return path


def cloud(
    latitude: np.ndarray, longitude: np.ndarray, at: tuple[float, float], radius: float = 1.5
) -> np.ndarray:
    """How much cloud, 0 to 1, at each grid point: (rows, columns)."""
    east = (longitude - at[1] + 180) % 360 - 180
    return np.exp(-((latitude[:, None] - at[0]) ** 2 + east**2) / (2 * radius**2))


def sky(
    times: list,
    clouds: Callable[[int], list[tuple[float, float]]],
    *,
    latitude: np.ndarray,
    longitude: np.ndarray,
) -> xr.Dataset:
    """OLR in W m⁻² with a cold cloud at each position that `clouds` gives for a step, and CF metadata."""
    olr = np.full((len(times), len(latitude), len(longitude)), CLEAR, np.float32)
    texture = 4 * np.sin(latitude[:, None] * 5) * np.cos(longitude * 7)  # so that no two places look the same
    for step in range(len(times)):
        cover = sum((cloud(latitude, longitude, at) for at in clouds(step)), np.zeros(olr.shape[1:]))
        olr[step] += texture - (CLEAR - CLOUD) * np.minimum(cover, 1)
    return xr.Dataset(
        {
            "olr": (
                ("time", "lat", "lon"),
                olr,
                {"units": "W m-2", "standard_name": "toa_outgoing_longwave_flux"},
            )
        },
        {
            "time": ("time", times, {"standard_name": "time"}),
            "lat": ("lat", latitude, {"units": "degrees_north", "standard_name": "latitude"}),
            "lon": ("lon", longitude, {"units": "degrees_east", "standard_name": "longitude"}),
        },
    )


def field(*, latitude: np.ndarray, longitude: np.ndarray, steps: int = 2) -> xr.Dataset:
    """Six-hourly fields in which OLR tells the place: 100 + latitude + (longitude mod 360) / 4 W m⁻²."""
    times = [np.datetime64("2000-01-01T00", "ns") + np.timedelta64(6 * step, "h") for step in range(steps)]
    dataset = sky(times, lambda step: [], latitude=latitude, longitude=longitude)
    value = 100 + latitude[:, None] + (longitude % 360) / 4
    dataset["olr"][:] = np.broadcast_to(value, dataset["olr"].shape)
    return dataset


def hours(start: datetime, count: int, step: float = 6) -> list[np.datetime64]:
    return [np.datetime64(start + timedelta(hours=step * number), "ns") for number in range(count)]
