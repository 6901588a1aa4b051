"""Scores of the contingency table against scikit-learn and brute force over all thresholds."""

import math
from fractions import Fraction
from functools import partial

import numpy as np
import pytest
from hypothesis import example, given, settings
from pydantic import ValidationError
from sklearn.metrics import (
    cohen_kappa_score,
    fbeta_score,
    jaccard_score,
    matthews_corrcoef,
    precision_score,
    recall_score,
)

from scoring import MetricConfig
from tests.scoring.hard_cases import config, images, random_images, result_of


def contingency(labels, called):
    return tuple(
        int(np.sum((called == call) & (labels == label))) for call, label in ((1, 1), (1, 0), (0, 1), (0, 0))
    )


# By hand, in exact arithmetic, of (tp, fp, fn, tn): scikit-learn is slow for every threshold of a case.
def f_beta(beta, tp, fp, fn, _tn):
    weight = Fraction(beta) ** 2
    return (1 + weight) * tp / ((1 + weight) * tp + weight * fn + fp)


def mcc(tp, fp, fn, tn):
    square = (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)
    return (tp * tn - fp * fn) / math.sqrt(square) if square else 0.0


def csi(tp, fp, fn, _tn):
    return Fraction(tp, tp + fp + fn)


def ets(tp, fp, fn, tn):
    chance = Fraction((tp + fp) * (tp + fn), tp + fp + fn + tn)
    return (tp - chance) / (tp + fp + fn - chance)


def hss(tp, fp, fn, tn):
    right_by_chance = Fraction((tp + fp) * (tp + fn) + (tn + fp) * (tn + fn), tp + fp + fn + tn)
    return (tp + tn - right_by_chance) / (tp + fp + fn + tn - right_by_chance)


# name of the case: configuration, by hand, whether both classes are needed
BEST = {
    "f_half": ({"metric": "f_beta", "beta": 0.5}, partial(f_beta, 0.5), False),
    "f_two": ({"metric": "f_beta", "beta": 2.0}, partial(f_beta, 2.0), False),
    "mcc": ({"metric": "mcc"}, mcc, True),
    "csi": ({"metric": "csi"}, csi, False),
    "ets": ({"metric": "ets"}, ets, True),
    "hss": ({"metric": "hss"}, hss, True),
}


def check_best(case, labels, scores):
    fields, by_hand, _ = BEST[case]
    labels, scores = np.asarray(labels), np.asarray(scores, float)
    result = result_of(labels=labels, values=scores, **fields)
    best = max(float(by_hand(*contingency(labels, scores >= threshold))) for threshold in np.unique(scores))
    assert result.score == pytest.approx(best, rel=1e-12, abs=1e-12)
    # the reported threshold is one of the best, and the counts are those at it
    counts = contingency(labels, scores >= result.threshold)
    assert result.score == pytest.approx(float(by_hand(*counts)), rel=1e-12, abs=1e-12)
    assert (result.tp, result.fp, result.fn, result.tn) == counts
    assert result.recall == counts[0] / labels.sum()
    assert result.passed_gate


@pytest.mark.parametrize("case", [name for name, (*_, both) in BEST.items() if not both])
@settings(max_examples=150, deadline=None)
@given(rows=images())
@example(rows=[(1, 0.0), (0, -0.0)])
@example(rows=[(1, 1.0)])
def test_the_best_threshold_is_found_for_any_scores(case, rows):
    check_best(case, *zip(*rows, strict=True))


@pytest.mark.parametrize("case", [name for name, (*_, both) in BEST.items() if both])
@settings(max_examples=150, deadline=None)
@given(rows=images(negatives=True))
@example(rows=[(1, 0.0), (0, 1.0)])
@example(rows=[(0, 0.0), (1, -1.0), (0, 1.0), (1, 0.5)])
def test_the_best_threshold_is_found_also_where_all_are_worse_than_chance(case, rows):
    check_best(case, *zip(*rows, strict=True))


@pytest.mark.parametrize("case", BEST)
def test_hundreds_of_random_cases_with_ties(case):
    for seed in range(100):
        labels, scores = random_images(seed, count=20 + seed)
        check_best(case, labels, scores if seed % 2 else 1 - scores)


def false_alarm_ratio(labels, called):
    return 1 - precision_score(labels, called, zero_division=0)


# scikit-learn's, of labels and calls
ORACLES = {
    "f_half": ({"metric": "f_beta", "beta": 0.5}, partial(fbeta_score, beta=0.5, zero_division=0)),
    "f_two": ({"metric": "f_beta", "beta": 2.0}, partial(fbeta_score, beta=2.0, zero_division=0)),
    "mcc": ({"metric": "mcc"}, matthews_corrcoef),
    "csi": ({"metric": "csi"}, partial(jaccard_score, zero_division=0)),
    "ets": ({"metric": "ets"}, lambda labels, called: float(ets(*contingency(labels, called)))),
    "hss": ({"metric": "hss"}, cohen_kappa_score),
    "pod": ({"metric": "pod"}, recall_score),
    "far": ({"metric": "far"}, false_alarm_ratio),
}


@pytest.mark.parametrize("case", ORACLES)
def test_labels_are_judged_as_they_are(case):
    fields, oracle = ORACLES[case]
    metric = MetricConfig.model_validate(fields | {"prediction": "label"})
    rng = np.random.default_rng(7)
    for _ in range(50):
        labels = rng.integers(0, 2, 30)
        labels[:2] = (1, 0)
        called = rng.integers(0, 2, 30)
        result = result_of(labels=labels, values=called, **metric.model_dump())
        assert result.score == pytest.approx(oracle(labels, called), rel=1e-12, abs=1e-12)
        assert result.threshold is None


@pytest.mark.parametrize("case", ORACLES)
def test_a_submitted_threshold_is_zero(case):
    fields, oracle = ORACLES[case]
    labels, scores = random_images(3)
    shifted = scores - 0.6
    result = result_of(labels=labels, values=shifted, **fields, threshold="submitted")
    assert result.threshold == 0.0
    assert result.score == pytest.approx(oracle(labels, (shifted >= 0).astype(int)), rel=1e-12)


@pytest.mark.parametrize("case", BEST)
def test_the_public_threshold_is_applied_to_the_private_part(case):
    from scoring.tally import Part

    metric = MetricConfig.model_validate(BEST[case][0] | {"threshold": "from_public"})
    labels, scores = random_images(11)
    part = Part(scores[labels == 1], scores[labels == 0])
    public = metric.evaluate(Part(part.positives + 0.25, part.negatives + 0.25))
    private = metric.evaluate(part, public=public)
    assert private.threshold == public.threshold
    assert private.tp == np.sum(part.positives >= public.threshold)


@pytest.mark.parametrize(
    ("metric", "called", "score"),
    [
        ("f_beta", [0, 0, 0, 0], 0.0),
        ("mcc", [0, 0, 0, 0], 0.0),
        ("mcc", [1, 1, 1, 1], 0.0),
        ("csi", [0, 0, 0, 0], 0.0),
        ("ets", [0, 0, 0, 0], 0.0),
        ("ets", [1, 1, 1, 1], 0.0),
        ("hss", [0, 0, 0, 0], 0.0),
        ("hss", [1, 1, 1, 1], 0.0),
        ("pod", [0, 0, 0, 0], 0.0),
        ("far", [0, 0, 0, 0], 1.0),
        ("mcc", [0, 0, 1, 1], -1.0),
        ("hss", [0, 0, 1, 1], -1.0),
        ("ets", [0, 0, 1, 1], -1 / 3),
    ],
)
def test_the_ends_of_the_range_and_calls_that_say_nothing_have_documented_values(metric, called, score):
    result = result_of(metric, [1, 1, 0, 0], called, prediction="label")
    assert result.score == score
    low, high = config(metric).range
    assert low <= score <= high


@pytest.mark.parametrize("metric", ["f_beta", "mcc", "csi", "ets", "hss", "pod", "far"])
def test_negatives_alone_are_refused_in_words(metric):
    with pytest.raises(ValueError, match="there is no positive image"):
        result_of(metric, [0, 0], [1, 0], prediction="label")


@pytest.mark.parametrize("metric", ["mcc", "ets", "hss"])
def test_positives_alone_are_refused_where_chance_needs_both_classes(metric):
    with pytest.raises(ValueError, match="there is no negative image"):
        result_of(metric, [1, 1], [1, 0], prediction="label")


@pytest.mark.parametrize(("metric", "score"), [("f_beta", 2 / 3), ("csi", 0.5), ("pod", 0.5), ("far", 0.0)])
def test_positives_alone_are_enough_for_the_others(metric, score):
    assert result_of(metric, [1, 1], [1, 0], prediction="label").score == pytest.approx(score)


@pytest.mark.parametrize("metric", ["pod", "far"])
@pytest.mark.parametrize("threshold", ["per_split", "from_public"])
def test_a_best_threshold_is_refused_where_calling_everything_or_nothing_would_win(metric, threshold):
    with pytest.raises(ValidationError, match=r'set threshold to "submitted" or prediction to "label"'):
        config(metric, threshold=threshold)


def test_millions_of_images_do_not_overflow():
    positives = negatives = 3_000_000
    score = config("mcc").scores(2_000_000, 1_000_000, positives, negatives)
    assert float(score) == pytest.approx(1 / 3, rel=1e-12)
    assert math.isnan(float(config("mcc").scores(1, 0, 1, 0)))


def test_the_famous_tornadoes_of_1884():
    # Finley's forecasts: 28 hits, 72 false alarms, 23 misses, 2,680 correct rejections
    counts = {"tp": 28, "fp": 72, "positives": 51, "negatives": 2752}
    published = {"pod": 0.55, "far": 0.72, "csi": 0.228, "ets": 0.216, "hss": 0.355}
    for metric, value in published.items():
        digits = len(str(value).split(".")[1])
        assert round(float(config(metric).scores(**counts)), digits) == value
