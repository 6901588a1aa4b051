"""The order of entries."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from scoring.metrics import MetricConfig


class Scored(Protocol):
    """What is ranked: anything with a score (None below the gate), and with the number that the metric's gate
    is on (``MetricConfig.gate``: ``recall`` or ``precision``) as an attribute of that name."""

    @property
    def score(self) -> float | None: ...


Entry = TypeVar("Entry", bound=Scored)


@dataclass(frozen=True)
class Ranked(Generic[Entry]):
    """rank: 1 for the best; entries that cannot be told apart share a rank, and the next one is left out."""

    rank: int
    entry: Entry


def rank(entries: Iterable[Entry], config: MetricConfig) -> list[Ranked[Entry]]:
    """Entries with a score first, best first; then those below the gate, by what they lack, highest first.

    What is compared counts to the ``digits`` of the configuration, as it is shown: what looks equal is equal.
    Among equals the given order stays, so give them by time of submission.
    """

    def key(entry: Entry) -> tuple[bool, float]:
        below = entry.score is None
        value = getattr(entry, config.gate or "recall") if entry.score is None else entry.score
        descending = below or config.higher_is_better
        return below, round(-value if descending else value, config.digits)

    ranked: list[Ranked[Entry]] = []
    for position, entry in enumerate(sorted(entries, key=key), 1):
        tied = bool(ranked) and key(ranked[-1].entry) == key(entry)
        ranked.append(Ranked(ranked[-1].rank if tied else position, entry))
    return ranked
