"""The probability of missing the gate in words of the reader's language: "About 1 in 3 draws of storms …"."""

from dataclasses import dataclass
from typing import Literal

from django.utils.translation import gettext as _

from scoring.natural_frequency import ALMOST_ALL, frequency, is_rarer_than_counted

LOW, HIGH = 0.05, 1 / 3  # of the threshold adviser; where a gate is no longer held with confidence
DOTS = 100

Drawn = Literal["storms", "groups", "images"]


@dataclass(frozen=True)
class GateRisk:
    """probability: of being below the gate in a fresh draw. passed: whether the entry is above it now.
    draws: from how many the probability was counted. drawn: what is drawn together."""

    probability: float
    passed: bool
    draws: int
    drawn: Drawn = "storms"

    @property
    def level(self) -> str:
        """``low``, ``some`` or ``high``: the probability of being below the gate."""
        return "low" if self.probability <= LOW else "some" if self.probability < HIGH else "high"

    @property
    def sentence(self) -> str:
        """How likely the other side of the gate is than the one on which the entry stands."""
        probability = self.probability if self.passed else 1 - self.probability
        words = {
            "draws": {
                "storms": _("draws of storms"),
                "groups": _("draws of groups of images"),
                "images": _("draws of images"),
            }[self.drawn]
        }
        if is_rarer_than_counted(probability, self.draws):
            words["all"] = f"{self.draws:,}"
            if self.passed:
                return _("Fewer than 1 in %(all)s %(draws)s would put this entry below the gate.") % words
            return _("Fewer than 1 in %(all)s %(draws)s would lift this entry over the gate.") % words
        if probability >= ALMOST_ALL:
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
