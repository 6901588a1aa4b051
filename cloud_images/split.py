"""Which test images are scored in public and which in private."""

import numpy as np
import polars as pl

from cloud_images.errors import ReleaseError

# Clouds stay alike for a few days, so negatives are divided by whole spans of this length.
BLOCK_DAYS = 5
SEASONS = 4


def public_rows(table: pl.DataFrame, *, public_fraction: float, rng: np.random.Generator) -> np.ndarray:
    """Choose the public part of the test images: (N,) bool.

    table has `label`, `storm_id`, `time`, `basin`. Images of one storm are not independent, and neither
    are negatives of the same days, so whole storms and whole blocks of five days are chosen. Both are taken
    evenly from every season (and storms from every basin), so that no part is harder than the other.
    A fraction of 0 makes everything private, which suits test images of a single storm.
    Raises ReleaseError where a part would be left without a positive or a negative.
    """
    if public_fraction == 0:
        return np.zeros(len(table), bool)
    if not 0 < public_fraction < 1:
        raise ReleaseError(
            f"The public fraction is {public_fraction}; it must be 0 (all private) or below 1, as 0.3."
        )
    positive = table["label"].to_numpy() == 1
    time = table["time"].dt.timestamp("ms").to_numpy() / 86_400_000  # days
    season = ((table["time"].dt.month().to_numpy() % 12) // (12 // SEASONS)).astype(np.int64)
    public = np.zeros(len(table), bool)

    storms, storm_of_row = np.unique(table["storm_id"].filter(positive).to_numpy(), return_inverse=True)
    if len(storms) < 2:
        raise ReleaseError(
            f"The test images show {len(storms)} storm{'s' * (len(storms) != 1)}; at least 2 are needed, "
            "since a storm lies wholly in the public or wholly in the private part. Ask for more test images."
        )
    basins = np.unique(table["basin"].to_numpy(), return_inverse=True)[1]
    stratum = (season * (basins.max() + 1) + basins)[positive]
    public[positive] = _choose_groups(storm_of_row, stratum, public_fraction, rng)[storm_of_row]

    negative = ~positive
    blocks, block_of_row = np.unique(np.floor(time[negative] / BLOCK_DAYS), return_inverse=True)
    if len(blocks) < 2:
        raise ReleaseError(
            f"The negative test images lie within one block of {BLOCK_DAYS} days; at least 2 blocks are "
            "needed, since a block lies wholly in the public or wholly in the private part. "
            "Let the test cover more days."
        )
    public[negative] = _choose_groups(block_of_row, season[negative], public_fraction, rng)[block_of_row]
    return public


def _choose_groups(
    group_of_row: np.ndarray, stratum_of_row: np.ndarray, fraction: float, rng: np.random.Generator
) -> np.ndarray:
    """Choose groups that hold about `fraction` of the rows, evenly over the strata: (groups,) bool.

    The groups are walked through stratum by stratum, shuffled inside each; a group is taken whenever that
    brings the share so far closer to the fraction. So the share is right in every stretch of the walk.
    """
    sizes = np.bincount(group_of_row)
    stratum = np.zeros(len(sizes), np.int64)
    stratum[group_of_row[::-1]] = stratum_of_row[::-1]  # a group that crosses seasons counts where it begins
    order = np.lexsort((rng.permutation(len(sizes)), stratum))
    chosen = np.zeros(len(sizes), bool)
    taken = passed = 0
    for group in order:
        passed += sizes[group]
        if taken + sizes[group] / 2 <= fraction * passed:
            chosen[group] = True
            taken += sizes[group]
    if not chosen.any() or chosen.all():
        chosen[:] = fraction > 0.5
        smallest = np.argmin(sizes)
        chosen[smallest] = not chosen[smallest]
    return chosen
