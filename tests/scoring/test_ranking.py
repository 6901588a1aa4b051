from dataclasses import dataclass

import pytest

from scoring import MetricConfig, rank

CONFIG = MetricConfig.model_validate({"digits": 3})


@dataclass
class Entry:
    name: str
    score: float | None
    recall: float = 0.8


def order(*entries, config=CONFIG):
    return [(ranked.rank, ranked.entry.name) for ranked in rank(entries, config)]


def test_the_best_score_comes_first():
    assert order(Entry("low", 0.2), Entry("high", 0.4), Entry("middle", 0.3)) == [
        (1, "high"),
        (2, "middle"),
        (3, "low"),
    ]


def test_entries_below_the_gate_are_under_all_others_and_ordered_by_recall():
    entries = [
        Entry("near", None, 0.78),
        Entry("poor", 0.001, 0.79),
        Entry("far", None, 0.1),
        Entry("nearer", None, 0.785),
    ]
    assert order(*entries) == [(1, "poor"), (2, "nearer"), (3, "near"), (4, "far")]


def test_what_looks_equal_shares_a_rank_and_the_next_one_is_left_out():
    entries = [
        Entry("first", 0.50000),
        Entry("second", 0.50049),
        Entry("worse", 0.4994),
        Entry("best", 0.501),
    ]
    assert order(*entries) == [(1, "best"), (2, "first"), (2, "second"), (4, "worse")]


def test_among_equals_the_given_order_stays():
    assert order(Entry("b", 0.5), Entry("a", 0.5)) == [(1, "b"), (1, "a")]


def test_a_score_never_ties_with_an_entry_below_the_gate():
    assert order(Entry("below", None, 0.5), Entry("scored", 0.5)) == [(1, "scored"), (2, "below")]


def test_no_entries_have_no_order():
    assert order() == []


@pytest.mark.parametrize(("digits", "ranks"), [(1, [1, 1]), (2, [1, 2])])
def test_the_digits_shown_decide_what_is_equal(digits, ranks):
    config = MetricConfig.model_validate({"digits": digits})
    assert [rank for rank, _ in order(Entry("a", 0.52), Entry("b", 0.51), config=config)] == ranks


def test_a_metric_of_which_less_is_better_turns_the_order_of_scores_and_not_of_recalls():
    class Loss(type(CONFIG)):
        metric: str = "a loss of this test"
        higher_is_better = False

    from scoring import METRICS

    del METRICS["a loss of this test"]
    entries = [Entry("big", 0.9), Entry("small", 0.1), Entry("near", None, 0.7), Entry("far", None, 0.1)]
    assert [name for _, name in order(*entries, config=Loss())] == ["small", "big", "near", "far"]
