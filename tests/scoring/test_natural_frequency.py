"""Probabilities as people count them."""

import pytest

from scoring.natural_frequency import frequency, in_words


def test_a_word_is_never_far_from_its_number():
    for thousandth in range(1, 995):
        some, many = frequency(thousandth / 1000)
        odds, told = thousandth / (1000 - thousandth), some / (many - some)
        assert 1 / 1.7 < told / odds < 1.7


def test_the_words_never_fall_as_the_probability_rises():
    told = [some / many for some, many in (frequency(n / 1000) for n in range(1, 995))]
    assert told == sorted(told)


@pytest.mark.parametrize(
    ("probability", "words"),
    [
        (0.0, "fewer than 1 in 1,000"),
        (0.0011, "about 1 in 1,000"),
        (0.34, "about 1 in 3"),
        (0.5, "about 1 in 2"),
        (0.66, "about 2 in 3"),
        (1.0, "almost all"),
    ],
)
def test_it_is_told_in_words(probability, words):
    assert in_words(probability, draws=1000) == words
