"""Average precision, ROC AUC and partial areas against scikit-learn and brute force in exact arithmetic."""

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given, settings
from pydantic import ValidationError
from sklearn.metrics import average_precision_score, roc_auc_score

from tests.scoring.hard_cases import config, images, random_images, result_of

FLOORS = [0.0, 0.3, 0.5, 0.79, 0.99]


def points(labels, scores):
    """(tp, fp) at or above each distinct score, from the highest down, (0, 0) first."""
    thresholds = np.unique(scores)[::-1]
    found = [(int(np.sum(labels[scores >= t])), int(np.sum(1 - labels[scores >= t]))) for t in thresholds]
    return [(0, 0), *found]


def mean_precision(labels, scores, floor):
    """Of all recalls from the floor to 1, the precision where each is first reached."""
    positives, floor = int(labels.sum()), Fraction(floor)
    area, steps = Fraction(0), points(labels, scores)
    for (before, _), (tp, fp) in pairwise(steps):
        gained = Fraction(tp, positives) - max(Fraction(before, positives), floor)
        if gained > 0:
            area += gained * Fraction(tp, tp + fp)
    return float(area / (1 - floor))


def mean_specificity(labels, scores, floor):
    """The same of the specificity, on straight lines between the points."""
    positives, floor = int(labels.sum()), Fraction(floor)
    negatives = len(labels) - positives
    area, steps = Fraction(0), points(labels, scores)
    for (before, above), (tp, fp) in pairwise(steps):
        low, high = max(Fraction(before, positives), floor), Fraction(tp, positives)
        if high > low:
            slope = Fraction(fp - above, tp - before) * positives
            at_low = above + slope * (low - Fraction(before, positives))
            area += (high - low) * (1 - (at_low + fp) / (2 * negatives))
    return float(area / (1 - floor))


@settings(max_examples=200, deadline=None)
@given(rows=images())
@example(rows=[(1, 0.0), (0, -0.0)])
@example(rows=[(1, 1.0)])
def test_average_precision_of_any_scores(rows):
    labels, scores = (np.asarray(each) for each in zip(*rows, strict=True))
    score = result_of("average_precision", labels, scores).score
    assert score == pytest.approx(average_precision_score(labels, scores), rel=1e-12)
    assert score == result_of("partial_auc", labels, scores, recall_above=0.0).score


@settings(max_examples=200, deadline=None)
@given(rows=images(negatives=True))
@example(rows=[(1, 0.0), (0, -0.0)])
@example(rows=[(1, 1.7976931348623157e308), (0, 1.7976931348623157e308), (1, -1.0)])
def test_roc_auc_of_any_scores(rows):
    labels, scores = (np.asarray(each) for each in zip(*rows, strict=True))
    pairs = [Fraction(int(p > n) + int(p >= n), 2) for p in scores[labels == 1] for n in scores[labels == 0]]
    score = result_of("roc_auc", labels, scores).score
    assert score == float(sum(pairs, Fraction(0)) / len(pairs))
    assert score == pytest.approx(roc_auc_score(labels, scores), rel=1e-12, abs=1e-15)
    partial = result_of("partial_auc", labels, scores, curve="roc", recall_above=0.0).score
    assert partial == pytest.approx(score, rel=1e-12, abs=1e-15)


@pytest.mark.parametrize("floor", FLOORS)
@settings(max_examples=60, deadline=None)
@given(rows=images(negatives=True))
@example(rows=[(1, 1.0), (1, 0.0), (0, 1.0), (0, 0.5), (0, 0.0)])
def test_partial_areas_of_any_scores(floor, rows):
    labels, scores = (np.asarray(each) for each in zip(*rows, strict=True))
    for curve, oracle in (("precision_recall", mean_precision), ("roc", mean_specificity)):
        score = result_of("partial_auc", labels, scores, curve=curve, recall_above=floor).score
        assert score == pytest.approx(oracle(labels, scores, floor), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("floor", FLOORS)
def test_partial_areas_of_random_cases_with_ties(floor):
    for seed in range(40):
        labels, scores = random_images(seed, count=30 + 2 * seed, levels=6)
        for curve, oracle in (("precision_recall", mean_precision), ("roc", mean_specificity)):
            score = result_of("partial_auc", labels, scores, curve=curve, recall_above=floor).score
            assert score == pytest.approx(oracle(labels, scores, floor), rel=1e-11, abs=1e-12)


def test_a_perfect_order_has_one_whatever_the_floor_and_chance_on_the_roc_curve_half_of_what_is_left():
    labels, scores = np.repeat([0, 1], 50), np.arange(100.0)
    for curve in ("precision_recall", "roc"):
        assert result_of("partial_auc", labels, scores, curve=curve, recall_above=0.9).score == 1.0
        assert result_of("partial_auc", labels, scores, curve=curve, recall_above=0.0).score == 1.0
    tied = result_of("partial_auc", labels, np.zeros(100), curve="roc", recall_above=0.8).score
    assert tied == pytest.approx(0.1)


@pytest.mark.parametrize("metric", ["average_precision", "roc_auc", "partial_auc"])
def test_there_is_no_operating_point_and_no_gate(metric):
    labels, scores = random_images(1)
    result = result_of(metric, labels, scores)
    assert result.passed_gate
    assert (result.precision, result.recall, result.threshold, result.tp) == (None,) * 4
    assert len(result.curve.recall) == len(result.curve.precision) == len(result.curve.threshold)
    assert result.roc.recall[0] == result.roc.false_positive_rate[0] == 1.0
    assert result.roc.recall[-1] == result.roc.false_positive_rate[-1] == 0.0
    assert result.roc.recall == sorted(result.roc.recall, reverse=True)


@pytest.mark.parametrize("metric", ["average_precision", "roc_auc", "partial_auc"])
def test_negatives_alone_are_refused_in_words(metric):
    with pytest.raises(ValueError, match="there is no positive image"):
        result_of(metric, [0, 0], [0.1, 0.2])


@pytest.mark.parametrize("fields", [{"metric": "roc_auc"}, {"metric": "partial_auc", "curve": "roc"}])
def test_positives_alone_are_refused_where_the_roc_curve_needs_both_classes(fields):
    with pytest.raises(ValueError, match="there is no negative image"):
        result_of(labels=[1, 1], values=[0.1, 0.2], **fields)


@pytest.mark.parametrize("metric", ["average_precision", "partial_auc"])
def test_positives_alone_have_precision_one(metric):
    assert result_of(metric, [1, 1, 1], [3.0, 2.0, 2.0]).score == 1.0


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"metric": "roc_auc", "prediction": "label"}, "'score'"),
        ({"metric": "partial_auc", "recall_above": 1.0}, "less than 1"),
        ({"metric": "partial_auc", "recall_above": -0.1}, "greater than or equal to 0"),
        ({"metric": "partial_auc", "curve": "lift"}, "'precision_recall' or 'roc'"),
    ],
)
def test_a_mistake_in_the_configuration_is_refused_in_words(fields, message):
    with pytest.raises(ValidationError, match=message):
        config(**fields)


@pytest.mark.parametrize("metric", ["average_precision", "roc_auc", "partial_auc"])
def test_the_order_of_rows_does_not_matter_to_the_last_bit(metric):
    rng = np.random.default_rng(3)
    labels, scores = random_images(5, count=400, levels=50)
    first = repr(result_of(metric, labels, scores))
    for _ in range(10):
        order = rng.permutation(400)
        assert repr(result_of(metric, labels[order], scores[order])) == first
