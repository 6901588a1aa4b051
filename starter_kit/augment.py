"""Variations of a training image, by albumentations.

Is a mirrored cyclone still a cyclone? North-south: yes, truly. Cyclones turn counter-clockwise in the north
and clockwise in the south, and the equator mirrors one into the other; an image does not say where it was
taken, and the test set holds both. East-west mirroring and quarter turns are not symmetries of the atmosphere
(they part the sense of rotation, or the band's orientation, from the side of the pole), but what they make
stays a cloud pattern that the model should judge by its organisation. They raise the score, so they are on.
"""

import os
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from starter_kit.config import AugmentConfig

# Its import would otherwise ask the network for a newer version.
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

import albumentations as A

Images = NDArray[np.uint8]


def build_augmentation(config: AugmentConfig, seed: int) -> Callable[[Images], Images]:
    """A function that varies each image of a batch, uint8 (B, 64, 64), by its own chance.

    With flips and rotations both on, each of the eight views is equally likely.
    """
    steps = []
    if config.flips:
        steps += [A.VerticalFlip(p=0.5), A.HorizontalFlip(p=0.5)]
    if config.rotations:
        steps += [A.RandomRotate90(p=1.0)]  # by 0, 90, 180 or 270 degrees
    if not steps:
        return lambda images: images
    vary = A.Compose(steps)
    # Compose(seed=…) would give every step the same random stream: both flips would always happen together.
    for step, step_seed in zip(steps, np.random.SeedSequence(seed).generate_state(len(steps)), strict=True):
        step.set_random_seed(int(step_seed))
    return lambda images: np.stack([vary(image=image)["image"] for image in images])
