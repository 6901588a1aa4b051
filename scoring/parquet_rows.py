"""Ids and values of a Parquet submission, read only after its metadata was found harmless."""

import hashlib
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from scoring.parquet_footer import MAX_FOOTER_BYTES, read_footer
from scoring.problems import Findings, InvalidSubmission, refuse
from scoring.text_rows import shorten

MAX_COLUMNS = 10_000
MAX_ID_BYTES = 1024
BATCH_ROWS = 1 << 14
# All that pyarrow raises on damaged bytes: most of it is pa.ArrowException, which is an Exception of its own.
DAMAGE = (pa.ArrowException, ArithmeticError, LookupError, MemoryError, OSError, TypeError, ValueError)


class ParquetRows:
    """The columns ``image_id`` and `value_name` of a Parquet file.

    count: rows the file says to have. Raises InvalidSubmission, here and while reading, for a damaged file,
    wrong columns or types, and more than the limits.
    """

    def __init__(self, data: pa.Buffer, value_name: str, *, n_rows: int, max_bytes: int) -> None:
        self._data, self._value_name = data, value_name
        self.warnings: list[str] = []
        try:
            self._check(n_rows, max_bytes)
        except DAMAGE as error:
            raise _damaged(error) from error

    def batches(
        self, rows: int = BATCH_ROWS, *, groups: list[int] | None = None, use_threads: bool = True
    ) -> Iterator[tuple[pa.Array, pa.Array]]:
        """(ids as bytes, values as float64) of some row groups or all, with nulls where the file has them."""
        try:
            file, dictionaries = self._open(), self._open(read_dictionary=["image_id"])
            for group in range(self._footer.row_groups) if groups is None else groups:
                _check_dictionary(dictionaries, group)
                for batch in file.iter_batches(
                    rows, row_groups=[group], columns=["image_id", self._value_name], use_threads=use_threads
                ):
                    yield _as_binary(batch["image_id"]), _as_float64(batch[self._value_name])
        except DAMAGE as error:
            raise _damaged(error) from error

    def batches_of_values(self, rows: int) -> Iterator[pa.Array]:
        """The values alone, as float64, with nulls where the file has them."""
        try:
            for batch in self._open().iter_batches(rows, columns=[self._value_name]):
                yield _as_float64(batch[self._value_name])
        except DAMAGE as error:
            raise _damaged(error) from error

    def fingerprint_of_ids(self) -> bytes:
        """SHA-256 of all bytes that the ids are read from: two files of one fingerprint have the same ids."""
        sha = hashlib.sha256(self._footer.reading.encode())
        for chunk in self._footer.chunks:
            if chunk.name == "image_id":
                sha.update(chunk.reading.encode())
                sha.update(self._data[chunk.start : chunk.start + chunk.size])
        return sha.digest()

    def shares(self, count: int) -> list[list[int]]:
        """The row groups, in runs for at most `count` readers."""
        ends = [self._footer.row_groups * share // count for share in range(count + 1)]
        return [list(range(start, end)) for start, end in pairwise(ends) if start < end]

    def records(self) -> Iterator[tuple[int, str | None, str | float | None]]:
        """(row from 1, id, value), where an id or a value that is null is empty text."""
        row = 0
        for names, values in self.batches():
            for name, value in zip(names.to_pylist(), values.to_pylist(), strict=True):
                row += 1
                text = "" if name is None else name.decode("utf-8", "surrogateescape")
                yield row, text, "" if value is None else value

    def _open(self, **options: Any) -> pq.ParquetFile:
        return pq.ParquetFile(
            pa.BufferReader(self._data),
            **options,
            thrift_string_size_limit=MAX_FOOTER_BYTES,
            thrift_container_size_limit=MAX_FOOTER_BYTES,
        )

    def _check(self, n_rows: int, max_bytes: int) -> None:
        footer = read_footer(self._data)
        self._footer, self.count = footer, footer.rows
        if footer.columns > MAX_COLUMNS:
            raise refuse("columns", f"the file has {footer.columns:,} columns; the limit is {MAX_COLUMNS:,}")
        self._check_columns(self._open().schema_arrow)
        if not self.count:
            raise refuse("empty_file", "the Parquet file has columns and no rows")
        if self.count > 2 * n_rows + 1000:
            raise refuse(
                "too_many_rows",
                f"the file has {self.count:,} rows, a submission has {n_rows:,}: it was not read",
            )
        chunks = [chunk for chunk in footer.chunks if chunk.name in ("image_id", self._value_name)]
        size = sum(chunk.uncompressed_size for chunk in chunks)
        if size > max_bytes:
            raise refuse(
                "too_large",
                f"ids and values take {size:,} bytes when decompressed; the limit is {max_bytes:,}",
            )
        if any("DELTA_BYTE_ARRAY" in chunk.encodings for chunk in chunks):
            # A few bytes may stand for a prefix of megabytes, in every row.
            raise refuse(
                "format", "the Parquet encoding DELTA_BYTE_ARRAY is not accepted; write with the default"
            )

    def _check_columns(self, schema: pa.Schema) -> None:
        findings = Findings()
        expected = f"image_id, {self._value_name}"
        found = ", ".join(shorten(name) for name in schema.names[:20]) + (", …" if len(schema) > 20 else "")
        for wanted in ("image_id", self._value_name):
            count = schema.names.count(wanted)
            if count != 1:
                what = "appears more than once" if count else "is missing"
                findings.add(
                    "columns", f'the column "{wanted}" {what}: expected the columns {expected}, found {found}'
                )
                continue
            kind = schema.field(wanted).type
            if wanted == "image_id" and not _is_text(kind):
                findings.add("columns", f'the column "image_id" has the type {kind}; it must be text')
            elif wanted != "image_id" and not _is_number(kind, self._value_name):
                findings.add("columns", f'the column "{wanted}" has the type {kind}; it must hold numbers')
        findings.raise_if_any()
        extra = [shorten(name) for name in schema.names if name not in ("image_id", self._value_name)]
        if extra:
            listed = ", ".join(extra[:10]) + (", …" if len(extra) > 10 else "")
            self.warnings.append(f"extra columns are ignored: {listed}")


def _check_dictionary(file: pq.ParquetFile, group: int) -> None:
    """A dictionary may name one endless string in every row: look at it before it is spelled out."""
    batches = file.iter_batches(1, row_groups=[group], columns=["image_id"], use_threads=False)
    batch = next(batches, None)
    if batch is None or not pa.types.is_dictionary(batch["image_id"].type):
        return
    longest = pc.max(pc.binary_length(batch["image_id"].dictionary)).as_py() or 0
    if longest > MAX_ID_BYTES:
        raise refuse("unknown_id", f"the Parquet file has ids of {longest:,} bytes; ids are short")


def _damaged(error: Exception) -> InvalidSubmission:
    reason = shorten((str(error).splitlines() or [type(error).__name__])[0])
    return refuse("damaged", f"the Parquet file cannot be read ({reason}); write and upload it again")


def _is_text(kind: pa.DataType) -> bool:
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return any(
        check(kind)
        for check in (
            pa.types.is_string,
            pa.types.is_large_string,
            pa.types.is_string_view,
            pa.types.is_binary,
            pa.types.is_large_binary,
            pa.types.is_binary_view,
            pa.types.is_fixed_size_binary,
        )
    )


def _is_number(kind: pa.DataType, value_name: str) -> bool:
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return (
        pa.types.is_floating(kind)
        or pa.types.is_integer(kind)
        or pa.types.is_decimal(kind)
        or (pa.types.is_boolean(kind) and value_name == "label")
    )


def _as_binary(column: pa.Array) -> pa.Array:
    """Text as its bytes, which may be anything: what a Parquet file calls a string need not be UTF-8."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    wide = pa.types.is_large_string(column.type) or pa.types.is_large_binary(column.type)
    return column.cast(pa.large_binary() if wide else pa.binary())


def _as_float64(column: pa.Array) -> pa.Array:
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_decimal(column.type):
        column = column.cast(pa.string())  # whose conversion to a float rounds once and correctly
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.int8())
    return column.cast(pa.float64(), safe=False)
