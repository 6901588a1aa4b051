"""The classifier two-sample test: 0.5 for one domain, 1 for two; its interval by whole clusters."""

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from starter_kit.configuration.sections import ValidationConfig
from starter_kit.images.data import load_training_data
from starter_kit.observation.episodes import divide
from starter_kit.observation.gap import auc_draws, clusters_of, control, measure_gap
from starter_kit.observation.skill import measure_skill, storm_clusters
from starter_kit.observation.translation import HistogramMatching, NoTranslation
from starter_kit.observation.two_samples import Told, two_sample_test
from tests.starter_kit.observed_images import observations

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def data(release):
    return load_training_data(release, ValidationConfig())


def parts(data, seed: int = 0) -> list[np.ndarray]:
    """Four heaps of simulated images, none in two."""
    rows = np.random.default_rng(seed).permutation(len(data.images))[:1600]
    return [data.images[some] for some in np.split(rows, 4)]


def test_two_halves_of_one_domain_cannot_be_told_apart(data):
    one, two, three, four = parts(data)
    auc = two_sample_test((one, two), (three, four), seeds=(0,), steps=30).auc
    assert 0.4 < auc < 0.6


def test_a_shifted_domain_is_told_apart(data):
    one, two, three, four = parts(data)
    auc = two_sample_test((one, two), (three // 2 + 60, four // 2 + 60), seeds=(0,), steps=30).auc
    assert auc > 0.95


def test_the_same_seeds_give_the_same_result(data):
    one, two, three, four = (each[:64] for each in parts(data))
    results = [two_sample_test((one, two), (three, four), seeds=(3,), steps=3) for _ in range(2)]
    assert np.array_equal(results[0].observed, results[1].observed)


def test_auc_is_that_of_scikit_learn_with_ties():
    rng = np.random.default_rng(0)
    told = Told(rng.integers(0, 9, 80).astype(float), rng.integers(2, 11, 50).astype(float))
    labels = np.repeat([0, 1], [80, 50])
    assert told.auc == pytest.approx(roc_auc_score(labels, np.concatenate([told.simulated, told.observed])))


def test_draws_of_single_images_spread_around_the_auc():
    rng = np.random.default_rng(0)
    told = Told(rng.normal(0, 1, 300), rng.normal(1, 1, 200))
    draws = auc_draws(told, np.arange(200), np.arange(300))
    assert draws.mean() == pytest.approx(told.auc, abs=0.005)
    # Hanley & McNeil 1982, doi 10.1148/radiology.143.1.7063747
    a, q1, q2 = told.auc, told.auc / (2 - told.auc), 2 * told.auc**2 / (1 + told.auc)
    error = np.sqrt((a * (1 - a) + 199 * (q1 - a**2) + 299 * (q2 - a**2)) / (200 * 300))
    assert draws.std() == pytest.approx(error, rel=0.15)


def test_few_clusters_make_a_wide_interval():
    rng = np.random.default_rng(0)
    cluster = np.repeat(np.arange(5), 40)
    told = Told(rng.normal(0, 1, 300), rng.normal(1, 0.3, 200) + rng.normal(0, 1, 5)[cluster])
    alone, together = (auc_draws(told, each, np.arange(300)).std() for each in (np.arange(200), cluster))
    assert together > 3 * alone


def test_fewer_than_five_episodes_are_drawn_by_days(release):
    assert len(np.unique(clusters_of(observations(release, episodes=2)))) == 12  # six days in each
    assert len(np.unique(clusters_of(observations(release, episodes=5)))) == 5


def test_histogram_matching_closes_a_gap_of_values(release, data):
    divided = divide(observations(release, episodes=2, warmer=40))
    matching = [
        HistogramMatching.learn(data.images[data.training], divided.side(1 - side).images) for side in (0, 1)
    ]
    knobs = {"seeds": (0,), "steps": 25, "device": CPU}
    as_it_is = measure_gap("none", [NoTranslation()] * 2, data, divided, **knobs)
    matched = measure_gap("histogram", matching, data, divided, **knobs)
    assert as_it_is.distances.olr > 2 * matched.distances.olr
    assert as_it_is.auc > matched.auc + 0.1
    assert as_it_is.interval[0] <= as_it_is.auc <= as_it_is.interval[1]


def test_the_control_takes_storms_of_the_simulation_for_observed(release, data):
    aucs = control(data, divide(observations(release)), steps=3, device=CPU, pairs=2)
    assert len(aucs) == 2
    assert all(0 <= auc <= 1 for auc in aucs)


def test_skill_counts_only_what_has_a_label_and_draws_few_storms_by_their_days(release):
    judged = divide(observations(release)).labelled()
    perfect = measure_skill("none", "none", judged.observed.labels.astype(float), judged, 0.79)
    assert (perfect.auc.value, perfect.average_precision.value, perfect.precision.value) == (1, 1, 1)
    assert perfect.halves == (1, 1)
    clusters = storm_clusters(judged.observed)
    assert len(set(clusters) - {None}) == 12
    many = divide(observations(release, episodes=6)).labelled().observed
    assert set(storm_clusters(many)) - {None} == {f"storm {number}" for number in range(6)}


def test_precision_at_a_recall_floor_needs_enough_storms(release):
    divided = divide(observations(release))
    some = divided.labelled()
    rows = np.flatnonzero((some.observed.labels == 0) | (np.arange(len(some.half)) % 2 == 0))
    few = type(some)(some.observed.take(rows), some.half[rows])
    scores = np.random.default_rng(0).random(len(rows))
    assert measure_skill("none", "none", scores, few, 0.79).precision.value is None
