"""Which images are resampled together: positives of one storm, negatives of one block of time."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from scoring.resampling import SINGLY, Clusters, Grouping

# Negatives of one block of so many days are resampled together, in the longest blocks that are enough: the
# weather behind them persists, and blocks shorter than its memory make intervals too narrow (measured in
# `docs/uncertainty.md`). A release divides its negatives between public and private by blocks of five days.
BLOCK_DAYS = (30, 20, 15, 10, 5, 2, 1)
ENOUGH_BLOCKS = 15
MILLISECONDS_PER_DAY = 86_400_000


def clusters_of(
    positive: npt.NDArray[np.bool_], clusters: Any, times: Any, replicates: int, by: str | None = None
) -> Clusters:
    """Of images in memory: the positives by `clusters`, the others by `times`; (N,) each, or None.

    positive: (N,) mask. by: what a cluster is, in words. Raises ValueError for another length, or times that
    are none.
    """
    groups = []
    for name, values, rows in (("clusters", clusters, positive), ("times", times, ~positive)):
        if values is not None and len(values) != len(positive):
            raise ValueError(
                f"{name} ({len(values)},) must have one value for each of {len(positive)} labels"
            )
        groups.append(None if values is None else to_arrow(values).filter(pa.array(rows)))
    return Clusters(
        group_by_value(groups[0], int(positive.sum()), by or "cluster"),
        group_by_time(groups[1], int((~positive).sum())),
        replicates,
    )


def group_by_value(column: Any, count: int, name: str | None) -> Grouping:
    """Images of one value together; without a value (null, NaN, empty text), and without a column, singly.
    Raises ValueError for a column of a type that has no order, such as lists."""
    if column is None:
        return Grouping.of(np.full(count, -1), SINGLY)
    try:
        encoded = pc.dictionary_encode(column.combine_chunks())
    except pa.ArrowNotImplementedError as error:
        raise ValueError(f"must hold text, numbers or times, its type is {column.type}") from error
    values = encoded.dictionary
    # in the order of the values, so that the solution's order of rows does not matter
    order = pc.sort_indices(values).to_numpy()
    ranks = np.empty(len(values), np.int64)
    ranks[order] = np.arange(len(values))
    nothing = [place for place, value in enumerate(values.to_pylist()) if str(value) in {"", "nan"}]
    ranks[nothing] = -1
    codes = encoded.indices.fill_null(len(values)).to_numpy(zero_copy_only=False)
    numbers = np.append(ranks, -1)[codes]
    return Grouping.of(numbers, name if name and (numbers >= 0).any() else SINGLY)


def group_by_time(column: Any, count: int) -> Grouping:
    """Blocks of days since 1970 (UTC); images without a time singly."""
    if column is None:
        return Grouping.of(np.full(count, -1), SINGLY)
    return blocks_of(days_since_1970(column))


def blocks_of(days: npt.NDArray[np.float64]) -> Grouping:
    """The longest of the blocks of `BLOCK_DAYS` that are enough, of days (n,); NaN is an image of its own."""
    known = np.isfinite(days)
    for length in BLOCK_DAYS:
        blocks = np.floor(days / length, where=known, out=np.full(len(days), -np.inf))
        found = len(np.unique(blocks[known]))
        if found >= ENOUGH_BLOCKS:
            break
    if found < 2:
        return Grouping.of(np.full(len(days), -1), SINGLY)
    numbers = np.full(len(days), -1)
    numbers[known] = blocks[known] - blocks[known].min()
    return Grouping.of(numbers, "1 day" if length == 1 else f"{length} days")


def days_since_1970(column: pa.ChunkedArray) -> npt.NDArray[np.float64]:
    """(n,) days, in UTC where there is a time zone, NaN for null. Raises ValueError for what is no time."""
    return times_of(column).cast(pa.int64()).cast(pa.float64()).to_numpy() / MILLISECONDS_PER_DAY


def times_of(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Timestamps in milliseconds, in UTC where there is a zone. Raises ValueError for what is no time."""
    if pa.types.is_integer(column.type):  # Arrow would take days or seconds for milliseconds
        raise ValueError(f"must hold times such as 2018-08-01T06:00:00, its type is {column.type}")
    # A time with a zone is cast to one with a zone, which shifts nothing: both count from 1970 in UTC. Text
    # says in each value whether it has one, and Arrow wants to know which to expect.
    zones = (column.type.tz,) if pa.types.is_timestamp(column.type) else (None, "UTC")
    for zone in zones:
        try:
            return column.cast(pa.timestamp("ms", tz=zone and "UTC"), safe=False)
        except pa.ArrowException as error:
            reason = error
    raise ValueError(f"must hold times such as 2018-08-01T06:00:00: {reason}") from reason


def to_arrow(values: Iterable[Any]) -> pa.ChunkedArray:
    """A column from a polars Series, an Arrow or NumPy array, or any values (None for null)."""
    if hasattr(values, "to_arrow"):  # a polars Series
        values = values.to_arrow()
    if isinstance(values, pa.ChunkedArray):
        return values
    if not isinstance(values, pa.Array | np.ndarray):
        values = list(values)
    return pa.chunked_array([values if isinstance(values, pa.Array) else pa.array(values)])
