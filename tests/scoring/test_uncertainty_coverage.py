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
    [World(storms=30, days=200), World(storms=80, days=300, sizes="equal", separation=1.5)],
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
    measured = measure(World(storms=6, days=200), rounds=ROUNDS, replicates=200)
    assert measured.score > measured.percentile + 0.03
    assert measured.score > 0.95 - TOLERANCE


def test_the_truth_is_what_a_very_large_sample_gives():
    world = World(storms=20_000, days=100_000, separation=2.0)
    positives, negatives, *_ = world.draw(np.random.default_rng(1))
    threshold = world.best_threshold(0.79)
    tp, fp = (int(np.sum(scores >= threshold)) for scores in (positives, negatives))
    assert tp / positives.size == pytest.approx(world.recall(threshold), abs=0.01)
    assert tp / (tp + fp) == pytest.approx(world.precision(threshold), abs=0.01)
    assert world.recall(threshold) == pytest.approx(0.79, abs=1e-6)


def test_negatives_that_persist_need_blocks_as_long_as_their_memory():
    world = World(storms=100, days=1000, shared_by_day=0.5, memory=8)
    measured = measure(world, rounds=ROUNDS, replicates=200)
    assert measured.precision > 0.95 - TOLERANCE
    assert measured.precision > measured.blocks_of_five + 0.03


def test_the_weather_of_a_day_is_like_that_of_the_day_before():
    world = World(storms=1, days=20_000, shared_by_day=1.0, memory=8)
    _, negatives, _, day = world.draw(np.random.default_rng(3))
    level = np.bincount(day, negatives[0]) / np.bincount(day)
    assert np.corrcoef(level[8:], level[:-8])[0, 1] == pytest.approx(np.exp(-1), abs=0.05)
    assert negatives.std() == pytest.approx(np.hypot(1, world.shared_by_day), abs=0.03)


def test_two_entries_have_the_same_storms_and_are_half_alike():
    positives, negatives, storm, block = World(storms=300, days=250).draw(np.random.default_rng(2), entries=2)
    assert positives.shape == (2, len(storm))
    assert negatives.shape == (2, len(block))
    assert np.corrcoef(negatives)[0, 1] == pytest.approx(0.5, abs=0.05)


def test_the_command_line_prints_the_table(monkeypatch):
    monkeypatch.setattr(coverage, "WORLDS", (World(storms=5, days=100), World(storms=6, days=100)))
    done = CliRunner().invoke(app, ["coverage", "--rounds", "2", "--replicates", "20"])
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert len(lines) == 4
    assert lines[0].startswith("| storms | days |")
    assert lines[2].startswith("| 5 | 100 | lognormal | 0.5 | 0.2 | 2 | 2.2 |")
    assert {line.count("|") for line in lines} == {18}
