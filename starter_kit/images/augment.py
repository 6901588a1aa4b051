"""Variations of a training image, one by one, by albumentations. `batch_augment.py` does the same for whole
batches on the device.

Is a mirrored cyclone still a cyclone? **North-south: yes, truly.** Cyclones turn counter-clockwise in the
north and clockwise in the south, because the Coriolis force changes its sign with latitude, and the equator
mirrors one into the other: mirroring the image *and* changing the sign of its latitude is a symmetry of the
atmosphere's equations. An image does not say where it was taken, and the test set holds both hemispheres, so
the mirror alone is one for us (in a network that were told the latitude, its sign would have to be turned
too).

**East-west mirroring alone is none**: it turns the rotation round and leaves the hemisphere, which gives a
northern storm that turns clockwise. Nor are quarter turns (together with the north-south mirror they contain
it): they keep the rotation and part it from the side of the pole, so that a trough or the ITCZ runs
north-south. What they make is no weather, but still a cloud pattern that the model should judge by its
organisation, and an image alone tells neither hemisphere nor north. They raise the score, so they are on;
`augment.east_west=false` with `augment.rotations=false` leaves the true symmetry alone.
"""

import os
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from cloud_images.manifest import Scale
from starter_kit.configuration.sections import AugmentConfig
from starter_kit.images.batch_augment import MEAN_GREY

# Its import would otherwise ask the network for a newer version.
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

import albumentations as A
import cv2

Images = NDArray[np.uint8]


def build_augmentation(
    config: AugmentConfig, scale: Scale, seed: int | Sequence[int]
) -> Callable[[Images], Images]:
    """A function that varies each image of a batch, uint8 (B, 64, 64), by its own chance; with `path =
    "batch"` it leaves that to `batch_augment.py`.

    With flips and rotations both on, each of the eight views is equally likely. Brightness moves by W m⁻² of
    the release's scale and stops at its ends, the physical limits of what an image can show.
    """
    if config.path == "batch":
        return lambda images: images
    steps: list[A.BasicTransform] = []
    if config.flips:
        steps.append(A.VerticalFlip(p=0.5))
    if config.flips and config.east_west:
        steps.append(A.HorizontalFlip(p=0.5))
    if config.rotations:
        steps.append(A.RandomRotate90(p=1.0))  # by 0, 90, 180 or 270 degrees
    if config.rotate_degrees or config.shift_pixels:
        steps.append(
            A.Affine(
                scale=1.0,
                rotate=(-config.rotate_degrees, config.rotate_degrees),
                translate_px=(-config.shift_pixels, config.shift_pixels),
                border_mode=cv2.BORDER_REFLECT_101,
                p=1.0,
            )
        )
    if config.brightness:
        share = config.brightness / (scale.black - scale.white)
        steps.append(A.RandomBrightnessContrast(brightness_limit=share, contrast_limit=0, p=1.0))
    if config.cutout_pixels:
        side = (config.cutout_pixels, config.cutout_pixels)
        steps.append(
            A.CoarseDropout(
                num_holes_range=(1, 1), hole_height_range=side, hole_width_range=side, fill=MEAN_GREY, p=0.5
            )
        )
    if not steps:
        return lambda images: images
    vary = A.Compose(steps)
    # Compose(seed=…) would give every step the same random stream: both flips would always happen together.
    for step, step_seed in zip(steps, np.random.SeedSequence(seed).generate_state(len(steps)), strict=True):
        step.set_random_seed(int(step_seed))
    return lambda images: np.stack([vary(image=image)["image"] for image in images])
