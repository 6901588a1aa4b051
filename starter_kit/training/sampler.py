"""Which training images an epoch draws.

A sampler draws `size` positions in the training images, int64, in random order, from `Pools`: the positives
and the negatives that may be drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from starter_kit.configuration.sections import SamplerConfig

Positions = NDArray[np.int64]
NOBODY = np.empty(0, np.int64)


@dataclass(frozen=True)
class Pools:
    """What may be drawn, as positions. storms: (P,) the storm of each positive, as a number; hard: those of
    the negatives that the model finds hardest, empty until it has been asked."""

    positives: Positions
    negatives: Positions
    storms: NDArray[np.int64]
    hard: Positions = field(default_factory=lambda: NOBODY)

    @property
    def size(self) -> int:
        return len(self.positives) + len(self.negatives)


def build_pools(
    config: SamplerConfig, labels: NDArray[np.uint8], storms: Sequence[str | None], seed: int
) -> Pools:
    """The pools of a training: labels, (N,), and the storm id of each image.

    `undersampled` keeps a random part of the negatives, `negatives_per_positive` of them, for the whole
    training: which ones follows from the seed, so that the members of an ensemble see different ones.
    """
    positives, negatives = np.flatnonzero(labels == 1), np.flatnonzero(labels == 0)
    if config.name == "undersampled":
        kept = min(len(negatives), max(1, round(config.negatives_per_positive * len(positives))))
        chosen = np.random.default_rng([seed, len(negatives)]).choice(negatives, kept, replace=False)
        negatives = np.sort(chosen)
    _, storm_numbers = np.unique([str(storms[int(position)]) for position in positives], return_inverse=True)
    return Pools(positives, negatives, storm_numbers.astype(np.int64))


def draw_epoch(config: SamplerConfig, pools: Pools, size: int, rng: np.random.Generator) -> Positions:
    """The positions that one epoch of `size` images visits, as the configuration says."""
    natural_share = len(pools.positives) / pools.size
    if config.name == "natural" and not config.per_storm:
        return natural(pools, size, rng)
    return balanced(
        pools,
        size,
        rng,
        positive_share=natural_share if config.name == "natural" else config.positive_share,
        per_storm=config.per_storm,
        hard_share=config.hard_share if len(pools.hard) else 0.0,
    )


def natural(pools: Pools, size: int, rng: np.random.Generator) -> Positions:
    """Every image equally often: all are seen before one is seen again."""
    return _in_turn(np.concatenate([pools.positives, pools.negatives]), size, rng)


def balanced(
    pools: Pools,
    size: int,
    rng: np.random.Generator,
    *,
    positive_share: float = 0.5,
    per_storm: bool = False,
    hard_share: float = 0.0,
) -> Positions:
    """Exactly round(size × positive_share) positives, the rest negatives, of which round(… × hard_share) come
    from the hardest.

    Inside a class every image is drawn equally often; `per_storm` draws every storm equally often instead,
    and every image of one storm: a storm of 40 fixes then counts no more than one of 4.
    """
    positives = round(size * positive_share)
    hard = round((size - positives) * hard_share)
    drawn = [
        _storm_by_storm(pools, positives, rng) if per_storm else _in_turn(pools.positives, positives, rng),
        _in_turn(pools.hard, hard, rng),
        _in_turn(pools.negatives, size - positives - hard, rng),
    ]
    return rng.permutation(np.concatenate(drawn))


def _storm_by_storm(pools: Pools, size: int, rng: np.random.Generator) -> Positions:
    draws = np.bincount(_in_turn(np.unique(pools.storms), size, rng))
    drawn = [
        _in_turn(pools.positives[pools.storms == storm], count, rng)
        for storm, count in enumerate(draws)
        if count
    ]
    return np.concatenate([NOBODY, *drawn])


def _in_turn(pool: Positions, size: int, rng: np.random.Generator) -> Positions:
    """`size` draws from `pool` in passes of fresh order, so that counts differ by at most one."""
    if size == 0:
        return NOBODY
    passes = -(-size // len(pool))
    return np.concatenate([rng.permutation(pool) for _ in range(passes)])[:size]
