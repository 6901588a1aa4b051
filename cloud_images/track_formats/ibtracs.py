"""IBTrACS v4 (NOAA), as NetCDF and as CSV."""

from pathlib import Path

import netCDF4
import numpy as np
import polars as pl

from cloud_images.track_formats.delimited import numeric, read_text_columns, time_parts
from cloud_images.track_formats.fixes import GALE_KT, TrackFile, refuse

IBTRACS_BASINS = {
    "WP": "WNP", "EP": "ENP", "NA": "NAT", "NI": "NIO", "SI": "SIO", "SP": "SPO", "SA": "SAT",
}  # fmt: skip


def read_ibtracs_netcdf(path: Path) -> TrackFile:
    """IBTrACS v4 NetCDF (storm × date_time)."""
    with netCDF4.Dataset(path) as dataset:
        needed = ("sid", "iso_time", "lat", "lon", "nature", "basin", "wmo_wind")
        missing = [name for name in needed if name not in dataset.variables]
        if missing:
            raise refuse(path, None, None, f"is not IBTrACS v4 NetCDF: it lacks {', '.join(missing)}")
        latitude = np.ma.filled(dataset["lat"][:].astype(np.float64), np.nan)
        storm, fix = np.nonzero(np.isfinite(latitude))

        def numbers(name: str) -> np.ndarray:
            return np.ma.filled(dataset[name][:].astype(np.float64), np.nan)[storm, fix]

        def texts(name: str) -> np.ndarray:
            return _characters(dataset[name])[storm, fix]

        columns = {
            "storm_id": _characters(dataset["sid"])[storm],
            "line": storm * latitude.shape[1] + fix,
            "time": texts("iso_time"),
            "latitude": latitude[storm, fix],
            "longitude": numbers("lon"),
            "nature": texts("nature"),
            "ibtracs_basin": texts("basin"),
            "wmo_wind": numbers("wmo_wind"),
            "usa_wind": numbers("usa_wind")
            if "usa_wind" in dataset.variables
            else np.full(len(storm), np.nan),
            "track_type": (
                _characters(dataset["track_type"])[storm]
                if "track_type" in dataset.variables
                else np.full(len(storm), "main")
            ),
        }
    table = pl.DataFrame(columns).with_columns(pl.col("wmo_wind", "usa_wind").fill_nan(None))
    return TrackFile(_ibtracs_fixes(table, path))


def _characters(variable: netCDF4.Variable) -> np.ndarray:
    """A NetCDF character variable (…, length) → an array of stripped text (…)."""
    variable.set_auto_chartostring(False)
    letters = np.ma.filled(variable[:], b"\0")
    joined = np.ascontiguousarray(letters).view(f"S{letters.shape[-1]}")[..., 0]
    return np.strings.strip(np.strings.decode(joined, "utf-8", "replace"))


def _ibtracs_fixes(table: pl.DataFrame, path: Path) -> pl.DataFrame:
    """IBTrACS' columns → fixes.

    Strength comes from the wind of the WMO agency; from the United States' for storms where no WMO agency
    gives any. Extratropical fixes (nature ET) are no tropical storms, however strong.
    """
    agency_reports = pl.col("wmo_wind").is_not_null().any().over("storm_id")
    wind = pl.when(agency_reports).then("wmo_wind").otherwise("usa_wind")
    parts = time_parts(table["time"], table["line"], path, "iso_time")
    return pl.concat([table, parts], how="horizontal").select(
        "storm_id",
        pl.col("line").cast(pl.Int64),
        *parts.columns,
        "latitude",
        "longitude",
        ((wind >= GALE_KT) & (pl.col("nature") != "ET")).alias("tropical_storm"),
        pl.col("ibtracs_basin").replace_strict(IBTRACS_BASINS, default=None).alias("basin"),
        pl.col("track_type").str.starts_with("spur").fill_null(value=False).alias("spur"),
    )


def read_ibtracs_csv(path: Path) -> TrackFile:
    """IBTrACS v4 CSV: a header, a second line of units, then the fixes."""
    table = read_text_columns(path)
    needed = ("sid", "iso_time", "lat", "lon", "nature", "basin", "wmo_wind")
    missing = [name for name in needed if name not in table.columns]
    if missing:
        raise refuse(path, 1, None, f"is not IBTrACS v4 CSV: it lacks {', '.join(missing).upper()}")
    if table.height and table["lat"][0] == "degrees_north":
        table = table.slice(1)
    none = pl.lit(None, pl.String)
    usa_wind = "usa_wind" if "usa_wind" in table.columns else none
    track_type = "track_type" if "track_type" in table.columns else none
    table = table.with_columns(
        pl.coalesce(usa_wind).alias("usa_wind"), pl.coalesce(track_type).alias("track_type")
    )
    numbers = [
        numeric(table, "lat", path, required=True).alias("latitude"),
        numeric(table, "lon", path, required=True).alias("longitude"),
        numeric(table, "wmo_wind", path, required=False),
        numeric(table, "usa_wind", path, required=False),
    ]
    table = table.with_columns(*numbers).rename(
        {"sid": "storm_id", "iso_time": "time", "basin": "ibtracs_basin"}
    )
    return TrackFile(_ibtracs_fixes(table, path))
