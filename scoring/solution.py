"""The solution: labels, split and groups of the test images, resident between submissions."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from scoring.image_ids import ImageIds
from scoring.tally import Part

REQUIRED_COLUMNS = ("image_id", "label", "split")
SPLITS = ("public", "private")
ROWS_SHOWN = 20


class SolutionError(Exception):
    """The solution cannot be used; the message tells the organizer why and where."""


@dataclass(frozen=True)
class Solution:
    """N test images in slots grouped as [public positives | public negatives | private positives | private
    negatives], in the file's order inside each group, so that putting a prediction into its slot also splits.

    ids: place of each image id = its slot. bounds: (5,) where the groups begin, and N. columns: the other
    columns (storm, time, basin, …) in slot order.
    """

    ids: ImageIds
    bounds: tuple[int, int, int, int, int]
    columns: pa.Table

    @classmethod
    def load(cls, path: str | Path) -> "Solution":
        """Reads ``solution.parquet``. Raises SolutionError, and OSError where there is no file."""
        with Path(path).open("rb") as file:
            try:
                table = pq.read_table(file)
            except pa.ArrowException as error:
                raise SolutionError(f"{path} is not a Parquet file that can be read: {error}") from error
        return cls.from_table(table, name=str(path))

    @classmethod
    def from_columns(
        cls,
        *,
        image_ids: Iterable[str],
        labels: Iterable[int],
        split: Iterable[str],
        **columns: Iterable[Any],
    ) -> "Solution":
        """From columns in memory, each of N values: labels 0 or 1, split ``public`` or ``private``."""
        data = {"image_id": image_ids, "label": labels, "split": split, **columns}
        return cls.from_table(pa.table({name: _to_arrow(values) for name, values in data.items()}))

    @classmethod
    def from_table(cls, table: pa.Table, *, name: str = "the solution") -> "Solution":
        """From an Arrow table with the columns ``image_id``, ``label``, ``split`` and any others."""
        missing = [column for column in REQUIRED_COLUMNS if table.column_names.count(column) != 1]
        if missing:
            raise SolutionError(
                f"{name} must have each of the columns {', '.join(REQUIRED_COLUMNS)} once;"
                f" it has {', '.join(table.column_names) or 'no columns'}"
            )
        if not table.num_rows:
            raise SolutionError(f"{name} has no rows")
        labels = _labels(table["label"], name)
        private = _is_private(table["split"], name)
        group = 2 * private.astype(np.uint8) + (labels == 0)
        order = np.argsort(group, kind="stable")
        slots = np.empty(len(order), np.int32)
        slots[order] = np.arange(len(order))
        sizes = np.bincount(group, minlength=4)
        for split, positives in zip(SPLITS, sizes[::2], strict=True):
            if not positives:
                raise SolutionError(
                    f"{name} has no positive image in the {split} split: recall is not defined"
                )
        try:
            ids = ImageIds(table["image_id"], slots)
        except (ValueError, pa.ArrowException) as error:
            raise SolutionError(f"{name}, column image_id: {error}") from error
        others = table.select([column for column in table.column_names if column not in REQUIRED_COLUMNS])
        bounds = (0, *np.cumsum(sizes).tolist())
        return cls(ids, bounds, others.take(pa.array(order)))

    def __len__(self) -> int:
        return self.bounds[-1]

    @property
    def labels(self) -> npt.NDArray[np.uint8]:
        """(N,) uint8, 1 for a positive, in slot order."""
        return np.repeat(np.array([1, 0, 1, 0], np.uint8), np.diff(self.bounds))

    @property
    def split(self) -> npt.NDArray[np.str_]:
        """(N,) ``public`` or ``private``, in slot order."""
        return np.repeat(np.array(SPLITS), np.diff(self.bounds[::2]))

    def parts(self, predictions: Any) -> tuple[Part, Part]:
        """Public and private part of predictions in slot order: an array or tensor of shape (N,)."""
        groups = [predictions[self.bounds[i] : self.bounds[i + 1]] for i in range(4)]
        return Part(groups[0], groups[1]), Part(groups[2], groups[3])


def _to_arrow(values: Iterable[Any]) -> pa.Array | pa.ChunkedArray:
    if hasattr(values, "to_arrow"):  # a polars Series
        return values.to_arrow()
    return pa.array(values if isinstance(values, np.ndarray) else list(values))


def _labels(column: pa.ChunkedArray, name: str) -> npt.NDArray[np.float64]:
    kind = column.type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)):
        raise SolutionError(f"{name}, column label: must hold the numbers 0 and 1, its type is {kind}")
    labels = column.cast(pa.float64()).to_numpy()  # a null becomes NaN
    _refuse_rows((labels != 0) & (labels != 1), name, "label", "is neither 0 nor 1", labels)
    return labels


def _is_private(column: pa.ChunkedArray, name: str) -> npt.NDArray[np.bool_]:
    try:
        split = column.cast(pa.string())
    except pa.ArrowException as error:
        raise SolutionError(f"{name}, column split: must hold text, its type is {column.type}") from error
    private = pc.fill_null(pc.equal(split, "private"), False).to_numpy()
    public = pc.fill_null(pc.equal(split, "public"), False).to_numpy()
    _refuse_rows(~(private | public), name, "split", "is neither public nor private", split)
    return private


def _refuse_rows(bad: npt.NDArray[np.bool_], name: str, column: str, what: str, values: Any) -> None:
    rows = np.flatnonzero(bad)
    if len(rows):
        listed = ", ".join(str(row + 1) for row in rows[:ROWS_SHOWN])
        more = ", …" if len(rows) > ROWS_SHOWN else ""
        raise SolutionError(
            f"{name}, column {column}: {str(values[rows[0]])!r} {what}; {len(rows):,} such rows:"
            f" {listed}{more}"
        )
