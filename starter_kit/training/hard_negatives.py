"""Which negatives the model finds hardest, asked of the model itself.

Of a million images without a storm most are easy and teach nothing more. Hard-negative mining (Shrivastava et
al. 2016, doi 10.1109/CVPR.2016.89, is its best-known form) scores all of them with the model as it is, and
draws more of those that look most like a storm. What looks *most* like a storm may be one: a precursor that
the tracker missed, or the outskirts of a storm. Two guards keep such images from being hammered in.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from starter_kit.configuration.sections import SamplerConfig
from starter_kit.images.data import TrainingData

EARTH_RADIUS_KM = 6371.0
Positions = NDArray[np.int64]


def is_mining_epoch(config: SamplerConfig, epoch: int) -> bool:
    """Whether epoch (1, 2, …) begins with a mining: the first after `first_mining` epochs, then again every
    `mine_every`."""
    since = epoch - 1 - config.first_mining
    return config.name == "hard_negatives" and since >= 0 and since % config.mine_every == 0


def hardest(
    logits: NDArray[np.float64], *, keep: int, skip_share: float, mineable: NDArray[np.bool_]
) -> Positions:
    """Indices of the `keep` highest of logits (N,) among the mineable, hardest first.

    skip_share: that share of the N, the very hardest, is passed over.
    """
    candidates = np.flatnonzero(mineable)
    order = candidates[np.argsort(-logits[candidates], kind="stable")]
    skipped = round(skip_share * len(logits))
    return order[skipped : skipped + keep]


def near_a_storm(
    data: TrainingData, positions: Positions, *, kilometres: float, hours: float
) -> NDArray[np.bool_]:
    """For each position whether a fix of any storm is in its surroundings, (len(positions),).

    The surroundings are an ellipsoid in space and time: (distance / kilometres)² + (time / hours)² < 1, with
    the distance along the great circle.
    """
    if kilometres == 0 or hours == 0:
        return np.zeros(len(positions), bool)
    fixes = np.flatnonzero(data.labels == 1)
    tree = cKDTree(_scaled(data, fixes, kilometres, hours))
    nearest, _ = tree.query(_scaled(data, positions, kilometres, hours), distance_upper_bound=1.0)
    return nearest < 1.0


def _scaled(data: TrainingData, positions: Positions, kilometres: float, hours: float) -> NDArray[np.float64]:
    """Places on the unit sphere and times, (n, 4), such that the surroundings are the unit ball."""
    latitude, longitude = np.radians(data.latitude[positions]), np.radians(data.longitude[positions])
    chord = 2 * np.sin(min(np.pi, kilometres / EARTH_RADIUS_KM) / 2)
    place = np.column_stack(
        [np.cos(latitude) * np.cos(longitude), np.cos(latitude) * np.sin(longitude), np.sin(latitude)]
    )
    return np.column_stack([place / chord, data.hours[positions] / hours])


def mineable_negatives(config: SamplerConfig, data: TrainingData, negatives: Positions) -> NDArray[np.bool_]:
    """Which of the negatives may be called hard, (len(negatives),): those away from every storm."""
    return ~near_a_storm(data, negatives, kilometres=config.storm_kilometres, hours=config.storm_hours)
