"""Look through fields once and note every patch worth cutting, with its label; the images are cut later."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from dataclasses import fields as dataclass_fields
from itertools import groupby

import numpy as np

from cloud_images.basins import basin_of
from cloud_images.choices import Choices
from cloud_images.fields import Fields, Frame
from cloud_images.grid import Grid
from cloud_images.patches import CENTRE, cut, find_systems, fits, keep_apart, missing_share, to_images
from cloud_images.tracks import Storm, Tracks, distance_km


@dataclass(frozen=True)
class Patches:
    """N patches to cut; every array is (N,)."""

    frame: np.ndarray
    """Index in `Fields.frames`."""
    row: np.ndarray
    column: np.ndarray
    seconds: np.ndarray
    latitude: np.ndarray
    longitude: np.ndarray
    storm: np.ndarray
    """Index in `Tracks.storms`, −1 for negatives."""
    basin: np.ndarray

    def __len__(self) -> int:
        return len(self.frame)

    def __getitem__(self, chosen: np.ndarray | slice | list[bool]) -> "Patches":
        return Patches(*(getattr(self, column.name)[chosen] for column in dataclass_fields(self)))

    @classmethod
    def joined(cls, parts: list["Patches"]) -> "Patches":
        columns = [column.name for column in dataclass_fields(cls)]
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in columns))

    def images(self, fields: Fields) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Cut them: (rows of this table (B,), images (B, 64, 64) uint8), a frame at a time, each row once."""
        order = np.argsort(self.frame, kind="stable")
        starts = np.nonzero(np.diff(self.frame[order], prepend=-1))[0]
        for rows in np.split(order, starts[1:]):
            frame = fields.frames[self.frame[rows[0]]]
            yield rows, to_images(cut(fields.read(frame), self.row[rows], self.column[rows]))


@dataclass(frozen=True)
class Survey:
    """What was found. `dropped` counts, by reason, what was not used."""

    positives: Patches
    negatives: Patches
    dropped: Counter[str]


OUTSIDE = "centre outside of the fields"
OVER_EDGE = "patch over the edge of the fields"
MISSING = "too many missing pixels"
UNWATCHED = "outside of the area that the tracks cover, or of the latitudes wanted"
NEAR_CYCLONE = "too near to a cyclone"
NEAR_SYSTEM = "too near to a colder system"


def survey(
    fields: Fields,
    tracks: Tracks,
    choices: Choices,
    *,
    rng: np.random.Generator,
    on_progress: Callable[[str, int, int], None],
) -> Survey:
    """Read each field once: a positive around every cyclone in it, negatives around its other systems.

    Storms that never became tropical storms, and spurs of other tracks, are no positives, but negatives
    keep away from them, too. Where files overlap, a centre is taken from the first file with its whole patch.
    """
    surveyor = _Surveyor(fields, tracks, choices, rng)
    for seconds, group in groupby(enumerate(fields.frames), key=lambda numbered: numbered[1].seconds):
        views = surveyor.views(group, on_progress)
        surveyor.look_at(seconds, views)
    return Survey(Patches.joined(surveyor.positives), Patches.joined(surveyor.negatives), surveyor.dropped)


@dataclass(frozen=True)
class _View:
    """One field, read."""

    number: int
    """Of its frame in `Fields.frames`."""
    seconds: float
    olr: np.ndarray
    grid: Grid


class _Surveyor:
    def __init__(self, fields: Fields, tracks: Tracks, choices: Choices, rng: np.random.Generator) -> None:
        self.fields, self.tracks, self.choices, self.rng = fields, tracks, choices, rng
        self.dropped: Counter[str] = Counter()
        self.usable = np.array([_is_usable(storm) for storm in tracks.storms])
        self.centres = self._centres(np.unique([frame.seconds for frame in fields.frames]))
        self.positives = [self.centres[:0]]
        self.negatives = [self.centres[:0]]

    def views(
        self, frames: Iterable[tuple[int, Frame]], on_progress: Callable[[str, int, int], None]
    ) -> Iterator[_View]:
        """Read the frames one by one."""
        for number, frame in frames:
            grid = self.fields.sources[frame.source].grid
            yield _View(number, frame.seconds, self.fields.read(frame), grid)
            on_progress("survey", number + 1, len(self.fields.frames))

    def look_at(self, seconds: float, views: Iterable[_View]) -> None:
        """Take what all fields of one time show."""
        now = slice(*np.searchsorted(self.centres.seconds, [seconds, np.nextafter(seconds, np.inf)]))
        here = self.centres[now]
        wanted = here[self.usable[here.storm]]
        avoid = self._places_to_avoid(here, seconds)
        why_not = np.full(len(wanted), OUTSIDE, object)
        systems: list[Patches] = []
        for view in views:
            row, column = view.grid.locate(wanted.latitude, wanted.longitude)
            verdict = self._judge(view, row, column)
            new = (verdict == "") & (why_not != "")
            found = replace(wanted, frame=np.full(len(wanted), view.number), row=row, column=column)
            self.positives.append(found[new])
            why_not = np.where((why_not == "") | (verdict == OUTSIDE), why_not, verdict)
            if self.tracks.seconds[0] <= seconds <= self.tracks.seconds[-1]:
                found = self._find_negatives(view, avoid)
                systems.append(found[_not_seen(found, systems, view.grid.spacing)])
            else:
                self.dropped["field outside of the tracks' period: no negatives"] += 1
        self.negatives += systems
        self.dropped.update(f"positive: {why}" for why in why_not if why)

    def _centres(self, times: np.ndarray) -> Patches:
        """Where all storms are at the fields' times (T,), in order of time; frame, row, column still open."""
        parts = []
        for number, storm in enumerate(self.tracks.storms):
            if not self.usable[number]:
                why = "spur of another track" if storm.spur else "never a tropical storm"
                self.dropped[f"storm: {why}"] += 1
            first, last = (
                np.searchsorted(times, storm.seconds[0]),
                np.searchsorted(times, storm.seconds[-1], "right"),
            )
            seconds = times[first:last]
            latitude, longitude, nearest = storm.at(seconds, self.choices.max_gap_hours)
            known = nearest >= 0
            self.dropped["positive: between fixes too far apart in time"] += int(np.count_nonzero(~known))
            unset = np.full(np.count_nonzero(known), -1)
            parts.append(
                Patches(
                    frame=unset,
                    row=unset,
                    column=unset,
                    seconds=seconds[known],
                    latitude=latitude[known],
                    longitude=longitude[known],
                    storm=np.full(len(unset), number),
                    basin=storm.basin[nearest[known]],
                )
            )
        centres = Patches.joined(parts)
        return centres[np.argsort(centres.seconds, kind="stable")]

    def _judge(self, view: _View, row: np.ndarray, column: np.ndarray) -> np.ndarray:
        """Why the patch around each centre (N,) cannot be cut: (N,) texts, empty where it can."""
        verdict = np.where((row < 0) | (column < 0), OUTSIDE, OVER_EDGE).astype(object)
        whole = np.nonzero(fits(view.grid, row, column))[0]
        share = missing_share(view.olr, row[whole], column[whole])
        verdict[whole] = np.where(share <= self.choices.max_missing, "", MISSING)
        return verdict

    def _places_to_avoid(self, here: Patches, seconds: float) -> tuple[np.ndarray, np.ndarray]:
        """Latitudes and longitudes of all cyclones now, and of their fixes shortly before and after."""
        latitude, longitude = self.tracks.near_in_time(seconds, self.choices.negative_hours)
        return np.append(latitude, here.latitude), np.append(longitude, here.longitude)

    def _find_negatives(self, view: _View, avoid: tuple[np.ndarray, np.ndarray]) -> Patches:
        """Systems of one field, far from all cyclones, where the tracks' source would know of one."""
        row, column = self._moved(view.grid, *find_systems(view.olr, view.grid))
        latitude, longitude = view.grid.position(row, column)
        verdict = self._judge(view, row, column)
        distance = distance_km(latitude[:, None], longitude[:, None], *avoid).min(axis=1, initial=np.inf)
        verdict[distance < self.choices.distance_km(view.grid.spacing)] = NEAR_CYCLONE
        watched = self.tracks.watched(latitude, longitude)
        verdict[~watched | (np.abs(latitude) > self.choices.negative_max_latitude)] = UNWATCHED
        good = np.nonzero(verdict == "")[0]
        apart = keep_apart(row[good], column[good], view.grid)
        verdict[good[~apart]] = NEAR_SYSTEM
        self.dropped.update(f"negative: {why}" for why in verdict if why)
        good = good[apart]
        return Patches(
            frame=np.full(len(good), view.number),
            row=row[good],
            column=column[good],
            seconds=np.full(len(good), view.seconds),
            latitude=latitude[good],
            longitude=longitude[good],
            storm=np.full(len(good), -1),
            basin=basin_of(latitude[good], longitude[good]).astype(object),
        )

    def _moved(self, grid: Grid, row: np.ndarray, column: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Centres (N,) moved at random, and still on the grid."""
        rows, columns = grid.shape
        south_east = self.rng.normal(0, self.choices.negative_jitter_degrees, (2, len(row)))
        row = row + np.rint(south_east[0] / grid.spacing[0]).astype(np.int64)
        column = column + np.rint(south_east[1] / grid.spacing[1]).astype(np.int64)
        column = column % columns if grid.periodic else column.clip(0, columns - 1)
        return row.clip(0, rows - 1), column


def _is_usable(storm: Storm) -> bool:
    return not storm.spur and (storm.genesis is not None or not storm.strength_known)


def _not_seen(found: Patches, seen: list[Patches], spacing: tuple[float, float]) -> np.ndarray:
    """(N,) bool: which patches do not overlap by more than half one from another file of the same time."""
    new = np.ones(len(found), bool)
    for other in seen:
        south = np.abs(found.latitude[:, None] - other.latitude)
        east = np.abs((found.longitude[:, None] - other.longitude + 180) % 360 - 180)
        new &= ~((south < CENTRE * spacing[0]) & (east < CENTRE * spacing[1])).any(axis=1)
    return new
