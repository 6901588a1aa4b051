"""Counting at thresholds: the one place where predictions are compared, on the CPU or on a GPU."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from scoring.resampling import Clusters, Draws

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

# Up to this many thresholds are counted by comparing all negatives with each, which a sort does not beat.
FEW_THRESHOLDS = 16


@dataclass(frozen=True)
class Part:
    """One part of the test set: float64 scores of its positives (P,) and of its negatives (N,), finite.

    Both are NumPy arrays, or both torch tensors on the device that is to do the work. clusters: which images
    are resampled together, and the weights of the draws; None where no uncertainty is to be estimated.
    """

    positives: Any
    negatives: Any
    clusters: Clusters | None = None

    def tally(self) -> "Tally":
        """The counts, made on the first call."""
        return self._tally

    @cached_property
    def _tally(self) -> "Tally":
        return Tally(self.positives, self.negatives)

    @cached_property
    def draws(self) -> Draws | None:
        """The weighted counts of every bootstrap draw; None without clusters."""
        return None if self.clusters is None else Draws(self._tally, self.clusters)

    def take(self, positives: npt.NDArray[Any], negatives: npt.NDArray[Any]) -> "Part":
        """Some of the images, by rows (int) or masks (bool) of either group: a slice. Its draws are those of
        the whole part, so that slices stay paired with it and with each other."""
        clusters = None if self.clusters is None else self.clusters.take(positives, negatives)
        return Part(_rows(self.positives, positives), _rows(self.negatives, negatives), clusters)


def part_of(labels: npt.ArrayLike, predictions: npt.ArrayLike) -> tuple[Part, npt.NDArray[np.bool_]]:
    """The part that labels (N,) of 0 and 1 and finite predictions (N,) make, and the mask (N,) of positives.

    Raises ValueError for other shapes or values.
    """
    labels = np.asarray(labels)
    values = np.asarray(predictions, np.float64)
    if labels.ndim != 1 or labels.shape != values.shape:
        raise ValueError(f"labels {labels.shape} and predictions {values.shape} must be rows of one length")
    if not np.isin(labels, (0, 1)).all():
        raise ValueError("labels must be 0 or 1")
    if not np.isfinite(values).all():
        raise ValueError("predictions must be finite")
    positive = labels == 1
    return Part(values[positive], values[~positive]), positive


@dataclass(frozen=True)
class Top:
    """The highest negatives: scores (m,) descending, rows (m,) of the part's negatives."""

    scores: Floats
    rows: Counts
    is_all: bool

    def covers(self, thresholds: Floats) -> npt.NDArray[np.bool_]:
        """Where all negatives at or above a threshold are among these: of those that tie with the lowest one,
        some may not be."""
        if self.is_all:
            return np.ones(len(thresholds), bool)
        return thresholds > self.scores[-1] if len(self.scores) else np.zeros(len(thresholds), bool)

    def at_or_above(self, thresholds: Floats) -> Counts:
        return len(self.scores) - np.searchsorted(self.scores[::-1], thresholds, side="left")

    def above(self, thresholds: Floats) -> Counts:
        return len(self.scores) - np.searchsorted(self.scores[::-1], thresholds, side="right")


class Tally:
    """True and false positives at any threshold, counted in integers: the same on every device.

    thresholds: the positives' distinct scores, ascending, (T,); tp, fp: (T,) images at or above each.
    descending: (P,) the positives' rows from the highest score to the lowest.

    The positives are few and sorted at once; of the negatives, only as many as are asked for.
    """

    def __init__(self, positives: Any, negatives: Any) -> None:
        self._negatives = negatives
        self.positives, self.negatives = len(positives), len(negatives)
        scores = _to_numpy(positives)
        self.descending: Counts = np.argsort(scores)[::-1]
        scores = scores[self.descending]
        last_of_its_score = np.append(scores[1:] != scores[:-1], True) if len(scores) else np.zeros(0, bool)
        # Adding zero turns -0.0 into 0.0: they are equal, and which one sorts first is left to chance.
        self.thresholds: Floats = scores[last_of_its_score][::-1] + 0.0
        self.tp: Counts = (np.flatnonzero(last_of_its_score) + 1)[::-1]
        self._top = Top(np.empty(0), np.empty(0, np.int64), is_all=not self.negatives)

    @cached_property
    def fp(self) -> Counts:
        return self._false_positives(self.thresholds)

    @cached_property
    def precision(self) -> Floats:
        return self.tp / (self.tp + self.fp)

    @cached_property
    def recall(self) -> Floats:
        return self.tp / self.positives

    def counts(self, thresholds: Floats) -> tuple[Counts, Counts]:
        """(tp, fp): how many positives and negatives lie at or above each threshold."""
        reached = np.searchsorted(self.thresholds, thresholds, side="left")
        return np.append(self.tp, 0)[reached], self._false_positives(thresholds)

    def at(self, threshold: float) -> tuple[int, int, int, int]:
        """(tp, fp, fn, tn) at one threshold."""
        tp, fp = (int(counts[0]) for counts in self.counts(np.array([threshold])))
        return tp, fp, self.positives - tp, self.negatives - fp

    def top(self, count: int) -> Top:
        """At least the `count` highest negatives."""
        if len(self._top.scores) < min(count, self.negatives):
            self._top = self._select(min(count, self.negatives))
        return self._top

    def _select(self, count: int) -> Top:
        is_all = count == self.negatives
        if isinstance(self._negatives, np.ndarray):
            place = self.negatives - count
            rows = np.arange(count) if is_all else np.argpartition(self._negatives, place)[place:]
            scores = self._negatives[rows]
            order = np.argsort(scores)[::-1]
            return Top(scores[order], rows[order], is_all)
        scores, rows = (_to_numpy(each[self.negatives - count :])[::-1] for each in self._sorted)
        return Top(scores, rows, is_all)

    @cached_property
    def _sorted(self) -> Any:
        """All negatives, ascending; a tensor's with their rows."""
        return np.sort(self._negatives) if isinstance(self._negatives, np.ndarray) else self._negatives.sort()

    def _false_positives(self, thresholds: Floats) -> Counts:
        fp = self._top.at_or_above(thresholds)
        rest = np.flatnonzero(~self._top.covers(thresholds))
        if len(rest) <= FEW_THRESHOLDS:
            for place in rest:
                at_or_above = self._negatives >= thresholds[place]
                fp[place] = (
                    np.count_nonzero(at_or_above)
                    if isinstance(at_or_above, np.ndarray)
                    else int(at_or_above.sum())
                )
        else:
            fp[rest] = self.negatives - _below(self._sorted, thresholds[rest])
        return fp


def _below(ascending: Any, thresholds: Floats) -> Counts:
    """How many of some ascending values lie below each threshold."""
    if isinstance(ascending, np.ndarray):
        return np.searchsorted(ascending, thresholds, side="left")
    import torch  # noqa: PLC0415 - slow to import, and only tensors need it

    values = ascending.values
    return torch.searchsorted(values, torch.from_numpy(thresholds).to(values.device)).cpu().numpy()


def _rows(values: Any, chosen: npt.NDArray[Any]) -> Any:
    if isinstance(values, np.ndarray):
        return values[chosen]
    import torch  # noqa: PLC0415 - as above

    return values[torch.from_numpy(chosen).to(values.device)]


def _to_numpy(values: Any) -> npt.NDArray[Any]:
    return values if isinstance(values, np.ndarray) else values.cpu().numpy()
