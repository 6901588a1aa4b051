"""Histogram matching: each grey of one domain becomes the grey of the same quantile in the other.

Quantile mapping, T = F_to⁻¹ ∘ F_from (e.g. Maraun 2013, doi 10.1175/JCLI-D-12-00821.1), on the 256 greys: the
simplest of all translations. It keeps the order of the values and so every shape, and can change neither
texture nor sharpness.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from starter_kit.observation.patches import Images

Histogram = NDArray[np.int64]
LookUp = NDArray[np.uint8]


def histogram(images: Images) -> Histogram:
    """How many pixels have each grey, (256,)."""
    return np.bincount(images.ravel(), minlength=256)


def quantile_map(before: Histogram, after: Histogram) -> LookUp:
    """The new grey of each grey, (256,) uint8, never falling.

    A grey stands for the middle of the quantiles that its pixels fill, and becomes the lowest grey whose
    quantiles reach that far. Between equal histograms it is the identity on every grey that occurs; on any
    two, the new histogram's distribution function differs from `after`'s by at most the largest share of a
    single grey, before or after.
    """
    middle = (np.cumsum(before) - before / 2) / before.sum()
    reached = np.cumsum(after) / after.sum()
    return np.searchsorted(reached, middle, side="left").clip(0, 255).astype(np.uint8)
