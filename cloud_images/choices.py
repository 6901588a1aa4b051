"""What becomes an image of a release. Each choice has its one default here."""

from dataclasses import dataclass
from math import hypot

from cloud_images.shards import IMAGE_SIZE

KM_PER_DEGREE = 111.195


@dataclass(frozen=True)
class Choices:
    """How positives and negatives are chosen. Hours and kilometres are at least 0."""

    max_gap_hours: float = 12.0
    """Track fixes farther apart are not joined: the centre in between is not known well enough."""
    max_missing: float = 0.05
    """A patch with a larger share of missing pixels is dropped; smaller gaps take the nearest value."""
    negatives_per_positive: float = 31.0
    """At most so many, in train and in test. The ratio of the synthetic world: one cyclone in 32 images."""
    negative_distance_km: float | None = None
    """Least distance of a negative's centre from any cyclone. None: 600 km, or half a patch's diagonal where
    that is more, so that no cyclone's centre is in a negative."""
    negative_hours: float = 24.0
    """That distance holds from each place where a cyclone is within so many hours before and after."""
    negative_max_latitude: float = 50.0
    """Poleward of it no negatives are taken: there the winter surface is as cold as a cloud."""
    negative_jitter_degrees: float = 0.75
    """Standard deviation by which a negative is moved off its coldest point, as cyclones are not centred on
    theirs either."""
    guard_hours: float = 72.0
    """No negatives so near to the border between train and test: clouds stay alike for a few days."""

    def distance_km(self, spacing: tuple[float, float]) -> float:
        """The least distance on a grid with this spacing (degrees between rows, between columns)."""
        if self.negative_distance_km is not None:
            return self.negative_distance_km
        return max(600.0, hypot(*spacing) * IMAGE_SIZE / 2 * KM_PER_DEGREE)
