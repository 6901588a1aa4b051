"""The two tables that a metric is called with, as files in memory that nobody can change.

The solution's tables are made once for a solution, and kept as long as it is.
"""

import os
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from scoring.own_metric.sandbox import seal, sealed_file
from scoring.solution import SPLITS, Solution


@dataclass(frozen=True)
class PartTable:
    """The images of one part, (n,): their ids in ascending order, and their slots in the solution.

    Never in the order of slots, in which the positives come first: a metric that breaks ties by position
    would favour them.
    """

    image_id: pa.Array
    slots: npt.NDArray[np.intp]
    solution: pa.Table

    @cached_property
    def solution_file(self) -> int:
        """A descriptor, closed when this object goes."""
        fd = _written("solution", self.solution)
        weakref.finalize(self, os.close, fd)
        return fd

    @contextmanager
    def submission_file(self, column: str, predictions: npt.NDArray[np.float64]) -> Iterator[int]:
        """predictions: (N,) in slot order. A descriptor, closed at the end."""
        values: npt.NDArray[Any] = predictions[self.slots]
        if column == "label":
            values = values.astype(np.int64)
        fd = _written("submission", pa.table({"image_id": self.image_id, column: values}))
        try:
            yield fd
        finally:
            os.close(fd)


_kept: dict[int, tuple[PartTable, PartTable]] = {}


def part_tables(solution: Solution) -> tuple[PartTable, PartTable]:
    """Of the public and the private part."""
    key = id(solution)
    if key not in _kept:
        _kept[key] = _part_tables(solution)
        weakref.finalize(solution, _kept.pop, key, None)
    return _kept[key]


def _part_tables(solution: Solution) -> tuple[PartTable, PartTable]:
    names, slots = solution.ids.in_order()
    labels = solution.labels.astype(np.int64)
    private = slots >= solution.bounds[2]
    parts = []
    for split in SPLITS:
        rows = np.flatnonzero(private == (split == "private"))
        here = slots[rows].astype(np.intp)
        image_id = names.take(pa.array(rows))
        columns = {"image_id": image_id, "label": pa.array(labels[here])}
        others = solution.columns.take(pa.array(here))
        columns |= {name: others[name] for name in others.column_names}
        parts.append(PartTable(image_id, here, pa.table(columns)))
    public, private_part = parts
    return public, private_part


def _written(name: str, table: pa.Table) -> int:
    fd = sealed_file(name)
    try:
        with open(fd, "wb", closefd=False) as file, pa.ipc.new_stream(file, table.schema) as stream:
            stream.write_table(table)
        seal(fd)
    except BaseException:
        os.close(fd)
        raise
    return fd
