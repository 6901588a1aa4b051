"""The fast path: a clean file, read by all cores at once.

The file is cut into pieces. A thread reads a piece, compiled (``clean_rows.cpp``) or by Arrow, and puts its
values by the numbers of their ids, all of it outside of the interpreter's lock. N rows put into N places that
were NaN prove that every id came exactly once. What is found depends neither on the number of threads nor on
which one ends first, nor on who reads.

Nothing here decides that a file is bad: None means that the careful path must look at it.
"""

import codecs
import math
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv as pa_csv

from scoring.fixed_width import FixedWidth
from scoring.image_ids import ImageIds, OddIdError, Placement
from scoring.parquet_rows import ParquetRows
from scoring.problems import InvalidSubmission
from scoring.text_rows import BLOCK_BYTES, Layout

SUFFIX_2018 = b".tif"

# A piece's arrays stay in the cache, and what a call costs beside its rows does not count.
PIECE_BYTES = 4 << 20
# A piece ends at a line's end among its last bytes.
LINE_BYTES = 1 << 16
# Rows of a Parquet file decoded at a time.
BATCH_ROWS = 1 << 16

Predictions = npt.NDArray[np.float64]


def read_clean_text(data: pa.Buffer, layout: Layout, ids: ImageIds, prediction: str) -> Predictions | None:
    """(N,) float64 predictions in the places of the ids, finite, labels 0.0 or 1.0."""
    body = data[layout.data_start :]
    if ids.pattern is None or not layout.complete:
        return None
    if layout.columns > 2 and (_quotes(body) or not _is_utf8(body)):
        return None
    text = _CleanText(layout, ids, SUFFIX_2018 if _has_suffix(body, layout) else b"")
    found = text.read(_pieces(body), quoted=False)
    if found is None and _quotes(body) and _quotes(body) % 2 == 0:  # Arrow takes an open one for a closed one
        found = text.read([body], quoted=True)
    return found if found is not None and _is_complete(found, prediction) else None


def read_clean_parquet(rows: ParquetRows, ids: ImageIds, prediction: str) -> Predictions | None:
    """The same for a Parquet file.

    Most of the time goes into unpacking ids, and most files that a team sends have the same ones, in the
    order of the sample submission. So the id columns that were found to be in that order are remembered by
    their SHA-256: where a file has those bytes again, its ids are known without being unpacked.
    """
    if ids.pattern is None or rows.count != len(ids):
        return None
    placement = Placement(ids)
    fingerprint = rows.fingerprint_of_ids()
    first = ids.known_orders.get(fingerprint)
    try:
        if first is None:
            first = _put_parquet(rows, ids.pattern, placement)
        else:
            _put_in_order(rows, placement, first)
    except (OddIdError, InvalidSubmission):  # the careful path finds the damage too
        return None
    found = placement.predictions()
    if not _is_complete(found, prediction):
        return None
    if first is not None:
        ids.known_orders[fingerprint] = first
    return found


def _put_parquet(rows: ParquetRows, pattern: FixedWidth, placement: Placement) -> int | None:
    """Puts all rows; while one thread decodes some, another one puts others.

    The first id's number where all ids are numbered without gaps in the order of the file, else None.
    """
    with ThreadPoolExecutor(pa.cpu_count()) as pool:

        def decode(groups: list[int]) -> list[tuple[int, Future[int | None]]]:
            puts = []
            for names, values in rows.batches(BATCH_ROWS, groups=groups, use_threads=False):
                raw = None if names.null_count or values.null_count else pattern.bytes_of(names)
                if raw is None:
                    raise OddIdError
                puts.append((len(names), pool.submit(placement.put, raw, values.to_numpy())))
            return puts

        decoded = list(pool.map(decode, rows.shares(pa.cpu_count())))
        firsts = [(put.result(), count) for puts in decoded for count, put in puts]
    begin = following = firsts[0][0] if firsts else None
    for first, count in firsts:
        if first is None or first != following:
            return None
        following = first + count
    return begin


def _put_in_order(rows: ParquetRows, placement: Placement, first: int) -> None:
    for values in rows.batches_of_values(BATCH_ROWS):
        if values.null_count:
            raise OddIdError
        placement.put_run(first, values.to_numpy())
        first += len(values)


def _is_complete(predictions: Predictions, prediction: str) -> bool:
    """N rows were put into N places that were NaN: if all are finite now, every id came exactly once."""
    if prediction == "label":
        return bool(((predictions == 0) | (predictions == 1)).all())
    if prediction == "probability":
        return bool(((predictions >= 0) & (predictions <= 1)).all())
    return bool(np.isfinite(predictions).all())


class _CleanText:
    """The reading of one text's pieces."""

    def __init__(self, layout: Layout, ids: ImageIds, suffix: bytes) -> None:
        assert ids.pattern is not None
        self._ids, self._suffix, self._delimiter = ids, suffix, layout.delimiter
        self._is_plain = (layout.id_column, layout.value_column, layout.columns) == (0, 1, 2)
        self._width = ids.pattern.width + len(suffix)
        self._columns = [f"c{column}" for column in range(layout.columns)]
        self._names = [self._columns[layout.id_column or 0], self._columns[layout.value_column or 0]]

    def read(self, pieces: Iterable[pa.Buffer], *, quoted: bool) -> Predictions | None:
        """The predictions, NaN where there is none; None where a row is odd or there are more than N."""
        placement = Placement(self._ids)
        rows = 0
        with ThreadPoolExecutor(pa.cpu_count()) as pool:
            for count in pool.map(lambda piece: self._put(piece, placement, quoted), pieces):
                rows += count or 0
                if count is None or rows > len(self._ids):
                    pool.shutdown(cancel_futures=True)
                    return None
        return placement.predictions()

    def _put(self, piece: pa.Buffer, placement: Placement, quoted: bool) -> int | None:
        """How many rows were put; None where one of them is odd."""
        if self._is_plain and not quoted:
            rows = placement.put_text(piece, self._suffix + self._delimiter.encode())
            if rows is not None:
                return rows
        return self._put_by_arrow(piece, placement, quoted)

    def _put_by_arrow(self, piece: pa.Buffer, placement: Placement, quoted: bool) -> int | None:
        """The same for any columns, quotation marks, spaces, and where nothing could be compiled."""
        try:
            table = pa_csv.read_csv(
                pa.BufferReader(piece),
                read_options=pa_csv.ReadOptions(column_names=self._columns, use_threads=quoted),
                parse_options=pa_csv.ParseOptions(
                    delimiter=self._delimiter, quote_char='"' if quoted else False
                ),
                convert_options=pa_csv.ConvertOptions(
                    column_types=dict(zip(self._names, (pa.binary(self._width), pa.float64()), strict=True)),
                    include_columns=self._names,
                    null_values=[],
                ),
            )
        except pa.ArrowException:
            return None
        for names, values in zip(*(table[name].chunks for name in self._names), strict=True):
            raw = np.frombuffer(names.buffers()[1], np.uint8)
            raw = raw[names.offset * self._width : (names.offset + len(names)) * self._width]
            try:
                placement.put(raw, values.to_numpy(), self._suffix)
            except OddIdError:
                return None
        return table.num_rows


def _pieces(body: pa.Buffer) -> Iterator[pa.Buffer]:
    """The text cut at ends of lines, into as many pieces for each core."""
    cores = pa.cpu_count()
    rounds = max(1, math.ceil(body.size / PIECE_BYTES / cores))
    size = max(LINE_BYTES, math.ceil(body.size / (rounds * cores)))
    start = 0
    while start < body.size:
        end = start + size
        if end < body.size:
            tail = bytes(body[end - LINE_BYTES : end])
            cut = max(tail.rfind(b"\n"), tail.rfind(b"\r"))
            end = body.size if cut < 0 else end - len(tail) + cut + 1
        yield body[start:end]
        start = end


def _has_suffix(body: pa.Buffer, layout: Layout) -> bool:
    return layout.delimiter == "\t" and bytes(body[:4096]).split(b"\t", 1)[0].endswith(SUFFIX_2018)


def _quotes(body: pa.Buffer) -> int:
    return int(np.count_nonzero(np.frombuffer(body, np.uint8) == ord('"')))


def _is_utf8(data: pa.Buffer) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for start in range(0, data.size, BLOCK_BYTES):
            decoder.decode(data[start : start + BLOCK_BYTES], final=start + BLOCK_BYTES >= data.size)
    except UnicodeDecodeError:
        return False
    return True
