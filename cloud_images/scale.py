"""The one scale between outgoing longwave radiation (OLR) and grey, and OLR from brightness temperature."""

import numpy as np

BLACK_OLR = 300.0
"""OLR that becomes grey 0, in W m⁻²: warm, clear sea."""
WHITE_OLR = 85.0
"""OLR that becomes grey 255, in W m⁻²: the coldest, highest cloud tops."""

STEFAN_BOLTZMANN = 5.670374419e-8
"""W m⁻² K⁻⁴ (CODATA 2018, exact)."""


def olr_to_grey(olr: np.ndarray) -> np.ndarray:
    """OLR in W m⁻² (any shape, no missing values) → uint8 of the same shape.

    Linear from 300 W m⁻² → 0 to 85 W m⁻² → 255, clipped beyond, halves rounded up.
    """
    grey = (BLACK_OLR - np.asarray(olr, np.float64)) * 255
    grey /= BLACK_OLR - WHITE_OLR
    grey += 0.5
    np.floor(grey, out=grey)
    return np.clip(grey, 0, 255, out=grey).astype(np.uint8)


def grey_to_olr(grey: np.ndarray) -> np.ndarray:
    """uint8 → OLR in W m⁻² (float32, same shape): the middle of the range each grey stands for."""
    return (BLACK_OLR - np.asarray(grey, np.float32) * ((BLACK_OLR - WHITE_OLR) / 255)).astype(np.float32)


def olr_of_brightness_temperature(kelvin: np.ndarray) -> np.ndarray:
    """Infrared-window brightness temperature in K → OLR in W m⁻² (same shape and dtype; NaN stays NaN).

    The flux-equivalent temperature is T_f = T_b (1.228 − 1.106·10⁻³ T_b) and OLR = σ T_f⁴:
    Ohring, Gruber & Ellingson (1984), "Satellite determinations of the relationship between total longwave
    radiation flux and infrared window radiance", J. Climate Appl. Meteor. 23, 416–425.
    """
    flux_temperature = kelvin * (1.228 - 1.106e-3 * kelvin)
    squared = flux_temperature * flux_temperature
    return STEFAN_BOLTZMANN * squared * squared
