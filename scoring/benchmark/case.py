"""The case to measure: a solution of storms and blocks of time, and one entry in four files."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

POSITIVE_FRACTION = 0.031
PUBLIC_FRACTION = 0.3
STORM_IMAGES = (50, 100)
HOURS_APART = 6
DAYS = 730
BLOCK_DAYS = 5
START = np.datetime64("2016-01-01T00", "h")
# Positives score this many standard deviations higher: a precision of about 0.24 at the floor, as a mediocre
# network has. Some storms are easier than others.
SEPARATION, STORM_SD = 2.2, 0.4

SOLUTION = "solution.parquet"
SHUFFLED_CSV, SHUFFLED_PARQUET = "shuffled.csv", "shuffled.parquet"
ORDERED_CSV, ORDERED_PARQUET = "in_order.csv", "in_order.parquet"
# Name of the measurement → file. A worker that has read a Parquet file in order knows its column of ids.
PARQUET_UNKNOWN = "Parquet in order, ids unknown"
FILES = {
    "CSV shuffled": SHUFFLED_CSV,
    "Parquet shuffled": SHUFFLED_PARQUET,
    "CSV in order": ORDERED_CSV,
    PARQUET_UNKNOWN: ORDERED_PARQUET,
    "Parquet in order": ORDERED_PARQUET,
}


def write_case(directory: Path, *, rows: int, seed: int) -> None:
    """Writes the solution and the files. rows: at least 100; public and private have two storms or more."""
    rng = np.random.default_rng(seed)
    positives = max(16, round(rows * POSITIVE_FRACTION))
    storm = _storms(positives, rng)
    storms = int(storm[-1]) + 1
    public_storm = _public(storms, rng)
    first_image = np.searchsorted(storm, np.arange(storms))
    begins = rng.integers(0, DAYS * 24, storms)
    hours = begins[storm] + HOURS_APART * (np.arange(positives) - first_image[storm])
    quiet_hours = HOURS_APART * rng.integers(0, DAYS * 24 // HOURS_APART, rows - positives)
    public_block = _public(DAYS // BLOCK_DAYS, rng)
    scores = rng.normal(size=rows)
    scores[:positives] += SEPARATION + STORM_SD * rng.normal(size=storms)[storm]
    solution = pl.DataFrame(
        {
            "label": np.repeat(np.array([1, 0], np.uint8), [positives, rows - positives]),
            "split": np.where(
                np.append(public_storm[storm], public_block[quiet_hours // (24 * BLOCK_DAYS)]),
                "public",
                "private",
            ),
            "storm_id": [f"storm_{number:04d}" for number in storm] + [None] * (rows - positives),
            "time": START.astype("M8[ms]") + np.append(hours, quiet_hours).astype("m8[h]"),
            "score": scores,
        }
    ).with_columns(pl.col("time").dt.replace_time_zone("UTC"))
    # The order of a release tells nothing, and that of the shuffled files is another one.
    solution = solution[rng.permutation(rows)]
    names = pl.Series("image_id", [f"test_{number:07d}" for number in range(rows)])
    solution.drop("score").insert_column(0, names).write_parquet(directory / SOLUTION)
    entry = pl.DataFrame([names, solution["score"]])
    for frame, csv, parquet in (
        (entry[rng.permutation(rows)], SHUFFLED_CSV, SHUFFLED_PARQUET),
        (entry, ORDERED_CSV, ORDERED_PARQUET),
    ):
        frame.write_csv(directory / csv)
        # as pandas' to_parquet writes it
        table = pa.table({"image_id": frame["image_id"].to_list(), "score": frame["score"].to_numpy()})
        pq.write_table(table, directory / parquet)


def _storms(positives: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """(positives,) the storm of each, ascending; storms of 50 to 100 images, smaller where these are few."""
    low, high = (min(size, positives // 8) for size in STORM_IMAGES)
    sizes = rng.integers(low, high + 1, positives // low + 1)
    return np.repeat(np.arange(len(sizes)), sizes)[:positives]


def _public(count: int, rng: np.random.Generator) -> npt.NDArray[np.bool_]:
    """(count,) which are public: the fraction, and two at least."""
    public = np.zeros(count, bool)
    public[rng.permutation(count)[: max(2, round(PUBLIC_FRACTION * count))]] = True
    return public
