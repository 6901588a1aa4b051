"""Read the next batches from disk, and bring them to the device, while it works on this one."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

Part = TypeVar("Part")
Batch = TypeVar("Batch")
Tensors = TypeVar("Tensors", bound=tuple[torch.Tensor, ...])

AHEAD = 2  # batches: enough to bridge a page fault, and 4 MB at 512 images


def read_ahead(read: Callable[[Part], Batch], parts: Iterable[Part]) -> Iterator[Batch]:
    """`read(part)` of every part, in order, by a thread that is up to two parts ahead.

    NumPy's copy out of a memory map lets other threads go on. What `read` raises is raised here.
    """
    waiting: deque[Future[Batch]] = deque()
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="read-ahead") as reader:
        for part in parts:
            waiting.append(reader.submit(read, part))
            if len(waiting) > AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def device_ahead(
    read: Callable[[Part], Tensors], parts: Iterable[Part], device: torch.device
) -> Iterator[Tensors]:
    """`read_ahead` for a `read` that gives tensors on the device, as `to_device` brings them there.

    On a CUDA GPU copies, and what else `read` does there, go to a stream of their own, beside the model's
    work. Its stream waits for the very batch that it needs, and the processor for none.
    """
    if device.type != "cuda":
        yield from read_ahead(read, parts)
        return
    beside = torch.cuda.Stream(device)

    def read_beside(part: Part) -> tuple[Tensors, torch.cuda.Event]:
        with torch.cuda.stream(beside):
            return read(part), beside.record_event()

    for tensors, is_there in read_ahead(read_beside, parts):
        using = torch.cuda.current_stream(device)
        using.wait_event(is_there)
        for tensor in tensors:
            tensor.record_stream(using)  # its memory is not given to a later batch before this use is over
        yield tensors


def to_device(array: NDArray[np.generic], device: torch.device) -> torch.Tensor:
    """The array as a tensor on the device. For a CUDA GPU by way of pinned memory: any other copy keeps the
    processor until it is done."""
    tensor = torch.from_numpy(array)
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)
