"""The shake-up: how the public board's order became the private one's."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from competition.leaderboards.standings import Standing

MOVERS = 3  # of each direction are named
NAMED = 30  # up to so many teams, all are
ROW, DENSE_ROW = 26, 9  # pixels between two ranks
SPREAD = 15  # pixels between two names, at least


@dataclass(frozen=True)
class Slope:
    """A team's line; `y` in pixels. direction: ``up``, ``down`` or ``level``. is_named: its name is written
    at the right end; `label_y` is where, apart from the other names."""

    standing: Standing
    direction: str
    y_public: float
    y_private: float
    is_named: bool
    label_y: float


@dataclass(frozen=True)
class ShakeUp:
    """correlation: Spearman's, of the ranks; None with fewer than three teams. risers, fallers: those that
    moved most, the first the farthest. unmoved: how many kept their rank."""

    slopes: list[Slope]
    height: float
    correlation: float | None
    risers: list[Standing]
    fallers: list[Standing]
    unmoved: int

    @property
    def is_dense(self) -> bool:
        return len(self.slopes) > NAMED


def shake_up(standings: Sequence[Standing]) -> ShakeUp | None:
    """From the private standings; None where fewer than two teams stood on both boards."""
    both = [standing for standing in standings if standing.public_rank is not None]
    if len(both) < 2:
        return None
    moved = sorted(both, key=lambda standing: -(standing.shake_up or 0))
    risers = [standing for standing in moved[:MOVERS] if (standing.shake_up or 0) > 0]
    fallers = [standing for standing in moved[::-1][:MOVERS] if (standing.shake_up or 0) < 0]
    slopes, height = _slopes(both, {standing.team_id for standing in (*risers, *fallers)})
    return ShakeUp(
        slopes,
        height,
        _spearman(both),
        risers,
        fallers,
        sum(standing.shake_up == 0 for standing in both),
    )


def _slopes(both: Sequence[Standing], movers: set[int]) -> tuple[list[Slope], float]:
    row = ROW if len(both) <= NAMED else DENSE_ROW
    # Teams of one rank stand under each other: a line's end is its place in the order.
    public = {
        standing.team_id: place
        for place, standing in enumerate(sorted(both, key=lambda standing: standing.public_rank or 0))
    }
    slopes: list[Slope] = []
    lowest: float = -SPREAD
    for place, standing in enumerate(both):
        shift = standing.shake_up or 0
        is_named = len(both) <= NAMED or place < MOVERS or standing.team_id in movers
        y = row * (place + 0.5)
        label_y = max(y, lowest + SPREAD) if is_named else y
        lowest = label_y if is_named else lowest
        slopes.append(
            Slope(
                standing,
                "up" if shift > 0 else "down" if shift < 0 else "level",
                row * (public[standing.team_id] + 0.5),
                y,
                is_named,
                label_y,
            )
        )
    return slopes, max(row * len(both), lowest + SPREAD)


def _spearman(both: Sequence[Standing]) -> float | None:
    """The correlation of the ranks, ties at their mean: Spearman, C. (1904), Am. J. Psychol. 15, 72–101."""
    if len(both) < 3:
        return None
    ranks = np.array([[standing.public_rank, standing.rank] for standing in both], float).T
    public, private = (_mean_ranks(part) for part in ranks)
    if np.ptp(public) == 0 or np.ptp(private) == 0:
        return None
    return float(np.corrcoef(public, private)[0, 1])


def _mean_ranks(ranks: np.ndarray) -> np.ndarray:
    _values, at, counts = np.unique(ranks, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return (ends - (counts - 1) / 2)[at]
