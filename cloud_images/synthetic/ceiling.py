"""How well the best of all detectors could do on the synthetic world, by its construction.

A storm's picture is drawn from its organisation. So is that of a disturbance that never develops, by the same
function; only how often which organisation occurs differs between the two. So no picture tells more about its
label than an oracle knows that is told of every image whether it shows a storm or disturbance at all, and how
organised that is. The best that can be made of it is the likelihood ratio (Neyman & Pearson 1933, doi
10.1098/rsta.1933.0009): at every recall it has the fewest false alarms. That is the ceiling. A detector that
sees the pixels alone stays below it, since clouds hide much of what the oracle is told.

Place and season are left out: storms have theirs and disturbances occur all the year, but a picture shows no
more of either than a trace in the clear sky's radiation. So is the eye: it opens in storms alone, but in such
as are told by their organisation anyway.
"""

from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

import numpy as np

from cloud_images.errors import ReleaseError
from cloud_images.release import Release
from cloud_images.synthetic.appearance import KINDS
from cloud_images.synthetic.climate import Period, draw_storm_fixes
from cloud_images.synthetic.generate import draw_test_appearances, draw_test_fixes
from cloud_images.synthetic.world import DIFFICULTY, PREVALENCE, WORLD_VERSION

LOWEST, HIGHEST = 0.0, 1.05  # of an organisation; what is drawn beyond is moved there
BINS = 105
KEY = ["label", "time", "latitude", "longitude"]  # of an image: no two agree in all of them
DRAWN_FIXES = 1_000_000  # 200 and more in every bin that matters: its frequency to 7 %, the ceiling to 0.001


@dataclass(frozen=True)
class Frequencies:
    """How often which organisation occurs, as shares of all images: each (BINS,), the lowest first."""

    storms: np.ndarray
    disturbances: np.ndarray

    @property
    def posterior(self) -> np.ndarray:
        """The probability that a system of that organisation is a storm, (BINS,): what the oracle answers."""
        return self.storms / (self.storms + self.disturbances)


@lru_cache(maxsize=1)
def frequencies() -> Frequencies:
    """Of this version of the world. Storms by drawing a million of their images, disturbances by the normal
    distribution that theirs is."""
    edges = np.linspace(LOWEST, HIGHEST, BINS + 1)
    drawn = draw_storm_fixes(np.random.default_rng(0), DRAWN_FIXES, Period(first_year=1980, years=20))
    storms, _ = np.histogram(np.clip(drawn.organisation, LOWEST, HIGHEST), edges)
    normal = NormalDist(DIFFICULTY.nondeveloping_organisation, DIFFICULTY.nondeveloping_spread)
    below = np.array([0.0, *(normal.cdf(edge) for edge in edges[1:-1]), 1.0])
    share = KINDS["nondeveloping"] / sum(KINDS.values())
    return Frequencies(
        storms=PREVALENCE * storms / storms.sum(), disturbances=(1 - PREVALENCE) * share * np.diff(below)
    )


def ceiling_precision(recall: float) -> float:
    """The precision of the oracle at that recall, in (0, 1], on a test without end."""
    often = frequencies()
    order = np.argsort(-often.posterior, kind="stable")
    storms, disturbances = often.storms[order], often.disturbances[order]
    found = np.concatenate([[0.0], np.cumsum(storms)])
    mistaken = np.concatenate([[0.0], np.cumsum(disturbances)])
    wanted = recall * found[-1]
    return float(wanted / (wanted + np.interp(wanted, found, mistaken)))


def oracle_scores(release: Release, seed: int) -> np.ndarray:
    """What the oracle answers for the test images of a world, in their order: (M,) float64, the probability
    of a storm, in 0 … 1.

    Only the seed tells it; the release keeps none. Raises ReleaseError where the release was not made with
    this one, and where its solution, which proves it, is not at hand.
    """
    if seed < 0:
        raise ReleaseError(f"The seed is {seed}; it must be 0 or a positive whole number.")
    solution = release.solution_table()
    fixes, table = draw_test_fixes(seed, len(solution))
    organisation = np.concatenate([look.organisation for look in draw_test_appearances(seed, fixes)])
    drawn = table.select(*KEY, score=_answers(organisation)).unique(KEY, keep="first")
    scores = solution.select(KEY).join(drawn, on=KEY, how="left", maintain_order="left")["score"]
    if (
        scores.has_nulls()
    ):  # a release is shuffled by more than its seed, so images are found by what they show
        raise ReleaseError(
            f"{release.directory} is no synthetic world of seed {seed} and version {WORLD_VERSION}: its test "
            "shows other storms. Give the seed that it was made with."
        )
    return scores.to_numpy()


def _answers(organisation: np.ndarray) -> np.ndarray:
    """The posterior of each organisation (n,); 0 for NaN, what is neither storm nor disturbance."""
    place = (np.nan_to_num(organisation).astype(np.float64) - LOWEST) / (HIGHEST - LOWEST) * BINS
    posterior = frequencies().posterior[np.clip(place.astype(int), 0, BINS - 1)]
    return np.where(np.isnan(organisation), 0.0, posterior)
