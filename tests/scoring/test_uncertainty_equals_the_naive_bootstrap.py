"""Weighted counts against resampled images: the same draws give the same bits, other draws the same law."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ks_2samp
from sklearn.metrics import roc_auc_score

from scoring import MetricConfig
from scoring.resampling import draw_weights
from tests.scoring.storms import Case, at, best_precision, normal_case, numbered, random_case

FLOORS = (0.1, 0.5, 0.79, 1.0)


def config(**change):
    return MetricConfig.model_validate(change)


def test_the_best_precision_of_every_draw_is_scikit_learns_to_the_last_bit():
    rng = np.random.default_rng(1)
    for _ in range(250):
        case, metric = random_case(rng), config(recall_floor=float(rng.choice(FLOORS)))
        part = case.part
        drawn = metric.replicate(part, metric.evaluate(part))
        expected = [best_precision(*images, metric.recall_floor) for images in case.draws(part)]
        assert drawn.values.tolist() == expected


def test_recall_and_precision_at_the_own_threshold_are_those_of_the_resampled_images():
    rng = np.random.default_rng(2)
    for _ in range(100):
        case, metric = random_case(rng), config(recall_floor=float(rng.choice(FLOORS)))
        part = case.part
        result = metric.evaluate(part)
        drawn = metric.replicate(part, result)
        expected = [at(*images, result.threshold) for images in case.draws(part)]
        assert list(zip(drawn.precision.tolist(), drawn.recall.tolist(), strict=True)) == expected
        assert drawn.passed.tolist() == [recall >= metric.recall_floor for _, recall in expected]


@pytest.mark.parametrize("change", [{"threshold": "submitted"}, {"threshold": "from_public"}])
def test_a_given_threshold_stays_in_every_draw_and_misses_rank_by_recall(change):
    rng = np.random.default_rng(3)
    for _ in range(100):
        case, other = random_case(rng), random_case(rng)
        case.positives, case.negatives = case.positives - 1, case.negatives - 1
        metric = config(recall_floor=0.5, **change)
        public = metric.evaluate(other.part)
        part = case.part
        result = metric.evaluate(part, public=public)
        drawn = metric.replicate(part, result, public=public)
        expected = [at(*images, result.threshold) for images in case.draws(part)]
        assert drawn.values.tolist() == [precision for precision, _ in expected]
        assert drawn.ranked.tolist() == [
            precision if recall >= 0.5 else recall - 1 for precision, recall in expected
        ]


def test_labels_are_called_where_they_are_one():
    rng = np.random.default_rng(4)
    metric = config(prediction="label", recall_floor=0.6)
    case = normal_case(replicates=200)
    case.positives, case.negatives = (
        (rng.random(len(case.positives)) < 0.61) * 1.0,
        (case.negatives > 2) * 1.0,
    )
    part = case.part
    drawn = metric.replicate(part, metric.evaluate(part))
    expected = [at(*images, 1.0) for images in case.draws(part)]
    assert list(zip(drawn.precision.tolist(), drawn.recall.tolist(), strict=True)) == expected
    assert 0 < drawn.passed.mean() < 1


@settings(max_examples=300, deadline=None)
@given(
    positives=st.lists(st.tuples(st.integers(0, 6), st.integers(0, 4)), min_size=1, max_size=40),
    negatives=st.lists(st.tuples(st.integers(-1, 5), st.integers(0, 4)), max_size=60),
    floor=st.floats(0.0, 1.0, exclude_min=True) | st.sampled_from(FLOORS),
)
def test_looking_only_where_the_best_can_be_finds_what_looking_everywhere_does(positives, negatives, floor):
    scores, storm = np.array(positives, float).T
    others, block = np.array(negatives, float).reshape(-1, 2).T
    check_bounded_scan(
        Case(scores, others, numbered(storm.astype(int)), numbered(block.astype(int)), 7), floor
    )


def test_looking_only_where_the_best_can_be_in_two_thousand_cases_of_all_sizes():
    rng = np.random.default_rng(5)
    for number in range(2000):
        images = 2000 if number % 50 == 0 else int(rng.choice([5, 60, 300]))
        check_bounded_scan(random_case(rng, replicates=5, images=images), float(rng.choice(FLOORS)))


def check_bounded_scan(case, floor):
    metric = config(recall_floor=floor)
    part = case.part
    drawn = metric.replicate(part, metric.evaluate(part)).values
    everywhere = np.full(case.replicates, -np.inf)
    for _, tp, fp in part.draws.blocks():
        allowed = tp / part.draws.positives >= floor
        precision = np.divide(tp, tp + fp, out=np.zeros(tp.shape), where=tp > 0)
        everywhere = np.maximum(everywhere, np.where(allowed, precision, -np.inf).max(axis=0))
    assert drawn.tolist() == everywhere.tolist()


def test_the_scan_goes_on_below_the_negatives_it_began_with():
    # a storm with low scores and no negatives among them: draws that hold it often win at its threshold
    case = Case(
        np.array([9.0, 8.0, *np.linspace(1.0, 2.0, 50)]),
        np.concatenate([np.full(30, 8.5), np.linspace(-5, 0.9, 400)]),
        np.array([0, 1, *[2] * 50]),
        np.arange(430) % 20,
        300,
    )
    part = case.part
    scanned = part.draws.best(
        lambda tp, fp, p, n: np.where(tp > 0, tp / np.maximum(tp + fp, 1), -np.inf), reach=1
    )
    expected = [best_precision(*images, 1e-9) for images in case.draws(part)]
    assert scanned.tolist() == expected
    assert len(set(expected)) > 20


def test_weighted_pairs_are_roc_auc_and_sums_are_sums():
    rng = np.random.default_rng(6)
    for _ in range(60):
        case = random_case(rng)
        part = case.part
        draws = part.draws
        if not len(case.negatives):
            assert draws.pairs().tolist() == [0.0] * case.replicates
            continue
        sums = draws.sums(case.positives, case.negatives)
        pairs = draws.pairs()
        for place, (labels, scores) in enumerate(case.draws(part)):
            assert sums[place] == pytest.approx(scores.sum(), abs=1e-9 * max(1, np.abs(scores).sum()))
            if labels.all():
                assert pairs[place] == 0
            else:
                wins = roc_auc_score(labels, scores) * labels.sum() * (labels == 0).sum()
                assert pairs[place] == pytest.approx(wins, rel=1e-12)


def test_a_slice_has_the_draws_of_the_whole():
    rng = np.random.default_rng(7)
    case = normal_case(replicates=30)
    part = case.part
    positives, negatives = rng.random(len(case.positives)) < 0.3, rng.random(len(case.negatives)) < 0.5
    tp, fp = part.take(positives, np.flatnonzero(negatives)).draws.at(1.0)
    weights = part.clusters
    storm_weights = weights.positive_weights[:, case.storm]
    block_weights = weights.negative_weights[:, case.block]
    assert tp.tolist() == (storm_weights * (positives & (case.positives >= 1))).sum(axis=1).tolist()
    assert fp.tolist() == (block_weights * (negatives & (case.negatives >= 1))).sum(axis=1).tolist()


def test_another_random_generator_draws_from_the_same_distribution():
    case = normal_case(replicates=1500, seed=3)
    metric = config(recall_floor=0.79)
    part = case.part
    drawn = metric.replicate(part, metric.evaluate(part))
    rng = np.random.default_rng(11)
    threshold = metric.evaluate(part).threshold
    naive, recalls = [], []
    for _ in range(700):
        images = case.resampled(rng.integers(0, 40, 40), rng.integers(0, 30, 30))
        naive.append(best_precision(*images, 0.79))
        recalls.append(at(*images, threshold)[1])
    assert ks_2samp(drawn.values, naive).pvalue > 0.01
    assert ks_2samp(drawn.recall, recalls).pvalue > 0.01
    assert np.std(naive) == pytest.approx(drawn.values.std(), rel=0.08)


def test_every_draw_takes_as_many_clusters_as_there_are_and_each_equally_often():
    weights = draw_weights(300, 4000, stream=9)
    assert (weights.sum(axis=1) == 300).all()
    frequency = weights.mean(axis=0)
    assert np.abs(frequency - 1).max() < 5 * np.sqrt(1 / 4000)
    # of a multinomial: variance 1 − 1/n, and −1/n between two clusters
    assert weights.var() == pytest.approx(1 - 1 / 300, rel=0.01)
    assert np.corrcoef(weights[:, 0], weights[:, 1])[0, 1] == pytest.approx(-1 / 299, abs=0.06)


def test_drawing_from_a_draw_doubles_the_variance():
    weights = draw_weights(300, 4000, stream=9, rounds=2)
    assert (weights.sum(axis=1) == 300).all()
    assert weights.mean(axis=0) == pytest.approx(np.ones(300), abs=0.12)
    assert weights.var() == pytest.approx(2 * (1 - 1 / 300), rel=0.02)


@pytest.mark.parametrize("decimals", [12, 2, 1], ids=["no ties", "some ties", "many ties"])
def test_the_counts_at_every_threshold_are_those_of_the_resampled_images(decimals):
    case = normal_case(storms=60, replicates=8)
    case.positives, case.negatives = case.positives.round(decimals), case.negatives.round(decimals)
    part = case.part
    thresholds, tp, fp = (np.concatenate(each) for each in zip(*part.draws.blocks(), strict=True))
    assert thresholds.tolist() == np.unique(case.positives)[::-1].tolist()
    for draw, (labels, scores) in enumerate(case.draws(part)):
        for counted, drawn in ((tp, scores[labels == 1]), (fp, scores[labels == 0])):
            found = len(drawn) - np.searchsorted(np.sort(drawn), thresholds, side="left")
            assert counted[:, draw].tolist() == found.tolist()
