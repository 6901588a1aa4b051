"""The tables of a release: their columns, how they are read and written, and what must hold in them."""

from pathlib import Path

import polars as pl

from cloud_images.errors import ReleaseError

METADATA_COLUMNS = ("storm_id", "time", "latitude", "longitude", "lead_time_hours", "basin")
TRAIN_COLUMNS = ("image_id", "label", *METADATA_COLUMNS)
SOLUTION_COLUMNS = ("image_id", "label", "split", *METADATA_COLUMNS)
COLUMN_TYPES = {
    "image_id": pl.String(),
    "label": pl.UInt8(),
    "split": pl.String(),
    "score": pl.Float64(),
    "storm_id": pl.String(),
    "time": pl.Datetime("ms", "UTC"),
    "latitude": pl.Float64(),
    "longitude": pl.Float64(),
    "lead_time_hours": pl.Float64(),
    "basin": pl.String(),
}
TIME_FORMAT = "%Y-%m-%dT%H:%M:%SZ"


def read_table(path: Path, columns: tuple[str, ...]) -> pl.DataFrame:
    """Read a CSV of the release with the types of COLUMN_TYPES. Raises ReleaseError where it is damaged."""
    try:
        table = pl.read_csv(
            path, schema_overrides={name: pl.String() for name in columns}, infer_schema=False
        )
    except FileNotFoundError:
        raise ReleaseError(f"{path} is missing.") from None
    except (OSError, pl.exceptions.PolarsError) as error:
        raise ReleaseError(f"{path} is no readable CSV file: {str(error).splitlines()[0]}") from None
    if tuple(table.columns) == columns and "time" in columns:
        try:
            time = pl.col("time").str.to_datetime(TIME_FORMAT, time_unit="ms", time_zone="UTC")
            table = table.with_columns(time)
        except pl.exceptions.PolarsError as error:
            raise ReleaseError(f"{path} holds an unreadable time: {str(error).splitlines()[0]}") from None
    return _typed(table, columns, path)


def read_solution(path: Path) -> pl.DataFrame:
    """Read solution.parquet: the columns SOLUTION_COLUMNS. Raises ReleaseError where it is damaged."""
    try:
        return _typed(pl.read_parquet(path), SOLUTION_COLUMNS, path)
    except FileNotFoundError:
        raise ReleaseError(f"{path} is missing; only organizers have it.") from None
    except (OSError, pl.exceptions.PolarsError) as error:
        raise ReleaseError(f"{path} is no readable Parquet file: {str(error).splitlines()[0]}") from None


def _typed(table: pl.DataFrame, columns: tuple[str, ...], path: Path) -> pl.DataFrame:
    if tuple(table.columns) != columns:
        raise ReleaseError(
            f"{path} has the columns {','.join(table.columns)}; it must have {','.join(columns)}."
        )
    try:
        return table.with_columns(pl.col(name).cast(COLUMN_TYPES[name]) for name in columns)
    except pl.exceptions.PolarsError as error:
        raise ReleaseError(f"{path} holds an unreadable value: {str(error).splitlines()[0]}") from None


def image_ids(side: str, images: int) -> pl.Series:
    """`train_0000000` and so on: the number is the position in the shards."""
    number = pl.int_range(images, eager=True).cast(pl.String).str.zfill(7)
    return (f"{side}_" + number).alias("image_id")


def checked_table(table: pl.DataFrame, side: str) -> pl.DataFrame:
    """The table with the types of COLUMN_TYPES. Raises ReleaseError at a row that contradicts itself."""
    wanted = ("label", *METADATA_COLUMNS)
    missing = [name for name in wanted if name not in table.columns]
    if missing:
        raise ReleaseError(f"The {side} table lacks the columns {', '.join(missing)}.")
    if table.schema["time"] == pl.Datetime() and table.schema["time"].time_zone is None:  # type: ignore[attr-defined]
        raise ReleaseError(f"The times of the {side} table have no time zone; give them in UTC.")
    try:
        table = table.select(pl.col(name).cast(COLUMN_TYPES[name]) for name in wanted)
    except pl.exceptions.PolarsError as error:
        raise ReleaseError(
            f"The {side} table holds an unusable value: {str(error).splitlines()[0]}"
        ) from None
    for contradiction in contradictions(table):
        raise ReleaseError(f"The {side} table has {contradiction}.")
    return table


def contradictions(table: pl.DataFrame) -> list[str]:
    """What cannot be true of labelled images: "a label that is neither 0 nor 1 in 3 rows, first row 17"."""
    label, storm, lead = pl.col("label"), pl.col("storm_id"), pl.col("lead_time_hours")
    latitude_right = pl.col("latitude").is_between(-90, 90)
    longitude_right = pl.col("longitude").is_between(-180, 180, closed="left")
    rules = {
        "a label that is neither 0 nor 1": ~label.is_in([0, 1]).fill_null(False),
        "no time": pl.col("time").is_null(),
        "no basin": pl.col("basin").is_null(),
        "a latitude outside -90 to 90": ~latitude_right.fill_null(False),
        "a longitude outside -180 to 180 (180 itself is -180)": ~longitude_right.fill_null(False),
        "a positive label without storm_id": (label == 1) & (storm.is_null() | (storm == "")),
        "a positive label without lead_time_hours": (label == 1) & (lead.is_null() | lead.is_nan()),
        "a negative label with a storm_id": (label == 0) & storm.is_not_null(),
        "a negative label with lead_time_hours": (label == 0) & lead.is_not_null(),
    }
    found = []
    for problem, broken in rules.items():
        rows = table.select(broken.arg_true()).to_series()
        if len(rows):
            found.append(f"{problem} in {len(rows)} rows, first row {rows[0]}")
    if table["label"].n_unique() == 1:
        found.append(f"the label {table['label'][0]} alone; both kinds are needed")
    return found


def write_csv(table: pl.DataFrame, path: Path) -> None:
    table.write_csv(path, datetime_format=TIME_FORMAT)
