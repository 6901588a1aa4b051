"""Batches come in order, from a thread that is ahead, and its errors come too; on a GPU as elsewhere."""

import threading
import time

import numpy as np
import pytest
import torch

from starter_kit.images.read_ahead import AHEAD, device_ahead, read_ahead, to_device

DEVICES = [
    "cpu",
    pytest.param(
        "cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA GPU")
    ),
]


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


@pytest.mark.parametrize("device", DEVICES)
def test_batches_are_on_the_device_as_they_were_on_disk_however_fast_they_are_used(device):
    """On a GPU the next batches are copied while this one is used: each must stay what it is until then."""
    images = np.random.default_rng(0).integers(0, 256, (64, 256, 64, 64), dtype=np.uint8)
    on = torch.device(device)

    def read(part: int) -> tuple[torch.Tensor, torch.Tensor]:
        there = to_device(images[part], on)
        return there, there.flip(2)  # what the reading thread does there, the model's stream waits for

    sums = []
    for batch, mirrored in device_ahead(read, range(64), on):
        assert batch.device.type == mirrored.device.type == device
        assert batch.dtype == torch.uint8
        sums.append(torch.stack([(batch.long() ** 2).sum(), (mirrored == batch.flip(2)).all().long()]))
    expected = [[(each.astype(np.int64) ** 2).sum(), 1] for each in images]
    assert torch.stack(sums).tolist() == expected


@pytest.mark.parametrize("device", DEVICES)
def test_reading_goes_on_while_the_device_has_work(device):
    read: list[int] = []

    def note(part: int) -> tuple[torch.Tensor]:
        read.append(part)
        return (to_device(np.full(3, part), torch.device(device)),)

    batches = device_ahead(note, range(20), torch.device(device))
    assert next(batches)[0].tolist() == [0, 0, 0]
    deadline = time.monotonic() + 5
    while len(read) < 1 + AHEAD and time.monotonic() < deadline:
        time.sleep(0.01)
    assert read == list(range(1 + AHEAD))


@pytest.mark.parametrize("device", DEVICES)
def test_every_kind_of_array_comes_as_it_is(device):
    for array in (np.arange(5), np.array([True, False]), np.zeros((0, 64, 64), np.uint8), np.float32([0.5])):
        there = to_device(array, torch.device(device))
        assert there.device.type == device
        assert np.array_equal(there.cpu().numpy(), array)
        assert there.cpu().numpy().dtype == array.dtype
