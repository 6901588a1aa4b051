"""Calibrated scores are probabilities, in the order they had."""

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from starter_kit.inference.calibration import Calibration, fit_calibration, logit
from starter_kit.inference.evaluate import precision_at_recall
from starter_kit.inference.predict import probability

METHODS = ["temperature", "isotonic"]


@pytest.fixture
def world() -> tuple[np.ndarray, np.ndarray]:
    """Scores that are too sure, and of balanced training: true probability sigmoid(logit / 3 − 2)."""
    rng = np.random.default_rng(0)
    logits = rng.normal(scale=4, size=20_000)
    labels = (rng.random(20_000) < probability(logits / 3 - 2)).astype(np.uint8)
    return probability(logits), labels


def test_temperature_and_offset_are_found(world):
    found = fit_calibration("temperature", *world)
    assert found.temperature == pytest.approx(3, rel=0.05)
    assert found.offset == pytest.approx(-2, abs=0.1)


def test_temperature_with_offset_is_platts_scaling(world):
    scores, labels = world
    oracle = LogisticRegression(C=np.inf, tol=1e-10).fit(logit(scores)[:, None], labels)
    expected = oracle.predict_proba(logit(scores)[:, None])[:, 1]
    np.testing.assert_allclose(fit_calibration("temperature", *world)(scores), expected, atol=1e-4)


def test_isotonic_is_scikit_learns(world):
    scores, labels = world
    scores = scores.round(2)  # with ties
    oracle = IsotonicRegression().fit_transform(scores, labels)
    np.testing.assert_allclose(fit_calibration("isotonic", scores, labels)(scores), oracle, atol=2e-6)


@pytest.mark.parametrize("method", METHODS)
def test_of_the_images_with_a_score_of_three_tenths_three_in_ten_are_storms(world, method):
    scores, labels = world
    calibrated = fit_calibration(method, scores[::2], labels[::2])(scores[1::2])
    for low in np.arange(0, 0.6, 0.1):
        bin_ = (calibrated >= low) & (calibrated < low + 0.1)
        chance = (calibrated[bin_] * (1 - calibrated[bin_])).sum() ** 0.5 / bin_.sum()
        assert labels[1::2][bin_].mean() == pytest.approx(calibrated[bin_].mean(), abs=4 * chance)


@pytest.mark.parametrize("method", METHODS)
def test_the_order_and_with_it_the_precision_stay(world, method):
    scores, labels = world
    calibrated = fit_calibration(method, scores, labels)(scores)
    assert spearmanr(scores, calibrated).statistic == pytest.approx(1, abs=1e-6)
    before, after = (precision_at_recall(each, labels, 0.79).precision for each in (scores, calibrated))
    assert after == pytest.approx(before, abs=1e-6)
    assert calibrated.min() >= 0
    assert calibrated.max() <= 1


@pytest.mark.parametrize("method", METHODS)
def test_a_model_that_is_never_wrong_bears_it(method):
    scores, labels = np.array([0.0, 0.1, 0.9, 1.0]), np.array([0, 0, 1, 1], np.uint8)
    calibrated = fit_calibration(method, scores, labels)(scores)
    assert np.isfinite(calibrated).all()
    assert (np.diff(calibrated) >= 0).all()


def test_none_changes_nothing(world):
    scores, labels = world
    assert np.array_equal(fit_calibration("none", scores, labels)(scores), scores)


def test_an_isotonic_calibration_keeps_the_ends_of_its_steps_alone(world):
    found = fit_calibration("isotonic", *world)
    assert len(found.scores) < 500  # of 20,000
    assert Calibration.model_validate_json(found.model_dump_json()) == found
