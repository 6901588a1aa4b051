"""The shake-up: how the public board's order became the private one's."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from competition.leaderboards.standings import Standing

MOVERS = 3  # of each direction are named
NAMED = 30  # up to so many teams, all are
ROW, LEAST_ROW, HEIGHT = 26.0, 4.0, 900.0  # pixels: between two ranks, and of a chart of many teams
SPREAD = 16.0  # pixels between two texts, at least


@dataclass(frozen=True)
class Slope:
    """A team's line from `public` to `private`, and where its ranks and its name are written, apart from the
    others'; all in pixels from the top. direction: ``up``, ``down`` or ``level``. is_named: or only for its
    own people."""

    standing: Standing
    direction: str
    public: float
    private: float
    public_text: float
    private_text: float
    is_named: bool


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
    row = min(ROW, max(LEAST_ROW, HEIGHT / len(both)))
    named = {
        standing.team_id
        for place, standing in enumerate(both)
        if len(both) <= NAMED or place < MOVERS or standing.team_id in movers
    }
    # Teams of one rank stand under each other: a line's end is its place in the order.
    public = _places(sorted(both, key=lambda standing: standing.public_rank or 0), row)
    private = _places(both, row)
    public_texts, private_texts = _apart(public, named), _apart(private, named)
    slopes = [
        Slope(
            standing,
            "up" if (standing.shake_up or 0) > 0 else "down" if (standing.shake_up or 0) < 0 else "level",
            public[standing.team_id],
            private[standing.team_id],
            public_texts[standing.team_id],
            private_texts[standing.team_id],
            standing.team_id in named,
        )
        for standing in both
    ]
    lowest = max(*public.values(), *public_texts.values(), *private_texts.values())
    return slopes, lowest + SPREAD / 2


def _places(standings: Sequence[Standing], row: float) -> dict[int, float]:
    return {standing.team_id: SPREAD / 2 + row * place for place, standing in enumerate(standings)}


def _apart(places: dict[int, float], named: set[int]) -> dict[int, float]:
    """Where texts stand that begin at their lines' ends and give way downwards; those of others stay."""
    texts, lowest = dict(places), 0.0
    for team, place in places.items():
        if team in named:
            texts[team] = max(place, lowest)
            lowest = texts[team] + SPREAD
    return texts


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
