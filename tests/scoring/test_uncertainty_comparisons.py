"""Two entries on the same draws, and the bands of a standing."""

import numpy as np
import pytest

from scoring import compare, tie_bands
from scoring.uncertainty import expanded_tail, interval, student_quantile

RNG = np.random.default_rng(1)
STORMS = RNG.normal(0, 0.02, 1000)


def entry(score: float, own: float = 0.002, count: int = 1000) -> np.ndarray:
    """An entry's score in each draw: what the storms do to all, and what they do to it alone."""
    return score + STORMS[:count] + RNG.normal(0, own, count)


def test_pairing_tells_apart_what_the_intervals_do_not():
    better, worse = entry(0.31), entry(0.30)
    assert interval(better)[0] < interval(worse)[1]
    paired = compare(better, worse)
    assert paired.is_distinguishable
    assert paired.difference == pytest.approx(0.01, abs=0.001)
    assert paired.interval[0] < 0.01 < paired.interval[1]
    assert paired.probability_better > 0.99


def test_the_other_way_round_is_the_mirror_image():
    a, b = entry(0.31), entry(0.309)
    there, back = compare(a, b), compare(b, a)
    assert back.difference == pytest.approx(-there.difference)
    assert back.interval == pytest.approx((-there.interval[1], -there.interval[0]))
    assert back.probability_better == pytest.approx(1 - there.probability_better)


def test_of_losses_the_lower_is_better():
    paired = compare(entry(0.10), entry(0.12), higher_is_better=False)
    assert paired.probability_better > 0.99
    assert paired.difference < 0
    assert paired.is_distinguishable


def test_an_entry_ties_with_itself():
    a = entry(0.3)
    paired = compare(a, a)
    assert (paired.difference, paired.interval, paired.probability_better) == (0.0, (0.0, 0.0), 0.5)
    assert not paired.is_distinguishable


def test_entries_of_more_and_of_fewer_draws_are_compared_on_those_they_share():
    a, b = entry(0.31), entry(0.30)
    assert compare(a, b[:300]) == compare(a[:300], b[:300])


def test_draws_in_which_one_is_not_defined_are_left_out():
    a, b = entry(0.31), entry(0.30)
    holes = a.copy()
    holes[::2] = np.nan
    assert compare(holes, b) == compare(a[1::2], b[1::2])
    with pytest.raises(ValueError, match="no bootstrap draw in common"):
        compare(np.full(10, np.nan), b)
    with pytest.raises(ValueError, match="no bootstrap draw in common"):
        compare(np.empty(0), b)


def test_bands_begin_where_the_leader_can_be_told_from():
    standing = [entry(0.320), entry(0.3199), entry(0.310), entry(0.3098), entry(0.3097), entry(0.250)]
    assert tie_bands(standing) == [1, 1, 2, 2, 2, 3]


def test_an_entry_is_compared_with_the_leader_of_its_band_not_with_its_neighbour():
    # each is near its neighbour, and the third is far from the first
    step = 0.003
    standing = [entry(0.3 - step * place) for place in range(4)]
    assert not compare(standing[1], standing[2]).is_distinguishable
    assert tie_bands(standing) == [1, 1, 2, 2]


def test_entries_without_draws_have_no_band_and_end_none():
    standing = [None, entry(0.32), np.empty(0), entry(0.32), None, entry(0.2)]
    assert tie_bands(standing) == [None, 1, None, 1, None, 2]
    assert tie_bands([]) == []


def test_bands_of_losses():
    assert tie_bands([entry(0.1), entry(0.1), entry(0.2)], higher_is_better=False) == [1, 1, 2]


def test_below_the_gate_ranks_under_every_passing_draw():
    passing, failing = entry(0.05), np.full(1000, 0.70 - 1)
    assert tie_bands([passing, failing]) == [1, 2]


def test_few_storms_widen_what_counts_as_a_tie():
    a, b = entry(0.3, own=0.01), entry(0.3 - 0.0325, own=0.01)
    assert compare(a, b).is_distinguishable
    assert not compare(a, b, effective_clusters=3).is_distinguishable
    assert tie_bands([a, b]) == [1, 2]
    assert tie_bands([a, b], effective_clusters=3) == [1, 1]


def test_the_interval_is_the_percentiles_with_many_clusters_and_wider_with_few():
    values = RNG.normal(size=1000)
    plain = interval(values)
    assert plain == pytest.approx(np.quantile(values, (0.025, 0.975)), rel=1e-12)
    assert interval(values, 1e6) == pytest.approx(plain, abs=0.01)
    ten, four = interval(values, 10), interval(values, 4)
    assert four[0] < ten[0] < plain[0] < plain[1] < ten[1] < four[1]
    assert interval(np.append(values, np.nan)) == plain
    assert interval(np.full(5, np.nan)) is None


@pytest.mark.parametrize("freedom", [1, 1.5, 2, 5, 30, 1000])
@pytest.mark.parametrize("probability", [0.005, 0.025, 0.05, 0.5, 0.9])
def test_students_quantile_is_scipys(freedom, probability):
    from scipy import stats

    expected = stats.t.ppf(probability, freedom)
    assert student_quantile(probability, freedom) == pytest.approx(expected, rel=2e-4, abs=1e-9)


def test_the_tail_is_hesterbergs():
    from scipy import stats

    for clusters in (3.0, 10.0, 100.0):
        expected = stats.norm.cdf(np.sqrt(clusters / (clusters - 1)) * stats.t.ppf(0.025, clusters - 1))
        assert expanded_tail(0.025, clusters) == pytest.approx(expected, abs=1e-5)
    assert expanded_tail(0.025, 0.0) == expanded_tail(0.025, 2.0)
