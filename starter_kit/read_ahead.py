"""Read the next batches from disk while the device works on this one."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Part = TypeVar("Part")
Batch = TypeVar("Batch")

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
