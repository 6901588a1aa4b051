"""The solution: labels, split and groups of the test images, resident between submissions."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from scoring.clustering import days_since_1970, group_by_time, group_by_value, to_arrow
from scoring.image_ids import ImageIds
from scoring.resampling import Clusters
from scoring.tally import Part

REQUIRED_COLUMNS = ("image_id", "label", "split")
SPLITS = ("public", "private")
ROWS_SHOWN = 20
TIME = "time"
# The column of the storms. It alone may be missing: a test set of single images has no storms.
STORM = "storm_id"


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
    _clusters: dict[tuple[str | None, int], tuple[Clusters, Clusters]] = field(
        default_factory=dict, repr=False, compare=False
    )
    # By column, what `scoring.metrics.slices` makes of it for the public and the private part.
    slicings: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

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
        return cls.from_table(pa.table({name: to_arrow(values) for name, values in data.items()}))

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
        if TIME in table.column_names:
            try:  # here rather than when the first submission is scored
                days_since_1970(table[TIME])
            except ValueError as error:
                raise SolutionError(f"{name}, column {TIME}: {error}") from error
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

    def parts(self, predictions: Any, clusters: tuple[Clusters, Clusters] | None = None) -> tuple[Part, Part]:
        """Public and private part of predictions in slot order: an array or tensor of shape (N,)."""
        groups = [predictions[self.bounds[i] : self.bounds[i + 1]] for i in range(4)]
        public, private = clusters or (None, None)
        return Part(groups[0], groups[1], public), Part(groups[2], groups[3], private)

    def clusters(self, cluster_by: str | None, replicates: int) -> tuple[Clusters, Clusters]:
        """What is resampled together in the public and the private part, with the weights of the draws. Made
        once and kept with the solution; two threads that ask at once make the same.

        Positives of one value in the column `cluster_by` (`storm_id`) are a cluster; without a value, or
        without storms, each image is its own. Negatives are clustered by blocks of time, and singly where
        there is no column `time` or it spans one day. Raises SolutionError for a column that there is not, or
        that makes no groups.
        """
        check_clusters(cluster_by, self.columns.column_names)
        wanted = cluster_by, replicates
        if wanted not in self._clusters:
            self._clusters[wanted] = (
                self._part_clusters(cluster_by, replicates, 0),
                self._part_clusters(cluster_by, replicates, 1),
            )
        return self._clusters[wanted]

    def _part_clusters(self, cluster_by: str | None, replicates: int, part: int) -> Clusters:
        positives, negatives = (
            self.columns.slice(self.bounds[group], self.bounds[group + 1] - self.bounds[group])
            for group in (2 * part, 2 * part + 1)
        )
        storms = positives[cluster_by] if cluster_by in positives.column_names else None
        times = negatives[TIME] if TIME in negatives.column_names else None
        try:
            by_value = group_by_value(storms, len(positives), cluster_by)
        except ValueError as error:
            raise SolutionError(f"column {cluster_by} of the solution: {error}") from error
        return Clusters(
            by_value,
            group_by_time(times, len(negatives)),
            replicates,
            stream=part,
        )


def check_clusters(cluster_by: str | None, columns: Sequence[str]) -> None:
    """Raises SolutionError where a solution with these `columns`, beside the required ones, lacks the one
    whose groups are to be drawn together."""
    if cluster_by in (None, STORM) or cluster_by in columns:
        return
    raise SolutionError(
        f"cluster_by {cluster_by}: the solution has no such column; it has {', '.join(columns) or 'none'}"
        " beside those of every solution (null draws single images)"
    )


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
