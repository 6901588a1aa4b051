"""Plain CSV, and the CSV of TempestExtremes."""

from pathlib import Path

import polars as pl

from cloud_images.track_formats.delimited import numeric, read_text_columns, time_parts, whole
from cloud_images.track_formats.fixes import GALE_KT, KT_PER_METRE_PER_SECOND, TrackFile, refuse
from cloud_images.track_formats.ibtracs import IBTRACS_BASINS

COLUMN_NAMES = {
    "storm_id": ("storm_id", "track_id", "sid", "tc_id", "storm", "id"),
    "time": ("time", "iso_time", "datetime", "date_time", "valid_time", "timestamp"),
    "latitude": ("latitude", "lat"),
    "longitude": ("longitude", "lon"),
    "class": ("class", "grade", "status", "category"),
    "wind_kt": ("wind_kt", "wind_kts", "wind_knots", "vmax_kt", "vmax_kts"),
    "wind_ms": ("wind_ms", "wind_mps", "wind_m_s", "vmax_ms", "wind10_ms"),
    "wind": ("wind", "vmax", "max_wind"),
    "basin": ("basin",),
}
# The classes of JMA, of NHC and JTWC (ATCF), and the two words of a model's census of cyclones.
STORM_CLASSES = {"TS", "STS", "TY", "ST", "STY", "HU", "SS", "TC", "3", "4", "5", "9"}
WEAKER_CLASSES = {
    "TD", "SD", "DB", "DS", "LO", "WV", "IN", "PRE", "ET", "EX", "PT", "L", "EXT", "MD", "DI", "XX", "2", "6",
}  # fmt: skip


def read_csv(path: Path) -> TrackFile:
    """Plain CSV with a header: storm, time (or year, month, day, hour), latitude, longitude, wind or class.

    Wind is `wind_kt` or `wind_ms`; a bare `wind` counts as knots, with a remark, except beside the grid
    indices `i, j` of TempestExtremes' CSV, which is in m s⁻¹. `class` is one of JMA's, NHC's or JTWC's
    (TD, TS, TY …) or PRE and TC, and goes before the wind. With neither, genesis and lead times stay
    unknown.
    """
    table = read_text_columns(path)
    names = {
        meaning: next(name for name in accepted if name in table.columns)
        for meaning, accepted in COLUMN_NAMES.items()
        if set(accepted) & set(table.columns)
    }
    for meaning in ("storm_id", "latitude", "longitude"):
        if meaning not in names:
            accepted = ", ".join(COLUMN_NAMES[meaning])
            raise refuse(
                path, 1, None, f"has no column for the {meaning.replace('_', ' ')} (one of {accepted})"
            )
    storm_id = table[names["storm_id"]]
    for at in storm_id.is_null().arg_true().head(1):
        raise refuse(path, table["line"][at], names["storm_id"], "is empty")
    strong, notes = _csv_strength(table, names, path)
    basin = table[names["basin"]].str.to_uppercase() if "basin" in names else pl.lit(None, pl.String)
    fixes = table.select(
        storm_id.alias("storm_id"),
        "line",
        *_csv_times(table, names.get("time"), path),
        numeric(table, names["latitude"], path, required=True).alias("latitude"),
        numeric(table, names["longitude"], path, required=True).alias("longitude"),
        strong.alias("tropical_storm"),
        basin.replace(IBTRACS_BASINS).alias("basin"),
        pl.lit(value=False).alias("spur"),
    )
    return TrackFile(fixes, notes=notes)


def _csv_times(table: pl.DataFrame, time: str | None, path: Path) -> list[pl.Series]:
    if time is not None:
        return time_parts(table[time], table["line"], path, time).get_columns()
    if not {"year", "month", "day"} <= set(table.columns):
        accepted = ", ".join(COLUMN_NAMES["time"])
        raise refuse(
            path, 1, None, f"has no column for the time (one of {accepted}; or year, month, day, hour)"
        )
    date = [whole(table, name, path) for name in ("year", "month", "day")]
    seconds = pl.zeros(table.height, eager=True).alias("seconds")
    for name, unit in (("hour", 3600), ("minute", 60)):
        if name in table.columns:
            seconds = seconds + numeric(table, name, path, required=True) * unit
    return [*date, seconds.alias("seconds")]


def _csv_strength(
    table: pl.DataFrame, names: dict[str, str], path: Path
) -> tuple[pl.Series, tuple[str, ...]]:
    """Which rows are of tropical-storm strength (null: unknown), and remarks on how that was read."""
    if column := names.get("class"):
        classes = table[column].str.to_uppercase()
        unknown = classes.is_not_null() & ~classes.is_in([*STORM_CLASSES, *WEAKER_CLASSES])
        for at in unknown.arg_true().head(1):
            known = ", ".join(sorted(STORM_CLASSES | WEAKER_CLASSES))
            raise refuse(
                path, table["line"][at], column, f"{table[column][at]!r} is no known class ({known})"
            )
        return classes.is_in(list(STORM_CLASSES)), ()
    if column := names.get("wind_kt"):
        return numeric(table, column, path, required=False) >= GALE_KT, ()
    if column := names.get("wind_ms"):
        return numeric(table, column, path, required=False) * KT_PER_METRE_PER_SECOND >= GALE_KT, ()
    if column := names.get("wind"):
        wind = numeric(table, column, path, required=False)
        if {"i", "j"} <= set(table.columns):
            return wind * KT_PER_METRE_PER_SECOND >= GALE_KT, ()
        return wind >= GALE_KT, (f"{path.name}: column {column!r} names no unit and was read as knots",)
    return pl.Series([None] * table.height, dtype=pl.Boolean), ()
