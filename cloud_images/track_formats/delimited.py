"""Delimited text with a header, and the times in it."""

from pathlib import Path

import polars as pl

from cloud_images.track_formats.fixes import refuse

_TIME = (
    r"^\s*(?<year>\d{4})[-/]?(?<month>\d{2})[-/]?(?<day>\d{2})"
    r"(?:[T ]?(?<hour>\d{2})(?::?(?<minute>\d{2})(?::?(?<second>\d{2}(?:\.\d+)?))?)?)?"
    r"\s*(?<zone>Z|UTC|[+-]\d{2}:?\d{2})?\s*$"
)
_UTC_ZONES = ("Z", "UTC", "+00:00", "-00:00", "+0000", "-0000")


def time_parts(texts: pl.Series, lines: pl.Series, path: Path, column: str) -> pl.DataFrame:
    """ISO 8601 texts (also YYYYMMDDHH), UTC → columns year, month, day, seconds of the day."""
    parts = texts.str.extract_groups(_TIME).struct.unnest()
    for at in parts["year"].is_null().arg_true().head(1):
        message = f"{texts[at]!r} is not a time such as 1987-04-10T06:00:00Z or 1987041006"
        raise refuse(path, lines[at], column, message)
    for at in (~parts["zone"].fill_null("Z").is_in(_UTC_ZONES)).arg_true().head(1):
        raise refuse(path, lines[at], column, f"{texts[at]!r} is not UTC; convert the times first")
    clock = [pl.col(name).cast(pl.Float64).fill_null(0) for name in ("hour", "minute", "second")]
    return parts.select(
        pl.col("year", "month", "day").cast(pl.Int64),
        (clock[0] * 3600 + clock[1] * 60 + clock[2]).alias("seconds"),
    )


def read_text_columns(path: Path) -> pl.DataFrame:
    """A delimited file with a header → columns of stripped text (empty → null), in lower case, and `line`."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            header = file.readline()
        separator = max(",;\t", key=header.count)
        table = pl.read_csv(path, separator=separator, infer_schema=False, truncate_ragged_lines=False)
    except (pl.exceptions.PolarsError, UnicodeDecodeError) as error:
        said = str(error).partition("\n")[0]  # the rest repeats the file
        message = f"cannot be read as CSV: {said}. Does each line have as many columns as the header?"
        raise refuse(path, None, None, message) from None
    names = [name.strip().lower() for name in table.columns]
    if len(set(names)) != len(names):
        raise refuse(path, 1, None, "two columns have the same name")
    table.columns = names
    stripped = pl.all().str.strip_chars()
    return table.select(
        pl.when(stripped == "").then(None).otherwise(stripped).name.keep(),
    ).with_columns(pl.int_range(2, pl.len() + 2, dtype=pl.Int64).alias("line"))


def numeric(table: pl.DataFrame, column: str, path: Path, *, required: bool) -> pl.Series:
    numbers = table[column].cast(pl.Float64, strict=False)
    bad = numbers.is_null() & (True if required else table[column].is_not_null())
    for at in bad.arg_true().head(1):
        shown = "nothing" if table[column][at] is None else repr(table[column][at])
        raise refuse(path, table["line"][at], column, f"{shown} is not a number")
    return numbers.alias(column)


def whole(table: pl.DataFrame, column: str, path: Path) -> pl.Series:
    numbers = numeric(table, column, path, required=True)
    wholes = numbers.cast(pl.Int64, strict=False)
    for at in (wholes != numbers).fill_null(value=True).arg_true().head(1):
        raise refuse(path, table["line"][at], column, f"{table[column][at]!r} is not a whole number")
    return wholes
