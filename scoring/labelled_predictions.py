"""Predictions of images whose labels are known: a participant's out-of-fold scores beside ``train.csv``."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from scoring.clustering import days_since_1970

NAMES_SHOWN = 5


class UnusableLabelsError(Exception):
    """A file of labels or of predictions cannot be used; the message says which, and why."""


@dataclass(frozen=True)
class Labelled:
    """The images of the predictions: labels (N,) 0 or 1, scores (N,), clusters and times (N,) or None, where
    the labels have no such column. left_out: labelled images without a prediction."""

    labels: npt.NDArray[np.int64]
    scores: npt.NDArray[np.float64]
    clusters: pa.ChunkedArray | None
    times: pa.ChunkedArray | None
    left_out: int


def read_labelled(predictions: Path, labels: Path, cluster_by: str | None) -> Labelled:
    """predictions: ``image_id,score`` of some of the images, such as those of the folds held back; labels:
    ``image_id,label`` and, where they are known, the column `cluster_by` and ``time``. CSV or Parquet both.

    Raises UnusableLabelsError, and OSError where there is no file.
    """
    scored = _read(predictions, ("image_id", "score"))
    known = _read(labels, ("image_id", "label"))
    place = pc.index_in(scored["image_id"], value_set=known["image_id"].combine_chunks())
    unknown = scored["image_id"].filter(pc.is_null(place))
    if len(unknown):
        shown = ", ".join(unknown.slice(0, NAMES_SHOWN).to_pylist())
        raise UnusableLabelsError(
            f"{predictions}: {len(unknown):,} images have no label in {labels}: {shown}"
            + (", …" if len(unknown) > NAMES_SHOWN else "")
        )
    for path, table in ((predictions, scored), (labels, known)):
        if pc.count_distinct(table["image_id"]).as_py() < len(table):
            raise UnusableLabelsError(f"{path}: an image_id occurs more than once")
    matched = known.take(place)
    answers = _numbers(matched["label"], labels, "label")
    _refuse(~np.isin(answers, (0, 1)), labels, "label", "neither 0 nor 1", matched["image_id"])
    scores = _numbers(scored["score"], predictions, "score")
    _refuse(~np.isfinite(scores), predictions, "score", "not a finite number", scored["image_id"])
    times = _column(matched, "time")
    if times is not None:
        try:
            days_since_1970(times)
        except ValueError as error:
            raise UnusableLabelsError(f"{labels}, column time: {error}") from error
    return Labelled(
        answers.astype(np.int64),
        scores,
        None if cluster_by is None else _column(matched, cluster_by),
        times,
        len(known) - len(scored),
    )


def _read(path: Path, needed: tuple[str, str]) -> pa.Table:
    try:
        if path.suffix == ".parquet":
            with path.open("rb") as file:
                table = pq.read_table(file)
        else:
            options = pa_csv.ConvertOptions(column_types={"image_id": pa.string()}, strings_can_be_null=True)
            table = pa_csv.read_csv(path, convert_options=options)
    except pa.ArrowException as error:
        raise UnusableLabelsError(f"{path} is no CSV or Parquet file that can be read: {error}") from error
    missing = [name for name in needed if table.column_names.count(name) != 1]
    if missing:
        raise UnusableLabelsError(
            f"{path} must have the column {' and '.join(missing)} once;"
            f" it has {', '.join(table.column_names)}"
        )
    if not len(table):
        raise UnusableLabelsError(f"{path} has no rows")
    return table.set_column(
        table.column_names.index("image_id"), "image_id", table["image_id"].cast(pa.string())
    )


def _column(table: pa.Table, name: str) -> pa.ChunkedArray | None:
    return table[name] if name in table.column_names else None


def _numbers(column: pa.ChunkedArray, path: Path, name: str) -> npt.NDArray[Any]:
    try:
        return column.cast(pa.float64()).to_numpy()  # a null becomes NaN
    except pa.ArrowException as error:
        raise UnusableLabelsError(f"{path}, column {name}: must hold numbers: {error}") from error


def _refuse(bad: npt.NDArray[np.bool_], path: Path, name: str, what: str, ids: pa.ChunkedArray) -> None:
    rows = np.flatnonzero(bad)
    if len(rows):
        first = ids[int(rows[0])].as_py()
        raise UnusableLabelsError(
            f"{path}, column {name}: that of {len(rows):,} images is {what}, first {first}"
        )
