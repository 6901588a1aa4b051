"""Which storms and other cloud systems a period holds: where, when, and how organised they are."""

from dataclasses import dataclass

import numpy as np

from cloud_images.basins import basin_of
from cloud_images.synthetic.appearance import KIND_NAMES, KINDS, Setting
from cloud_images.synthetic.world import DIFFICULTY, FIXES_PER_STORM

STEP_HOURS = 6
LONGEST_LEAD_HOURS = 7 * 24
HOURS_PER_YEAR = 365.25 * 24


@dataclass(frozen=True)
class Basin:
    """Where and when storms are born: means and standard deviations; months from 1.0 = 1 January."""

    name: str
    share: float
    latitude: float
    latitude_spread: float
    longitude: float
    longitude_spread: float
    month: float
    month_spread: float


BASINS = (
    Basin("WNP", 0.34, 13, 5.0, 143, 14, 8.6, 2.0),
    Basin("ENP", 0.17, 13, 3.5, -108, 11, 8.3, 1.5),
    Basin("NAT", 0.13, 15, 5.0, -52, 16, 9.1, 1.2),
    Basin("NIO", 0.06, 12, 4.0, 80, 9, 8.2, 3.2),
    Basin("SIO", 0.16, -12, 4.0, 75, 18, 1.6, 1.5),
    Basin("SPO", 0.14, -13, 4.0, 165, 15, 1.9, 1.4),
)


@dataclass(frozen=True)
class Period:
    """Whole years, with times counted in hours since the start of the first."""

    first_year: int
    years: int

    @property
    def start(self) -> np.datetime64:
        return np.datetime64(f"{self.first_year:04d}-01-01", "h")

    @property
    def hours(self) -> int:
        return int((np.datetime64(f"{self.first_year + self.years:04d}-01-01", "h") - self.start).astype(int))

    def datetimes(self, hour: np.ndarray) -> np.ndarray:
        return self.start + hour.astype("timedelta64[h]")


@dataclass(frozen=True)
class Fixes:
    """Images to show, each (n,): negatives have storm -1, storms have kind -1."""

    storm: np.ndarray
    kind: np.ndarray
    hour: np.ndarray
    """Hours since the start of the period, a multiple of 6."""
    latitude: np.ndarray
    longitude: np.ndarray
    basin: np.ndarray
    lead_hours: np.ndarray
    """Hours until genesis, negative after it; NaN for negatives."""
    wind: np.ndarray
    """Knots."""
    organisation: np.ndarray

    def __len__(self) -> int:
        return len(self.storm)

    def __getitem__(self, rows: np.ndarray | slice) -> "Fixes":
        return Fixes(**{name: values[rows] for name, values in vars(self).items()})

    def setting(self) -> Setting:
        return Setting(
            latitude=self.latitude,
            season=self.hour / HOURS_PER_YEAR % 1,
            local_hour=(self.hour + self.longitude / 15) % 24,
        )


def concatenate(first: Fixes, second: Fixes) -> Fixes:
    return Fixes(
        **{name: np.concatenate([values, vars(second)[name]]) for name, values in vars(first).items()}
    )


def storm_count(positives: int) -> int:
    """How many storms to show with so many images: two at least, where there are two images."""
    return max(min(2, positives), positives // FIXES_PER_STORM)


def draw_storm_fixes(rng: np.random.Generator, positives: int, period: Period) -> Fixes:
    """Choose so many fixes of the period's storms; every storm is seen at least once."""
    fixes = draw_tracks(rng, storm_count(positives), period)
    luck = rng.random(len(fixes))
    order = np.lexsort((luck, fixes.storm))
    first_of_storm = np.empty(len(fixes), bool)
    first_of_storm[order] = np.diff(fixes.storm[order], prepend=-1) != 0
    chosen = np.argsort(np.where(first_of_storm, -1, luck), kind="stable")[:positives]
    return fixes[chosen]


def draw_tracks(rng: np.random.Generator, storms: int, period: Period) -> Fixes:
    """All 6-hourly fixes of some storms, from up to 7 days before genesis to the end of their life."""
    basin = rng.choice(
        len(BASINS), storms, p=np.array([b.share for b in BASINS]) / sum(b.share for b in BASINS)
    )

    def normal(mean: str, spread: str) -> np.ndarray:
        means, spreads = (np.array([getattr(b, name) for b in BASINS])[basin] for name in (mean, spread))
        return rng.normal(means, spreads)

    genesis_latitude = normal("latitude", "latitude_spread")
    southern = np.array([b.latitude < 0 for b in BASINS])[basin]
    genesis_latitude = np.where(
        southern, np.clip(genesis_latitude, -30, -4), np.clip(genesis_latitude, 4, 32)
    )
    genesis_longitude = normal("longitude", "longitude_spread")
    time_of_year = (normal("month", "month_spread") - 1) / 12 % 1
    precursor_hours = np.minimum(LONGEST_LEAD_HOURS, 24 * (1 + rng.gamma(2.2, 1.7, storms)))
    life_hours = np.clip(24 * rng.gamma(2.6, 1.9, storms), 24, 400)
    peak_hours = life_hours * rng.uniform(0.3, 0.7, storms)
    peak_wind = 34 + rng.gamma(1.5, 22, storms)
    talent = rng.normal(0, DIFFICULTY.spread_between_storms, storms)

    steps_before = (precursor_hours // STEP_HOURS).astype(int)
    steps = steps_before + (life_hours // STEP_HOURS).astype(int) + 1
    genesis = (rng.integers(0, period.years, storms) + time_of_year) * HOURS_PER_YEAR // STEP_HOURS
    last_step = period.hours // STEP_HOURS - 1  # the whole track lies inside the period
    genesis = np.clip(genesis, steps_before, last_step - (steps - 1 - steps_before)).astype(int)

    storm = np.repeat(np.arange(storms), steps)
    step = np.arange(len(storm)) - np.repeat(np.cumsum(steps) - steps, steps)
    age = (step - steps_before[storm]) * STEP_HOURS  # hours since genesis, negative before it
    rising = np.clip(age / peak_hours[storm], 0, 1)
    decaying = np.clip((age - peak_hours[storm]) / (life_hours - peak_hours + 1)[storm], 0, 1)
    wind = np.where(
        age < 0,
        np.maximum(12, 30 + 0.1 * age),
        34 + (peak_wind[storm] - 34) * (np.sin(rising * np.pi / 2) ** 2 - 0.75 * decaying),
    )
    organisation = (
        DIFFICULTY.organisation_at_genesis
        + np.where(
            age < 0,
            DIFFICULTY.organisation_lost_per_lead_day * age / 24,
            0.38 * (1 - np.exp(-(wind - 34) / 38)) - 0.15 * decaying,
        )
        + talent[storm]
        + DIFFICULTY.spread_between_fixes * _red_noise(rng, steps)
    )
    poleward = np.sign(genesis_latitude)[storm] * age * np.where(age > 0, 0.035, 0.012)
    latitude = np.clip(genesis_latitude[storm] + poleward, -45, 45)
    drift = np.where(np.abs(latitude) < 25, -0.11, 0.05)  # degrees east an hour: trade winds, then westerlies
    drifted = np.cumsum(drift) * STEP_HOURS
    eastward = drifted - drifted[np.cumsum(steps) - steps + steps_before][storm]
    return Fixes(
        storm=storm,
        kind=np.full(len(storm), -1),
        hour=(genesis[storm] + step - steps_before[storm]) * STEP_HOURS,
        latitude=latitude.round(2),
        longitude=_wrapped((genesis_longitude[storm] + eastward).round(2)),
        basin=np.array([b.name for b in BASINS])[basin][storm],
        lead_hours=-age.astype(float),
        wind=wind,
        organisation=organisation,
    )


def draw_other_fixes(rng: np.random.Generator, count: int, period: Period) -> Fixes:
    """Other cloud systems, one image each, at any time of the period."""
    kind = rng.choice(len(KINDS), count, p=np.array(list(KINDS.values())) / sum(KINDS.values()))
    poleward = 13 + 6.5 * rng.normal(0, 1, count)
    for name, mean, spread in (("front", 36, 7), ("itcz", 8, 3.5)):
        here = kind == KIND_NAMES.index(name)
        poleward[here] = rng.normal(mean, spread, here.sum())
    latitude = np.clip(np.abs(poleward), 2, 55) * np.where(rng.random(count) < 0.6, 1, -1)
    longitude = rng.uniform(-180, 180, count)
    latitude, longitude = latitude.round(2), _wrapped(longitude.round(2))
    unknown = np.full(count, np.nan)
    return Fixes(
        storm=np.full(count, -1),
        kind=kind,
        hour=rng.integers(0, period.hours // STEP_HOURS, count) * STEP_HOURS,
        latitude=latitude,
        longitude=longitude,
        basin=basin_of(latitude, longitude),
        lead_hours=unknown,
        wind=unknown,
        organisation=unknown,
    )


def _red_noise(rng: np.random.Generator, steps: np.ndarray) -> np.ndarray:
    """Noise of unit variance along each storm that forgets a fifth from fix to fix.

    steps: (storms,) lengths. Returns (sum of steps,).
    """
    white = rng.normal(0, 1, steps.sum())
    first = np.cumsum(steps) - steps
    red = white.copy()
    for step in range(1, steps.max()):
        here = first[steps > step] + step
        red[here] = 0.8 * red[here - 1] + 0.6 * white[here]
    return red


def _wrapped(longitude: np.ndarray) -> np.ndarray:
    """To [-180, 180), two decimals."""
    return ((longitude + 180) % 360 - 180).round(2)
