"""Cyclone tracks on the fields' calendar: storms, their genesis, and where they were at any time."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from glob import glob
from pathlib import Path

import numpy as np
import polars as pl

from cloud_images.basins import basin_of
from cloud_images.calendars import STANDARD, seconds_of_dates
from cloud_images.errors import ReleaseError
from cloud_images.track_formats import READERS, Area, TrackFile, detect_format, refuse

TRACK_FORMATS = ("auto", "ibtracs", *READERS)
"""`auto` looks into the file; `ibtracs` is either of its two forms."""
EARTH_RADIUS_KM = 6371.0088


@dataclass(frozen=True)
class Storm:
    """One cyclone's track, in order of time."""

    storm_id: str
    seconds: np.ndarray
    """(N,) float64, seconds since 1970-01-01 on the calendar of `Tracks`, strictly increasing."""
    latitude: np.ndarray
    """(N,) float64, degrees north."""
    longitude: np.ndarray
    """(N,) float64, degrees east in [−180, 180)."""
    basin: np.ndarray
    """(N,) text: the source's basin, else the one of the position."""
    strength_known: bool
    """Whether the source tells which fixes are of tropical-storm strength."""
    genesis: float | None
    """Seconds of the first fix of tropical-storm strength; None if there is none, or strength is unknown."""
    spur: bool = False
    """A branch that agencies tracked beside another storm's main track."""

    def at(self, seconds: np.ndarray, max_gap_hours: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The centre at times (M,): latitude, longitude, nearest fix's index (−1: off the track), (M,) each.

        Between two fixes the storm moves along the great circle at constant speed; fixes more than
        `max_gap_hours` apart are not joined.
        """
        after = np.searchsorted(self.seconds, seconds, side="left").clip(0, len(self.seconds) - 1)
        before = (after - 1).clip(0)
        before = np.where(self.seconds[after] == seconds, after, before)
        gap = self.seconds[after] - self.seconds[before]
        share = np.divide(seconds - self.seconds[before], gap, out=np.zeros(len(seconds)), where=gap > 0)
        on_track = (seconds >= self.seconds[before]) & (seconds <= self.seconds[after])
        on_track &= gap <= max_gap_hours * 3600
        latitude, longitude = along_great_circle(
            self.latitude[before], self.longitude[before], self.latitude[after], self.longitude[after], share
        )
        nearest = np.where(share < 0.5, before, after)
        return latitude, longitude, np.where(on_track, nearest, -1)


@dataclass(frozen=True)
class Tracks:
    """All storms of some track files."""

    storms: list[Storm]
    calendar: str
    areas: tuple[Area, ...] = ()
    """Where the sources watch for cyclones; empty: everywhere."""
    notes: tuple[str, ...] = ()
    """Remarks that whoever builds a release should read."""
    seconds: np.ndarray = field(init=False, repr=False)
    latitude: np.ndarray = field(init=False, repr=False)
    longitude: np.ndarray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        order = np.argsort(np.concatenate([storm.seconds for storm in self.storms]), kind="stable")
        for name in ("seconds", "latitude", "longitude"):
            object.__setattr__(self, name, np.concatenate([getattr(s, name) for s in self.storms])[order])

    def watched(self, latitude: np.ndarray, longitude: np.ndarray) -> np.ndarray:
        """(N,) positions → (N,) bool: whether the sources would know of a cyclone there."""
        if not self.areas:
            return np.ones(len(latitude), bool)
        return np.logical_or.reduce([area.contains(latitude, longitude) for area in self.areas])

    def near_in_time(self, seconds: float, hours: float) -> tuple[np.ndarray, np.ndarray]:
        """Latitudes and longitudes of all fixes of all storms within some hours of a time, each (K,)."""
        first, last = np.searchsorted(self.seconds, [seconds - hours * 3600, seconds + hours * 3600 + 1e-3])
        return self.latitude[first:last], self.longitude[first:last]


def read_tracks(
    tracks: Path | str | Sequence[Path | str], tracks_format: str = "auto", *, calendar: str = STANDARD
) -> Tracks:
    """Read one track file, or several (a list, or a pattern such as `tracks/*.tsv`).

    tracks_format: one of `TRACK_FORMATS`. calendar: the fields' (see `cloud_images.calendars`), on which
    the dates of the tracks are understood. Raises ReleaseError with file, line and column for whatever is
    unreadable.
    """
    if tracks_format not in TRACK_FORMATS:
        raise ReleaseError(f"unknown track format {tracks_format!r}; known are {', '.join(TRACK_FORMATS)}")
    paths = _track_paths(tracks)
    storms: list[Storm] = []
    owners: dict[str, Path] = {}
    areas: list[Area | None] = []
    notes: list[str] = []
    for path in paths:
        name = detect_format(path) if tracks_format in ("auto", "ibtracs") else tracks_format
        found = READERS[name](path)
        if not found.fixes.height:
            raise ReleaseError(f"{path}: holds no track")
        for storm in _storms(found, path, calendar):
            if storm.storm_id in owners:
                raise ReleaseError(
                    f"storm {storm.storm_id} stands in both {owners[storm.storm_id]} and {path}"
                )
            owners[storm.storm_id] = path
            storms.append(storm)
        areas.append(found.area)
        notes += found.notes
    known_areas = tuple(dict.fromkeys(area for area in areas if area is not None))
    return Tracks(storms, calendar, () if None in areas else known_areas, tuple(notes))


def _track_paths(tracks: Path | str | Sequence[Path | str]) -> list[Path]:
    given = [tracks] if isinstance(tracks, Path | str) else list(tracks)
    paths: list[Path] = []
    for item in given:
        exact = Path(item).expanduser()
        found = [exact] if exact.exists() else sorted(map(Path, glob(str(exact))))  # noqa: PTH207
        if not found:
            raise ReleaseError(f"no track file {item}")
        paths += found
    for path in paths:
        if path.is_dir():
            raise ReleaseError(f"{path} is a folder; name a track file, or a pattern such as {path}/*.txt")
    return paths


def _storms(found: TrackFile, path: Path, calendar: str) -> Iterable[Storm]:
    fixes = _checked(found.fixes, path, calendar)
    for (storm_id,), all_rows in fixes.group_by("storm_id", maintain_order=True):
        rows = all_rows.unique(["time", "latitude", "longitude"], keep="first", maintain_order=True).sort(
            "time"
        )
        for at in rows["time"].is_duplicated().arg_true()[1:2]:
            message = f"storm {storm_id} stands at two places at the same time"
            raise refuse(path, rows["line"][at], None, message)
        latitude, longitude = rows["latitude"].to_numpy(), rows["longitude"].to_numpy()
        by_position = pl.Series(basin_of(latitude, longitude), dtype=pl.String)
        strong = rows.filter(pl.col("tropical_storm"))
        yield Storm(
            storm_id=storm_id,
            seconds=rows["time"].to_numpy(),
            latitude=latitude,
            longitude=longitude,
            basin=rows["basin"].fill_null(by_position).to_numpy(),
            strength_known=rows["tropical_storm"].is_not_null().any(),
            genesis=strong["time"][0] if strong.height else None,
            spur=bool(rows["spur"].any()),
        )


def _checked(fixes: pl.DataFrame, path: Path, calendar: str) -> pl.DataFrame:
    """Refuse impossible dates and positions; add `time` in seconds, turn longitudes to [−180, 180)."""
    midnight = seconds_of_dates(
        fixes["year"].to_numpy(), fixes["month"].to_numpy(), fixes["day"].to_numpy(), calendar
    )
    for at in np.nonzero(np.isnan(midnight))[0][:1].tolist():
        date = "-".join(f"{fixes[part][at]:02d}" for part in ("year", "month", "day"))
        raise refuse(
            path, fixes["line"][at], None, f"{date} is no date of the calendar {calendar} of the fields"
        )
    for column, low, high in (("latitude", -90, 90), ("longitude", -180, 360), ("seconds", 0, 86400)):
        outside = ~fixes[column].is_between(low, high) | fixes[column].is_nan()
        for at in outside.arg_true()[:1].to_list():
            what = {"seconds": "time of day"}.get(column, column)
            value = fixes[column][at] / (3600 if column == "seconds" else 1)
            bounds = "0 to 24 hours" if column == "seconds" else f"{low} to {high} degrees"
            raise refuse(path, fixes["line"][at], what, f"{value:g} is outside of {bounds}")
    return fixes.with_columns(
        pl.Series("time", midnight) + fixes["seconds"],
        longitude=(fixes["longitude"] + 180) % 360 - 180,
    )


def along_great_circle(
    latitude: np.ndarray,
    longitude: np.ndarray,
    to_latitude: np.ndarray,
    to_longitude: np.ndarray,
    share: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """The points a share (0 to 1) of the way along great circles: latitude and longitude, (N,) degrees each.

    Where the share is 0 or 1 the end itself comes back, to the last bit.
    """
    start, end = _unit_vectors(latitude, longitude), _unit_vectors(to_latitude, to_longitude)
    angle = np.arctan2(np.linalg.norm(np.cross(start, end), axis=1), (start * end).sum(axis=1))
    sine = np.where(angle > 0, np.sin(angle), 1)
    nearer = np.where(angle > 0, np.sin((1 - share) * angle) / sine, 1)
    farther = np.where(angle > 0, np.sin(share * angle) / sine, 0)
    point = start * nearer[:, None] + end * farther[:, None]
    between_latitude = np.degrees(np.arctan2(point[:, 2], np.hypot(point[:, 0], point[:, 1])))
    between_longitude = np.degrees(np.arctan2(point[:, 1], point[:, 0]))
    between_latitude = np.select([share == 0, share == 1], [latitude, to_latitude], between_latitude)
    between_longitude = np.select([share == 0, share == 1], [longitude, to_longitude], between_longitude)
    return between_latitude, (between_longitude + 180) % 360 - 180


def distance_km(
    latitude: np.ndarray, longitude: np.ndarray, to_latitude: np.ndarray, to_longitude: np.ndarray
) -> np.ndarray:
    """Great-circle distances in km of positions in degrees, by the haversine formula; shapes broadcast."""
    phi, to_phi = np.radians(latitude), np.radians(to_latitude)
    half_phi, half_lambda = (to_phi - phi) / 2, np.radians(np.subtract(to_longitude, longitude)) / 2
    haversine = np.sin(half_phi) ** 2 + np.cos(phi) * np.cos(to_phi) * np.sin(half_lambda) ** 2
    return 2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(np.clip(haversine, 0, 1)))


def _unit_vectors(latitude: np.ndarray, longitude: np.ndarray) -> np.ndarray:
    phi, lam = np.radians(latitude), np.radians(longitude)
    return np.stack([np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)], axis=1)
