"""Probabilities in words that people understand: "about 1 in 3".

Natural frequencies are read more rightly than percentages and decimals: Gigerenzer, G. and Hoffrage, U.
(1995), How to improve Bayesian reasoning without instruction: frequency formats, Psychol. Rev. 102, 684–704.
"""

from math import log

# "k in n" that people count in.
FREQUENCIES = (
    *((1, n) for n in (2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 50, 100, 200, 300, 500, 1000)),
    *(
        (2, 5),
        (3, 5),
        (2, 3),
        (3, 4),
        (4, 5),
        (5, 6),
        (7, 8),
        (9, 10),
        (19, 20),
        (29, 30),
        (49, 50),
        (99, 100),
    ),
)
ALMOST_ALL = 0.995


def frequency(probability: float) -> tuple[int, int]:
    """The nearest (k, n), "k in n", to a probability between 0 and 1, both excluded: nearest in log-odds, so
    that rare and almost certain things keep their size."""
    odds = _log_odds(probability)
    return min(FREQUENCIES, key=lambda pair: abs(_log_odds(pair[0] / pair[1]) - odds))


def is_rarer_than_counted(probability: float, draws: int) -> bool:
    """Whether none of `draws` had it: all that can be said is that it is rarer than 1 in `draws`."""
    return probability * draws < 0.5


def in_words(probability: float, *, draws: int) -> str:
    """``about 1 in 3``, ``fewer than 1 in 1,000``, ``almost all``: of how many draws it was counted."""
    if is_rarer_than_counted(probability, draws):
        return f"fewer than 1 in {draws:,}"
    if probability >= ALMOST_ALL:
        return "almost all"
    some, many = frequency(probability)
    return f"about {some} in {many:,}"


def _log_odds(probability: float) -> float:
    return log(probability / (1 - probability))
