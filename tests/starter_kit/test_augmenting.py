"""An augmentation gives what it says: some view of the same image, each equally likely."""

from collections import Counter

import numpy as np
import pytest

from starter_kit.augment import build_augmentation
from starter_kit.config import AugmentConfig

IMAGE = np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8)
TURNS = [np.rot90(IMAGE, quarter) for quarter in range(4)]
ALL_VIEWS = TURNS + [view[:, ::-1] for view in TURNS]


@pytest.mark.parametrize(
    ("config", "views"),
    [
        (AugmentConfig(), ALL_VIEWS),
        (AugmentConfig(flips=False), TURNS),
        (AugmentConfig(rotations=False), [IMAGE, IMAGE[::-1], IMAGE[:, ::-1], IMAGE[::-1, ::-1]]),
        (AugmentConfig(flips=False, rotations=False), [IMAGE]),
    ],
)
def test_each_view_is_equally_likely_and_no_other_comes(config, views):
    varied = build_augmentation(config, seed=0)(np.repeat(IMAGE[None], 1600, axis=0))
    counts = Counter(image.tobytes() for image in varied)
    assert set(counts) == {view.tobytes() for view in views}
    expected = 1600 / len(views)
    assert max(abs(count - expected) for count in counts.values()) < 5 * expected**0.5


def test_shape_and_type_stay():
    varied = build_augmentation(AugmentConfig(), seed=0)(np.repeat(IMAGE[None], 3, axis=0))
    assert (varied.shape, varied.dtype) == ((3, 64, 64), np.uint8)


def test_the_seed_decides():
    batch = np.repeat(IMAGE[None], 50, axis=0)
    first, same, other = (build_augmentation(AugmentConfig(), seed)(batch) for seed in (0, 0, 1))
    assert np.array_equal(first, same)
    assert not np.array_equal(first, other)
