"""What every reader of cyclone tracks makes: one table of fixes; and what the text formats share."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from cloud_images.errors import ReleaseError

GALE_KT = 34.0
"""Sustained wind from which a cyclone is a tropical storm (WMO), in knots: 17.5 m s⁻¹."""
KT_PER_METRE_PER_SECOND = 3600 / 1852

# Dates stand in parts, because calendars of models have dates that Python's datetime lacks. `line` is the
# line or record of the file, `seconds` those of the day, `tropical_storm` whether the fix is of that
# strength (null: the file does not tell), `basin` what the source says (null: nothing), `spur` whether the
# track branches off another one.
FIX_SCHEMA = {
    "storm_id": pl.String,
    "line": pl.Int64,
    "year": pl.Int64,
    "month": pl.Int64,
    "day": pl.Int64,
    "seconds": pl.Float64,
    "latitude": pl.Float64,
    "longitude": pl.Float64,
    "tropical_storm": pl.Boolean,
    "basin": pl.String,
    "spur": pl.Boolean,
}


@dataclass(frozen=True)
class Area:
    """A box in degrees; longitudes east, from west to east, 0 to 360."""

    south: float
    north: float
    west: float
    east: float

    def contains(self, latitude: np.ndarray, longitude: np.ndarray) -> np.ndarray:
        """(N,) degrees → (N,) bool; any longitude convention."""
        east_of = (longitude - self.west) % 360
        return (latitude >= self.south) & (latitude <= self.north) & (east_of <= self.east - self.west)


@dataclass(frozen=True)
class TrackFile:
    """What a reader found: fixes (`FIX_SCHEMA`), the area the source watches (None: everywhere), remarks."""

    fixes: pl.DataFrame
    area: Area | None = None
    notes: tuple[str, ...] = ()


def refuse(path: Path, line: int | None, column: str | None, message: str) -> ReleaseError:
    """The error about one place in a track file; the caller raises it."""
    place = [str(path)]
    if line is not None:
        place.append(f"line {line}")
    if column is not None:
        place.append(f"column {column!r}")
    return ReleaseError(f"{', '.join(place)}: {message}")


def number(text: str, path: Path, line: int, column: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise refuse(path, line, column, f"{text.strip()!r} is not a number") from None


def whole_number(text: str, path: Path, line: int, column: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise refuse(path, line, column, f"{text.strip()!r} is not a whole number") from None


def text_lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise refuse(path, None, None, f"is not a text file ({error.reason} at byte {error.start})") from None


def fixes_table(rows: list[tuple]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=FIX_SCHEMA, orient="row")


def miscounted(path: Path, header: int, promised: int, found: int) -> ReleaseError:
    more = "at least " if found > promised else ""
    return refuse(path, header, None, f"the header promises {promised} fixes, but {more}{found} follow")
