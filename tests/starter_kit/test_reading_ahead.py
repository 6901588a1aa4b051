"""Batches come in order, from a thread that is ahead, and its errors come too."""

import threading
import time

import pytest

from starter_kit.read_ahead import AHEAD, read_ahead


def test_every_part_comes_once_and_in_order():
    assert list(read_ahead(lambda part: part * 10, range(50))) == [part * 10 for part in range(50)]
    assert list(read_ahead(str, [])) == []


def test_the_next_are_read_while_this_one_is_used_and_no_more():
    read: list[int] = []
    batches = read_ahead(read.append, range(20))
    next(batches)
    deadline = time.monotonic() + 5
    while len(read) < 1 + AHEAD and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.05)
    assert read == list(range(1 + AHEAD))


def test_an_error_while_reading_is_raised_where_the_batch_is_used():
    def read(part: int) -> int:
        if part == 3:
            raise OSError("the disk is gone")
        return part

    batches = read_ahead(read, range(9))
    assert [next(batches) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(OSError, match="the disk is gone"):
        next(batches)


def test_leaving_early_leaves_no_thread_behind():
    for batch in read_ahead(lambda part: part, range(100)):
        if batch == 5:
            break
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        if not any(thread.name.startswith("read-ahead") for thread in threading.enumerate()):
            return
        time.sleep(0.01)
    raise AssertionError("the reading thread lives on")
