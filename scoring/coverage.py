"""How often the intervals hold the truth, measured on simulated worlds whose truth is known.

A world has storms of unequal size whose images share a part of their score, and days whose negatives do, as
the weather of a day resembles that of the days before it. Its population is known in closed form. Each round
takes as many storms and days from it as a test set has, scores them, and looks whether the interval holds the
population's value. ``python -m scoring coverage`` prints the table that is in `docs/uncertainty.md`.
"""

from collections.abc import Iterator
from dataclasses import astuple, dataclass, replace
from statistics import NormalDist
from typing import Literal

import numpy as np
import numpy.typing as npt

from scoring.advice import advise
from scoring.clustering import blocks_of
from scoring.metrics import RecallConstrainedPrecision, RocAuc
from scoring.resampling import Clusters, Grouping
from scoring.tally import Part
from scoring.uncertainty import compare, summarise

Floats = npt.NDArray[np.float64]
Groups = npt.NDArray[np.int64]

NORMAL = NormalDist()
IMAGES_PER_STORM, IMAGES_PER_DAY = 30, 30


@dataclass(frozen=True)
class World:
    """storms, days: in one test set. sizes: of the storms: ``equal``, ``lognormal`` (σ = 1), ``pareto``
    (exponent 2.2, whose variance is barely finite). shared: the part of a positive's standard deviation that
    its storm shares, from 0 to 1; shared_by_day: the same of the negatives, beside their own of 1. memory: in
    so many days the correlation of two days falls to 1/e; 0: the days are independent.
    separation: between the classes, in standard deviations.
    """

    storms: int
    days: int
    sizes: Literal["equal", "lognormal", "pareto"] = "lognormal"
    shared: float = 0.5
    shared_by_day: float = 0.2
    memory: float = 2
    separation: float = 2.2

    def draw(self, rng: np.random.Generator, entries: int = 1) -> tuple[Floats, Floats, Groups, Groups]:
        """A test set: scores of the positives (entries, P) and negatives (entries, N), their storms and
        days. The entries have the same population and, as two networks on the same images do, scores that
        are half alike."""
        sizes = {
            "equal": np.ones(self.storms),
            "lognormal": rng.lognormal(-0.5, 1, self.storms),
            "pareto": rng.pareto(2.2, self.storms) * 1.2,
        }[self.sizes]
        storm = np.repeat(np.arange(self.storms), 1 + rng.poisson(sizes * (IMAGES_PER_STORM - 1)))
        day = np.repeat(np.arange(self.days), rng.poisson(IMAGES_PER_DAY, self.days))
        own = np.sqrt(1 - self.shared**2)
        positives = self.separation + own * _alike(rng, entries, len(storm))
        positives += self.shared * _alike(rng, entries, self.storms)[:, storm]
        negatives = _alike(rng, entries, len(day))
        negatives += self.shared_by_day * _remembering(_alike(rng, entries, self.days), self.memory)[:, day]
        return positives, negatives, storm, day

    def recall(self, threshold: float) -> float:
        """Of the population."""
        return NORMAL.cdf(self.separation - threshold)

    def precision(self, threshold: float) -> float:
        """Of the population, with the expected numbers of images."""
        tp = self.storms * IMAGES_PER_STORM * self.recall(threshold)
        fp = self.days * IMAGES_PER_DAY * NORMAL.cdf(-threshold / np.hypot(1, self.shared_by_day))
        return tp / (tp + fp)

    @property
    def roc_auc(self) -> float:
        """Of the population."""
        return NORMAL.cdf(self.separation / np.sqrt(2 + self.shared_by_day**2))

    def best_threshold(self, recall_floor: float) -> float:
        candidates = self.separation - np.array(
            [NORMAL.inv_cdf(each) for each in np.linspace(recall_floor, 0.9999, 500)]
        )
        return max(candidates.tolist(), key=self.precision)


WORLDS = (
    World(storms=8, days=300),
    World(storms=15, days=300),
    World(storms=30, days=300),
    World(storms=30, days=300, sizes="equal"),
    World(storms=30, days=100, sizes="pareto", shared=0.8, shared_by_day=0.4),
    World(storms=100, days=500),
    World(storms=100, days=500, separation=1.3),
    World(storms=100, days=500, separation=3.5),
    World(storms=100, days=500, sizes="equal", shared=0.0, shared_by_day=0.0),
    World(storms=300, days=1000, sizes="pareto", shared_by_day=0.3),
    World(storms=30, days=300, shared_by_day=0.4, memory=8),
    World(storms=100, days=500, shared_by_day=0.4, memory=8),
    World(storms=300, days=1000, shared_by_day=0.4, memory=8),
    World(storms=300, days=1000, shared_by_day=0.4, memory=20),
)


@dataclass(frozen=True)
class Coverage:
    """Shares of the rounds. score, precision, recall, roc_auc: in which the interval holds the population's
    value, precision and recall at a fixed threshold; percentile: the same of the score, without the
    correction for few storms; blocks_of_five: of the precision, were negatives drawn in blocks of five days.
    missed_at_best, missed_as_advised: in which the threshold found on one set of storms misses the gate on
    another. told_apart: in which two entries of the same population are called distinguishable."""

    world: World
    truth: float
    rounds: int
    score: float
    percentile: float
    precision: float
    blocks_of_five: float
    recall: float
    roc_auc: float
    missed_at_best: float
    missed_as_advised: float
    told_apart: float

    @property
    def shares(self) -> tuple[float, ...]:
        return astuple(self)[3:]


def measure(
    world: World, *, rounds: int = 400, replicates: int = 500, seed: int = 0, recall_floor: float = 0.79
) -> Coverage:
    config = RecallConstrainedPrecision(recall_floor=recall_floor)
    fixed = RecallConstrainedPrecision(recall_floor=recall_floor, threshold="submitted")
    threshold = world.best_threshold(recall_floor)
    precision, recall = world.precision(threshold), world.recall(threshold)
    held = []
    for round_ in range(rounds):
        rng = np.random.default_rng([seed, round_])
        positives, negatives, storm, day = world.draw(rng, entries=2)
        clusters = Clusters(Grouping.of(storm, "storm"), blocks_of(day.astype(np.float64)), replicates)
        parts = [Part(*scores, clusters) for scores in zip(positives, negatives, strict=True)]
        drawn = [config.replicate(part, config.evaluate(part)) for part in parts]
        told = summarise(drawn[0], clusters)
        shifted = Part(positives[0] - threshold, negatives[0] - threshold, clusters)
        at_fixed = summarise(fixed.replicate(shifted, fixed.evaluate(shifted)), clusters)["uncertainty"]
        short = replace(clusters, negatives=Grouping.of(day // 5, "5 days"))
        shifted = replace(shifted, clusters=short)
        at_short = summarise(fixed.replicate(shifted, fixed.evaluate(shifted)), short)["uncertainty"]
        area = summarise(RocAuc().replicate(parts[0], RocAuc().evaluate(parts[0])), clusters)
        paired = compare(drawn[0].values, drawn[1].values, effective_clusters=clusters.effective)
        others = Part(*(scores[0] for scores in world.draw(rng)[:2])).tally()
        advised = advise(parts[0], config, best_drawn=drawn[0].values).threshold
        found = (config.best_threshold(parts[0]), advised)
        held.append(
            (
                _holds(told["interval"], precision),
                _holds(np.quantile(drawn[0].values, (0.025, 0.975)), precision),
                _holds(at_fixed["precision"]["interval"], precision),
                _holds(at_short["precision"]["interval"], precision),
                _holds(at_fixed["recall"]["interval"], recall),
                _holds(area["interval"], world.roc_auc),
                *(others.at(each)[0] / others.positives < recall_floor for each in found),
                paired.is_distinguishable,
            )
        )
    return Coverage(world, precision, rounds, *np.mean(held, axis=0).tolist())


def run(*, rounds: int, replicates: int, seed: int) -> Iterator[str]:
    """The table of all `WORLDS`, in lines of Markdown, each as soon as it is known."""
    yield (
        "| storms | days | sizes | shared by storm | by day | memory | separation | true score | score"
        " | (percentile) | precision | (5 days) | recall | ROC AUC | missed, best | missed, advised"
        " | told apart |"
    )
    yield "|" + " --- |" * 17
    for world in WORLDS:
        yield table_row(measure(world, rounds=rounds, replicates=replicates, seed=seed))


def table_row(measured: Coverage) -> str:
    world = measured.world
    cells = [
        *(world.storms, world.days, world.sizes, world.shared, world.shared_by_day),
        *(world.memory, world.separation),
        f"{measured.truth:.3f}",
        *(f"{share:.1%}" for share in measured.shares),
    ]
    return f"| {' | '.join(map(str, cells))} |"


def _holds(interval: npt.ArrayLike | None, truth: float) -> bool:
    low, high = np.asarray(interval)
    return bool(low <= truth <= high)


def _alike(rng: np.random.Generator, entries: int, count: int) -> Floats:
    """(entries, count) standard normal, correlated by one half between the entries."""
    return np.sqrt(0.5) * (rng.normal(size=count) + rng.normal(size=(entries, count)))


def _remembering(steps: Floats, memory: float) -> Floats:
    """(entries, days) standard normal, each day like the one before it by exp(−1 / memory)."""
    alike = np.exp(-1 / memory) if memory else 0.0
    levels = steps.copy()
    for day in range(1, steps.shape[1]):
        levels[:, day] = alike * levels[:, day - 1] + np.sqrt(1 - alike**2) * steps[:, day]
    return levels
