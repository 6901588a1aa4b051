"""A regular latitude-longitude grid, however a file stores it, seen north up and from west to east."""

from dataclasses import dataclass

import numpy as np

# How far a point may lie from an even grid, in cells: rounded coordinates and Gaussian latitudes pass.
EVENNESS = 0.25


@dataclass(frozen=True, eq=False)
class Grid:
    """Rows from north to south, columns from west to east.

    Build one with `Grid.of`; `rows` and `columns` turn an array as stored (latitude, longitude) to this
    order: `stored[grid.rows][:, grid.columns]`.
    """

    latitude: np.ndarray
    """(R,) degrees north, decreasing."""
    longitude: np.ndarray
    """(C,) degrees east, increasing, and beyond 180 or 360 where the grid goes on across that meridian."""
    rows: slice
    columns: np.ndarray
    periodic: bool
    """Whether the columns go round the globe, so that a patch may cross the seam."""

    @classmethod
    def of(cls, latitude: np.ndarray, longitude: np.ndarray) -> "Grid":
        """The grid of stored coordinates (R,), (C,): latitudes either way, longitudes of any convention.

        Longitudes may stand in any order, such as a window across the date line that is stored in two parts.

        Raises ValueError where they are not evenly spaced, saying how.
        """
        latitude = np.asarray(latitude, np.float64)
        _refuse_uneven("latitudes", latitude)
        if np.abs(latitude).max() > 90.01:
            raise ValueError(f"latitudes reach {latitude[np.abs(latitude).argmax()]:g} degrees")
        rows = slice(None, None, -1 if latitude[0] < latitude[-1] else None)
        columns, longitude, periodic = _eastward(np.asarray(longitude, np.float64))
        _refuse_uneven("longitudes", longitude)
        return cls(latitude[rows], longitude, rows, columns, periodic)

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.latitude), len(self.longitude)

    @property
    def spacing(self) -> tuple[float, float]:
        """Mean distance of neighbouring rows and columns, in degrees, both positive."""
        rows, columns = self.shape
        return (
            float(self.latitude[0] - self.latitude[-1]) / (rows - 1),
            float(self.longitude[-1] - self.longitude[0]) / (columns - 1),
        )

    def same_as(self, other: "Grid") -> bool:
        """Whether both have the same points, to a hundredth of a cell."""
        if self.shape != other.shape:
            return False
        tolerance = 0.01 * min(self.spacing)
        east_of = (self.longitude - other.longitude + 180) % 360 - 180
        return bool(
            np.abs(self.latitude - other.latitude).max() < tolerance and np.abs(east_of).max() < tolerance
        )

    def locate(self, latitude: np.ndarray, longitude: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(N,) positions in degrees → row and column of the nearest grid point, (N,); −1 where outside."""
        north_south, west_east = self.spacing
        rows, columns = self.shape
        row = np.interp(-np.asarray(latitude), -self.latitude, np.arange(rows))
        row = np.floor(row + 0.5).astype(np.int64)
        east_of = (np.asarray(longitude) - self.longitude[0] + west_east / 2) % 360 - west_east / 2
        column = np.floor(east_of / west_east + 0.5).astype(np.int64)
        if self.periodic:
            column %= columns
        inside = (latitude <= self.latitude[0] + north_south / 2) & (
            latitude >= self.latitude[-1] - north_south / 2
        )
        inside &= column < columns
        return np.where(inside, row, -1), np.where(inside, column, -1)

    def position(self, row: np.ndarray, column: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Latitude and longitude (in [−180, 180)) of grid points, (N,) each."""
        return self.latitude[row], (self.longitude[column] + 180) % 360 - 180

    def __str__(self) -> str:
        rows, columns = self.shape
        latitudes = f"{self.latitude[-1]:g} to {self.latitude[0]:g}° N"
        return f"{rows} × {columns} points, {latitudes}, {self._longitudes()}"

    def _longitudes(self) -> str:
        return "all longitudes" if self.periodic else f"{self.longitude[0]:g} to {self.longitude[-1]:g}° E"


def _eastward(stored: np.ndarray) -> tuple[np.ndarray, np.ndarray, bool]:
    """Stored longitudes (C,) → indices from west to east, the values in that order, and whether periodic.

    They begin after the widest gap; a grid round the globe has none and begins where the file does.
    """
    if stored.ndim != 1 or len(stored) < 2 or not np.isfinite(stored).all():
        raise ValueError("longitudes are not a list of at least two numbers")
    east = stored % 360
    order = np.argsort(east, kind="stable")
    gaps = np.diff(east[order], append=east[order[0]] + 360)
    spacing = np.median(gaps)
    distinct = gaps > spacing / 2  # files that close the circle store 0° again as 360°
    order, gaps = order[distinct], gaps[distinct]
    periodic = bool(gaps.max() < 1.5 * spacing)
    begin = int(np.argmin(order)) if periodic else int(np.argmax(gaps)) + 1
    columns = np.roll(order, -begin)
    return columns, stored[columns[0]] + (stored[columns] - stored[columns[0]]) % 360, periodic


def _refuse_uneven(name: str, values: np.ndarray) -> None:
    if values.ndim != 1 or len(values) < 2 or not np.isfinite(values).all():
        raise ValueError(f"{name} are not a list of at least two numbers")
    spacing = (values[-1] - values[0]) / (len(values) - 1)
    if spacing == 0:
        raise ValueError(f"{name} begin and end at the same value")
    off = np.abs(values - (values[0] + spacing * np.arange(len(values)))) / abs(spacing)
    if off.max() > EVENNESS:
        worst = int(off.argmax())
        raise ValueError(
            f"{name} are not evenly spaced: number {worst} is {values[worst]:g}, "
            f"{off[worst]:.2g} cells from where an even grid would have it"
        )
