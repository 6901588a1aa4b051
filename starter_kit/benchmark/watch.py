"""How long batches are waited for."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch

Tensors = tuple[torch.Tensor, ...]
"""A batch: images, uint8 (B, 64, 64), and for training labels, float (B,)."""


@dataclass(frozen=True)
class Run:
    """One measured run. waited: seconds of `seconds` in which the device had nothing but data to wait for."""

    images: int
    seconds: float
    waited: float

    @property
    def images_per_second(self) -> float:
        return self.images / self.seconds

    @property
    def waiting_share(self) -> float:
        return self.waited / self.seconds


class Watched:
    """Hands batches on, for so many seconds and images at most, and notes the waiting for each.

    On a CUDA GPU by events in its own stream: one when it has finished all work so far, one when it can begin
    with the next batch. Elsewhere by the clock: how long the model's thread stands at the door. A CPU that
    also reads and varies the images is slowed down by that without waiting; only the comparison with resident
    data shows it.
    """

    def __init__(
        self, batches: Iterator[Tensors], device: torch.device, *, seconds: float, most: int | None = None
    ) -> None:
        self.images = 0
        self._batches, self._device = batches, device
        self._seconds, self._most = seconds, most
        self._marks: list[tuple[torch.cuda.Event, torch.cuda.Event]] = []
        self._waited = 0.0

    def __iter__(self) -> Iterator[Tensors]:
        ends = time.perf_counter() + self._seconds
        while time.perf_counter() < ends and (self._most is None or self.images < self._most):
            batch = self._next()
            if batch is None:
                return
            self.images += len(batch[0])
            yield batch

    def _next(self) -> Tensors | None:
        if self._device.type != "cuda":
            asked = time.perf_counter()
            batch = next(self._batches, None)
            self._waited += time.perf_counter() - asked
            return batch
        idle, ready = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        idle.record()
        batch = next(self._batches, None)
        ready.record()
        self._marks.append((idle, ready))
        return batch

    def waited(self) -> float:
        """Seconds, once the device has finished."""
        return self._waited + sum(idle.elapsed_time(ready) for idle, ready in self._marks) / 1000


def measure(
    batches: Iterator[Tensors],
    use: Callable[[Watched], object],
    device: torch.device,
    *,
    seconds: float,
    most: int | None = None,
) -> Run:
    """Run `use` on batches for about so many seconds. The first batch, which starts threads and worker
    processes, goes before."""
    next(batches)
    watched = Watched(batches, device, seconds=seconds, most=most)
    synchronize(device)
    began = time.perf_counter()
    use(watched)
    synchronize(device)
    took = time.perf_counter() - began
    return Run(watched.images, took, watched.waited())


def synchronize(device: torch.device) -> None:
    """Wait until the device has done all that it was asked for."""
    if device.type != "cpu":
        torch.accelerator.synchronize(device)
