"""The bootstrap: whole storms and whole blocks of time are drawn again, as weights on counts.

A draw takes as many clusters as there are, with replacement, separately for the positives and the negatives;
an image weighs what its cluster was drawn. The draws are the same for every submission, so that two entries
are compared on the same resamples. Nothing is resampled image by image: a weighted count at a threshold is
the product of (images per cluster at or above it) and (weights of the clusters), one matrix product for all
draws.

All weighted counts are sums of whole numbers below 2²⁴ in float32 (2⁵³ in float64, taken where the totals ask
for it). Such sums are exact in every order of adding, so that they are the same bits on every run, for every
number of threads, and on every device.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache, cached_property
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from scoring.tally import Tally, Top

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]
Value = Callable[[Floats, Floats, Floats, Floats], Floats]

SEED = 2018
# What a cluster is called that is a single image.
SINGLY = "image"
# More clusters are put together, every 1,024th into one: they are independent, and so are the groups.
MAX_CLUSTERS = 1024
EXACT_IN_FLOAT32 = 2**24
# Their weights stay in memory, at up to 8 KiB a draw and part.
MAX_REPLICATES = 10_000
DRAWS_AT_ONCE = 1000
COARSE_STEPS = 128
CELLS_PER_BLOCK = 2**17
# Adding one number from memory takes as long as so many steps of a matrix product.
ADDING_COSTS = 16


@dataclass(frozen=True, eq=False)
class Grouping:
    """Which cluster each image is in. cluster: (n,) int32 below count; by: what a cluster is, in words."""

    cluster: npt.NDArray[np.int32]
    count: int
    by: str

    @classmethod
    def of(cls, values: npt.NDArray[Any], by: str) -> "Grouping":
        """Images of one value are a cluster; a negative value stands for an image of its own. values: (n,)
        integers."""
        values = np.asarray(values, np.int64)
        alone = values < 0
        firsts, cluster = np.unique(values[~alone], return_inverse=True)
        merged = np.empty(len(values), np.int64)
        merged[~alone] = cluster
        merged[alone] = len(firsts) + np.arange(np.count_nonzero(alone))
        count = len(firsts) + int(np.count_nonzero(alone))
        if count > MAX_CLUSTERS:
            merged, count = merged % MAX_CLUSTERS, MAX_CLUSTERS
        return cls(merged.astype(np.int32), count, by)

    @cached_property
    def sizes(self) -> Counts:
        """(count,) images in each cluster."""
        return np.bincount(self.cluster, minlength=self.count)

    @property
    def effective(self) -> float:
        """How many clusters of equal size would tell as much: (Σ n)² / Σ n² (Kish 1965); 0 without images."""
        squares = float((self.sizes.astype(np.float64) ** 2).sum())
        return len(self.cluster) ** 2 / squares if squares else 0.0

    @property
    def freedom(self) -> float:
        """Degrees of freedom of the variance between clusters, at least 1: (Σ n²)² / Σ n⁴ − 1, one less than
        their number where all are of one size (Satterthwaite, F. E. (1946), Biometrics Bulletin 2, 110–114:
        the variance is a sum of squares that weigh n²)."""
        weights = self.sizes.astype(np.float64) ** 2
        return max(1.0, float(weights.sum() ** 2 / (weights**2).sum()) - 1) if len(self.cluster) else 1.0

    def take(self, rows: npt.NDArray[Any]) -> "Grouping":
        return replace(self, cluster=self.cluster[rows])


@dataclass(frozen=True, eq=False)
class Clusters:
    """The clusters of a part and how often each is drawn. stream: tells the parts' random numbers apart.
    rounds: 1, or 2 for draws from draws, see `fresh`. Raises ValueError for more draws than are kept in
    memory.

    The first R draws are the same whatever `replicates`: entries of 1,000 and of 10,000 stay paired.
    """

    positives: Grouping
    negatives: Grouping
    replicates: int
    stream: int = 0
    rounds: int = 1
    _whole: "Clusters | None" = None

    def __post_init__(self) -> None:
        if not 0 <= self.replicates <= MAX_REPLICATES:
            raise ValueError(f"replicates is {self.replicates:,}; it must be from 0 to {MAX_REPLICATES:,}")

    @property
    def can_vary(self) -> bool:
        """Whether there is more than one storm: how storms differ cannot be told from a single one."""
        return self.positives.count > 1

    @property
    def effective(self) -> float:
        """The clusters of equal size that would tell as much, of the class that has fewer of them."""
        blocks = self.negatives.effective
        return min(self.positives.effective, blocks) if blocks else self.positives.effective

    @cached_property
    def positive_weights(self) -> npt.NDArray[Any]:
        """(R, clusters) how often each storm is drawn, whole numbers in float32 or float64."""
        return self._weights(self.positives, 2 * self.stream)

    @cached_property
    def negative_weights(self) -> npt.NDArray[Any]:
        return self._weights(self.negatives, 2 * self.stream + 1)

    def _weights(self, grouping: Grouping, stream: int) -> npt.NDArray[Any]:
        if self._whole is not None:
            return self._whole.positive_weights if stream % 2 == 0 else self._whole.negative_weights
        weights = draw_weights(grouping.count, self.replicates, stream, rounds=self.rounds)
        heaviest = (weights @ grouping.sizes.astype(np.float64)).max(initial=0)
        return weights if heaviest < EXACT_IN_FLOAT32 else weights.astype(np.float64)

    @cached_property
    def fresh(self) -> "Clusters":
        """Draws of the storms of another season, when these storms are themselves only a draw: each draws
        from a draw. What was chosen on these storms errs there by both, so by √2 more than one draw shows."""
        if self._whole is not None:
            return replace(self, rounds=2, _whole=self._whole.fresh)
        return replace(self, rounds=2)

    def take(self, positives: npt.NDArray[Any], negatives: npt.NDArray[Any]) -> "Clusters":
        """Of some images, by rows or masks, with the same weights."""
        return replace(
            self,
            positives=self.positives.take(positives),
            negatives=self.negatives.take(negatives),
            _whole=self._whole or self,
        )


def draw_weights(clusters: int, replicates: int, stream: int, *, rounds: int = 1) -> npt.NDArray[np.float32]:
    """(replicates, clusters) float32: how often each of the clusters is drawn in as many draws with
    replacement; with more rounds, from what the round before has drawn.

    Raw numbers of Philox (Salmon, J. et al. (2011), Parallel random numbers: as easy as 1, 2, 3, SC '11),
    whose bits NumPy keeps from version to version, which it does not promise of its distributions. A raw
    32-bit number u picks cluster ⌊u · clusters / 2³²⌋: uneven by less than one part in four million.
    """
    weights = np.zeros((replicates, clusters), np.float32)
    streams = [
        np.random.Philox(key=np.array([SEED, 16 * stream + each], np.uint64)) for each in range(rounds)
    ]
    for first in range(0, replicates if clusters else 0, DRAWS_AT_ONCE):
        rows = min(DRAWS_AT_ONCE, replicates - first)
        drawn = np.broadcast_to(np.arange(clusters), (rows, clusters))
        for random in streams:
            drawn = np.take_along_axis(drawn, _picks(random, rows, clusters), axis=1)
        cells = drawn + clusters * np.arange(rows)[:, None]
        counts = np.bincount(cells.ravel(), minlength=rows * clusters)
        weights[first : first + rows] = counts.reshape(rows, clusters)
    return weights


def _picks(random: np.random.Philox, rows: int, clusters: int) -> Counts:
    """(rows, clusters) whole numbers below clusters. Two come of each raw word of 64 bits; each row begins
    with a new word."""
    words = -(-clusters // 2)
    raw = random.random_raw(rows * words).astype("<u8", copy=False).view("<u4").reshape(rows, 2 * words)
    return (raw[:, :clusters].astype(np.int64) * clusters) >> 32


@dataclass(frozen=True, eq=False)
class Replicates:
    """What one entry does in each of the R draws; NaN where it is not defined.

    values: (R,) the score, or what would be the score without a gate. recall, precision: (R,) at the entry's
    own operating threshold, which no draw moves. passed: (R,) bool, whether the entry passes the gate there.
    ranked: (R,) what the draw would be ranked by: the score, or recall − 1 below the gate; `values` if None.
    """

    values: Floats
    recall: Floats | None = None
    precision: Floats | None = None
    passed: npt.NDArray[np.bool_] | None = None
    ranked: Floats | None = None


class Draws:
    """Weighted counts of one part in all R draws. positives, negatives: (R,) float64 totals."""

    def __init__(self, tally: "Tally", clusters: Clusters) -> None:
        self._tally, self.clusters = tally, clusters
        self.replicates = clusters.replicates

    @cached_property
    def positives(self) -> Floats:
        return self._totals(self.clusters.positive_weights, self.clusters.positives.sizes)

    @cached_property
    def negatives(self) -> Floats:
        return self._totals(self.clusters.negative_weights, self.clusters.negatives.sizes)

    def at(self, threshold: float) -> tuple[Floats, Floats]:
        """(tp (R,), fp (R,)) float64: the images at or above one threshold."""
        negatives = self.clusters.negatives
        found = int(self._tally.counts(np.array([threshold]))[1][0])
        called = negatives.cluster[self._tally.top(found).rows[:found]]
        images = np.bincount(called, minlength=negatives.count)
        return self.positives_at(threshold), self._totals(self.clusters.negative_weights, images)

    def positives_at(self, threshold: float) -> Floats:
        """(R,) float64: the positives at or above a threshold."""
        positives = self.clusters.positives
        found = np.append(self._tally.tp, 0)[np.searchsorted(self._tally.thresholds, threshold, side="left")]
        called = positives.cluster[self._tally.descending[:found]]
        return self._totals(self.clusters.positive_weights, np.bincount(called, minlength=positives.count))

    def blocks(self) -> Iterator[tuple[Floats, Floats, Floats]]:
        """(thresholds (k,), tp (k, R), fp (k, R)) float64, for all distinct scores of the positives from the
        highest to the lowest, some at a time so that they stay in the processor's cache."""
        curve = _Curve(self._tally, self.clusters, self._tally.top(self._tally.negatives))
        step = max(8, CELLS_PER_BLOCK // max(1, self.replicates))
        tp, fp = np.zeros((1, self.replicates)), np.zeros((1, self.replicates))
        for first in range(0, len(curve.thresholds), step):
            places = np.arange(first, min(first + step, len(curve.thresholds)))
            tp, fp = curve.all_weighted(first - 1, places, tp[-1], fp[-1])
            yield curve.thresholds[places], tp, fp

    def best(self, value: Value, *, reach: int | None = None) -> Floats:
        """(R,) the largest value over all thresholds at positives' scores, in each draw.

        value(tp (k, R'), fp (k, R'), positives (R',), negatives (R',)) -> (k, R') must not fall when a true
        positive is added, nor rise when a false positive is: so are precision, recall, F-beta, CSI, MCC and
        the other scores of a 2×2 table, and any of them with −inf where a floor is missed. No NaN.

        Exact, though few thresholds are looked at: between two thresholds no value exceeds that of the
        lower one's true and the upper one's false positives. A stretch of thresholds is looked into only for
        the draws in which that bound exceeds what was found. reach: of how many of the highest negatives it
        is likely to depend; where the bound for everything below them does not rule out a better value, more
        are taken.
        """
        count = self._tally.negatives if reach is None else reach
        best = np.full(self.replicates, -np.inf)
        chunks = range(0, self.replicates, DRAWS_AT_ONCE)
        while True:
            curve = _Curve(self._tally, self.clusters, self._tally.top(count))
            for first in chunks:
                self._climb(curve, value, best, slice(first, first + DRAWS_AT_ONCE))
            if curve.is_whole:
                return best
            below = value(
                self.positives[None],
                self._totals(self.clusters.negative_weights, curve.negatives_per_cluster)[None],
                self.positives,
                self.negatives,
            )
            if (below[0] <= best).all():
                return best
            count = 4 * max(count, 1)

    def _climb(self, curve: "_Curve", value: Value, found: Floats, draws: slice) -> None:
        """Raises what was found for some draws to the largest value on the curve."""
        positives, negatives, best = self.positives[draws], self.negatives[draws], found[draws]
        edges = curve.edges
        if not len(edges):
            return
        none = np.zeros(len(best))
        tp, fp = curve.weighted(-1, edges, draws, none, none)
        np.maximum(best, value(tp, fp, positives, negatives).max(axis=0), out=best)
        tp_before, fp_before = (np.vstack([none, each[:-1]]) for each in (tp, fp))
        bounds = value(tp, fp_before, positives, negatives)
        for step in range(len(edges)):
            before = edges[step - 1] if step else -1
            inside = np.arange(before + 1, edges[step])
            open_draws = np.flatnonzero(bounds[step] > best)
            if not len(open_draws) or not len(inside):
                continue
            tp, fp = curve.weighted(
                before,
                inside,
                (draws.start or 0) + open_draws,
                tp_before[step, open_draws],
                fp_before[step, open_draws],
            )
            values = value(tp, fp, positives[open_draws], negatives[open_draws])
            best[open_draws] = np.maximum(best[open_draws], values.max(axis=0))

    def sums(self, per_positive: Floats, per_negative: Floats) -> Floats:
        """(R,) weighted sums of a quantity of each image: (P,) and (N,) in the part's order.

        The numbers are not whole, so they are added one cluster after the other, never in another order.
        """
        clusters = self.clusters
        return _ordered_sums(clusters.positive_weights, clusters.positives, per_positive) + _ordered_sums(
            clusters.negative_weights, clusters.negatives, per_negative
        )

    def pairs(self) -> Floats:
        """(R,) weighted number of pairs of a positive and a negative of which the positive scores higher,
        ties one half: positives · negatives · ROC AUC."""
        clusters, tally = self.clusters, self._tally
        top = tally.top(tally.negatives)
        negative = clusters.negatives.cluster[top.rows]
        thresholds = tally.thresholds[::-1]
        tp = np.append(0, tally.tp[::-1])
        wrong = np.zeros((clusters.positives.count, clusters.negatives.count))
        # A negative above a positive counts twice here, one that ties with it once.
        for ends in (top.at_or_above(thresholds), top.above(thresholds)):
            passed = np.zeros(clusters.negatives.count)
            for first in range(0, len(thresholds), 256):
                stop = min(first + 256, len(thresholds))
                begin = ends[first - 1] if first else 0
                above = passed + cumulative_counts(
                    negative, begin, ends[first:stop], clusters.negatives.count
                )
                storms = clusters.positives.cluster[tally.descending[tp[first] : tp[stop]]]
                above_each = np.repeat(np.arange(stop - first), np.diff(tp[first : stop + 1]))
                order = np.argsort(storms, kind="stable")
                present, begins = np.unique(storms[order], return_index=True)
                wrong[present] += np.add.reduceat(above[above_each[order]], begins, axis=0)
                passed = above[-1]
        by_draw = _product(wrong.T, clusters.positive_weights.astype(np.float64)).T
        return self.positives * self.negatives - 0.5 * (by_draw * clusters.negative_weights).sum(axis=1)

    @staticmethod
    def _totals(weights: npt.NDArray[Any], images: npt.NDArray[Any]) -> Floats:
        return _product(images[None], weights)[0].astype(np.float64)


class _Curve:
    """The counts at the positives' distinct scores, descending, as far as some highest negatives reach."""

    def __init__(self, tally: "Tally", clusters: Clusters, top: "Top") -> None:
        self._clusters = clusters
        descending = tally.thresholds[::-1]
        length = int(np.count_nonzero(top.covers(descending)))
        self.is_whole = length == len(descending)
        self.thresholds = descending[:length]
        self._tp = np.append(tally.tp[::-1][:length], 0)  # so that place -1 is above all of them
        self._fp = np.append(top.at_or_above(self.thresholds), 0)
        self._positive = clusters.positives.cluster[tally.descending]
        self._negative = clusters.negatives.cluster[top.rows]

    @property
    def edges(self) -> Counts:
        """The last places of about `COARSE_STEPS` stretches of equal length."""
        length = len(self.thresholds)
        step = max(8, -(-length // COARSE_STEPS))
        return np.append(np.arange(step - 1, length - 1, step), length - 1) if length else np.arange(0)

    @property
    def negatives_per_cluster(self) -> Counts:
        """All the negatives that were taken: every threshold further down has at least these above it."""
        return np.bincount(self._negative, minlength=self._clusters.negatives.count)

    def weighted(
        self, before: int, places: Counts, draws: Any, tp_before: Floats, fp_before: Floats
    ) -> tuple[Floats, Floats]:
        """(tp, fp), each (k, draws): the counts at some places, from those at the place `before` all."""
        clusters = self._clusters
        tp = self._images(clusters.positives, self._positive, self._tp, before, places)
        fp = self._images(clusters.negatives, self._negative, self._fp, before, places)
        return (
            tp_before + _product(tp, clusters.positive_weights[draws]),
            fp_before + _product(fp, clusters.negative_weights[draws]),
        )

    @cached_property
    def _weights_by_storm(self) -> npt.NDArray[Any]:
        """(clusters, R) the weights of a storm in one piece."""
        return np.ascontiguousarray(self._clusters.positive_weights.T)

    def all_weighted(
        self, before: int, places: Counts, tp_before: Floats, fp_before: Floats
    ) -> tuple[Floats, Floats]:
        """As `weighted`, of all draws, where places follow each other: hardly more positives than places lie
        between them, and adding the weights of each one's storm takes less than a product with all storms."""
        clusters = self._clusters
        storms = self._positive[self._tp[before] : self._tp[places[-1]]]
        if len(storms) * ADDING_COSTS > len(places) * clusters.positives.count:
            return self.weighted(before, places, slice(None), tp_before, fp_before)
        added = self._weights_by_storm[storms].cumsum(axis=0)
        fp = self._images(clusters.negatives, self._negative, self._fp, before, places)
        return (
            tp_before + added[self._tp[places] - self._tp[before] - 1],
            fp_before + _product(fp, clusters.negative_weights),
        )

    @staticmethod
    def _images(
        grouping: Grouping, cluster: npt.NDArray[np.int32], ends: Counts, before: int, places: Counts
    ) -> Counts:
        return cumulative_counts(cluster, int(ends[before]), ends[places], grouping.count)


@contextmanager
def one_thread() -> Iterator[None]:
    """Inside, a matrix product keeps to one thread. Products this small gain little from several, and where
    other workers keep the processors busy, waiting for the slowest thread costs ten times the product.

    The setting is the process's: the first who comes in makes it, the last who leaves takes it back. Coming
    in again is cheap, so a computation of many products comes in once around all of them.
    """
    global _inside, _limit  # noqa: PLW0603 - as global as the libraries' setting
    with _LOCK:
        _inside += 1
        if _inside == 1:
            _limit = _libraries().limit(limits=1, user_api="blas")
    try:
        yield
    finally:
        with _LOCK:
            _inside -= 1
            if not _inside:
                _limit.restore_original_limits()


_LOCK = Lock()
_inside = 0
_limit: Any = None


@cache
def _libraries() -> Any:
    from threadpoolctl import ThreadpoolController  # noqa: PLC0415 - only where something is drawn

    return ThreadpoolController()


def cumulative_counts(cluster: npt.NDArray[np.int32], begin: int, ends: Counts, count: int) -> Counts:
    """(k, count): of the rows from `begin` on, how many of each cluster lie before each end."""
    step = np.repeat(np.arange(len(ends)), np.diff(ends, prepend=begin))
    cells = step * count + cluster[begin : ends[-1]]
    return np.bincount(cells, minlength=len(ends) * count).reshape(len(ends), count).cumsum(axis=0)


def _product(images: npt.NDArray[Any], weights: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """(k, clusters) images and (R, clusters) weights to (k, R) counts, exact whatever the order of adding."""
    with one_thread():
        return images.astype(weights.dtype) @ weights.T


def _ordered_sums(weights: npt.NDArray[Any], grouping: Grouping, values: Floats) -> Floats:
    per_cluster = np.bincount(grouping.cluster, weights=values, minlength=grouping.count)
    return (weights.T.astype(np.float64, order="C") * per_cluster[:, None]).sum(axis=0)
