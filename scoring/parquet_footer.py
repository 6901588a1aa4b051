"""The footer of a Parquet file, read without trust.

pyarrow's accessors of row groups and column chunks end the whole process on some damaged footers (a C++
exception leaves through code that cannot pass it on). So what has to be known before pyarrow may open a file
is read here: Thrift's compact protocol (https://github.com/apache/thrift/blob/master/doc/specs/
thrift-compact-protocol.md) and the structures of https://github.com/apache/parquet-format.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

MAGIC = b"PAR1"
MAX_FOOTER_BYTES = 4 << 20
MAX_DEPTH = 16
CODECS = 8
ENCODINGS = {0: "PLAIN", 2: "PLAIN_DICTIONARY", 3: "RLE", 7: "DELTA_BYTE_ARRAY", 8: "RLE_DICTIONARY"}
# Field numbers of the structures, by name.
FILE_VERSION, FILE_SCHEMA, FILE_ROWS, FILE_GROUPS, FILE_WRITER, FILE_ENCRYPTION = 1, 2, 3, 4, 6, 8
ELEMENT_TYPE, ELEMENT_NAME, ELEMENT_CHILDREN = 1, 4, 5
GROUP_COLUMNS, GROUP_ROWS = 1, 3
CHUNK_PATH, CHUNK_META, CHUNK_ENCRYPTION = 1, 3, 8
META_TYPE, META_ENCODINGS, META_NAME, META_CODEC, META_VALUES = 1, 2, 3, 4, 5
META_UNCOMPRESSED, META_COMPRESSED, META_DATA, META_DICTIONARY = 6, 7, 9, 11


class FooterError(ValueError):
    """The footer contradicts itself or the file."""


@dataclass(frozen=True)
class Chunk:
    """One column in one row group: dotted name, sizes in bytes.

    start, size: its bytes in the file. reading: all that decides, beside those bytes, what is read from them.
    """

    name: str
    encodings: frozenset[str]
    uncompressed_size: int
    start: int
    size: int
    reading: str


@dataclass(frozen=True)
class Footer:
    """rows, row groups and leaf columns of the file, and the chunks of all its columns.

    reading: as in Chunk: the schema, and the writer, for whose mistakes readers make up.
    """

    rows: int
    row_groups: int
    columns: int
    chunks: list[Chunk]
    reading: str


def read_footer(data: pa.Buffer) -> Footer:
    """Raises FooterError where the file is not a whole Parquet file or its footer makes no sense."""
    if data.size < 12 or bytes(data[:4]) != MAGIC or bytes(data[-4:]) != MAGIC:
        raise FooterError("it ends too early: its last 4 bytes are not PAR1")
    (length,) = struct.unpack("<I", bytes(data[-8:-4]))
    if length > min(data.size - 12, MAX_FOOTER_BYTES):
        raise FooterError(f"its footer cannot have {length:,} bytes, as it says")
    end = data.size - 8 - length
    try:
        top = CompactReader(bytes(data[end : data.size - 8])).struct()
    except (IndexError, RecursionError) as error:
        raise FooterError("its footer ends too early") from error
    return _check(top, end)


def _check(top: dict[int, Any], data_end: int) -> Footer:
    schema = _list(top, FILE_SCHEMA)
    leaves = [element for element in schema if not _number(element, ELEMENT_CHILDREN, 0)]
    rows, groups = _number(top, FILE_ROWS), _list(top, FILE_GROUPS)
    _check_tree(schema)
    chunks = []
    counted = 0
    for group in groups:
        columns = _list(group, GROUP_COLUMNS)
        if len(columns) != len(leaves):
            raise FooterError("a row group has another number of columns than the schema")
        counted += _number(group, GROUP_ROWS)
        chunks += [_check_chunk(column, leaf, data_end) for column, leaf in zip(columns, leaves, strict=True)]
    if rows != counted or rows < 0:
        raise FooterError(f"it says to have {rows:,} rows, and its row groups have {counted:,}")
    writer = [top.get(field) for field in (FILE_VERSION, FILE_WRITER, FILE_ENCRYPTION)]
    reading = repr((schema, writer, [group[GROUP_ROWS] for group in groups]))
    return Footer(rows, len(groups), len(leaves), chunks, reading)


def _check_tree(schema: list[Any]) -> None:
    """The schema is a tree in depth-first order: the children counted must be those there are."""
    open_nodes = 1
    for element in schema:
        if (
            not isinstance(element, dict)
            or not isinstance(element.get(ELEMENT_NAME), bytes)
            or open_nodes < 1
        ):
            raise FooterError("its schema is damaged")
        children = _number(element, ELEMENT_CHILDREN, 0)
        open_nodes += children - 1
        if children < 0 or (not children and element is not schema[0] and ELEMENT_TYPE not in element):
            raise FooterError("its schema is damaged")
    if open_nodes:
        raise FooterError("its schema is damaged")


def _check_chunk(column: Any, leaf: dict[int, Any], data_end: int) -> Chunk:
    meta = column.get(CHUNK_META) if isinstance(column, dict) else None
    if not isinstance(meta, dict) or CHUNK_PATH in column:
        raise FooterError("a column's data are not in the file")
    if _number(meta, META_TYPE) != _number(leaf, ELEMENT_TYPE) or not 0 <= _number(meta, META_CODEC) < CODECS:
        raise FooterError("a column has another type or compression than it may have")
    size, compressed = _number(meta, META_UNCOMPRESSED), _number(meta, META_COMPRESSED)
    values = _number(meta, META_VALUES)
    start = min(_number(meta, META_DATA), _number(meta, META_DICTIONARY, data_end) or data_end)
    inside = len(MAGIC) <= start <= data_end - compressed
    if min(size, compressed, values) < 0 or (values and not inside):
        raise FooterError("a column's data lie outside of the file")
    name = b".".join(part if isinstance(part, bytes) else b"" for part in _list(meta, META_NAME))
    encodings = frozenset(ENCODINGS.get(code, str(code)) for code in _list(meta, META_ENCODINGS))
    # Offsets say where the bytes are, statistics repeat what is in them.
    reading = repr([column.get(CHUNK_ENCRYPTION), *(meta.get(field) for field in range(1, META_DATA))])
    if not inside:  # and no values
        start = compressed = 0
    return Chunk(name.decode("utf-8", "replace"), encodings, size, start, compressed, reading)


def _number(structure: Any, field: int, default: int | None = None) -> int:
    value = structure.get(field, default) if isinstance(structure, dict) else None
    if not isinstance(value, int):
        raise FooterError(f"its footer lacks the number {field}")
    return value


def _list(structure: Any, field: int) -> list[Any]:
    value = structure.get(field) if isinstance(structure, dict) else None
    if not isinstance(value, list):
        raise FooterError(f"its footer lacks the list {field}")
    return value


class CompactReader:
    """Thrift's compact protocol: structures as dictionaries by field number."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0
        self._depth = 0
        self._readers: dict[int, Callable[[], Any]] = {
            1: lambda: True,
            2: lambda: False,
            3: self._byte,
            4: self._integer,
            5: self._integer,
            6: self._integer,
            7: lambda: self._take(8),  # a double, never needed
            8: lambda: self._take(self._varint()),
            9: self._list,
            10: self._list,
            11: self._map,
            12: self.struct,
        }

    def struct(self) -> dict[int, Any]:
        self._enter()
        fields: dict[int, Any] = {}
        number = 0
        while (head := self._byte()) != 0:
            number = number + (head >> 4) if head >> 4 else self._integer()
            fields[number] = self._value(head & 15)
        self._depth -= 1
        return fields

    def _value(self, kind: int) -> Any:
        if kind not in self._readers:
            raise _broken(f"has a value of the unknown type {kind}")
        return self._readers[kind]()

    def _list(self) -> list[Any]:
        self._enter()
        head = self._byte()
        count = self._varint() if head >> 4 == 15 else head >> 4
        kind = head & 15
        # Booleans in lists take a byte each, so every element takes at least one.
        if count > len(self._data) - self._position:
            raise _broken("has a list longer than itself")
        values = [self._byte() if kind in (1, 2) else self._value(kind) for _ in range(count)]
        self._depth -= 1
        return values

    def _map(self) -> None:
        """Read past: nothing that is needed is a map."""
        self._enter()
        count = self._varint()
        if count > len(self._data) - self._position:
            raise _broken("has a map longer than itself")
        kinds = self._byte() if count else 0
        for _ in range(count):
            self._value(kinds >> 4)
            self._value(kinds & 15)
        self._depth -= 1

    def _byte(self) -> int:
        value = self._data[self._position]
        self._position += 1
        return value

    def _varint(self) -> int:
        value = 0
        for shift in range(0, 70, 7):
            byte = self._byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
        raise _broken("has a number that never ends")

    def _integer(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)  # zigzag: the sign is the lowest bit

    def _take(self, count: int) -> bytes:
        if count > len(self._data) - self._position:
            raise _broken("has a text longer than itself")
        self._position += count
        return self._data[self._position - count : self._position]

    def _enter(self) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise _broken("is nested too deeply")


def _broken(what: str) -> FooterError:
    return FooterError(f"its footer {what}")
