"""Recall-constrained precision against scikit-learn's curve, to the last bit, on cases full of ties."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn.metrics import precision_recall_curve

from scoring import MetricConfig, evaluate
from tests.scoring.hard_cases import HARD_VALUES


def by_scikit_learn(labels, scores, floor):
    """(precision, recall, threshold) of the best threshold; of equal precisions the one of higher recall."""
    precision, recall, thresholds = precision_recall_curve(labels, scores)
    precision, recall = precision[:-1], recall[:-1]  # the last point has no threshold
    best = max(precision[recall >= floor])
    chosen = np.flatnonzero((recall >= floor) & (precision == best))[0]
    return precision[chosen], recall[chosen], thresholds[chosen]


def check(labels, scores, floor):
    labels, scores = np.asarray(labels), np.asarray(scores, np.float64)
    result = evaluate(labels, scores, MetricConfig.model_validate({"recall_floor": floor}), device="cpu")
    assert (result.precision, result.recall, result.threshold) == by_scikit_learn(labels, scores, floor)
    assert result.score == result.precision
    assert result.passed_gate
    called = scores >= result.threshold
    assert (result.tp, result.fp) == (np.sum(called & (labels == 1)), np.sum(called & (labels == 0)))
    assert (result.fn, result.tn) == (np.sum(~called & (labels == 1)), np.sum(~called & (labels == 0)))


@settings(max_examples=500, deadline=None)
@given(
    rows=st.lists(
        st.tuples(
            st.integers(0, 1),
            st.sampled_from(HARD_VALUES) | st.floats(allow_nan=False, allow_infinity=False),
        ),
        min_size=1,
        max_size=40,
    ).filter(lambda rows: any(label for label, _ in rows)),
    floor=st.floats(0.0, 1.0, exclude_min=True) | st.sampled_from([0.5, 0.79, 1.0]),
)
@example(rows=[(1, 0.0), (0, -0.0)], floor=0.79)
@example(rows=[(1, -0.0), (0, 0.0), (1, 0.0)], floor=1.0)
@example(rows=[(1, 1.0)], floor=1.0)
def test_any_scores_and_floor(rows, floor):
    labels, scores = zip(*rows, strict=True)
    check(labels, scores, floor)


def test_three_thousand_random_cases_with_ties():
    rng = np.random.default_rng(20180)
    for _ in range(3000):
        count = rng.integers(1, 200)
        labels = (rng.random(count) < rng.choice([0.03, 0.3, 0.9])).astype(int)
        labels[rng.integers(count)] = 1
        scores = rng.integers(0, rng.choice([1, 2, 5, 50, 1000]) + 1, count) / rng.choice([1.0, 3.0, 7.0])
        check(labels, scores + rng.choice([0.0, 1.0]) * labels, float(rng.choice([0.1, 0.5, 0.79, 0.9, 1.0])))


@pytest.mark.parametrize("positives", [1, 2, 19, 79, 100, 200, 300, 1000, 7900])
@pytest.mark.parametrize("floor", [0.1, 0.29, 0.57, 0.58, 0.7, 0.79])
def test_the_gate_stands_exactly_at_the_quotient_of_counts(positives, floor):
    # floor * positives is off by a bit for many of these (0.58 * 100 = 57.99999999999999)
    scores = np.arange(positives, dtype=float)
    labels = np.ones(positives, int)
    result = evaluate(
        np.append(labels, np.zeros(positives, int)),
        np.append(scores, scores),
        MetricConfig.model_validate({"recall_floor": floor}),
    )
    needed = next(count for count in range(1, positives + 1) if count / positives >= floor)
    assert result.recall >= floor
    assert result.tp >= needed
    label_config = MetricConfig.model_validate({"recall_floor": floor, "prediction": "label"})
    for found, passes in ((needed, True), (needed - 1, False)):
        called = (np.arange(positives) < found).astype(float)
        assert evaluate(labels, called, label_config).passed_gate is passes


@pytest.mark.parametrize("scores", [np.zeros(50), np.full(50, 3.5), np.full(50, -1e300)])
def test_all_scores_equal_give_the_prevalence(scores):
    labels = np.arange(50) % 5 == 0
    result = evaluate(labels.astype(int), scores)
    assert (result.precision, result.recall) == (0.2, 1.0)


def test_positives_alone_give_one():
    result = evaluate(np.ones(7, int), np.arange(7.0))
    assert (result.precision, result.recall, result.fp, result.tn) == (1.0, 1.0, 0, 0)


def test_negatives_alone_are_refused():
    with pytest.raises(ValueError, match="no positive image"):
        evaluate(np.zeros(7, int), np.arange(7.0))


def test_of_equal_precisions_the_higher_recall_is_chosen():
    # thresholds 4 and 2 both have precision 1/2
    labels, scores = [1, 0, 1, 0], [4.0, 4.0, 2.0, 2.0]
    result = evaluate(labels, scores, MetricConfig.model_validate({"recall_floor": 0.5}))
    assert (result.precision, result.recall, result.threshold) == (0.5, 1.0, 2.0)


def test_the_order_of_rows_does_not_matter_to_the_last_bit():
    rng = np.random.default_rng(4)
    scores = rng.choice(HARD_VALUES, 500)
    labels = (rng.random(500) < 0.2).astype(int)
    first = repr(evaluate(labels, scores))
    for _ in range(20):
        order = rng.permutation(500)
        assert repr(evaluate(labels[order], scores[order])) == first


def test_tensors_are_counted_as_arrays_are():
    import torch

    from scoring.tally import Part

    rng = np.random.default_rng(5)
    config = MetricConfig.model_validate({})
    for _ in range(200):
        positives = rng.choice(HARD_VALUES, rng.integers(1, 60))
        negatives = np.append(rng.choice(HARD_VALUES, rng.integers(0, 60)), rng.normal(size=20))
        on_array = config.evaluate(Part(positives, negatives))
        on_tensor = config.evaluate(Part(torch.from_numpy(positives), torch.from_numpy(negatives)))
        assert repr(on_tensor) == repr(on_array)


@pytest.mark.parametrize(
    ("labels", "scores", "message"),
    [
        ([1, 0], [0.5], "one length"),
        ([[1, 0]], [[0.5, 0.1]], "one length"),
        ([1, 2], [0.5, 0.1], "labels must be 0 or 1"),
        ([1, 0], [0.5, float("nan")], "finite"),
        ([1, 0], [0.5, float("inf")], "finite"),
    ],
)
def test_arrays_that_are_no_predictions_are_refused(labels, scores, message):
    with pytest.raises(ValueError, match=message):
        evaluate(labels, scores)
