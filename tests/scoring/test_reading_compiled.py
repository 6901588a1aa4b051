"""The compiled reader of clean rows: every number as Python reads it, and nothing taken that is not clean."""

import os
import struct

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

# On a machine that must run every test there is a compiler, and so there must be a compiled reader.
if os.environ.get("CI"):
    from scoring.clean_rows import put_rows
else:
    put_rows = pytest.importorskip("scoring.clean_rows", reason="installed without a compiler").put_rows

DIGITS = st.text("0123456789", min_size=1, max_size=40)
NUMBERS = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.floats(allow_nan=False, allow_infinity=False).map("{:.30e}".format),
    st.floats(0, 1).map("{:.20f}".format),
    st.builds("{}.{}".format, DIGITS, DIGITS),
    st.builds("{}.{}e{}".format, DIGITS, DIGITS, st.integers(-290, 220)),
)


def put(text, size=10, form=(b"test_", 2, b",")):
    """How many rows were put, and where."""
    by_number = np.full(size, np.nan)
    rows = put_rows(text.encode(), *form, by_number)
    return rows, {int(number): float(by_number[number]) for number in np.flatnonzero(~np.isnan(by_number))}


def halfway(number):
    """The decimal number in the middle between a float64 and the next one, in full: a tie goes to even."""
    above = np.nextafter(number, np.inf)
    return f"{int(number) + (int(above) - int(number)) // 2}"


@given(NUMBERS)
@example("-0")
@example("5e-324")
@example("2.2250738585072011e-308")
@example("1.7976931348623157e308")
@example("9007199254740993")
@example(halfway(2.0**60))
@example(halfway(2.0**200))
@example("0." + "0" * 300 + "1")
@example("0." + "3" * 5000)
def test_a_number_is_read_as_python_reads_it(number):
    rows, found = put(f"test_03,{number}\n")
    if rows is None:  # too large, or too small for anything but zero: the careful path decides
        assert abs(float(number)) in (0.0, float("inf"))
    else:
        assert struct.pack("d", found[3]) == struct.pack("d", float(number))


def test_rows_go_to_their_numbers():
    assert put("test_07,0.5\ntest_00,-1\ntest_03,2e3\n") == (3, {0: -1.0, 3: 2000.0, 7: 0.5})


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\n\n", "\r\r\n"])
def test_lines_end_as_everywhere(end):
    for last in ("", end):
        assert put(f"test_01,1{end}test_02,2{last}") == (2, {1: 1.0, 2: 2.0})


def test_a_text_without_rows():
    assert put("") == put("\r\n\n") == (0, {})


@pytest.mark.parametrize(
    "row",
    [
        "Test_01,1",
        "test_1,1",
        "test_001,1",
        "test_0:,1",
        "test_0/,1",
        "test_10,1",
        "test_01;1",
        "test_01 ,1",
        " test_01,1",
        '"test_01",1',
        'test_01,"1"',
        "test_01, 1",
        "test_01,1 ",
        "test_01,1,1",
        "test_01,",
        "test_01",
        "test_0",
        "te",
        "test_01,+1",
        "test_01,0x10",
        "test_01,1_000",
        "test_01,nan",
        "test_01,inf",
        "test_01,-infinity",
        "test_01,1e999",
        "test_01,1e",
        "test_01,--1",
        "test_01,1.2.3",
        "test_01,.",
        "test_01,1\0",
        "test_01,１",
    ],
)
@pytest.mark.parametrize("before", ["", "test_05,5\n"])
@pytest.mark.parametrize("after", ["", "\n", "\ntest_06,6\n"])
def test_an_odd_row_is_left_to_a_more_careful_reader(row, before, after):
    rows, found = put(before + row + after)
    assert rows is None
    assert set(found) <= {5}


def test_nothing_is_written_beyond_the_last_place():
    by_number = np.full(12, np.nan)
    for number in ("05", "06", "99"):
        assert put_rows(f"test_{number},1".encode(), b"test_", 2, b",", by_number[:5]) is None
    assert np.isnan(by_number).all()


def test_nothing_is_read_beyond_the_end():
    text = b"test_01,0.123456789"
    for length in range(len(text) + 1):
        by_number = np.full(10, np.nan)
        rows = put_rows(memoryview(text)[:length], b"test_", 2, b",", by_number)
        number = text[:length].partition(b",")[2]
        assert rows == (1 if number else None if length else 0)
        assert by_number[1] == float(number) if number else np.isnan(by_number).all()


def test_many_rows_all_arrive():
    names = np.random.default_rng(0).permutation(1000)
    for count in (1, 31, 32, 33, 64, 1000):
        by_number = np.full(1000, np.nan)
        text = "".join(f"test_{name:03},{name}\n" for name in names[:count])
        assert put_rows(text.encode(), b"test_", 3, b",", by_number) == count
        assert (by_number[names[:count]] == names[:count]).all()
        assert np.isnan(by_number).sum() == 1000 - count


def test_a_buffer_that_cannot_be_written_is_refused():
    places = np.full(10, np.nan)
    places.flags.writeable = False
    with pytest.raises((BufferError, ValueError, TypeError)):
        put_rows(b"test_01,1", b"test_", 2, b",", places)
