"""Images on disk: numbered `.npy` shards, written at any position and read through memory maps."""

import errno
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from cloud_images.errors import ReleaseError

IMAGE_SIZE = 64
IMAGE_BYTES = IMAGE_SIZE * IMAGE_SIZE
SHARD_ROWS = 65536
# A header of one page puts every image on a page of its own: one page fault reads it.
HEADER_BYTES = 4096


def shard_name(index: int) -> str:
    return f"images-{index:05d}.npy"


def shard_lengths(images: int) -> list[int]:
    """How many images each shard holds: all are full but the last."""
    return [min(SHARD_ROWS, images - first) for first in range(0, images, SHARD_ROWS)]


def bytes_on_disk(images: int) -> int:
    return images * IMAGE_BYTES + len(shard_lengths(images)) * HEADER_BYTES


def _npy_header(rows: int) -> bytes:
    """The header of a C-ordered uint8 array (rows, 64, 64), format 1.0, padded with spaces to one page."""
    fields = f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({rows}, {IMAGE_SIZE}, {IMAGE_SIZE}), }}"
    prefix = np.lib.format.magic(1, 0)
    body_bytes = HEADER_BYTES - len(prefix) - 2
    return prefix + body_bytes.to_bytes(2, "little") + fields.ljust(body_bytes - 1).encode("ascii") + b"\n"


class ShardWriter:
    """Writes the images of one side of a release at any positions, in any order, each exactly once.

    The room is reserved at the start, so that a full disk is an error then and not a crash later.
    """

    def __init__(self, folder: Path, images: int) -> None:
        self.written = np.zeros(images, bool)
        self._files: list[int] = []
        folder.mkdir()
        try:
            for index, rows in enumerate(shard_lengths(images)):
                file = os.open(folder / shard_name(index), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
                self._files.append(file)
                _reserve(file, HEADER_BYTES + rows * IMAGE_BYTES)
                os.pwrite(file, _npy_header(rows), 0)
        except BaseException:
            self._close()
            raise

    def write(self, positions: np.ndarray, images: np.ndarray) -> None:
        """positions: (B,) int64 in [0, images); images: (B, 64, 64) uint8."""
        if images.dtype != np.uint8 or images.shape != (len(positions), IMAGE_SIZE, IMAGE_SIZE):
            raise ReleaseError(
                f"A batch of images is {images.dtype} {images.shape}; it must be uint8 "
                f"({len(positions)}, {IMAGE_SIZE}, {IMAGE_SIZE}), one image for each row index."
            )
        if len(np.unique(positions)) != len(positions) or self.written[positions].any():
            raise ReleaseError("A batch of images brings a row that was there before; each row comes once.")
        for position, image in zip(positions.tolist(), np.ascontiguousarray(images), strict=True):
            shard, row = divmod(position, SHARD_ROWS)
            os.pwrite(self._files[shard], image.data, HEADER_BYTES + row * IMAGE_BYTES)
        self.written[positions] = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def _close(self) -> None:
        for file in self._files:
            os.close(file)
        self._files.clear()


def _reserve(file: int, size: int) -> None:
    """Give the file its full size on disk; raises OSError ENOSPC where there is no room."""
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(file, 0, size)
        except OSError as error:
            if error.errno not in (
                errno.EINVAL,
                errno.EOPNOTSUPP,
            ):  # some network file systems cannot reserve
                raise
        else:
            return
    os.ftruncate(file, size)


class ShardedImages(Sequence[np.ndarray]):
    """The images of one side of a release as one array-like of shape (N, 64, 64), uint8, read on demand.

    `images[i]` is (64, 64); `images[a:b]` and `images[array_of_ints]` are (B, 64, 64), copied into memory.
    Safe to pickle and to send to worker processes: the maps are opened anew there.
    """

    dtype = np.dtype(np.uint8)

    def __init__(self, paths: Iterable[Path]) -> None:
        self._paths = list(paths)
        self._maps: list[np.ndarray] = [_open_shard(path) for path in self._paths]
        for path, rows in zip(self._paths[:-1], self._maps[:-1], strict=True):
            if len(rows) != SHARD_ROWS:
                raise ReleaseError(
                    f"{path} holds {len(rows)} images; every shard but the last holds {SHARD_ROWS}."
                )
        self._length = sum(len(rows) for rows in self._maps)

    def __len__(self) -> int:
        return self._length

    @property
    def shape(self) -> tuple[int, int, int]:
        return (self._length, IMAGE_SIZE, IMAGE_SIZE)

    def __getitem__(self, index):
        if isinstance(index, slice):
            return self._take(np.arange(*index.indices(self._length)))
        if isinstance(index, (int, np.integer)):
            return self._take(np.array([index]))[0]
        index = np.asarray(index)
        if index.dtype == bool:
            if index.shape != (self._length,):
                raise IndexError(f"a boolean index of shape {index.shape} for {self._length} images")
            index = np.flatnonzero(index)
        return self._take(
            index.astype(np.int64, casting="same_kind") if index.size else np.zeros(0, np.int64)
        )

    def __iter__(self) -> Iterator[np.ndarray]:
        for shard in self._maps:
            yield from shard

    def __getstate__(self) -> list[Path]:
        return self._paths

    def __setstate__(self, paths: list[Path]) -> None:
        self.__init__(paths)  # type: ignore[misc]

    def _take(self, rows: np.ndarray) -> np.ndarray:
        """rows: (B,) int64, negative ones counted from the end. Returns (B, 64, 64)."""
        if rows.size and (rows.min() < -self._length or rows.max() >= self._length):
            raise IndexError(f"image {rows.max()} of {self._length}")
        rows = np.where(rows < 0, rows + self._length, rows)
        shards, offsets = np.divmod(rows, SHARD_ROWS)
        if len(self._maps) == 1:
            return self._maps[0].take(offsets, axis=0)
        out = np.empty((len(rows), IMAGE_SIZE, IMAGE_SIZE), np.uint8)
        for shard in np.unique(shards):
            here = shards == shard
            out[here] = self._maps[shard].take(offsets[here], axis=0)
        return out


def _open_shard(path: Path) -> np.ndarray:
    try:
        # A plain view: indexing numpy's memmap subclass costs more than the read itself.
        images = np.load(path, mmap_mode="r", allow_pickle=False).view(np.ndarray)
    except FileNotFoundError:
        raise ReleaseError(f"{path} is missing.") from None
    except (OSError, ValueError, EOFError) as error:
        raise ReleaseError(f"{path} is no readable .npy file: {error}") from None
    if images.dtype != np.uint8 or images.shape[1:] != (IMAGE_SIZE, IMAGE_SIZE) or images.ndim != 3:
        raise ReleaseError(
            f"{path} holds {images.dtype} {images.shape}; "
            f"shards are uint8 (rows, {IMAGE_SIZE}, {IMAGE_SIZE})."
        )
    return images
