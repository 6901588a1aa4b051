"""Images cut from real frames, on disk: the folder that `observe frames` writes.

images.npy  (N, 64, 64) uint8, the grey of a release
images.csv  what each is: kind, label, storm_id, time, latitude, longitude, lead_time_hours, basin, episode

Of two kinds a label is known, and they are as in a release: `storm` (around a best track's centre) and
`system` (another convective system, far from all storms). The third, `window`, is any system at all, near a
storm or not: without a label, it still shows what clouds look like from a satellite.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from cloud_images import IMAGE_SIZE
from starter_kit.atomic_file import written_whole
from starter_kit.errors import StarterKitError, first_line

Images = NDArray[np.uint8]
Rows = NDArray[np.int64]

IMAGES, TABLE = "images.npy", "images.csv"
STORM, SYSTEM, WINDOW = "storm", "system", "window"
COLUMNS: dict[str, Any] = {
    "kind": pl.String,
    "label": pl.UInt8,  # null for windows
    "storm_id": pl.String,
    "time": pl.Datetime("ms", "UTC"),
    "latitude": pl.Float64,
    "longitude": pl.Float64,
    "lead_time_hours": pl.Float64,
    "basin": pl.String,
    "episode": pl.Int64,
}


@dataclass(frozen=True)
class Observations:
    """Images from real frames, uint8 (N, 64, 64), and a row of `COLUMNS` for each."""

    images: Images
    table: pl.DataFrame

    def __len__(self) -> int:
        return len(self.images)

    @property
    def labelled(self) -> NDArray[np.bool_]:
        """(N,): whether a label is known."""
        return self.table["label"].is_not_null().to_numpy()

    @property
    def labels(self) -> NDArray[np.uint8]:
        """(N,) 1 for a storm; 0 for everything else, windows among it."""
        return self.table["label"].fill_null(0).to_numpy()

    @property
    def episodes(self) -> Rows:
        """(N,): images of one number share their weather (see `starter_kit.observation.episodes`)."""
        return self.table["episode"].to_numpy()

    def take(self, rows: Rows | NDArray[np.bool_]) -> Observations:
        """Some of them; rows: positions or a mask."""
        positions = np.flatnonzero(rows) if rows.dtype == bool else rows
        return Observations(self.images[positions], self.table[positions])


def save_observations(observed: Observations, directory: Path) -> None:
    """Write the folder, each file whole or not at all. Raises StarterKitError where it cannot be written."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StarterKitError(f"The folder {directory} cannot be made: {error.strerror}.") from None
    with written_whole(directory / IMAGES) as draft, draft.open("wb") as file:
        np.save(file, observed.images)
    with written_whole(directory / TABLE) as draft:
        observed.table.write_csv(draft, datetime_format="%Y-%m-%dT%H:%M:%SZ")


def open_observations(directory: Path) -> Observations:
    """Read the folder. Raises StarterKitError that says what is wrong with it."""
    try:
        images = np.load(directory / IMAGES)
        table = pl.read_csv(directory / TABLE, schema_overrides={**COLUMNS, "time": pl.String})
    except FileNotFoundError as error:
        raise StarterKitError(
            f"{directory} holds no observed images: {Path(error.filename or TABLE).name} is missing. "
            "`python -m starter_kit observe frames` makes such a folder from NetCDF files and best tracks."
        ) from None
    except (OSError, ValueError, pl.exceptions.PolarsError) as error:
        raise StarterKitError(
            f"{directory} cannot be read: {first_line(error)} Make it anew with `observe frames`."
        ) from None
    missing = [name for name in COLUMNS if name not in table.columns]
    if missing:
        raise StarterKitError(f"{directory / TABLE} has no column {', '.join(missing)}.")
    try:
        table = table.select(list(COLUMNS)).with_columns(
            pl.col("time").str.to_datetime("%Y-%m-%dT%H:%M:%SZ", time_unit="ms", time_zone="UTC")
        )
    except pl.exceptions.PolarsError:
        raise StarterKitError(
            f"{directory / TABLE} has a time that is not like 2007-10-03T06:00:00Z."
        ) from None
    if images.shape != (len(table), IMAGE_SIZE, IMAGE_SIZE) or images.dtype != np.uint8:
        raise StarterKitError(
            f"{directory / IMAGES} is {images.dtype} {images.shape}, and the {len(table)} rows of {TABLE} "
            f"need uint8 ({len(table)}, {IMAGE_SIZE}, {IMAGE_SIZE})."
        )
    return Observations(images, table)
