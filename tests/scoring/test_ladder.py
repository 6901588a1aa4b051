"""The Ladder of Blum and Hardt: what is shown, and how far guessing gets."""

import numpy as np
import pytest

from scoring.ladder import FIXED_STEP, Attempt, climb, is_clear_improvement, noise, standing_value

DRAWS = 1000


def entry(value: float, *, spread: float = 0.0, shared: np.ndarray | float = 0.0, seed: int = 0) -> Attempt:
    """An entry whose draws lie around its value: what all entries share, and what is its own."""
    own = np.random.default_rng(seed).normal(0, spread, DRAWS)
    return Attempt(value, value + shared + own)


def test_the_first_entry_is_shown_whatever_it_is():
    assert climb([Attempt(-1.0)]) == [True]


def test_the_noise_is_the_standard_error_of_the_paired_difference():
    shared = np.random.default_rng(1).normal(0, 0.05, DRAWS)  # storms that are hard for everybody
    one, other = (
        entry(0.5, spread=0.003, shared=shared, seed=2),
        entry(0.5, spread=0.004, shared=shared, seed=3),
    )
    assert noise(one, other) == pytest.approx(0.005, rel=0.1)


def test_it_agrees_with_the_rule_of_the_paper_where_the_score_is_a_mean_of_losses():
    """s / √n of the losses, and the bootstrap's standard error of the mean: one quantity."""
    rng = np.random.default_rng(4)
    losses = rng.random((2, 2000)) < np.array([[0.30], [0.33]])
    weights = rng.multinomial(2000, np.full(2000, 1 / 2000), size=DRAWS)
    draws = 1 - weights @ losses.T / 2000
    attempts = [Attempt(1 - loss.mean(), each) for loss, each in zip(losses, draws.T, strict=True)]
    of_the_paper = np.std(losses[0].astype(float) - losses[1]) / np.sqrt(2000)
    assert noise(*attempts) == pytest.approx(of_the_paper, rel=0.1)


def test_an_entry_climbs_by_more_than_the_noise_and_by_nothing_less():
    best = entry(0.600, spread=0.004, seed=5)
    for value, shown in ((0.604, False), (0.607, True), (0.59, False), (0.600, False)):
        assert is_clear_improvement(entry(value, spread=0.004, seed=6), best) is shown


def test_later_entries_are_compared_with_the_last_one_that_was_shown():
    values = (0.600, 0.603, 0.606, 0.609, 0.500, 0.616)
    attempts = [entry(value, spread=0.004, seed=seed) for seed, value in enumerate(values)]
    assert climb(attempts) == [True, False, True, False, False, True]


def test_the_last_digit_shown_is_the_least_step():
    """A few images more are better with certainty, and exactly they must not be told."""
    best, new = entry(0.6), entry(0.6004)
    assert is_clear_improvement(new, best)
    assert not is_clear_improvement(new, best, unit=0.001)
    assert is_clear_improvement(entry(0.602), best, unit=0.001)


@pytest.mark.parametrize("draws", [None, np.full(DRAWS, np.nan), np.full(99, 0.6), np.full(10_000, 0.6)])
def test_without_draws_of_both_there_is_a_fixed_step(draws):
    best = entry(0.6, spread=0.001)
    assert noise(Attempt(0.7, draws), best) == FIXED_STEP
    assert not is_clear_improvement(Attempt(0.609, draws), best)
    assert is_clear_improvement(Attempt(0.611, draws), best)


def test_crossing_the_gate_is_a_step_and_below_it_recall_is_the_ladder():
    below, nearer = standing_value(None, 0.70), standing_value(None, 0.78)
    passing = standing_value(0.02, 0.79)
    assert below < nearer < 0 <= passing
    assert climb([Attempt(below), Attempt(nearer), Attempt(below), Attempt(passing)]) == [
        True,
        True,
        False,
        True,
    ]


def test_few_draws_that_fall_below_the_gate_do_not_rule_the_noise():
    draws = np.where(np.arange(DRAWS) % 20 == 0, -0.21, 0.6)  # one draw in twenty is ranked by its recall
    best = Attempt(0.6, draws)
    assert is_clear_improvement(Attempt(0.61, np.roll(draws, 1) + 0.01), best)


def test_lower_is_better_where_the_metric_says_so():
    draws = np.random.default_rng(7).normal(0, 0.001, DRAWS)
    losses = [Attempt.of(loss, None, loss + draws, higher_is_better=False) for loss in (0.30, 0.31, 0.25)]
    assert climb(losses) == [True, False, True]


def test_guessing_climbs_a_few_rungs_and_no_more():
    """Entries that differ by chance alone: without it each record would be shown, and many are better than
    the first one."""
    rng = np.random.default_rng(8)
    values = 0.5 + rng.normal(0, 0.01, 400)
    attempts = [Attempt(value, value + rng.normal(0, 0.01, DRAWS)) for value in values]
    assert 1 <= sum(climb(attempts)) <= 4
