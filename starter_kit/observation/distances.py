"""How far apart two heaps of images are, in physical quantities: values and scales."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import wasserstein_distance

from cloud_images.scale import STEFAN_BOLTZMANN, grey_to_olr
from starter_kit.observation.patches import Images
from starter_kit.observation.quantile_mapping import histogram

Spectrum = NDArray[np.float64]
FLOOR = 1e-3
"""W² m⁻⁴ of rounding to grey steps of 0.84 W m⁻²: below it a spectrum says nothing."""


@dataclass(frozen=True)
class Distances:
    """olr, kelvin: Wasserstein-1 distance of the pixels' values, in W m⁻² and in K of brightness temperature;
    spectrum: root mean square difference of the two mean power spectra over wave numbers 1 to 32, in dB."""

    olr: float
    kelvin: float
    spectrum: float


def measure_distances(one: Images, other: Images) -> Distances:
    """Between two heaps of images, uint8 (N, 64, 64) and (M, 64, 64), at least one each."""
    values = grey_to_olr(np.arange(256, dtype=np.uint8)).astype(np.float64)
    weights = histogram(one), histogram(other)
    kelvin = brightness_temperature_of_olr(values)
    ratio = 10 * np.log10(power_spectrum(one) / power_spectrum(other))
    return Distances(
        olr=float(wasserstein_distance(values, values, *weights)),
        kelvin=float(wasserstein_distance(kelvin, kelvin, *weights)),
        spectrum=float(np.sqrt(np.mean(ratio**2))),
    )


def brightness_temperature_of_olr(olr: NDArray[np.floating]) -> NDArray[np.float64]:
    """OLR in W m⁻² → infrared-window brightness temperature in K, same shape: the inverse of
    `cloud_images.scale.olr_of_brightness_temperature`, on its rising branch (OLR below 470 W m⁻²)."""
    flux_temperature = (np.asarray(olr, np.float64) / STEFAN_BOLTZMANN) ** 0.25
    linear, quadratic = 1.228, 1.106e-3
    return (linear - np.sqrt(linear**2 - 4 * quadratic * flux_temperature)) / (2 * quadratic)


def power_spectrum(images: Images) -> Spectrum:
    """Mean power of OLR by wave number 1 … S / 2, (S / 2,) in W² m⁻⁴ per wave, of images uint8 (N, S, S).

    Each image less its mean, under a Hann window (its edges do not meet), then the mean over rings of whole
    wave numbers.
    """
    size = images.shape[-1]
    window = np.outer(np.hanning(size), np.hanning(size))
    number = np.hypot(np.fft.fftfreq(size, 1 / size)[:, None], np.fft.rfftfreq(size, 1 / size))
    ring = np.rint(number).astype(np.int64).ravel()
    total = np.zeros(ring.max() + 1)
    for first in range(0, len(images), 256):
        olr = grey_to_olr(images[first : first + 256]).astype(np.float64)
        olr -= olr.mean(axis=(1, 2), keepdims=True)
        power = np.abs(np.fft.rfft2(olr * window)) ** 2 / (window**2).sum()
        total += np.bincount(ring, weights=power.sum(axis=0).ravel())
    mean = total / np.bincount(ring) / len(images)
    return np.maximum(mean[1 : size // 2 + 1], FLOOR)
