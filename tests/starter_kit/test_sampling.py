"""A sampler's class frequencies are what it says."""

import numpy as np
import pytest

from starter_kit.configuration.sections import SamplerConfig
from starter_kit.training.sampler import Pools, balanced, build_pools, draw_epoch, natural


@pytest.fixture
def labels() -> np.ndarray:
    """97 positives in 3,200."""
    labels = np.zeros(3200, np.uint8)
    labels[np.random.default_rng(1).choice(3200, 97, replace=False)] = 1
    return labels


@pytest.fixture
def storms(labels) -> list[str | None]:
    """Ten storms of 1 to 17 images, and one of the other 12."""
    names = np.repeat([f"storm{n}" for n in range(11)], [1, 3, 5, 7, 9, 11, 13, 15, 17, 4, 12])
    ids = iter(names)
    return [next(ids) if label else None for label in labels]


@pytest.fixture
def pools(labels, storms) -> Pools:
    return build_pools(SamplerConfig(), labels, storms, seed=0)


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_natural_draws_each_image_once_before_any_twice(labels, pools):
    assert sorted(natural(pools, len(labels), rng())) == list(range(len(labels)))
    counts = np.bincount(natural(pools, 8000, rng()), minlength=len(labels))
    assert set(counts) == {2, 3}


def test_natural_keeps_the_class_frequencies(labels, pools):
    drawn = natural(pools, len(labels), rng())
    assert labels[drawn].mean() == labels.mean()


@pytest.mark.parametrize("share", [0.1, 0.5, 0.75])
def test_balanced_draws_exactly_its_share_of_positives(labels, pools, share):
    drawn = balanced(pools, 1000, rng(), positive_share=share)
    assert labels[drawn].sum() == 1000 * share
    assert len(drawn) == 1000


def test_balanced_bears_an_epoch_too_small_for_a_positive(labels, pools):
    assert labels[balanced(pools, 1, rng())].tolist() == [0]


def test_balanced_draws_all_images_of_a_class_equally_often(labels, pools):
    counts = np.bincount(balanced(pools, 2000, rng()), minlength=len(labels))
    assert set(counts[labels == 1]) == {10, 11}
    assert set(counts[labels == 0]) == {0, 1}


def test_balanced_mixes_the_classes_all_along(labels, pools):
    drawn = balanced(pools, 2000, rng())
    shares = labels[drawn].reshape(10, 200).mean(axis=1)
    assert shares.min() > 0.35
    assert shares.max() < 0.65


def test_per_storm_draws_every_storm_equally_often_and_its_images_in_turn(labels, storms, pools):
    drawn = balanced(pools, 2200, rng(), per_storm=True)
    counts = np.bincount(drawn, minlength=len(labels))
    by_storm = {}
    for position in np.flatnonzero(labels == 1):
        by_storm.setdefault(storms[position], []).append(counts[position])
    assert {sum(images) for images in by_storm.values()} == {100}  # 1,100 positives of 11 storms
    assert all(max(images) - min(images) <= 1 for images in by_storm.values())


def test_per_storm_leaves_the_share_of_positives_as_it_is(labels, storms):
    natural_config = SamplerConfig(name="natural", per_storm=True)
    pools = build_pools(natural_config, labels, storms, seed=0)
    assert labels[draw_epoch(natural_config, pools, 3200, rng())].sum() == 97


@pytest.mark.parametrize("ratio", [1.0, 2.5])
def test_undersampling_keeps_its_ratio_of_negatives_and_the_same_ones_in_every_epoch(labels, storms, ratio):
    config = SamplerConfig(name="undersampled", negatives_per_positive=ratio, positive_share=1 / (1 + ratio))
    pools = build_pools(config, labels, storms, seed=5)
    assert (len(pools.positives), len(pools.negatives)) == (97, round(97 * ratio))
    generator = rng()
    for _ in range(2):
        drawn = draw_epoch(config, pools, pools.size, generator)
        assert sorted(drawn) == sorted([*pools.positives, *pools.negatives])


def test_undersampling_with_another_seed_keeps_other_negatives(labels, storms):
    config = SamplerConfig(name="undersampled")
    first, same, other = (set(build_pools(config, labels, storms, seed).negatives) for seed in (1, 1, 2))
    assert first == same
    assert len(first & other) < 20  # by chance 97 of 3,103: about 3


def test_undersampling_never_asks_for_more_negatives_than_there_are(labels, storms):
    config = SamplerConfig(name="undersampled", negatives_per_positive=1000)
    assert len(build_pools(config, labels, storms, seed=0).negatives) == 3103


def test_hard_negatives_are_drawn_by_their_share_once_they_are_known(labels, storms):
    config = SamplerConfig(name="hard_negatives", hard_share=0.6)
    pools = build_pools(config, labels, storms, seed=0)
    before = draw_epoch(config, pools, 1000, rng())
    hard = pools.negatives[:50]
    after = draw_epoch(config, Pools(pools.positives, pools.negatives, pools.storms, hard), 1000, rng())
    assert labels[before].sum() == labels[after].sum() == 500
    counts = np.bincount(after, minlength=len(labels))
    assert counts[hard].min() >= 6  # 300 draws of the 50
    assert 300 <= counts[hard].sum() <= 350  # and a few by the ordinary way
    assert np.bincount(before, minlength=len(labels))[hard].max() <= 1


def test_the_configuration_chooses_the_sampler(labels, pools):
    drawn = draw_epoch(SamplerConfig(positive_share=0.25), pools, 400, rng())
    assert labels[drawn].sum() == 100
    drawn = draw_epoch(SamplerConfig(name="natural"), pools, len(labels), rng())
    assert labels[drawn].sum() == 97


def test_another_epoch_draws_in_another_order(pools):
    generator = rng()
    assert not np.array_equal(natural(pools, 3200, generator), natural(pools, 3200, generator))
