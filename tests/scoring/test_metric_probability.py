"""Brier score and log loss against scikit-learn, their calibration, and probabilities that are none."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given, settings
from pydantic import ValidationError
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss, log_loss

from scoring import Solution, evaluate, grade
from scoring.metrics.probability import exact_sums
from tests.scoring.cases import csv_text, image_ids, refusal, validate
from tests.scoring.hard_cases import PROBABILITIES, config, images, random_images, result_of

METRICS = ["brier", "log_loss"]


@settings(max_examples=200, deadline=None)
@given(rows=images(PROBABILITIES, positives=False))
@example(rows=[(0, 0.0)])
@example(rows=[(1, 0.0), (0, 1.0)])
def test_any_probabilities(rows):
    labels, values = (np.asarray(each) for each in zip(*rows, strict=True))
    by_hand = sum(((Fraction(float(p)) - int(y)) ** 2 for y, p in rows), Fraction(0)) / len(rows)
    assert result_of("brier", labels, values).score == pytest.approx(float(by_hand), rel=1e-12, abs=1e-20)
    score = result_of("log_loss", labels, values).score
    assert score == pytest.approx(log_loss(labels, values, labels=[0, 1]), rel=1e-12, abs=1e-20)
    low, high = config("log_loss").range
    assert low <= score <= high


def test_random_cases_equal_scikit_learn():
    for seed in range(60):
        labels, values = random_images(seed, count=50 + seed)
        assert result_of("brier", labels, values).score == pytest.approx(brier_score_loss(labels, values))
        assert result_of("log_loss", labels, values).score == pytest.approx(log_loss(labels, values))


@pytest.mark.parametrize("bins", [2, 5, 10, 17])
def test_the_reliability_curve_is_scikit_learns(bins):
    for seed in range(30):
        labels, values = random_images(seed, levels=20)
        curve = result_of("brier", labels, values, bins=bins).reliability
        observed, forecast = calibration_curve(labels, values, n_bins=bins)
        assert curve.observed == pytest.approx(observed.tolist())
        assert curve.forecast == pytest.approx(forecast.tolist())
        assert sum(curve.count) == len(labels)


def test_the_parts_of_the_brier_score_add_up_and_are_murphys():
    # three forecast values, each alone in its bin: nothing is left within the bins
    values = np.repeat([0.05, 0.35, 0.85], [50, 30, 20])
    labels = np.concatenate([np.arange(50) < 5, np.arange(30) < 9, np.arange(20) < 18]).astype(int)
    result = result_of("brier", labels, values)
    share = 32 / 100
    by_hand = {
        "reliability": 0.5 * (0.05 - 0.1) ** 2 + 0.3 * (0.35 - 0.3) ** 2 + 0.2 * (0.85 - 0.9) ** 2,
        "resolution": 0.5 * (0.1 - share) ** 2 + 0.3 * (0.3 - share) ** 2 + 0.2 * (0.9 - share) ** 2,
        "uncertainty": share * (1 - share),
        "within_bins": 0.0,
    }
    details = result.details
    assert {name: details[name] for name in by_hand} == pytest.approx(by_hand, abs=1e-15)
    assert details["skill"] == pytest.approx(1 - result.score / by_hand["uncertainty"])


def test_what_is_left_within_the_bins_is_their_variance_and_covariance():
    # Stephenson, Coelho and Jolliffe 2008: + variance of the forecasts − 2 covariance with the labels
    labels, values = random_images(9, count=500, levels=100)
    details = result_of("brier", labels, values, bins=4).details
    bin_of = np.searchsorted([0.25, 0.5, 0.75], values)
    left = 0.0
    for each in range(4):
        p, y = values[bin_of == each], labels[bin_of == each]
        if len(p):
            left += ((p - p.mean()) ** 2).sum() - 2 * ((p - p.mean()) * (y - y.mean())).sum()
    assert details["within_bins"] == pytest.approx(left / 500, abs=1e-12)


def test_certain_forecasts_that_are_wrong_cost_a_finite_loss():
    result = result_of("log_loss", [1, 0], [0.0, 1.0])
    assert result.score == pytest.approx(52 * math.log(2))
    assert result.score == pytest.approx(config("log_loss").range[1])
    assert result_of("brier", [1, 0], [0.0, 1.0]).score == 1.0


@pytest.mark.parametrize("metric", METRICS)
def test_one_class_alone_is_judged_and_has_no_skill(metric):
    for label in (0, 1):
        result = result_of(metric, [label] * 3, [0.5, 0.25, 1.0])
        assert math.isfinite(result.score)
        assert result.details["skill"] is None


@pytest.mark.parametrize("metric", METRICS)
def test_no_image_at_all_is_refused(metric):
    with pytest.raises(ValueError, match="there is no image"):
        result_of(metric, [], [])


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("value", [-1e-300, 1.0000000000000002, 37.0])
def test_numbers_that_are_no_probabilities_are_refused(metric, value):
    with pytest.raises(ValueError, match="from 0 to 1"):
        evaluate([1, 0], [0.5, value], config(metric))


@pytest.mark.parametrize("metric", METRICS)
def test_less_is_better_and_nothing_else_than_probabilities_can_be_asked_for(metric):
    assert not config(metric).higher_is_better
    assert config(metric).prediction == "probability"
    with pytest.raises(ValidationError, match="'probability'"):
        config(metric, prediction="score")


@pytest.mark.parametrize("metric", METRICS)
def test_the_order_of_rows_does_not_matter_to_the_last_bit(metric):
    rng = np.random.default_rng(2)
    values = rng.random(1000) ** 8
    labels = (rng.random(1000) < 0.1).astype(int)
    first = repr(result_of(metric, labels, values))
    for _ in range(10):
        order = rng.permutation(1000)
        assert repr(result_of(metric, labels[order], values[order])) == first


def test_sums_are_exact():
    rng = np.random.default_rng(1)
    values = np.concatenate([rng.random(1000) * 40, [0.0, 5e-324, 63.9, 2.0**-80]])
    by_hand = sum(map(Fraction, values.tolist()), Fraction(0))
    assert exact_sums(values) == [pytest.approx(float(by_hand), rel=1e-15)]
    groups = rng.integers(0, 3, len(values))
    for group, total in enumerate(exact_sums(values, groups, 4)):
        assert total == pytest.approx(math.fsum(values[groups == group]), rel=1e-15)


def test_a_file_with_scores_that_are_no_probabilities_is_invalid_and_each_row_is_named(file):
    content = csv_text(list(zip(image_ids(5), [0.0, 1.0, 1.5, -0.25, 0.5], strict=True)))
    problems = refusal(file, content, 5, config=config("brier"))
    assert [(problem.kind, problem.rows, problem.total) for problem in problems] == [
        ("probability_value", (4,), 2),
        ("probability_value", (5,), 2),
    ]
    assert problems[0].message == 'row 4: the score is "1.5"; this metric needs probabilities, from 0 to 1'
    # the same file is fine for a metric that only looks at the order
    assert len(validate(file, content, 5).predictions) == 5


def test_a_parquet_file_with_scores_that_are_no_probabilities_is_invalid_too(tmp_path):
    import polars as pl

    from scoring import InvalidSubmission, validate_submission

    path = tmp_path / "submission.parquet"
    pl.DataFrame({"image_id": image_ids(3), "score": [0.5, 2.0, 0.5]}).write_parquet(path)
    with pytest.raises(InvalidSubmission) as refused:
        validate_submission(path, n_rows=3, config=config("log_loss"))
    assert [(problem.kind, problem.rows) for problem in refused.value.problems] == [
        ("probability_value", (2,))
    ]


def test_a_file_of_probabilities_is_graded(tmp_path):
    labels, values = random_images(4, count=60)
    split = ["public", "private"] * 30
    labels[:4] = (1, 1, 0, 0)
    path = tmp_path / "submission.csv"
    path.write_text(csv_text(list(zip(image_ids(60), values, strict=True))))
    solution = Solution.from_columns(image_ids=image_ids(60), labels=labels, split=split)
    graded = grade(path, solution, config("brier"), device="cpu")
    assert graded.public.score == pytest.approx(brier_score_loss(labels[::2], values[::2]))
    assert graded.private.score == pytest.approx(brier_score_loss(labels[1::2], values[1::2]))
    low, high = graded.private.interval
    assert low < graded.private.score < high
