"""Recall at a precision floor: the best one against brute force, and what happens under the floor."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from sklearn.metrics import precision_recall_curve

from scoring import evaluate, rank
from scoring.tally import Part
from tests.scoring.hard_cases import config, images, random_images, result_of


def check(labels, scores, floor):
    labels, scores = np.asarray(labels), np.asarray(scores, float)
    result = result_of("precision_constrained_recall", labels, scores, precision_floor=floor)
    precision, recall, thresholds = precision_recall_curve(labels, scores)
    precision, recall = precision[:-1], recall[:-1]  # the last point has no threshold
    if (precision >= floor).any():
        assert result.passed_gate
        assert result.score == result.recall == max(recall[precision >= floor])
        chosen = np.flatnonzero(thresholds == result.threshold)[0]
        assert (result.precision, result.recall) == (precision[chosen], recall[chosen])
    else:
        assert not result.passed_gate
        assert result.score is None
        assert result.precision == max(precision)
        assert result.recall == max(recall[precision == max(precision)])


@settings(max_examples=300, deadline=None)
@given(rows=images(), floor=st.floats(0.0, 1.0, exclude_min=True) | st.sampled_from([0.5, 2 / 3, 0.79, 1.0]))
@example(rows=[(1, 0.0), (0, -0.0)], floor=0.5)
@example(rows=[(1, 0.0), (0, -0.0)], floor=0.79)
@example(rows=[(0, 1.0), (1, 0.0)], floor=1.0)
def test_any_scores_and_floor(rows, floor):
    check(*zip(*rows, strict=True), floor)


@pytest.mark.parametrize("floor", [0.05, 0.3, 0.5, 0.9, 1.0])
def test_random_cases_with_ties(floor):
    for seed in range(80):
        check(*random_images(seed, count=10 + seed), floor)


def test_the_gate_stands_exactly_at_the_quotient_of_counts():
    called = np.ones(100)
    for found, passes in ((79, True), (78, False)):
        labels = (np.arange(100) < found).astype(int)
        result = result_of(
            "precision_constrained_recall", labels, called, precision_floor=0.79, prediction="label"
        )
        assert result.passed_gate is passes
        assert result.score == (1.0 if passes else None)


def test_the_public_threshold_may_miss_the_gate_on_the_private_part():
    metric = config("precision_constrained_recall", threshold="from_public", precision_floor=1.0)
    public = metric.evaluate(Part(np.array([3.0, 2.0]), np.array([1.0])))
    private = metric.evaluate(Part(np.array([3.0]), np.array([2.5])), public=public)
    assert (public.threshold, public.score) == (2.0, 1.0)
    assert (private.threshold, private.score, private.passed_gate) == (2.0, None, False)
    assert private.precision == 0.5


def test_nothing_called_is_below_the_gate():
    result = result_of("precision_constrained_recall", [1, 0], [0, 0], prediction="label")
    assert (result.passed_gate, result.precision, result.recall) == (False, 0.0, 0.0)


def test_entries_below_the_gate_are_ranked_by_precision():
    metric = config("precision_constrained_recall", precision_floor=0.9)
    strong = result_of("precision_constrained_recall", [1, 1, 0, 1], [4, 3, 2, 1], precision_floor=0.9)
    half = result_of("precision_constrained_recall", [1, 0], [1, 1], precision_floor=0.9)
    third = result_of("precision_constrained_recall", [1, 0, 0], [1, 1, 1], precision_floor=0.9)
    assert metric.gate == "precision"
    assert [ranked.entry for ranked in rank([third, half, strong], metric)] == [strong, half, third]


def test_negatives_alone_are_refused_and_positives_alone_are_found():
    with pytest.raises(ValueError, match="there is no positive image"):
        result_of("precision_constrained_recall", [0], [1.0])
    assert result_of("precision_constrained_recall", [1, 1], [0.0, 1.0]).score == 1.0


@pytest.mark.parametrize("floor", [0, 1.01, float("nan")])
def test_a_floor_that_is_none_is_refused(floor):
    with pytest.raises(ValidationError, match="precision_floor"):
        config("precision_constrained_recall", precision_floor=floor)


def test_the_risk_counts_draws_in_which_no_threshold_keeps_the_floor():
    rng = np.random.default_rng(5)
    storms = np.repeat(np.arange(6), [30, 5, 5, 5, 5, 5])
    # One storm is found above all negatives, the others are among them: a draw without it has no score.
    positives = np.append(rng.normal(4, 0.3, 30), rng.normal(0, 1, 25))
    negatives = rng.normal(0, 1, 400)
    labels = np.repeat([1, 0], [55, 400])
    scores = np.append(positives, negatives)
    named = [f"storm {storm}" for storm in storms] + [None] * 400
    metric = config("precision_constrained_recall", precision_floor=0.9)
    result = evaluate(labels, scores, metric, clusters=named)
    assert result.passed_gate
    without = (5 / 6) ** 6
    assert result.probability_below_gate == pytest.approx(without, abs=0.05)
