"""The Ladder: a public score is shown only if it is better than the team's best by more than the noise.

Blum, A. and Hardt, M. (2015), The Ladder: a reliable leaderboard for machine learning competitions, Proc.
32nd Int. Conf. Machine Learning (ICML), PMLR 37, 1006–1014; arXiv:1502.04585; the authors' code:
github.com/mrtzh/Ladder.jl.

Their Algorithm 1 has a fixed step η > 0. With the empirical loss R_S on the n held-out examples S and R₀ = ∞,
in round t it receives f_t and answers

    R_t = [R_S(f_t)]_η   if R_S(f_t) < R_{t−1} − η,     R_t = R_{t−1}   otherwise,

where [x]_η is x rounded to a multiple of η. A participant learns something new only by a real step, so that
the error of the best shown score grows with log(k) over k submissions, however adaptive, instead of √k.

Their parameter-free variant sets the step by a one-sided paired test. With l_t the vector of the n losses of
f_t and l_* that of the best so far, and s = std(l_t − l_*),

    R_t = [R_S(f_t)]_{1/n}   if R_S(f_t) < R_{t−1} − s / √n,

that is by one standard error of the difference. Here the score is no mean of losses (precision at the best
threshold is not), and images of one storm are not independent. So the standard error of the difference is
taken from the bootstrap over storms: both entries' scores on the same draws, which is what s / √n estimates
for a mean of independent losses. Rounding is the organizer's digits, whose unit is the least step: the η of
Algorithm 1, for entries that differ in so few images that their difference has next to no noise.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

# Where no draws are at hand, such as with an organizer's own metric: a hundredth of a score from 0 to 1.
FIXED_STEP = 0.01
# Half of what lies between these percentiles is the standard deviation of a normal distribution.
ONE_DEVIATION = (15.865, 84.135)
FEWEST_DRAWS = 100


@dataclass(frozen=True, eq=False)
class Attempt:
    """An entry as the Ladder sees it: the larger the better.

    value: what it is ranked by (`standing_value`). replicates: (R,) the same on each bootstrap draw, NaN
    where it is not defined; None where there are no draws.
    """

    value: float
    replicates: npt.NDArray[np.float64] | None = None

    @classmethod
    def of(
        cls,
        score: float | None,
        gate: float | None,
        replicates: npt.NDArray[np.float64] | None,
        *,
        higher_is_better: bool = True,
    ) -> "Attempt":
        """score: None below the gate. gate: the number that the gate is on. replicates: in the score's own
        direction, and gate - 1 where a draw falls below the gate."""
        sign = 1.0 if higher_is_better else -1.0
        return cls(
            standing_value(score, gate, higher_is_better=higher_is_better),
            None if replicates is None else sign * replicates,
        )


def standing_value(score: float | None, gate: float | None, *, higher_is_better: bool = True) -> float:
    """One number for the order of entries: the score, its sign turned where lower is better; below the gate,
    where there is none, the gated number - 1 (recall 0.7 is -0.3, under every score from 0 to 1). So crossing
    the gate is a step of the Ladder like any other."""
    if score is None:
        return (gate or 0.0) - 1.0
    return score if higher_is_better else -score


def noise(new: Attempt, best: Attempt) -> float:
    """The standard error of the difference, over paired draws.

    Half the width of the central 68.27 % of the differences, which is the standard deviation of normal ones
    and, unlike that, is not ruled by the few draws in which one of two entries falls below the gate.
    `FIXED_STEP` where fewer than 100 draws are defined for both.
    """
    if new.replicates is None or best.replicates is None or len(new.replicates) != len(best.replicates):
        return FIXED_STEP
    difference = new.replicates - best.replicates
    difference = difference[np.isfinite(difference)]
    if len(difference) < FEWEST_DRAWS:
        return FIXED_STEP
    low, high = np.percentile(difference, ONE_DEVIATION)
    return float(high - low) / 2


def is_clear_improvement(new: Attempt, best: Attempt | None, *, unit: float = 0.0) -> bool:
    """Whether `new` is shown: the first entry always, later ones if better by more than the noise.

    unit: of the last digit shown, the least step: two entries that differ in a few images differ with
    certainty, and those few are what must not be told.
    """
    return best is None or new.value > best.value + max(noise(new, best), unit)


def climb(attempts: Iterable[Attempt], *, unit: float = 0.0) -> list[bool]:
    """For each of a team's entries, in order, whether it is a rung of the team's ladder."""
    best: Attempt | None = None
    rungs = []
    for attempt in attempts:
        rungs.append(is_clear_improvement(attempt, best, unit=unit))
        if rungs[-1]:
            best = attempt
    return rungs
