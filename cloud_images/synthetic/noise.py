"""Periodic noise with the power spectrum of tropical clouds."""

import numpy as np

TILE_SIZE = 512
SAMPLES_PER_PIXEL = 2
TILES = 16


def noise_tiles(rng: np.random.Generator, tiles: int = TILES) -> np.ndarray:
    """Draw periodic noise of zero mean and unit variance: (tiles, 512, 512) float32, two samples a pixel.

    Each tile is a mixture of broadband noise with power k^-3.1 (the slope of OLR over the tropics), cloud
    clumps of 150-350 km and single cells of 35-90 km; the mixture differs from tile to tile.
    """
    frequency = (  # cycles per pixel
        np.hypot(np.fft.fftfreq(TILE_SIZE)[:, None], np.fft.rfftfreq(TILE_SIZE)[None]) * SAMPLES_PER_PIXEL
    )
    frequency[0, 0] = 1
    wavelength = 1 / frequency
    broadband = frequency**-1.55 * np.exp(-((frequency / 0.34) ** 4)) * (wavelength < 90)
    clumps = wavelength * np.exp(-0.5 * (np.log(wavelength / 15) / 0.35) ** 2)
    cells = wavelength * np.exp(-0.5 * (np.log(wavelength / 4.2) / 0.35) ** 2)
    amplitudes = np.stack([broadband, clumps, cells]).astype(np.float32)

    out = np.empty((tiles, TILE_SIZE, TILE_SIZE), np.float32)
    for index in range(tiles):
        weights = rng.uniform((0.75, 0.25, 0.12), (1.0, 0.6, 0.3)).astype(np.float32)
        waves = rng.standard_normal((*amplitudes.shape, 2), np.float32).view(np.complex64)[..., 0]
        parts = np.fft.irfft2(waves * amplitudes, s=out.shape[1:])
        mixture = np.tensordot(weights / parts.std(axis=(1, 2)), parts, axes=1)
        out[index] = mixture / mixture.std()
    return out
