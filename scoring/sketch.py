"""Sketches of predictions: a few kilobytes that tell how two submissions differ, without keeping either.

A sketch sums the ranks of the images in each of 2,048 buckets, to which images are dealt by their position
alone. Sums are linear, so the difference of two sketches is the sketch of what changed: a new model moves all
buckets by about as much, a few images that were moved show in a few buckets, whatever else is the same.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

BUCKETS = 2048
# A change is small where it lies in less than this share of the buckets (or of the images, where these are
# fewer), and the rest stays as it was.
SMALL_SPREAD = 0.05
SMALL_CORRELATION = 0.9
# Knuth's multiplicative hash: neighbours go to different buckets, and everybody's images to the same ones.
KNUTH = 2654435761


@dataclass(frozen=True, eq=False)
class Sketch:
    """sums: (2048,) float32, in each bucket the sum of the images' ranks, which go from -1/2 to 1/2; ties
    share theirs. images: how many there are. distinct: their different scores. lift: how much higher
    positives are ranked than negatives, in standard errors of a random order; 0 is chance.
    """

    sums: npt.NDArray[np.float32]
    images: int
    distinct: int
    lift: float

    @classmethod
    def of(
        cls,
        predictions: npt.NDArray[np.float64],
        positives: npt.NDArray[np.bool_] | None = None,
        negatives: npt.NDArray[np.bool_] | None = None,
    ) -> "Sketch":
        """predictions: (N,) in the solution's order. positives, negatives: (N,) masks, of the public part."""
        images = len(predictions)
        values, place, counts = np.unique(predictions, return_inverse=True, return_counts=True)
        last = np.cumsum(counts)
        ranks = ((last - (counts - 1) / 2 - 0.5) / images - 0.5)[place]
        bucket = (np.arange(images, dtype=np.uint64) * KNUTH % 2**32 % BUCKETS).astype(np.int64)
        sums = np.bincount(bucket, weights=ranks, minlength=BUCKETS).astype(np.float32)
        lift = 0.0
        if positives is not None and negatives is not None and len(values) > 1:
            error = ranks.std() * np.sqrt(1 / positives.sum() + 1 / negatives.sum())
            lift = float((ranks[positives].mean() - ranks[negatives].mean()) / error)
        return cls(sums, images, len(values), lift)


@dataclass(frozen=True)
class Difference:
    """correlation: of the sketches, 1 for the same order. changed: about how many images moved, the buckets
    that hold the change. is_nothing: the order is the same. is_small: few images moved and the rest stayed.
    """

    correlation: float
    changed: float
    is_nothing: bool
    is_small: bool


def difference(one: Sketch, other: Sketch) -> Difference:
    """What changed between two sketches of the same images."""
    change = (other.sums - one.sums).astype(np.float64)
    correlation = _correlation(one.sums, other.sums)
    square = float((change**2).sum())
    # Rounding of float32 sums, about 1e-6 each.
    if square < 1e-8:
        return Difference(correlation, 0.0, is_nothing=True, is_small=False)
    changed = square**2 / float((change**4).sum())  # how many equal spikes would be as uneven
    small = changed < SMALL_SPREAD * min(BUCKETS, one.images) and correlation > SMALL_CORRELATION
    return Difference(correlation, changed, is_nothing=False, is_small=small)


def is_one_sided(one: Sketch, other: Sketch) -> bool:
    """Whether all images that moved moved the same way, as they do where a threshold is moved."""
    change = (other.sums - one.sums).astype(np.float64)
    spikes = change[np.abs(change) > 0.25 * np.abs(change).max()]
    return bool((spikes > 0).all() or (spikes < 0).all())


def is_threshold_sweep(sketches: list[Sketch]) -> bool:
    """Whether entries of labels come from one order of the images with the line drawn elsewhere: of any two,
    one calls all that the other calls."""
    if any(sketch.distinct > 2 for sketch in sketches):
        return False
    pairs = ((one, other) for place, one in enumerate(sketches) for other in sketches[:place])
    return all(is_one_sided(one, other) for one, other in pairs)


def _correlation(one: npt.NDArray[np.float32], other: npt.NDArray[np.float32]) -> float:
    a, b = one.astype(np.float64) - one.mean(), other.astype(np.float64) - other.mean()
    length = np.sqrt((a @ a) * (b @ b))
    return float(a @ b / length) if length > 0 else 0.0
