"""Members become one score as the definitions say, and what is fitted is measured on what it has not seen."""

import numpy as np
import pytest
from scipy.stats import rankdata
from sklearn.linear_model import LogisticRegression

from starter_kit.errors import StarterKitError
from starter_kit.inference.blending import Blend, cross_fitted, fit_blend, greedy_weights
from starter_kit.inference.evaluate import precision_at_recall
from starter_kit.inference.predict import probability

FLOOR = 0.79


@pytest.fixture
def labels() -> np.ndarray:
    return (np.random.default_rng(0).random(3000) < 0.1).astype(np.uint8)


@pytest.fixture
def logits(labels) -> np.ndarray:
    """Three members: a good one, another that errs elsewhere, and noise."""
    rng = np.random.default_rng(1)
    errors = rng.normal(size=(3, len(labels)))
    return np.array([[2.5], [2.0], [0.0]]) * labels + errors


def precision(scores, labels):
    return precision_at_recall(scores, labels, FLOOR).precision


def test_mean_is_the_mean_of_the_probabilities(logits, labels):
    blend = fit_blend("mean", logits, labels, FLOOR)
    np.testing.assert_allclose(blend(logits), probability(logits).mean(axis=0))


def test_rank_mean_is_the_mean_of_the_ranks(logits, labels):
    blend = fit_blend("rank_mean", logits, labels, FLOOR)
    ranks = [(rankdata(row) - 0.5) / len(row) for row in logits]
    np.testing.assert_allclose(blend(logits), np.mean(ranks, axis=0))


def test_weights_are_a_mean_better_than_each_member_and_than_the_plain_mean(logits, labels):
    blend = fit_blend("weights", logits, labels, FLOOR)
    assert sum(blend.weights) == pytest.approx(1)
    assert min(blend.weights) >= 0
    together = precision(blend(logits), labels)
    assert together >= max(precision(row, labels) for row in logits)
    assert together >= precision(probability(logits).mean(axis=0), labels)
    assert blend.weights[2] < 0.1  # noise


def test_the_search_begins_with_the_best_and_adds_what_helps_most(logits, labels):
    """Each round by brute force."""
    probabilities, counts, best = probability(logits), np.zeros(3), (-1.0, None)
    for _ in range(20):
        tried = [counts + row for row in np.eye(3)]
        scores = [precision(each @ probabilities / each.sum(), labels) for each in tried]
        counts = tried[int(np.argmax(scores))]
        if max(scores) > best[0]:
            best = (max(scores), counts / counts.sum())
    assert greedy_weights(logits, labels, FLOOR) == pytest.approx(best[1].tolist())


def test_a_single_member_gets_all_the_weight(logits, labels):
    assert greedy_weights(logits[:1], labels, FLOOR) == [1.0]


def test_stacking_is_the_logistic_regression_of_scikit_learn(logits, labels):
    blend = fit_blend("stacking", logits, labels, FLOOR)
    oracle = LogisticRegression(C=1.0, tol=1e-10, max_iter=5000).fit(logits.T, labels)
    np.testing.assert_allclose(blend.weights, oracle.coef_[0], rtol=1e-3, atol=1e-4)
    assert blend.offset == pytest.approx(oracle.intercept_[0], rel=1e-3)
    np.testing.assert_allclose(blend(logits), oracle.predict_proba(logits.T)[:, 1], rtol=1e-3)


@pytest.mark.parametrize("method", ["weights", "stacking"])
def test_cross_fitting_judges_each_image_by_a_fit_on_the_other_folds(logits, labels, method):
    folds = np.arange(len(labels)) % 3
    blended = cross_fitted(method, logits, labels, folds, FLOOR)
    for fold in range(3):
        mine = folds == fold
        fitted = fit_blend(method, logits[:, ~mine], labels[~mine], FLOOR)
        np.testing.assert_array_equal(blended[mine], fitted(logits[:, mine]))


def test_cross_fitting_is_not_fooled_by_many_members_of_noise(labels):
    """Fitted and judged on the same images, a choice among 60 members of noise looks better than chance."""
    few = labels[:600]
    noise = np.random.default_rng(3).normal(size=(60, len(few)))
    folds = np.arange(len(few)) % 5
    fooled = precision(fit_blend("stacking", noise, few, FLOOR)(noise), few)
    honest = precision(cross_fitted("stacking", noise, few, folds, FLOOR), few)
    assert fooled > few.mean() + 0.05
    assert honest < few.mean() + 0.03


@pytest.mark.parametrize("method", ["weights", "stacking"])
def test_nothing_is_fitted_on_a_single_fold(logits, labels, method):
    with pytest.raises(StarterKitError, match=r"of one storm.*ensemble\.method=mean --resume"):
        cross_fitted(method, logits, labels, np.zeros(len(labels), int), FLOOR)


def test_a_blend_comes_back_from_json(logits, labels):
    blend = fit_blend("stacking", logits, labels, FLOOR)
    assert Blend.model_validate_json(blend.model_dump_json()) == blend
