"""A table in a Parquet file that somebody uploaded, read only after it was found to be no bomb.

A file of kilobytes can name one endless text in every row, or lists of billions of zeros: spelled out it
would take the memory of the site.
"""

from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from scoring.parquet_footer import MAX_FOOTER_BYTES, FooterError, read_footer

MOST_COLUMNS = 200
BYTES = 64 * 1024**2
BYTES_PER_IMAGE = 512  # five times what a solution of eight columns needs


class UnreadableTableError(Exception):
    """The file is damaged, or larger than such a table can be; the message says how."""


def read_uploaded_table(data: pa.Buffer, *, images: int) -> pa.Table:
    """The table of a file that should describe so many images. Raises UnreadableTableError."""
    try:
        return _read(data, images)
    # All that pyarrow raises on damaged bytes: most of it is pa.ArrowException, an Exception of its own.
    except (
        pa.ArrowException,
        ArithmeticError,
        LookupError,
        MemoryError,
        OSError,
        TypeError,
        ValueError,
    ) as error:
        raise UnreadableTableError((str(error).splitlines() or [type(error).__name__])[0]) from error


def _read(data: pa.Buffer, images: int) -> pa.Table:
    most = BYTES + BYTES_PER_IMAGE * images
    footer = read_footer(data)
    if footer.columns > MOST_COLUMNS:
        raise FooterError(f"it has {footer.columns:,} columns, and at most {MOST_COLUMNS} are read")
    if footer.rows > 2 * images + 1000:
        raise FooterError(f"it has {footer.rows:,} rows, and the test has {images:,} images")
    _refuse_more(sum(chunk.uncompressed_size for chunk in footer.chunks), most)
    if any("DELTA_BYTE_ARRAY" in chunk.encodings for chunk in footer.chunks):
        # A few bytes may stand for a prefix of megabytes, in every row.
        raise FooterError("the Parquet encoding DELTA_BYTE_ARRAY is not read here; write with the default")
    limits = {"thrift_string_size_limit": MAX_FOOTER_BYTES, "thrift_container_size_limit": MAX_FOOTER_BYTES}
    schema = pq.ParquetFile(pa.BufferReader(data), **limits).schema_arrow
    for field in schema:
        if pa.types.is_nested(field.type) or schema.names.count(field.name) > 1:
            raise FooterError(f"the column {field.name[:100]!r} is nested, or there twice")
    _refuse_more(footer.rows * sum(_fixed_width(field.type) for field in schema), most)
    # Each text once, and which of them a row has.
    table = pq.ParquetFile(pa.BufferReader(data), read_dictionary=schema.names, **limits).read()
    _refuse_more(sum(_spelled_out(table.columns)), most)
    return pa.table({name: _plain(table[name]) for name in table.column_names})


def _refuse_more(size: int, most: int) -> None:
    if size > most:
        raise FooterError(f"its columns take {size:,} bytes in memory, and at most {most:,} are read")


def _fixed_width(kind: pa.DataType) -> int:
    return kind.byte_width if pa.types.is_fixed_size_binary(kind) else 0


def _spelled_out(columns: Iterable[pa.ChunkedArray]) -> Iterable[int]:
    """Bytes of the texts of each column."""
    for column in columns:
        if pa.types.is_dictionary(column.type):
            for chunk in column.chunks:
                lengths = pc.cast(pc.binary_length(chunk.dictionary), pa.int64())
                yield pc.sum(lengths.take(chunk.indices)).as_py() or 0


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column
