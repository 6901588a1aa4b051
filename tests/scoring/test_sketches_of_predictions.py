"""What a few kilobytes tell of how two submissions differ."""

import numpy as np
import pytest

from scoring.sketch import BUCKETS, Sketch, difference, is_threshold_sweep

IMAGES = 20_000
RNG = np.random.default_rng(0)
LABELS = RNG.random(IMAGES) < 0.03
MODEL = 2 * LABELS + RNG.normal(0, 1, IMAGES)
ROWS = RNG.permutation(IMAGES)


def sketch(predictions: np.ndarray) -> Sketch:
    return Sketch.of(np.asarray(predictions, np.float64), LABELS, ~LABELS)


def moved(count: int, first: int = 0) -> np.ndarray:
    """The model's scores with some images put on top."""
    scores = MODEL.copy()
    scores[ROWS[first : first + count]] += 10
    return scores


@pytest.mark.parametrize("count", [1, 3, 20])
@pytest.mark.parametrize("noise", [0, 1e-4])
def test_a_few_images_that_moved_are_seen_and_counted(count, noise):
    hidden = moved(count) + np.random.default_rng(1).normal(0, noise, IMAGES)
    change = difference(sketch(MODEL), sketch(hidden))
    assert change.is_small
    assert count / 3 <= change.changed <= 3 * count + 1


@pytest.mark.parametrize(
    "other",
    [
        2 * LABELS + np.random.default_rng(2).normal(0, 1, IMAGES),  # another seed
        MODEL + np.random.default_rng(3).normal(0, 0.02, IMAGES),  # trained on
        0.5 * MODEL + 0.5 * (2 * LABELS + np.random.default_rng(4).normal(0, 1, IMAGES)),  # an ensemble
        np.round(MODEL, 2),
    ],
)
def test_another_model_moves_everything(other):
    change = difference(sketch(MODEL), sketch(other))
    assert not change.is_small
    assert not change.is_nothing
    assert change.changed > 0.2 * BUCKETS


def test_what_keeps_the_order_is_no_change():
    for same in (MODEL, 1 / (1 + np.exp(-MODEL)), MODEL - 1.7):
        assert difference(sketch(MODEL), sketch(same)).is_nothing


def test_lift_tells_skill_from_chance():
    assert sketch(MODEL).lift > 20
    for seed in range(10):
        assert abs(sketch(np.random.default_rng(seed).normal(size=IMAGES)).lift) < 4
    assert sketch(np.zeros(IMAGES)).lift == 0


def test_unrelated_predictions_have_no_correlation():
    guesses = [sketch(np.random.default_rng(seed).choice([-1.0, 1.0], IMAGES)) for seed in range(6)]
    for place, one in enumerate(guesses):
        for other in guesses[:place]:
            assert abs(difference(one, other).correlation) < 0.1


def test_a_moved_threshold_is_told_from_flipped_images():
    thresholds = [sketch(threshold < MODEL) for threshold in (1.5, 1.499, 1.503, 1.497, 1.501)]
    assert is_threshold_sweep(thresholds)
    labels = (MODEL > 1.5).astype(float)
    flips = [labels.copy() for _ in range(4)]
    for place, each in enumerate(flips):
        each[ROWS[place]] = 1 - each[ROWS[place]]
    assert not is_threshold_sweep([sketch(labels), *map(sketch, flips)])
    assert not is_threshold_sweep([sketch(MODEL), sketch(moved(3))])
