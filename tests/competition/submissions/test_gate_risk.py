"""The probability of missing the gate in words, over its whole range and in both languages."""

import pytest
from django.utils import translation

from competition.submissions.gate_risk import GateRisk
from competition.submissions.report import report

PHRASES = {
    0.0: "Fewer than 1 in 1,000 draws",
    0.0004: "Fewer than 1 in 1,000 draws",
    0.001: "About 1 in 1,000 draws",
    0.01: "About 1 in 100 draws",
    0.024: "About 1 in 50 draws",
    0.05: "About 1 in 20 draws",
    0.12: "About 1 in 8 draws",
    0.34: "About 1 in 3 draws",
    0.42: "About 2 in 5 draws",
    0.5: "About 1 in 2 draws",
    0.65: "About 2 in 3 draws",
    0.9: "About 9 in 10 draws",
    0.99: "About 99 in 100 draws",
    0.996: "Almost all draws",
    1.0: "Almost all draws",
}


@pytest.mark.parametrize(("probability", "words"), PHRASES.items())
def test_a_passing_entry_hears_how_often_it_would_fail(probability, words):
    sentence = GateRisk(probability, passed=True, draws=1000).sentence
    assert sentence == f"{words} of storms would put this entry below the gate."


@pytest.mark.parametrize(("probability", "words"), PHRASES.items())
def test_a_failing_entry_hears_how_often_it_would_pass(probability, words):
    sentence = GateRisk(1 - probability, passed=False, draws=1000).sentence
    assert sentence == f"{words} of storms would lift this entry over the gate."


def test_what_never_happened_is_rarer_than_one_of_the_draws():
    assert "1 in 100 " in GateRisk(0.0, passed=True, draws=100).sentence
    assert "1 in 10,000 " in GateRisk(0.0, passed=True, draws=10_000).sentence


def test_where_images_are_drawn_no_storms_are_named():
    sentence = GateRisk(0.34, passed=True, draws=1000, drawn="images").sentence
    assert sentence == "About 1 in 3 draws of images would put this entry below the gate."


@pytest.mark.parametrize(
    ("by", "asked", "drawn"),
    [
        ("storm_id", "storm_id", "storms"),
        ("image", "storm_id", "images"),  # a solution without storms
        ("image", None, "images"),
        ("voyage", "voyage", "groups"),
        (None, None, "images"),
        (None, "storm_id", "storms"),
    ],
)
def test_the_words_follow_what_was_drawn(by, asked, drawn):
    clusters = {"positives": {"by": by}, "negatives": {"by": "30 days"}} if by else None
    shown = {"probability_below_gate": 0.34, "passed_gate": True, "uncertainty": {"clusters": clusters}}
    metric = {"metric": "recall_constrained_precision", "recall_floor": 0.79, "cluster_by": asked}
    told = report(shown, metric=metric, part="public", is_exact=False)
    words = {"storms": "storms", "images": "images", "groups": "groups of images"}[drawn]
    assert told.risk.sentence == f"About 1 in 3 draws of {words} would put this entry below the gate."
    assert told.drawn == drawn


def test_in_japanese_the_numbers_stand_in_their_order():
    with translation.override("ja"):
        sentence = GateRisk(0.42, passed=True, draws=1000).sentence
    assert sentence.index("5") < sentence.index("2")  # "5 回に 2 回"
    assert "ゲート" in sentence


@pytest.mark.parametrize(
    ("probability", "dots", "level"),
    [
        (0, 0, "low"),
        (0.001, 1, "low"),
        (0.05, 5, "low"),
        (0.2, 20, "some"),
        (0.5, 50, "high"),
        (0.999, 99, "high"),
        (1, 100, "high"),
    ],
)
def test_a_hundred_dots_show_it(probability, dots, level):
    risk = GateRisk(float(probability), passed=True, draws=1000)
    assert (risk.dots_below, risk.level) == (dots, level)
    assert (risk.below_dots.count("M"), risk.passing_dots.count("M")) == (dots, 100 - dots)
