"""The probability of missing the gate, in words that people understand: "about 1 in 3 draws of storms".

Natural frequencies are read more rightly than percentages and decimals: Gigerenzer, G. and Hoffrage, U.
(1995), How to improve Bayesian reasoning without instruction: frequency formats, Psychol. Rev. 102, 684–704.
"""

from dataclasses import dataclass
from math import log

from django.utils.translation import gettext as _

# "k in n" that people count in; of two equally near ones the first is taken.
FREQUENCIES = (
    *((1, n) for n in (2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 50, 100, 200, 300, 500, 1000)),
    *((2, 5), (3, 5), (2, 3), (3, 4), (4, 5), (5, 6), (7, 8), (9, 10), (19, 20), (29, 30), (49, 50), (99, 100)),
)
ALMOST_EVERY = 0.995
LOW, HIGH = 0.05, 1 / 3  # of the threshold adviser; where a gate is no longer held with confidence
DOTS = 100


@dataclass(frozen=True)
class GateRisk:
    """probability: of being below the gate in a fresh draw. passed: whether the entry is above it now.
    draws: from how many the probability was counted. of_storms: or else of single images."""

    probability: float
    passed: bool
    draws: int
    of_storms: bool = True

    @property
    def level(self) -> str:
        """``low``, ``some`` or ``high``: the probability of being below the gate."""
        return "low" if self.probability <= LOW else "some" if self.probability < HIGH else "high"

    @property
    def sentence(self) -> str:
        """How likely the other side of the gate is than the one on which the entry stands."""
        probability = self.probability if self.passed else 1 - self.probability
        words = {"draws": _("draws of storms") if self.of_storms else _("draws of images")}
        if probability * self.draws < 0.5:  # what never happened is rarer than one of them
            words["all"] = f"{self.draws:,}"
            if self.passed:
                return _("Fewer than 1 in %(all)s %(draws)s would put this entry below the gate.") % words
            return _("Fewer than 1 in %(all)s %(draws)s would lift this entry over the gate.") % words
        if probability >= ALMOST_EVERY:
            if self.passed:
                return _("Almost all %(draws)s would put this entry below the gate.") % words
            return _("Almost all %(draws)s would lift this entry over the gate.") % words
        some, many = frequency(probability)
        words |= {"some": str(some), "all": f"{many:,}"}
        if self.passed:
            return _("About %(some)s in %(all)s %(draws)s would put this entry below the gate.") % words
        return _("About %(some)s in %(all)s %(draws)s would lift this entry over the gate.") % words

    @property
    def passing_dots(self) -> str:
        return _dots(range(DOTS - self.dots_below))

    @property
    def below_dots(self) -> str:
        return _dots(range(DOTS - self.dots_below, DOTS))

    @property
    def dots_below(self) -> int:
        """Of a hundred draws, how many are below the gate; at least one where any is, as at the other end."""
        if self.probability in {0.0, 1.0}:
            return round(DOTS * self.probability)
        return min(max(round(DOTS * self.probability), 1), DOTS - 1)


def _dots(numbers: range) -> str:
    """A path of dots in rows of ten, in a square of 100 units."""
    return "".join(f"M{10 * (number % 10) + 5} {10 * (number // 10) + 5}h0" for number in numbers)


def frequency(probability: float) -> tuple[int, int]:
    """The nearest "k in n" to a probability between 0 and 1, both excluded: nearest in log-odds, so that rare
    and almost certain things keep their size."""
    odds = _log_odds(probability)
    return min(FREQUENCIES, key=lambda pair: abs(_log_odds(pair[0] / pair[1]) - odds))


def _log_odds(probability: float) -> float:
    return log(probability / (1 - probability))
