"""No detector does better on the synthetic world than the oracle, and the oracle is told what is promised."""

import numpy as np
import polars as pl
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import precision_recall_curve

from cloud_images import ReleaseError
from cloud_images.synthetic import ceiling_precision, oracle_scores, synthesize
from cloud_images.synthetic.appearance import FIELD_NAMES
from cloud_images.synthetic.climate import Period, concatenate, draw_other_fixes, draw_storm_fixes
from cloud_images.synthetic.generate import draw_appearance
from tests.cloud_images.test_command_line import refused, run

POSITIVES = 20_000
TOLD = tuple(name for name in FIELD_NAMES if name != "organisation")


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return synthesize(tmp_path_factory.mktemp("ceiling") / "world", train=64, test=40_000, seed=11)


def best_precision(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray | None = None) -> float:
    """At recall 0.79, by scikit-learn."""
    precision, recall, _ = precision_recall_curve(labels, scores, sample_weight=weights)
    return precision[recall >= 0.79].max()


def test_the_oracle_on_a_large_test_reaches_what_is_computed(world):
    labels = world.solution_table()["label"].to_numpy()
    assert best_precision(labels, oracle_scores(world, 11)) == pytest.approx(
        ceiling_precision(0.79), abs=0.04
    )


def test_the_oracle_calls_storms_what_it_says_with_the_probability_it_says(world):
    labels, scores = world.solution_table()["label"].to_numpy(), oracle_scores(world, 11)
    for low, high in ((0.1, 0.5), (0.5, 0.9), (0.9, 1.01)):
        here = (scores >= low) & (scores < high)
        assert labels[here].mean() == pytest.approx(scores[here].mean(), abs=0.08)


def test_only_disturbances_are_mistaken_for_storms(world):
    scores = oracle_scores(world, 11)
    negatives = world.solution_table()["label"].to_numpy() == 0
    assert 0.03 < (scores[negatives] > 0).mean() < 0.05  # their share of the negatives is 0.04


def test_more_recall_costs_precision():
    ceilings = [ceiling_precision(recall) for recall in (0.2, 0.5, 0.79, 0.9, 1.0)]
    assert ceilings == sorted(ceilings, reverse=True)
    assert ceilings[0] > 0.98
    assert ceilings[-1] == pytest.approx(1 / (1 + 31 * 0.04), abs=0.01)  # all disturbances are taken, too


@pytest.fixture(scope="module")
def parameters() -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Every parameter that pictures are drawn from, and their labels, twice: to learn from and to judge."""

    def drawn(seed: int) -> tuple[np.ndarray, np.ndarray]:
        rng, period = np.random.default_rng(seed), Period(1980, 20)
        fixes = concatenate(
            draw_storm_fixes(rng, POSITIVES, period), draw_other_fixes(rng, 4 * POSITIVES, period)
        )
        look = draw_appearance(rng, fixes)
        table = {name: getattr(look, name) for name in TOLD}
        table["off_centre"] = np.hypot(look.centre_x, look.centre_y)
        table["turning"] = np.abs(look.swirl)
        return np.stack(list(table.values()), axis=1), fixes.storm >= 0

    return drawn(1), drawn(2)


@pytest.mark.slow
def test_who_sees_every_parameter_of_a_picture_does_no_better_and_little_worse(parameters):
    """An independent way to nearly the same number: trees learn from the parameters of 100,000 pictures."""
    (seen, labels), (fresh, truth) = parameters
    trees = HistGradientBoostingClassifier(max_iter=150, random_state=0).fit(seen, labels)
    weights = np.where(truth, 1.0, 31 / 4)
    learned = best_precision(truth, trees.decision_function(fresh), weights)
    assert ceiling_precision(0.79) - 0.06 < learned < ceiling_precision(0.79) + 0.01


def test_another_seed_is_refused(world):
    with pytest.raises(ReleaseError, match="no synthetic world of seed 12 and version 1"):
        oracle_scores(world, 12)
    with pytest.raises(ReleaseError, match="must be 0 or a positive"):
        oracle_scores(world, -1)


def test_the_command_writes_the_oracles_submission(world, tmp_path):
    file = tmp_path / "oracle.csv"
    ended = run("ceiling", "--data", world.directory, "--seed", 11, "--out", file)
    assert ended.returncode == 0, ended.stderr
    assert f"Precision at recall 0.79: at most {ceiling_precision(0.79):.3f}" in ended.stdout
    table = pl.read_csv(file)
    assert table["image_id"].to_list() == world.test_ids().to_list()
    np.testing.assert_allclose(table["score"], oracle_scores(world, 11))


def test_a_submission_needs_the_world_and_its_seed(tmp_path):
    said = refused("ceiling", "--out", tmp_path / "oracle.csv")
    assert said == "--out needs --data, a synthetic world, and --seed, the seed it was made with."
