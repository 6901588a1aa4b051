"""On simulated worlds the intervals hold the truth about as often as they say."""

import numpy as np
import pytest
from typer.testing import CliRunner

from scoring import coverage
from scoring.__main__ import app
from scoring.coverage import World, measure

ROUNDS = 100
# Four standard deviations of a share of 95 % in as many rounds.
TOLERANCE = 4 * np.sqrt(0.95 * 0.05 / ROUNDS)


@pytest.mark.parametrize(
    "world",
    [World(storms=30, blocks=40), World(storms=80, blocks=60, sizes="equal", separation=1.5)],
    ids=["30 unequal storms", "80 equal storms"],
)
def test_the_intervals_of_score_and_recall_hold_the_truth(world):
    measured = measure(world, rounds=ROUNDS, replicates=200)
    for share in (measured.score, measured.recall):
        assert share == pytest.approx(0.95, abs=TOLERANCE)
    assert measured.told_apart < 0.05 + TOLERANCE
    assert 0.35 < measured.missed_at_best < 0.65
    assert measured.missed_as_advised < 0.05 + TOLERANCE


def test_few_storms_need_the_correction():
    measured = measure(World(storms=6, blocks=40), rounds=ROUNDS, replicates=200)
    assert measured.score > measured.percentile + 0.03
    assert measured.score > 0.95 - TOLERANCE


def test_the_truth_is_what_a_very_large_sample_gives():
    world = World(storms=20_000, blocks=20_000, separation=2.0)
    positives, negatives, *_ = world.draw(np.random.default_rng(1))
    threshold = world.best_threshold(0.79)
    tp, fp = (int(np.sum(scores >= threshold)) for scores in (positives, negatives))
    assert tp / positives.size == pytest.approx(world.recall(threshold), abs=0.01)
    assert tp / (tp + fp) == pytest.approx(world.precision(threshold), abs=0.01)
    assert world.recall(threshold) == pytest.approx(0.79, abs=1e-6)


def test_two_entries_have_the_same_storms_and_are_half_alike():
    positives, negatives, storm, block = World(storms=300, blocks=50).draw(
        np.random.default_rng(2), entries=2
    )
    assert positives.shape == (2, len(storm))
    assert negatives.shape == (2, len(block))
    assert np.corrcoef(negatives)[0, 1] == pytest.approx(0.5, abs=0.05)


def test_the_command_line_prints_the_table(monkeypatch):
    monkeypatch.setattr(coverage, "WORLDS", (World(storms=5, blocks=20), World(storms=6, blocks=20)))
    done = CliRunner().invoke(app, ["coverage", "--rounds", "2", "--replicates", "20"])
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert len(lines) == 4
    assert lines[0].startswith("| storms | blocks |")
    assert lines[2].startswith("| 5 | 20 | lognormal | 0.5 | 0.2 | 2.2 |")
    assert {line.count("|") for line in lines} == {15}
