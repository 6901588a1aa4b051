"""Hard negatives are the hardest, without those that may be storms after all."""

from dataclasses import replace

import numpy as np
import pytest

from starter_kit.configuration.reading import load_config
from starter_kit.configuration.sections import SamplerConfig, ValidationConfig
from starter_kit.images.data import load_training_data
from starter_kit.training import train as train_module
from starter_kit.training.hard_negatives import hardest, is_mining_epoch, mineable_negatives, near_a_storm
from starter_kit.training.train import train
from tests.starter_kit.conftest import QUICK


@pytest.fixture(scope="module")
def data(release):
    return load_training_data(release, ValidationConfig())


def test_the_hardest_have_the_highest_logits_hardest_first():
    logits = np.array([0.1, 5.0, -3.0, 2.0, 9.0])
    everywhere = np.ones(5, bool)
    assert hardest(logits, keep=3, skip_share=0, mineable=everywhere).tolist() == [4, 1, 3]


def test_the_very_top_share_is_passed_over():
    logits = np.arange(100.0)
    chosen = hardest(logits, keep=10, skip_share=0.05, mineable=np.ones(100, bool))
    assert sorted(chosen) == list(range(85, 95))


def test_what_must_not_be_mined_is_not():
    logits = np.arange(10.0)
    assert hardest(logits, keep=3, skip_share=0, mineable=logits % 2 == 0).tolist() == [8, 6, 4]


def test_few_negatives_give_few():
    assert len(hardest(np.zeros(4), keep=10, skip_share=0, mineable=np.ones(4, bool))) == 4


@pytest.mark.parametrize(("kilometres", "hours"), [(1000, 24), (3000, 72), (200, 6)])
def test_surroundings_are_an_ellipsoid_around_each_fix(data, kilometres, hours):
    negatives = np.flatnonzero(data.labels == 0)[:400]
    fixes = np.flatnonzero(data.labels == 1)
    near = near_a_storm(data, negatives, kilometres=kilometres, hours=hours)

    def radians(positions):
        return np.radians(data.latitude[positions]), np.radians(data.longitude[positions])

    (lat, lon), (fix_lat, fix_lon) = radians(negatives), radians(fixes)
    cosine = np.sin(lat)[:, None] * np.sin(fix_lat) + np.cos(lat)[:, None] * np.cos(fix_lat) * np.cos(
        lon[:, None] - fix_lon
    )
    distance = 6371 * np.arccos(cosine.clip(-1, 1))
    ratio = (distance / kilometres) ** 2 + ((data.hours[negatives][:, None] - data.hours[fixes]) / hours) ** 2
    clear = np.abs(ratio.min(axis=1) - 1) > 0.02  # the chord is a little shorter than the arc
    assert np.array_equal(near[clear], (ratio.min(axis=1) < 1)[clear])
    if kilometres == 3000:
        assert near.any()
        assert not near.all()


def test_a_negative_at_a_storms_place_and_time_is_never_mined(data):
    fix, negative = np.flatnonzero(data.labels == 1)[0], np.flatnonzero(data.labels == 0)[0]
    longitude, latitude, hours = data.longitude.copy(), data.latitude.copy(), data.hours.copy()
    longitude[negative] = longitude[fix] - 360  # the same place, said otherwise
    latitude[negative], hours[negative] = latitude[fix] + 2, hours[fix] + 5
    moved = replace(data, longitude=longitude, latitude=latitude, hours=hours)
    config = SamplerConfig(name="hard_negatives")
    assert mineable_negatives(config, moved, np.array([negative])).tolist() == [False]
    unguarded = config.model_copy(update={"storm_kilometres": 0})
    assert mineable_negatives(unguarded, moved, np.array([negative])).tolist() == [True]


def test_mining_begins_after_the_first_epochs_and_comes_again():
    config = SamplerConfig(name="hard_negatives", first_mining=2, mine_every=3)
    assert [epoch for epoch in range(1, 12) if is_mining_epoch(config, epoch)] == [3, 6, 9]
    assert not any(is_mining_epoch(SamplerConfig(), epoch) for epoch in range(1, 12))


def test_training_draws_what_the_model_of_that_moment_finds_hardest(release, data, tmp_path, monkeypatch):
    """With guards off and all negatives drawn from the hard ones, the second epoch sees the mined alone."""
    mined, drawn = [], []
    scoring, drawing = train_module.hardest, train_module.draw_epoch

    def recorded_scoring(logits, **named):
        mined.append((logits.copy(), scoring(logits, **named)))
        return mined[-1][1]

    def recorded_drawing(config, pools, size, rng):
        drawn.append((pools, drawing(config, pools, size, rng)))
        return drawn[-1][1]

    monkeypatch.setattr(train_module, "hardest", recorded_scoring)
    monkeypatch.setattr(train_module, "draw_epoch", recorded_drawing)
    sampler = ("name=hard_negatives", "first_mining=1", "hard_per_positive=2", "hard_share=1.0",
               "skip_hardest=0.0", "storm_kilometres=0")  # fmt: skip
    train(
        release, load_config("baseline", [*QUICK, *(f"sampler.{knob}" for knob in sampler)]), tmp_path / "r"
    )
    (logits, chosen), (pools, second) = mined[0], drawn[1]
    labels = data.labels[data.training]
    assert len(logits) == (labels == 0).sum()  # over all negatives
    assert len(chosen) == 2 * (labels == 1).sum()
    assert logits[chosen].min() >= np.delete(logits, chosen).max()
    negatives = second[labels[second] == 0]
    assert set(negatives) <= set(pools.negatives[chosen])
