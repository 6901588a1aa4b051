"""A submission file: read and validated, or refused with everything that is wrong with it.

A clean file takes the fast path: Arrow parses it, the ids become integers, and the values are put straight
into their places. It never decides that a file is bad: whatever it does not like goes to the careful path,
which reads row by row and words the problems. So both accept the same files.
"""

import math
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from scoring import text_rows
from scoring.fast_path import read_clean_parquet, read_clean_text
from scoring.file_contents import PARQUET_MAGIC, Contents, Limits, read_contents
from scoring.image_ids import UNKNOWN, ImageIds
from scoring.metrics import MetricConfig, RecallConstrainedPrecision
from scoring.parquet_rows import ParquetRows
from scoring.problems import SHOWN_OF_A_KIND, Findings, InvalidSubmission, refuse
from scoring.text_rows import shorten

NAN_WORDS = {"nan", "+nan", "-nan", "na", "n/a", "#n/a", "<na>", "null", "none", "nil", "missing"}
SUFFIX_2018 = ".tif"
PARQUET_NAMES = (".parquet", ".pq")
# Kinds of problems of which a file with one is no CSV table either.
NO_TABLE = frozenset({"binary", "columns", "encoding"})

Predictions = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Submission:
    """A valid submission: predictions (N,) float64, finite, in the places of the ids; labels 0.0 or 1.0."""

    predictions: Predictions
    form: str
    warnings: list[str]
    seconds: dict[str, float] = field(default_factory=dict)


def validate_submission(
    path: str | Path,
    *,
    ids: ImageIds | Iterable[str] | None = None,
    n_rows: int | None = None,
    config: MetricConfig | None = None,
    limits: Limits | None = None,
    filename: str | None = None,
) -> Submission:
    """Reads a submission of every image id exactly once, in any order.

    ids: the test images, or n_rows: how many there are, of a release's own ids (``test_0000000`` …).
    filename: the participant's name of the file, where it is stored under another one.

    Raises InvalidSubmission with all problems at once, OSError where the file cannot be read at all.
    """
    if (ids is None) == (n_rows is None):
        raise TypeError("give either ids or n_rows")
    known = (
        ids
        if isinstance(ids, ImageIds)
        else ImageIds(ids)
        if ids is not None
        else ImageIds.numbered(n_rows or 0)
    )
    config = config or RecallConstrainedPrecision()
    started = time.perf_counter()
    contents = None
    try:
        contents = read_contents(path, limits=limits or Limits(), filename=filename)
        read = time.perf_counter()
        reader = _read_parquet if contents.form == "parquet" else _read_text
        predictions = reader(contents, known, config, limits or Limits())
    except InvalidSubmission as error:
        if contents is None or contents.form != "parquet":
            _refuse_false_parquet(filename or Path(path).name, error)
        raise
    seconds = {"read": read - started, "parse": time.perf_counter() - read}
    return Submission(predictions, contents.form, contents.warnings, seconds)


def _refuse_false_parquet(name: str, error: InvalidSubmission) -> None:
    """What does not even look like the table it was read as, since it lacks Parquet's first bytes, is told by
    its name to be a damaged Parquet file."""
    if name.lower().endswith(PARQUET_NAMES) and NO_TABLE.intersection(each.kind for each in error.problems):
        raise refuse(
            "format",
            f'the name "{shorten(name)}" says Parquet, and the file is none: a Parquet file begins with'
            f" {PARQUET_MAGIC.decode()}. Write it again (in pandas: to_parquet), or send .csv",
        ) from error


def _read_text(contents: Contents, ids: ImageIds, config: MetricConfig, limits: Limits) -> Predictions:
    findings = Findings()
    layout = text_rows.read_without_header(contents.data) if config.form == "2018" else None
    headless = layout is not None
    if layout is None:
        layout = text_rows.read_header(contents.data, config.column, findings, contents.warnings)
    if not findings:
        predictions = read_clean_text(contents.data, layout, ids, config.prediction)
        if predictions is not None:
            return predictions
    return _read_carefully(
        _text_records(contents.data, layout, findings, ids, headless), ids, config, findings
    )


def _read_parquet(contents: Contents, ids: ImageIds, config: MetricConfig, limits: Limits) -> Predictions:
    rows = ParquetRows(contents.data, config.column, n_rows=len(ids), max_bytes=limits.max_decompressed_bytes)
    contents.warnings.extend(rows.warnings)
    predictions = read_clean_parquet(rows, ids, config.prediction)
    if predictions is not None:
        return predictions
    return _read_carefully(rows.records(), ids, config, Findings())


# A record: row number, id (None where it is empty or could not be read: reported already), value as text or
# number (None where it could not be read: reported already).
Record = tuple[int, str | None, str | float | None]


def _text_records(
    data: pa.Buffer, layout: text_rows.Layout, findings: Findings, ids: ImageIds, headless: bool
) -> Iterator[Record]:
    last_row = 2 * len(ids) + 1000
    for row, fields in text_rows.rows(data, layout, findings, last_row):
        name = value = None
        if layout.id_column is not None and layout.id_column < len(fields):
            name = fields[layout.id_column]
            if headless:
                name = name.removesuffix(SUFFIX_2018)
        if len(fields) == layout.columns and layout.value_column is not None:
            value = fields[layout.value_column]
        yield row, name, value


def _read_carefully(
    records: Iterable[Record], ids: ImageIds, config: MetricConfig, findings: Findings
) -> Predictions:
    """Puts every record into its place and raises InvalidSubmission with all that is wrong."""
    predictions = np.full(len(ids), np.nan)
    row_of_place = np.zeros(len(ids), np.int64)
    any_id = False
    last_row = 0
    for last_row, name, value in records:
        number = _number(last_row, value, config.prediction, findings)
        if name is None:
            continue
        any_id = True
        place = ids.place(name)
        if place == UNKNOWN:
            _report_unknown(last_row, name, ids, findings)
        elif row_of_place[place]:
            first = int(row_of_place[place])
            findings.add(
                "duplicate_id", f'row {last_row}: the id "{name}" was already in row {first}', first, last_row
            )
        else:
            row_of_place[place] = last_row
            predictions[place] = number
    if not last_row and not findings.has("long_line", "too_many_rows"):
        findings.add("empty_file", "the file has no rows of data")
    missing = np.flatnonzero(row_of_place == 0)
    read_whole = not findings.has("empty_file", "long_line", "too_many_rows")
    if len(missing) and read_whole and any_id:
        first_missing = ids.first_names(missing, SHOWN_OF_A_KIND)
        findings.add_many(
            "missing_id", len(missing), (f'the id "{name}" is missing' for name in first_missing)
        )
    findings.raise_if_any()
    return predictions


def _number(row: int, value: str | float | None, prediction: str, findings: Findings) -> float:
    """A cell's number, exactly as Python reads it; NaN where it has none, which goes to `findings`."""
    if value is None:
        return math.nan
    number = _parse(value)
    if number is None or not math.isfinite(number):
        _report_value(row, value, number, prediction, findings)
        return math.nan
    if prediction == "label" and number not in (0.0, 1.0):
        findings.add(
            "label_value", f'row {row}: the label is "{shorten(str(value))}"; it must be 0 or 1', row
        )
        return math.nan
    if prediction == "probability" and not 0 <= number <= 1:
        findings.add(
            "probability_value",
            f'row {row}: the score is "{shorten(str(value))}"; this metric needs probabilities, from 0 to 1',
            row,
        )
        return math.nan
    return number


def _parse(value: str | float) -> float | None:
    if isinstance(value, str) and ("_" in value or not value.isascii()):
        return None  # float() would take 1_000 and digits of other scripts
    try:
        return float(value)
    except ValueError:
        return None


def _report_value(
    row: int, value: str | float, number: float | None, prediction: str, findings: Findings
) -> None:
    text = str(value).strip()
    shown = shorten(text)
    if not text:
        findings.add("empty_value", f"row {row}: the {prediction} is empty", row)
    elif text.lower() in NAN_WORDS:
        findings.add(
            "nan_value", f'row {row}: the {prediction} is "{shown}"; every image needs a number', row
        )
    elif number is not None and "inf" in text.lower():
        findings.add("infinite_value", f'row {row}: the {prediction} is "{shown}"; it must be finite', row)
    elif number is not None:
        findings.add(
            "infinite_value", f'row {row}: the {prediction} "{shown}" is too large for a float64', row
        )
    else:
        hint = (
            "; write decimals with a point"
            if text.replace(",", ".", 1) != text and _parse(text.replace(",", ".", 1)) is not None
            else ""
        )
        what = "0 or 1" if prediction == "label" else "a number"
        kind = "label_value" if prediction == "label" else "text_value"
        findings.add(kind, f'row {row}: the {prediction} "{shown}" is not {what}{hint}', row)


def _report_unknown(row: int, name: str, ids: ImageIds, findings: Findings) -> None:
    if not name.strip():
        findings.add("unknown_id", f"row {row}: the id is empty", row)
    elif not (findings.has("encoding") and text_rows.SURROGATE.search(name)):
        hint = ids.hint(name) if findings.has_room("unknown_id") else ""
        findings.add("unknown_id", f'row {row}: unknown id "{shorten(name)}"{hint}', row)
