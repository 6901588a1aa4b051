"""Image ids and the places of their predictions."""

import re
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

UNKNOWN = -1
Places = npt.NDArray[np.int32]

# Rows parsed at a time: the intermediate arrays stay in the second-level cache.
BLOCK_ROWS = 1 << 14
# A float64 sum of digits times powers of ten is exact up to here.
MAX_DIGITS = 15


class ImageIds:
    """N different ids; each has a place in 0 … N-1, where its prediction belongs.

    Ids of one prefix and one number of digits (``test_0000000``, the rule in a release) are parsed to
    their number, which a table turns into the place: 4 ms for a million ids, where hashing takes 100 or
    more. Any other set of ids works too, through a hash.
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
        ids._place_of_number = np.arange(count, dtype=np.int32)
        return ids

    def __len__(self) -> int:
        return self._count

    @property
    def pattern(self) -> "FixedWidth | None":
        """The one form that all ids share, where they do."""
        return self._pattern if self._names is None else None

    def place(self, name: str) -> int:
        """The place of one id, ``UNKNOWN`` for an id that is not in the set."""
        if self._names is not None:
            return self._place_of_name.get(name, UNKNOWN)
        assert self._pattern is not None
        number = self._pattern.number(name)
        return int(self._place_of_number[number]) if 0 <= number < len(self._place_of_number) else UNKNOWN

    def places(self, names: pa.Array) -> Places:
        """The places of n ids given as bytes, (n,) int32, ``UNKNOWN`` where one is null or not in the set."""
        if self._pattern and not names.null_count and self._names is None:
            raw = self._pattern.bytes_of(names)
            places = None if raw is None else self.places_of_bytes(raw)
            if places is not None:
                return places
        listed = (b"" if name is None else name for name in names.to_pylist())
        return np.fromiter((self.place(name.decode("utf-8", "surrogateescape")) for name in listed), np.int32)

    def places_of_bytes(self, raw: npt.NDArray[np.uint8], suffix: bytes = b"") -> Places | None:
        """raw: n ids' bytes on end, each followed by `suffix`. None where one has another form."""
        assert self._pattern is not None
        numbers = self._pattern.numbers(raw, suffix)
        if numbers is None:
            return None
        inside = numbers < len(self._place_of_number)
        if inside.all():
            return self._place_of_number[numbers]
        return np.where(inside, self._place_of_number[np.where(inside, numbers, 0)], np.int32(UNKNOWN))

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
        if numbers is None or numbers.max() > 16 * len(names) + 1_000_000:
            return False
        self._place_of_number = np.full(int(numbers.max()) + 1, UNKNOWN, np.int32)
        self._place_of_number[numbers] = places
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


class FixedWidth:
    """A form of ids: one prefix, then a fixed number of digits."""

    def __init__(self, prefix: bytes, digits: int) -> None:
        self.prefix, self.digits = prefix, digits
        self.width = len(prefix) + digits

    @classmethod
    def of_name(cls, name: str) -> "FixedWidth | None":
        match = re.fullmatch(r"([\x21-\x7e]*?)([0-9]+)", name)
        return cls(match[1].encode(), len(match[2])) if match and len(match[2]) <= MAX_DIGITS else None

    def name(self, number: int) -> str:
        return f"{self.prefix.decode()}{number:0{self.digits}d}"

    def number(self, name: str) -> int:
        """The number in one id, -1 for an id of another form."""
        digits = name[len(self.prefix) :]
        fits = len(name) == self.width and name.startswith(self.prefix.decode())
        return int(digits) if fits and digits.isascii() and digits.isdecimal() else -1

    def bytes_of(self, names: pa.Array) -> npt.NDArray[np.uint8] | None:
        """The bytes of n strings on end, (n · width,) uint8; None where their lengths differ. No nulls."""
        wide = pa.types.is_large_string(names.type) or pa.types.is_large_binary(names.type)
        _, offsets_buffer, data = names.buffers()
        offsets = np.frombuffer(offsets_buffer, np.int64 if wide else np.int32)
        offsets = offsets[names.offset : names.offset + len(names) + 1]
        if not len(names) or data is None or not (np.diff(offsets) == self.width).all():
            return None
        return np.frombuffer(data, np.uint8)[offsets[0] : offsets[-1]]

    def numbers(self, raw: npt.NDArray[np.uint8], suffix: bytes = b"") -> npt.NDArray[np.int64] | None:
        """The numbers of n ids given as bytes on end, (n,) int64; None where one id has another form.

        Against the template ``test_0000000``, exclusive or leaves 0 in the prefix and 0 … 9 in the digits
        of a well-formed id and something larger anywhere else; a matrix product then weighs the digits.
        """
        width = self.width + len(suffix)
        template = np.frombuffer(self.prefix + b"0" * self.digits + suffix, np.uint8)
        largest = np.array([0] * len(self.prefix) + [9] * self.digits + [0] * len(suffix), np.uint8)
        weights = np.array(
            [0] * len(self.prefix) + [10.0**k for k in reversed(range(self.digits))] + [0] * len(suffix)
        )
        block = BLOCK_ROWS * width
        template, largest = np.tile(template, BLOCK_ROWS), np.tile(largest, BLOCK_ROWS)
        numbers = np.empty(len(raw) // width, np.int64)
        for start in range(0, len(raw), block):
            part = raw[start : start + block]
            digits = part ^ template[: len(part)]
            if (digits > largest[: len(part)]).any():
                return None
            row = start // width
            numbers[row : row + len(part) // width] = digits.reshape(-1, width).astype(np.float64) @ weights
        return numbers


def _position_in(listed: Sequence[str | None]):
    return lambda value: listed.index(value) if value in listed else len(listed)


def _describe_repetition(listed: Sequence[str]) -> str:
    first: dict[str, int] = {}
    for position, name in enumerate(listed, 1):
        if (before := first.setdefault(name, position)) != position:
            return f'the image id "{name}" appears twice (entries {before} and {position})'
    raise AssertionError("called for ids that repeat")
