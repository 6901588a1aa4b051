"""The numbers that make the synthetic world as hard as it is."""

from dataclasses import dataclass

# Raise it with any change that moves an image or a label: results on two versions do not compare.
WORLD_VERSION = "1"

PREVALENCE = 1 / 32
"""Share of positives: 31 negatives for each cyclone or precursor."""

FIXES_PER_STORM = 12
"""Mean number of 6-hourly fixes of a storm that are shown."""


@dataclass(frozen=True)
class Difficulty:
    """How far apart storms and other clouds lie: small changes move a model's precision by 0.05 and more.

    The organisation of a system runs from 0 (none) to 1 (a hurricane with an eye).
    """

    organisation_at_genesis: float = 0.65
    organisation_lost_per_lead_day: float = 0.062
    spread_between_storms: float = 0.11
    """Standard deviation of a storm's organisation about the mean of all, for its whole life."""
    spread_between_fixes: float = 0.08
    """Standard deviation of its changes from fix to fix, which fade by a fifth in 6 hours."""

    swirl_constant: float = 0.34
    swirl_linear: float = 1.85
    swirl_quadratic: float = 3.0
    """Rotation of the centre, in radians, as a polynomial of the organisation."""
    swirl_spread: float = 0.39

    centre_error: float = 3.7
    """How far from the middle of the image an unorganised storm turns, in pixels (standard deviation)."""

    other_swirl_bias: float = 0.15
    other_swirl_spread: float = 0.40
    """Rotation of all other clouds: a weak cyclonic mean, and a spread."""

    nondeveloping_organisation: float = 0.30
    nondeveloping_spread: float = 0.13
    """Organisation of disturbances that look like precursors and never become a storm."""


DIFFICULTY = Difficulty()
