"""A sampler's class frequencies are what it says."""

import numpy as np
import pytest

from starter_kit.config import SamplerConfig
from starter_kit.sampler import balanced, draw_epoch, natural


@pytest.fixture
def labels() -> np.ndarray:
    """97 positives in 3,200."""
    labels = np.zeros(3200, np.uint8)
    labels[np.random.default_rng(1).choice(3200, 97, replace=False)] = 1
    return labels


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_natural_draws_each_image_once_before_any_twice(labels):
    assert sorted(natural(labels, len(labels), rng())) == list(range(len(labels)))
    counts = np.bincount(natural(labels, 8000, rng()), minlength=len(labels))
    assert set(counts) == {2, 3}


def test_natural_keeps_the_class_frequencies(labels):
    drawn = natural(labels, len(labels), rng())
    assert labels[drawn].mean() == labels.mean()


@pytest.mark.parametrize("share", [0.1, 0.5, 0.75])
def test_balanced_draws_exactly_its_share_of_positives(labels, share):
    drawn = balanced(labels, 1000, rng(), positive_share=share)
    assert labels[drawn].sum() == 1000 * share
    assert len(drawn) == 1000


def test_balanced_bears_an_epoch_too_small_for_a_positive(labels):
    assert labels[balanced(labels, 1, rng())].tolist() == [0]


def test_balanced_draws_all_images_of_a_class_equally_often(labels):
    counts = np.bincount(balanced(labels, 2000, rng()), minlength=len(labels))
    assert set(counts[labels == 1]) == {10, 11}
    assert set(counts[labels == 0]) == {0, 1}


def test_balanced_mixes_the_classes_all_along(labels):
    drawn = balanced(labels, 2000, rng())
    shares = labels[drawn].reshape(10, 200).mean(axis=1)
    assert shares.min() > 0.35
    assert shares.max() < 0.65


def test_the_configuration_chooses_the_sampler(labels):
    drawn = draw_epoch(SamplerConfig(positive_share=0.25), labels, 400, rng())
    assert labels[drawn].sum() == 100
    drawn = draw_epoch(SamplerConfig(name="natural"), labels, len(labels), rng())
    assert labels[drawn].sum() == 97


def test_another_epoch_draws_in_another_order(labels):
    generator = rng()
    assert not np.array_equal(natural(labels, 3200, generator), natural(labels, 3200, generator))
