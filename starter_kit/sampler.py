"""Which training images an epoch draws.

A sampler takes labels, uint8 (N,), and returns `size` positions in them, int64, in random order.
"""

import numpy as np
from numpy.typing import NDArray

from starter_kit.config import SamplerConfig

Positions = NDArray[np.int64]


def natural(labels: NDArray[np.uint8], size: int, rng: np.random.Generator) -> Positions:
    """Every image equally often: all are seen before one is seen again."""
    return _in_turn(np.arange(len(labels)), size, rng)


def balanced(
    labels: NDArray[np.uint8], size: int, rng: np.random.Generator, *, positive_share: float = 0.5
) -> Positions:
    """Exactly round(size × positive_share) positives, the rest negatives; inside a class, every image equally
    often."""
    positives = round(size * positive_share)
    drawn = np.concatenate(
        [
            _in_turn(np.flatnonzero(labels == 1), positives, rng),
            _in_turn(np.flatnonzero(labels == 0), size - positives, rng),
        ]
    )
    return rng.permutation(drawn)


def draw_epoch(
    config: SamplerConfig, labels: NDArray[np.uint8], size: int, rng: np.random.Generator
) -> Positions:
    """The positions that one epoch of `size` images visits, as the configuration says."""
    if config.name == "natural":
        return natural(labels, size, rng)
    return balanced(labels, size, rng, positive_share=config.positive_share)


def _in_turn(pool: Positions, size: int, rng: np.random.Generator) -> Positions:
    """`size` draws from `pool` in passes of fresh order, so that counts differ by at most one."""
    passes = max(1, -(-size // len(pool)))
    return np.concatenate([rng.permutation(pool) for _ in range(passes)])[:size]
