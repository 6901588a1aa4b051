"""Images and what is laid over them, as PNG data that a page carries inside."""

from __future__ import annotations

import base64
import io

import numpy as np
from matplotlib import colormaps
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

SHADES = 96  # of a picture with colours: a third of the bytes, and no eye sees it
PIXEL_BLUR = 0.7  # of integrated gradients, in pixels: their grain says nothing


def grey_picture(image: NDArray[np.uint8]) -> str:
    """The image (64, 64) itself: high, cold clouds white."""
    return _data(Image.fromarray(image))


def grad_cam_picture(image: NDArray[np.uint8], strength: NDArray[np.float32]) -> str:
    """The image (64, 64) with Grad-CAM (64, 64), at least 0, from nothing over red to yellow; the strongest
    place of the image is the brightest, so that pictures tell where, not how much."""
    peak = float(strength.max())
    share = strength / peak if peak > 0 else np.zeros_like(strength)
    colours = colormaps["inferno"](0.25 + 0.75 * share)[..., :3]
    return _laid_over(image, colours, 0.75 * share)


def gradients_picture(image: NDArray[np.uint8], shared: NDArray[np.float32]) -> str:
    """The image (64, 64) with integrated gradients (64, 64): red speaks for a cyclone, blue against it. The
    scale ends at the 99th percentile of the image."""
    smooth = ndimage.gaussian_filter(shared, PIXEL_BLUR)
    peak = float(np.percentile(np.abs(smooth), 99))
    share = np.clip(smooth / peak, -1, 1) if peak > 0 else np.zeros_like(smooth)
    colours = np.where(share[..., None] > 0, (0.95, 0.25, 0.15), (0.15, 0.45, 0.98))
    return _laid_over(image, colours, 0.9 * np.abs(share))


def _laid_over(image: NDArray[np.uint8], colours: NDArray[np.float64], opacity: NDArray[np.floating]) -> str:
    """colours: (64, 64, 3) in 0 … 1; opacity: (64, 64) in 0 … 1."""
    ground = 0.75 * image[..., None] / 255  # dimmed, so that colours stand out on white clouds
    mixed = ground + (colours - ground) * opacity[..., None]
    return _data(Image.fromarray(np.rint(mixed * 255).astype(np.uint8)).quantize(SHADES))


def _data(picture: Image.Image) -> str:
    file = io.BytesIO()
    picture.save(file, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode("ascii")
