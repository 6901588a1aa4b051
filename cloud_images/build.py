"""Build a release from gridded fields and cyclone tracks."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from rich.table import Table

from cloud_images.calendars import datetime_of_seconds, seconds_of_datetime, show_time
from cloud_images.choices import Choices
from cloud_images.errors import ReleaseError
from cloud_images.fields import Fields, open_fields
from cloud_images.release import About, ImageSet, Progress, Release, refuse_occupied, write_release
from cloud_images.shards import IMAGE_SIZE
from cloud_images.split import BLOCK_DAYS
from cloud_images.survey import Patches, Survey, survey
from cloud_images.tracks import Storm, Tracks, read_tracks


@dataclass(frozen=True)
class Build:
    """A built release, and the account of what became of the input."""

    release: Release
    used: dict[str, tuple[int, int]]
    """What → how many in train and in test."""
    dropped: dict[str, int]
    """Reason → how many."""
    notes: tuple[str, ...]

    def summary(self) -> Table:
        """The account as a table for the terminal; it tells how many test images are positive."""
        table = Table(title=f"Release {self.release.directory}", title_justify="left")
        table.add_column("")
        table.add_column("train", justify="right")
        table.add_column("test", justify="right")
        for what, (train, test) in self.used.items():
            table.add_row(what, f"{train:,}", f"{test:,}")
        table.add_section()
        for reason, count in self.dropped.items():
            table.add_row(f"not used: {reason}", f"{count:,}", "")
        table.add_section()
        for note in self.notes:
            table.add_row(f"note: {note}")
        return table


def build_release(
    fields: Path | str | Sequence[Path | str],
    tracks: Path | str | Sequence[Path | str],
    *,
    test_from: datetime,
    out: Path,
    tracks_format: str = "auto",
    variable: str | None = None,
    units: str | None = None,
    choices: Choices | None = None,
    about: Mapping[str, Any] | None = None,
    seed: int = 0,
    public_fraction: float = 0.3,
    on_progress: Progress | None = None,
) -> Build:
    """Cut labelled images out of fields around cyclones and other convective systems, and write a release.

    fields: NetCDF, Zarr or GRIB files (path, pattern, or list): see `cloud_images.fields.open_fields`, also
    for `variable` and `units`. tracks: see `cloud_images.tracks.read_tracks`, also for `tracks_format`.

    Positives are all cyclones and their precursors at the fields' times. Lead time is hours until genesis,
    the first fix of tropical-storm strength, and negative after it; where a track tells no strength, its
    first fix counts as genesis. Storms that never reached that strength are left out.

    test_from: UTC. A storm belongs wholly to the side of its genesis, negatives to the side of their time.
    No negatives are taken within `choices.guard_hours` of the border, nor at times (widened by as much) when
    a storm of one side lives on, or began, on the other. Of the rest, as many as `choices` wants are drawn.
    choices: what becomes an image. about: what the release says of itself, by the fields of `About`; the
    rest is made up from the inputs. public_fraction: of the test images. on_progress(stage, done, total).

    Raises ReleaseError with a message for the reader for unusable input, and before anything is written.
    """
    refuse_occupied(out)
    progress = on_progress or _no_progress
    choices = choices or Choices()
    opened = open_fields(fields, variable=variable, units=units)
    known = read_tracks(tracks, tracks_format, calendar=opened.calendar)
    border = _border(test_from, opened)
    rng = np.random.default_rng([seed, 0])
    found = survey(opened, known, choices, rng=rng, on_progress=progress)
    if not len(found.positives):
        raise ReleaseError(_nothing_found(opened, known, found))
    dropped = Counter(found.dropped)
    if opened.duplicates:
        dropped["field: the same time and grid as in another file"] = opened.duplicates

    in_test = np.array([_genesis(storm) >= border for storm in known.storms])
    positives = [found.positives[in_test[found.positives.storm] == test] for test in (False, True)]
    _refuse_empty_side(positives, found.positives, known, border, opened.calendar)
    negatives = _divide_negatives(found.negatives, positives, border, choices.guard_hours * 3600, dropped)
    for side in (0, 1):
        negatives[side] = _sample(
            negatives[side], len(positives[side]), choices.negatives_per_positive, rng, dropped
        )
        if not len(negatives[side]):
            raise ReleaseError(_no_negatives("test" if side else "train", dropped))

    sides = [Patches.joined([positives[side], negatives[side]]) for side in (0, 1)]
    notes = list(known.notes)
    widest = IMAGE_SIZE * max(opened.spacing)
    if widest > 40:
        notes.append(f"the grid is coarse: an image spans {widest:.0f} degrees, many times a cyclone")
    unknown = sum(not storm.strength_known for storm in known.storms)
    if unknown:
        notes.append(f"{unknown} storms come without strength: their first fix counts as genesis")
    if not _can_be_split(sides[1], opened.calendar):
        notes.append(
            f"the test shows fewer than two storms, or spans of {BLOCK_DAYS} days: all of it is private, "
            "and nothing is left for a public score"
        )
        public_fraction = 0.0
    train, test = (ImageSet(_table(side, known), side.images(opened)) for side in sides)
    release = write_release(
        out,
        train=train,
        test=test,
        about=replace(_about(out, opened, tracks), **(about or {})),
        seed=seed,
        public_fraction=public_fraction,
        on_progress=on_progress,
    )
    used = {
        "storms": _both(lambda side: len(np.unique(side.storm)), positives),
        "positive images": _both(len, positives),
        "  of these before genesis": _both(lambda side: _before_genesis(side, known), positives),
        "negative images": _both(len, negatives),
    }
    return Build(release, used, {reason: n for reason, n in sorted(dropped.items()) if n}, tuple(notes))


def _both(count: Callable[[Patches], int], sides: list[Patches]) -> tuple[int, int]:
    train, test = map(count, sides)
    return train, test


def _no_progress(stage: str, done: int, total: int) -> None:
    pass


def _border(test_from: datetime, fields: Fields) -> float:
    try:
        border = seconds_of_datetime(test_from, fields.calendar)
    except ValueError as error:
        raise ReleaseError(f"--test-from: {error}") from None
    first, last = fields.frames[0].seconds, fields.frames[-1].seconds
    if not first < border <= last:
        shown = " to ".join(show_time(seconds, fields.calendar) for seconds in (first, last))
        empty = "train" if border <= first else "test"
        raise ReleaseError(
            f"--test-from {test_from:%Y-%m-%d %H:%M} leaves {empty} empty: the fields run from {shown}"
        )
    return border


def _genesis(storm: Storm) -> float:
    """When the storm counts as begun, in seconds; its first fix where its strength is unknown."""
    return float(storm.seconds[0]) if storm.genesis is None else storm.genesis


def _nothing_found(fields: Fields, tracks: Tracks, found: Survey) -> str:
    """Why no cyclone is in the fields, with both ranges."""
    calendar = fields.calendar
    grids = "; ".join(dict.fromkeys(str(source.grid) for source in fields.sources[:3]))
    reasons = "".join(
        f"\n  {reason}: {count}"
        for reason, count in found.dropped.items()
        if count and not reason.startswith("neg")
    )
    return (
        "no cyclone could be cut out of the fields.\n"
        f"  fields: {show_time(fields.frames[0].seconds, calendar)} to "
        f"{show_time(fields.frames[-1].seconds, calendar)}, {grids}\n"
        f"  tracks: {show_time(tracks.seconds[0], calendar)} to {show_time(tracks.seconds[-1], calendar)}, "
        f"{tracks.latitude.min():g} to {tracks.latitude.max():g}° N, "
        f"{tracks.longitude.min():g} to {tracks.longitude.max():g}° E{reasons}"
    )


def _refuse_empty_side(
    positives: list[Patches], both: Patches, tracks: Tracks, border: float, calendar: str
) -> None:
    for side, name in ((0, "train"), (1, "test")):
        if not len(positives[side]):
            seen = [_genesis(tracks.storms[storm]) for storm in np.unique(both.storm)]
            raise ReleaseError(
                f"--test-from {show_time(border, calendar)} leaves {name} without a cyclone. A storm belongs "
                f"to the side of its genesis; the {len(seen)} storms in the fields have theirs from "
                f"{show_time(min(seen), calendar)} to {show_time(max(seen), calendar)}"
            )


def _divide_negatives(
    negatives: Patches, positives: list[Patches], border: float, guard: float, dropped: Counter[str]
) -> list[Patches]:
    """Negatives of train and test by time, without those near the border or beside a storm across it."""
    last_of_train = max(border, float(positives[0].seconds.max()))
    first_of_test = min(border, float(positives[1].seconds.min()))
    train = negatives[negatives.seconds < first_of_test - guard]
    test = negatives[negatives.seconds >= last_of_train + guard]
    dropped["negative: too near to the border between train and test"] += (
        len(negatives) - len(train) - len(test)
    )
    return [train, test]


def _sample(
    negatives: Patches, positives: int, ratio: float, rng: np.random.Generator, dropped: Counter[str]
) -> Patches:
    if len(negatives) <= ratio * positives:
        return negatives
    most = round(ratio * positives)
    dropped["negative: beyond the wanted number for each positive"] += len(negatives) - most
    return negatives[np.sort(rng.choice(len(negatives), most, replace=False))]


def _no_negatives(side: str, dropped: Counter[str]) -> str:
    reasons = "".join(
        f"\n  {reason}: {n}" for reason, n in sorted(dropped.items()) if n and reason.startswith("negative")
    )
    return (
        f"no convective system without a cyclone is left for {side}; a release needs both. Larger fields or "
        "a longer time help, or a smaller --negative-distance-km or --guard-hours. "
        f"What was dropped:{reasons or ' nothing'}"
    )


def _before_genesis(positives: Patches, tracks: Tracks) -> int:
    lead = _lead_seconds(positives, tracks)
    return int(np.count_nonzero(lead > 0))


def _lead_seconds(patches: Patches, tracks: Tracks) -> np.ndarray:
    """Seconds until genesis, negative after it, NaN for negatives; (N,)."""
    genesis = np.array([*map(_genesis, tracks.storms), np.nan])  # a negative's −1 takes the last
    return genesis[patches.storm] - patches.seconds


def _table(patches: Patches, tracks: Tracks) -> pl.DataFrame:
    storm_ids = [*(storm.storm_id for storm in tracks.storms), None]
    distinct, at = np.unique(patches.seconds, return_inverse=True)
    dates = [datetime_of_seconds(seconds, tracks.calendar) for seconds in distinct.tolist()]
    return pl.DataFrame(
        {
            "label": (patches.storm >= 0).astype(np.uint8),
            "storm_id": [storm_ids[storm] for storm in patches.storm],
            "time": pl.Series(dates, dtype=pl.Datetime("ms", "UTC"))[at],
            "latitude": patches.latitude,
            "longitude": patches.longitude,
            "lead_time_hours": pl.Series(_lead_seconds(patches, tracks) / 3600).fill_nan(None),
            "basin": patches.basin.astype(str),
        },
        schema_overrides={"storm_id": pl.String},
    )


def _can_be_split(test: Patches, calendar: str) -> bool:
    """Whether public and private can each have a storm and a span of time of their own."""
    negatives = test[test.storm < 0]
    days = [datetime_of_seconds(s, calendar).timestamp() / 86400 for s in np.unique(negatives.seconds)]
    spans = np.unique(np.floor(np.array(days) / BLOCK_DAYS))
    return len(np.unique(test.storm[test.storm >= 0])) > 1 and len(spans) > 1


def _about(out: Path, fields: Fields, tracks: object) -> About:
    """What can be said of a release whose organizer says nothing."""
    names = sorted({source.path.name for source in fields.sources})
    shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    return About(
        name=out.name,
        version="1.0.0",
        title=f"Cloud images from {names[0]}" if len(names) == 1 else f"Cloud images from {len(names)} files",
        description="64 × 64 images of outgoing longwave radiation around cyclones and other systems.",
        licence="Not stated",
        licence_url="https://choosealicense.com/no-permission/",
        source=f"Fields: {shown}. Tracks: {tracks}",
        attribution="Not stated",
    )
