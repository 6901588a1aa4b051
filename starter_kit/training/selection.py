"""Which epoch to keep and when to stop, by precision at the recall floor and how uncertain it is.

Validation holds a few hundred storms at most, and its best precision of many is the luckiest. Epochs within
one standard error of the best are as good as it (Breiman et al. 1984, section 3.4.3, the one standard error
rule); among them the last is taken, since its learning rate was smallest.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from starter_kit.run_folder import EpochMetrics


def within_error(entry: EpochMetrics, history: Sequence[EpochMetrics]) -> bool:
    """Whether the epoch is no worse than the best so far by more than the best's standard error."""
    best = max(history, key=lambda other: other.precision)
    return entry.precision >= best.precision - best.standard_error


def is_kept(history: Sequence[EpochMetrics], selection: Literal["within_error", "best"]) -> bool:
    """Whether the newest epoch takes the place of the one kept before."""
    newest = history[-1]
    if selection == "best":
        return all(newest.precision > other.precision for other in history[:-1])
    return within_error(newest, history)


def is_over(history: Sequence[EpochMetrics], patience: int | None) -> bool:
    """Whether the last `patience` epochs all were worse than the best by more than noise."""
    if patience is None or len(history) <= patience:
        return False
    return not any(within_error(entry, history) for entry in history[-patience:])
