"""Counting at thresholds: the one place where predictions are compared, on the CPU or on a GPU."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Part:
    """One part of the test set: float64 scores of its positives (P,) and of its negatives (N,), finite.

    Both are NumPy arrays, or both torch tensors on the device that is to do the work.
    """

    positives: Any
    negatives: Any

    def tally(self) -> "Tally":
        return Tally(_sort(self.positives), _sort(self.negatives))


class Tally:
    """True and false positives at any threshold, counted in integers: the same on every device.

    thresholds: the positives' distinct scores, ascending, (T,); tp, fp: (T,) images at or above each.
    """

    def __init__(self, positives: Any, negatives: Any) -> None:
        """Both parts' scores in ascending order."""
        self._positives, self._negatives = positives, negatives
        self.positives, self.negatives = len(positives), len(negatives)
        # Adding zero turns -0.0 into 0.0: they are equal, and which one sorts first is left to chance.
        self.thresholds: Floats = np.unique(_to_numpy(positives)) + 0.0
        self.tp, self.fp = self.counts(self.thresholds)

    @cached_property
    def precision(self) -> Floats:
        return self.tp / (self.tp + self.fp)

    @cached_property
    def recall(self) -> Floats:
        return self.tp / self.positives

    def counts(self, thresholds: Floats) -> tuple[Counts, Counts]:
        """(tp, fp): how many positives and negatives lie at or above each threshold."""
        return (
            self.positives - _below(self._positives, thresholds),
            self.negatives - _below(self._negatives, thresholds),
        )

    def at(self, threshold: float) -> tuple[int, int, int, int]:
        """(tp, fp, fn, tn) at one threshold."""
        tp, fp = (int(counts[0]) for counts in self.counts(np.array([threshold])))
        return tp, fp, self.positives - tp, self.negatives - fp


def _sort(values: Any) -> Any:
    return np.sort(values) if isinstance(values, np.ndarray) else values.sort().values


def _below(ascending: Any, thresholds: Floats) -> Counts:
    """How many of some ascending values lie below each threshold."""
    if isinstance(ascending, np.ndarray):
        return np.searchsorted(ascending, thresholds, side="left")
    import torch  # noqa: PLC0415 - slow to import, and only tensors need it

    return torch.searchsorted(ascending, torch.from_numpy(thresholds).to(ascending.device)).cpu().numpy()


def _to_numpy(values: Any) -> npt.NDArray[Any]:
    return values if isinstance(values, np.ndarray) else values.cpu().numpy()
