"""The careful reading of a text submission: slower than the fast path, but it says what is wrong where."""

import codecs
import csv
import io
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from scoring.file_contents import SAVE_AS_UTF8
from scoring.problems import Findings, refuse

# A row of a thousand extra columns fits; a file that is one endless line does not fill the memory.
MAX_LINE = 1 << 20
BLOCK_BYTES = 1 << 20
MAX_QUOTED_LINES = 100
MAX_NAME_SHOWN = 60
SURROGATE = re.compile("[\udc80-\udcff]")
DELIMITER_NAMES = {";": "semicolons", "\t": "tabs", "|": "vertical bars", " ": "spaces", ",": "commas"}


@dataclass(frozen=True)
class Layout:
    """Where ids and values are. data_start, first_row: byte and row of the first data line."""

    id_column: int | None
    value_column: int | None
    columns: int
    delimiter: str
    data_start: int
    first_row: int

    @property
    def complete(self) -> bool:
        return self.id_column is not None and self.value_column is not None


def read_header(data: pa.Buffer, value_name: str, findings: Findings, warnings: list[str]) -> Layout:
    """The layout of a file with a header line; what is wrong with it goes to `findings`.

    Raises InvalidSubmission where the rows below cannot be understood: a wrong delimiter, an endless line.
    """
    line, data_start = _first_line(data)
    names = [name.strip() for name in split_fields(line, ",")[0]]
    expected = f"image_id,{value_name}"
    if len(names) == 1:
        for delimiter in ";\t| ":
            others = [name.strip().strip('"') for name in line.split(delimiter)]
            if len(others) > 1 and ("image_id" in others or value_name in others):
                raise refuse(
                    "delimiter",
                    f"row 1: the columns are separated by {DELIMITER_NAMES[delimiter]}; separate by commas"
                    f' ("{expected}") and write decimals with a point',
                    1,
                )
    found = ", ".join(f'"{shorten(name)}"' for name in names[:20]) + (", …" if len(names) > 20 else "")
    if len(names) == 2 and _is_data(names):
        findings.add(
            "columns", f"row 1: the header is missing: it must be {expected}, found the data row {found}", 1
        )
        return Layout(0, 1, 2, ",", _bom(data), 1)
    positions = {}
    for wanted in ("image_id", value_name):
        matches = [i for i, name in enumerate(names) if name == wanted]
        alike = [i for i, name in enumerate(names) if name.lower() == wanted and name != wanted]
        if len(matches) > 1:
            columns = ", ".join(str(i + 1) for i in matches[:20])
            findings.add(
                "columns", f'row 1: the column "{wanted}" appears more than once (columns {columns})', 1
            )
        elif not matches:
            hint = f'; rename "{names[alike[0]]}"' if alike else ""
            findings.add(
                "columns",
                f'row 1: the column "{wanted}" is missing: expected {expected}, found {found}{hint}',
                1,
            )
        positions[wanted] = (matches + alike + [None])[0]
    extra = [shorten(name) or "(no name)" for i, name in enumerate(names) if i not in positions.values()]
    if extra:
        listed = ", ".join(extra[:10]) + (", …" if len(extra) > 10 else "")
        warnings.append(f"extra columns are ignored: {listed}")
    return Layout(positions["image_id"], positions[value_name], len(names), ",", data_start, 2)


def read_without_header(data: pa.Buffer) -> Layout | None:
    """The layout of 2018, ``name<TAB>0|1``; None where the file begins with a header instead."""
    line, _ = _first_line(data)
    if "image_id" in line:
        return None
    for delimiter in ",; ":
        if "\t" not in line and delimiter in line.strip():
            raise refuse(
                "delimiter",
                f"row 1: name and label are separated by {DELIMITER_NAMES[delimiter]}; separate by a tab",
                1,
            )
    return Layout(0, 1, 2, "\t", _bom(data), 1)


def rows(
    data: pa.Buffer, layout: Layout, findings: Findings, last_row: int
) -> Iterator[tuple[int, list[str]]]:
    """(row number, fields) of every row that is not blank.

    Undecodable bytes, open quotation marks and wrong numbers of fields go to `findings`; a cell that could
    not be decoded is given with surrogates in it. Stops after `last_row`.
    """
    lines = _Lines(_decoded_lines(data, layout, findings))
    for row, line in lines:
        if row > last_row:
            findings.add(
                "too_many_rows",
                f"row {row}: the file goes on, but no submission needs this many rows; the rest was not read",
                row,
            )
            return
        if not line:
            continue
        if not line.isascii() and SURROGATE.search(line):
            _report_encoding(row, line, findings)
        fields, closed = split_fields(line, layout.delimiter)
        if not closed:
            whole = lines.join_quoted(line)
            if whole is None:
                findings.add("quotes", f"row {row}: a quotation mark is opened and never closed", row)
            else:
                fields, _ = split_fields(whole, layout.delimiter)
        if len(fields) != layout.columns:
            hint = _guess_delimiter(line) if len(fields) == 1 else ""
            findings.add(
                "fields", f"row {row}: has {_count(len(fields))}, expected {layout.columns}{hint}", row
            )
        yield row, fields


class _Lines:
    """Lines with a look ahead: a quoted field of an extra column may hold line breaks."""

    def __init__(self, lines: Iterator[tuple[int, str]]) -> None:
        self._lines = lines
        self._pending: deque[tuple[int, str]] = deque()

    def __iter__(self) -> Iterator[tuple[int, str]]:
        while True:
            line = self._pending.popleft() if self._pending else next(self._lines, None)
            if line is None:
                return
            yield line

    def join_quoted(self, line: str) -> str | None:
        """`line` and the following ones up to the closing quotation mark, which are used up by that; None
        where it does not come soon: then nothing is used up, so that an open one cannot swallow the file."""
        taken = [line]
        for ahead in range(MAX_QUOTED_LINES):
            if ahead == len(self._pending):
                following = next(self._lines, None)
                if following is None:
                    return None
                self._pending.append(following)
            taken.append(self._pending[ahead][1])
            if taken[-1].count('"') % 2:
                for _ in range(ahead + 1):
                    self._pending.popleft()
                return "\n".join(taken)
        return None


def split_fields(line: str, delimiter: str) -> tuple[list[str], bool]:
    """The fields of one record, and whether every quotation mark in it is closed."""
    if '"' not in line:
        return line.split(delimiter), True
    try:
        return next(csv.reader([line], delimiter=delimiter, strict=True), [""]), True
    except csv.Error as error:
        if "unexpected end" in str(error):
            return line.split(delimiter), False
    try:  # text behind a closing quotation mark is only odd: strictness was for the unclosed ones
        return next(csv.reader([line], delimiter=delimiter)), True
    except csv.Error:  # a field beyond the csv module's limit
        return line.split(delimiter), True


def shorten(text: str) -> str:
    """A participant's text, safe and short enough to stand in a message."""
    shown = text if len(text) <= MAX_NAME_SHOWN else text[:MAX_NAME_SHOWN] + "…"
    return "".join(c if c.isprintable() else f"\\x{ord(c) & 0xFF:02x}" for c in shown)


def _bom(data: pa.Buffer) -> int:
    return len(codecs.BOM_UTF8) if bytes(data[:3]) == codecs.BOM_UTF8 else 0


def _first_line(data: pa.Buffer) -> tuple[str, int]:
    """The first line without its end, and where the next one starts. Latin-1 never fails on odd bytes."""
    start = _bom(data)
    head = bytes(data[start : start + MAX_LINE])
    match = re.search(rb"\r\n|\r|\n", head)
    if not match and len(head) == MAX_LINE:
        raise refuse("long_line", f"row 1: the line is longer than {MAX_LINE:,} bytes", 1)
    line, end = (head[: match.start()], match.end()) if match else (head, len(head))
    try:
        return line.decode("utf-8"), start + end
    except UnicodeDecodeError as error:
        raise refuse(
            "encoding",
            f"row 1: byte {error.start + start + 1} of the file (0x{line[error.start]:02x}) is not UTF-8;"
            f" {SAVE_AS_UTF8}",
            1,
        ) from error


def _decoded_lines(data: pa.Buffer, layout: Layout, findings: Findings) -> Iterator[tuple[int, str]]:
    """(row number, text without line end) of all data lines, decoded block by block."""
    decoder = io.IncrementalNewlineDecoder(
        codecs.getincrementaldecoder("utf-8")("surrogateescape"), translate=True
    )
    row = layout.first_row
    tail = ""
    for start in range(layout.data_start, data.size, BLOCK_BYTES):
        block = bytes(data[start : start + BLOCK_BYTES])
        pieces = (tail + decoder.decode(block, final=start + BLOCK_BYTES >= data.size)).split("\n")
        tail = pieces.pop()
        for row, line in enumerate(pieces, row):  # noqa: B020
            yield row, line
        row += bool(pieces)
        if len(tail) > MAX_LINE:
            findings.add(
                "long_line",
                f"row {row}: the line is longer than {MAX_LINE:,} bytes; the rest was not read",
                row,
            )
            return
    if tail:
        yield row, tail


def _report_encoding(row: int, line: str, findings: Findings) -> None:
    match = SURROGATE.search(line)
    assert match
    position = len(line[: match.start()].encode("utf-8", "surrogateescape")) + 1
    byte = ord(match[0]) - 0xDC00
    remedy = "" if findings.has("encoding") else f"; {SAVE_AS_UTF8}"
    findings.add(
        "encoding", f"row {row}: byte {position} of the line (0x{byte:02x}) is not UTF-8{remedy}", row
    )


def _is_data(fields: list[str]) -> bool:
    """Whether a first line is a row of data: some id, then a number."""
    try:
        float(fields[1])
    except ValueError:
        return False
    return bool(re.search(r"\d", fields[0]))


def _count(fields: int) -> str:
    return f"{fields} field" if fields == 1 else f"{fields} fields"


def _guess_delimiter(line: str) -> str:
    used = [name for delimiter, name in DELIMITER_NAMES.items() if delimiter in line.strip()]
    return f"; is it separated by {used[0]}?" if used else ""
