"""Parts with storms and blocks for the tests, and the naive bootstrap that the engine must equal."""

from dataclasses import dataclass

import numpy as np
from sklearn.metrics import precision_recall_curve

from scoring.resampling import Clusters, Grouping
from scoring.tally import Part


@dataclass
class Case:
    """Scores and clusters of one part; `part` has them, and the draws."""

    positives: np.ndarray
    negatives: np.ndarray
    storm: np.ndarray
    block: np.ndarray
    replicates: int

    @property
    def part(self) -> Part:
        clusters = Clusters(
            Grouping.of(self.storm, "storm"), Grouping.of(self.block, "block"), self.replicates
        )
        return Part(self.positives, self.negatives, clusters)

    def resampled(self, drawn_storms: np.ndarray, drawn_blocks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(labels, scores) of the images of the drawn clusters, one after the other."""
        positives = [self.positives[self.storm == storm] for storm in drawn_storms]
        negatives = [self.negatives[self.block == block] for block in drawn_blocks]
        scores = np.concatenate([np.empty(0), *positives, *negatives])
        labels = np.zeros(len(scores), int)
        labels[: sum(map(len, positives))] = 1
        return labels, scores

    def draws(self, part: Part):
        """(labels, scores) of each of the engine's own draws, image by image."""
        assert part.clusters is not None
        for storms, blocks in zip(
            part.clusters.positive_weights.astype(int),
            part.clusters.negative_weights.astype(int),
            strict=True,
        ):
            yield self.resampled(
                np.repeat(np.arange(len(storms)), storms), np.repeat(np.arange(len(blocks)), blocks)
            )


def random_case(rng: np.random.Generator, replicates: int = 12, images: int = 60) -> Case:
    """Few images with many ties, in few clusters, numbered from 0 without a gap."""
    positives, negatives = int(rng.integers(1, images)), int(rng.integers(0, 4 * images))
    levels = rng.choice([2, 5, 50, 10_000])
    return Case(
        rng.integers(0, levels, positives) / 3 + rng.choice([0.0, 1.5]),
        rng.integers(0, levels, negatives) / 3,
        numbered(rng.integers(0, rng.integers(1, 12), positives)),
        numbered(rng.integers(0, rng.integers(1, 12), negatives)),
        replicates,
    )


def normal_case(storms: int = 40, blocks: int = 30, replicates: int = 400, seed: int = 0) -> Case:
    """A network's scores: storms of unequal size that share a part of their images' scores."""
    rng = np.random.default_rng(seed)
    storm = np.repeat(np.arange(storms), 1 + rng.poisson(20 * rng.lognormal(-0.3, 0.8, storms)))
    block = np.repeat(np.arange(blocks), 1 + rng.poisson(100, blocks))
    return Case(
        2 + rng.normal(0, 0.5, storms)[storm] + 0.8 * rng.normal(size=len(storm)),
        rng.normal(0, 0.2, blocks)[block] + rng.normal(size=len(block)),
        storm,
        block,
        replicates,
    )


def numbered(groups: np.ndarray) -> np.ndarray:
    return np.unique(groups, return_inverse=True)[1]


def best_precision(labels: np.ndarray, scores: np.ndarray, floor: float) -> float:
    """By scikit-learn."""
    precision, recall, _ = precision_recall_curve(labels, scores)
    return max(precision[:-1][recall[:-1] >= floor])


def at(labels: np.ndarray, scores: np.ndarray, threshold: float) -> tuple[float, float]:
    """(precision, recall), from the images themselves."""
    called = scores >= threshold
    tp = int(np.sum(called & (labels == 1)))
    return tp / max(1, int(called.sum())), tp / int(labels.sum())
