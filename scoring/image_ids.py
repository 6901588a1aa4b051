"""Image ids and the places of their predictions."""

import re
from collections.abc import Iterable, Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from scoring.fixed_width import MAX_DIGITS, FixedWidth

try:
    from scoring.clean_rows import put_rows
except ImportError:  # installed without a compiler
    put_rows = None  # type: ignore[assignment]

UNKNOWN = -1
Places = npt.NDArray[np.int32]


class ImageIds:
    """N different ids; each has a place in 0 … N-1, where its prediction belongs.

    Ids of one prefix and one number of digits (``test_0000000``, the rule in a release) are parsed to
    their number, which a table turns into the place (see ``Placement``): 8 ms for a million ids, where
    hashing takes 100 or more. Any other set of ids works too, through a hash.

    known_orders: what readers remember of files, fingerprint → number of the first id, where all ids of the
    file were found to be numbered without gaps.
    """

    def __init__(
        self, names: Iterable[str] | pa.Array | pa.ChunkedArray, places: Places | None = None
    ) -> None:
        """names: N ids; places: the place of each, a permutation of 0 … N-1, the ids' own order by default.

        Raises ValueError for an id that appears twice, an empty id, or no ids at all.
        """
        strings = (
            names if isinstance(names, pa.Array | pa.ChunkedArray) else pa.array(list(names), pa.string())
        )
        strings = pc.cast(strings, pa.string())
        if isinstance(strings, pa.ChunkedArray):
            strings = strings.combine_chunks()
        self._count = len(strings)
        if not self._count:
            raise ValueError("there are no image ids")
        places = np.arange(self._count, dtype=np.int32) if places is None else places.astype(np.int32)
        self._names: pa.Array | None = None
        self.known_orders: dict[bytes, int] = {}
        self._pattern = FixedWidth.of_name(strings[0].as_py() or "")
        if not (self._pattern and self._index_by_number(strings, places)):
            self._index_by_name(strings, places)

    @classmethod
    def numbered(cls, count: int, *, prefix: str = "test_", digits: int = 7) -> "ImageIds":
        """``test_0000000``, ``test_0000001``, … as a release numbers its test images."""
        if not 0 < count <= 10**digits:
            return cls(f"{prefix}{number:0{digits}d}" for number in range(count))
        ids = cls.__new__(cls)
        ids._count, ids._names, ids._pattern = count, None, FixedWidth(prefix.encode(), digits)
        ids.known_orders = {}
        ids._place_of_number = np.arange(count, dtype=np.int32)
        ids._number_of_place = np.arange(count)
        return ids

    def __len__(self) -> int:
        return self._count

    @property
    def pattern(self) -> "FixedWidth | None":
        """The one form that all ids share, where they do."""
        return self._pattern if self._names is None else None

    @cached_property
    def names_in_order(self) -> npt.NDArray[np.uint8]:
        """The bytes of the ids of the numbers 0, 1, … on end; of none where most numbers are no image's."""
        assert self._pattern is not None
        numbers = len(self._place_of_number)
        return self._pattern.bytes_of_numbers(numbers if numbers <= 2 * self._count else 0)

    def place(self, name: str) -> int:
        """The place of one id, ``UNKNOWN`` for an id that is not in the set."""
        if self._names is not None:
            return self._place_of_name.get(name, UNKNOWN)
        assert self._pattern is not None
        number = self._pattern.number(name)
        return int(self._place_of_number[number]) if 0 <= number < len(self._place_of_number) else UNKNOWN

    def in_order(self) -> tuple[pa.Array, Places]:
        """All N names in ascending order, as strings, and the place of each."""
        if self._names is not None:
            names = self._names.take(pc.sort_indices(self._names))
            return names, np.fromiter(map(self._place_of_name.__getitem__, names.to_pylist()), np.int32)
        assert self._pattern is not None
        known = np.flatnonzero(self._place_of_number != UNKNOWN)
        raw = self._pattern.bytes_of_numbers(len(self._place_of_number)).reshape(-1, self._pattern.width)
        offsets = np.arange(self._count + 1, dtype=np.int64) * self._pattern.width
        buffers = [None, pa.py_buffer(offsets), pa.py_buffer(raw[known])]
        names = pa.Array.from_buffers(pa.large_string(), self._count, buffers)
        return names, self._place_of_number[known]

    def first_names(self, places: npt.NDArray[np.integer], count: int) -> list[str]:
        """The `count` smallest names among some places, in the ids' own order."""
        if self._names is not None:
            wanted = set(places.tolist())
            return [name for name, place in self._place_of_name.items() if place in wanted][:count]
        assert self._pattern is not None
        chosen = np.zeros(self._count, bool)
        chosen[places] = True
        known = np.flatnonzero(self._place_of_number != UNKNOWN)
        numbers = known[chosen[self._place_of_number[known]]][:count]
        return [self._pattern.name(int(number)) for number in numbers]

    def hint(self, name: str) -> str:
        """What the writer of an unknown id may have meant, as a sentence's end."""
        candidates = [name.strip(), name.strip().lower(), re.sub(r"\.\w+$", "", name.strip())]
        if self.pattern and (number := re.search(r"(\d+)(\.\w+|\.0)?$", name.strip())):
            digits = number[1].lstrip("0")[-MAX_DIGITS:] or "0"
            candidates.append(self.pattern.name(int(digits)))
        for candidate in candidates:
            if self.place(candidate) != UNKNOWN:
                return f'; did you mean "{candidate}"?'
        return f'; ids look like "{self._example()}"'

    def _example(self) -> str:
        """The first id. Not that of place 0: places may follow the labels, which nobody may learn."""
        if self._names is not None:
            return next(iter(self._place_of_name))
        assert self._pattern is not None
        return self._pattern.name(int(np.argmax(self._place_of_number != UNKNOWN)))

    def _index_by_number(self, names: pa.Array, places: Places) -> bool:
        """Builds the table number → place where the ids share one form and their numbers are dense enough."""
        assert self._pattern is not None
        raw = None if names.null_count else self._pattern.bytes_of(names)
        numbers = None if raw is None else self._pattern.numbers(raw)
        if numbers is None or numbers.max() > 4 * len(names) + 1_000_000:
            return False
        self._place_of_number = np.full(int(numbers.max()) + 1, UNKNOWN, np.int32)
        self._place_of_number[numbers] = places
        self._number_of_place = np.empty(len(names), np.int64)
        self._number_of_place[places] = numbers
        if np.count_nonzero(self._place_of_number != UNKNOWN) < len(names):
            raise ValueError(_describe_repetition(names.to_pylist()))
        return True

    def _index_by_name(self, names: pa.Array, places: Places) -> None:
        self._names = names
        listed = names.to_pylist()
        if None in listed or "" in listed:
            raise ValueError(f"an image id is empty (entry {min(map(_position_in(listed), (None, ''))) + 1})")
        self._place_of_name = dict(zip(listed, places.tolist(), strict=True))
        if len(self._place_of_name) < len(names):
            raise ValueError(_describe_repetition(listed))


class OddIdError(Exception):
    """An id is not as they all are in a clean file."""


class Placement:
    """N predictions on their way to the places of their ids, where all of these share one form.

    They are put in by the number of their id, so that the file's order costs one scattered write a row and
    everything else goes through memory in order. Several threads may put at the same time.
    """

    def __init__(self, ids: ImageIds) -> None:
        assert ids.pattern is not None
        self._ids, self._pattern = ids, ids.pattern
        self._by_number = np.full(len(ids._place_of_number), np.nan)

    def put(
        self, names: npt.NDArray[np.uint8], values: npt.NDArray[np.float64], suffix: bytes = b""
    ) -> int | None:
        """names: n ids' bytes on end, each followed by `suffix`; values (n,) float64.

        The first number where the ids are numbered without gaps, as in a sample submission, else None.
        Raises OddIdError where one has another form or is not in the set; then some values may be in place.
        """
        first = self._first_of_run(names, len(values)) if len(values) and not suffix else None
        if first is not None:
            self.put_run(first, values)
            return first
        row = 0
        for numbers in self._pattern.blocks_of_numbers(names, suffix):
            if numbers is None or numbers.max() >= len(self._by_number):
                raise OddIdError
            self._by_number[numbers] = values[row : row + len(numbers)]
            row += len(numbers)
        return None

    def put_text(self, text: pa.Buffer, after: bytes) -> int | None:
        """text: lines of an id, `after` (what ends its column) and a decimal number.

        How many they are; None where one is anything else or nothing was compiled: then some may be in place.
        """
        if put_rows is None:
            return None
        return put_rows(text, self._pattern.prefix, self._pattern.digits, after, self._by_number)

    def put_run(self, first: int, values: npt.NDArray[np.float64]) -> None:
        """The same for ids that are known to be numbered without gaps from `first` on."""
        self._by_number[first : first + len(values)] = values

    def predictions(self) -> npt.NDArray[np.float64]:
        """(N,) float64 in the order of the places, NaN where nothing was put."""
        return self._by_number.take(self._ids._number_of_place)

    def _first_of_run(self, names: npt.NDArray[np.uint8], count: int) -> int | None:
        """Told by comparing all bytes with those that are expected, which is faster than parsing them."""
        width = self._pattern.width
        first = self._pattern.number(names[:width].tobytes().decode("latin-1"))
        last = self._pattern.number(names[-width:].tobytes().decode("latin-1"))
        if first < 0 or last - first != count - 1:
            return None
        expected = self._ids.names_in_order[first * width : (last + 1) * width]
        return first if len(expected) == len(names) and (names == expected).all() else None


def _position_in(listed: Sequence[str | None]):
    return lambda value: listed.index(value) if value in listed else len(listed)


def _describe_repetition(listed: Sequence[str]) -> str:
    first: dict[str, int] = {}
    for position, name in enumerate(listed, 1):
        if (before := first.setdefault(name, position)) != position:
            return f'the image id "{name}" appears twice (entries {before} and {position})'
    raise AssertionError("called for ids that repeat")
