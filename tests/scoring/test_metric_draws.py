"""The bootstrap of every metric: each draw is what evaluating the resampled images would give."""

import math

import numpy as np
import pytest

from scoring import METRICS, MetricConfig
from scoring.resampling import Clusters, Grouping
from scoring.tally import Part
from tests.scoring.hard_cases import config, random_images

REPLICATES = 40
CASES = [
    {"metric": "precision_constrained_recall", "precision_floor": 0.5},
    {"metric": "precision_constrained_recall", "precision_floor": 0.5, "threshold": "submitted"},
    {"metric": "precision_constrained_recall", "precision_floor": 0.5, "prediction": "label"},
    {"metric": "f_beta"},
    {"metric": "f_beta", "beta": 3.0, "threshold": "submitted"},
    {"metric": "mcc"},
    {"metric": "mcc", "prediction": "label"},
    {"metric": "pod"},
    {"metric": "far"},
    {"metric": "csi"},
    {"metric": "ets"},
    {"metric": "hss"},
    {"metric": "average_precision"},
    {"metric": "roc_auc"},
    {"metric": "partial_auc", "recall_above": 0.6},
    {"metric": "partial_auc", "recall_above": 0.6, "curve": "roc"},
    {"metric": "brier"},
    {"metric": "log_loss"},
]


def drawn_part(seed: int, metric: MetricConfig, *, worse_than_chance: bool = False) -> Part:
    labels, values = random_images(seed, count=120)
    if worse_than_chance:
        values = 1 - values
    if metric.prediction == "label":
        values = np.round(values)
    elif getattr(metric, "threshold", "") == "submitted":
        values = values - 0.5
    positives, negatives = values[labels == 1], values[labels == 0]
    storms = Grouping.of(np.arange(len(positives)) % 5, "storm_id")
    blocks = Grouping.of(np.arange(len(negatives)) % 7, "day")
    return Part(positives, negatives, Clusters(storms, blocks, REPLICATES))


def resampled(part: Part, draw: int) -> Part:
    clusters = part.clusters
    assert clusters is not None
    return Part(
        *(
            np.repeat(values, weights[draw][grouping.cluster].astype(int))
            for values, grouping, weights in (
                (part.positives, clusters.positives, clusters.positive_weights),
                (part.negatives, clusters.negatives, clusters.negative_weights),
            )
        )
    )


def name(case: dict) -> str:
    return "-".join(map(str, case.values()))


@pytest.mark.parametrize("worse_than_chance", [False, True])
@pytest.mark.parametrize("case", CASES, ids=name)
def test_a_draw_is_the_score_of_the_resampled_images(case, worse_than_chance):
    metric = MetricConfig.model_validate(case)
    for seed in range(3):
        part = drawn_part(seed, metric, worse_than_chance=worse_than_chance)
        drawn = metric.replicate(part, metric.evaluate(part))
        for draw in range(REPLICATES):
            images = resampled(part, draw)
            if not len(images.positives) or not len(images.negatives):
                continue
            result = metric.evaluate(images)
            value = drawn.values[draw] if drawn.passed is None else drawn.ranked[draw]
            expected = result.score if result.passed_gate else None
            if expected is None:
                assert value < 0
            else:
                assert value == pytest.approx(expected, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("case", [case for case in CASES if "floor" not in str(case)], ids=name)
def test_recall_and_precision_are_those_at_the_entrys_own_threshold(case):
    metric = MetricConfig.model_validate(case)
    part = drawn_part(1, metric)
    result = metric.evaluate(part)
    drawn = metric.replicate(part, result)
    if result.recall is None:
        assert drawn.recall is drawn.precision is None
        return
    threshold = 1.0 if result.threshold is None else result.threshold
    for draw in range(REPLICATES):
        images = resampled(part, draw)
        tp, fp = (np.count_nonzero(group >= threshold) for group in (images.positives, images.negatives))
        assert drawn.recall[draw] == tp / len(images.positives)
        assert drawn.precision[draw] == (tp / (tp + fp) if tp + fp else 0.0)


@pytest.mark.parametrize("metric", sorted(METRICS.keys() - {"own"}))
def test_every_metric_has_draws_and_none_of_them_is_silently_undefined(metric):
    chosen = MetricConfig.model_validate({"metric": metric})
    part = drawn_part(2, chosen)
    values = chosen.replicate(part, chosen.evaluate(part)).values
    assert values.shape == (REPLICATES,)
    low, high = chosen.range
    for draw in range(REPLICATES):
        images = resampled(part, draw)
        both = len(images.positives) and len(images.negatives)
        assert low <= values[draw] <= high or not both or values[draw] == -math.inf


def test_a_draw_without_the_classes_that_a_metric_needs_is_undefined():
    # one storm of one image among many empty ones is missing from some draws
    part = Part(
        np.array([1.0]),
        np.array([0.0, 0.5]),
        Clusters(Grouping.of(np.array([0]), "storm_id"), Grouping.of(np.array([0, 1]), "day"), 5),
    )
    nothing = part.take(np.zeros(1, bool), np.ones(2, bool))
    metric = config("pod")
    drawn = metric.replicate(nothing, metric.evaluate(part))
    assert np.isnan(drawn.values).all()


def test_the_gate_of_precision_is_at_risk_where_the_entry_stands_near_it():
    metric = config("precision_constrained_recall", precision_floor=0.5, threshold="submitted")
    part = drawn_part(1, metric)
    drawn = metric.replicate(part, metric.evaluate(part))
    assert ((drawn.precision >= 0.5) == drawn.passed).all()
    assert (drawn.ranked[~drawn.passed] == drawn.precision[~drawn.passed] - 1).all()


@pytest.mark.parametrize("case", CASES, ids=name)
def test_tensors_give_the_same_bits_as_arrays(case):
    import torch

    metric = MetricConfig.model_validate(case)
    part = drawn_part(4, metric)
    tensors = Part(torch.from_numpy(part.positives), torch.from_numpy(part.negatives), part.clusters)
    result = metric.evaluate(part)
    assert repr(metric.evaluate(tensors)) == repr(result)
    drawn, on_tensors = metric.replicate(part, result), metric.replicate(tensors, result)
    assert np.array_equal(drawn.values, on_tensors.values, equal_nan=True)
    assert (drawn.recall is None) == (on_tensors.recall is None)
