"""The folder that a metric may write into: one for each run, gone after it.

A run holds a lock on its folder for as long as it lives. What a killed worker left is therefore known by its
free lock, and removed by whoever runs a metric next.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from scoring.own_metric.failures import SandboxUnavailable


def scratch_root() -> Path:
    """Below the system's folder for temporary files (TMPDIR), one for each user."""
    return Path(tempfile.gettempdir()) / f"tamago-metric-{os.getuid()}"


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """An empty folder, locked. Raises SandboxUnavailable where somebody else took its place."""
    root = scratch_root()
    # Others may pass, not look: the metric may be run as a user of its own.
    root.mkdir(mode=0o711, exist_ok=True)
    found = root.lstat()
    if not root.is_dir() or root.is_symlink() or found.st_uid != os.getuid() or found.st_mode & 0o022:
        raise SandboxUnavailable(f"{root} was made by somebody else, or others may write there: remove it")
    remove_abandoned(root)
    folder, held = _new_and_locked(root)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(held)


def _new_and_locked(root: Path) -> tuple[Path, int]:
    """A new folder and the descriptor that holds its lock.

    Before it is locked, another run may take it for an abandoned one and remove it: then there is another.
    """
    while True:
        folder = Path(tempfile.mkdtemp(dir=root))
        with suppress(FileNotFoundError):
            held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            fcntl.flock(held, fcntl.LOCK_EX)
            if folder.exists():
                return folder, held
            os.close(held)


def remove_abandoned(root: Path) -> None:
    """Remove what belongs to no run any more."""
    for folder in root.iterdir():
        with suppress(OSError):  # another process may be faster
            held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(held)


def used(folder: Path) -> tuple[int, int]:
    """(bytes, files) in a flat folder."""
    size = files = 0
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):
                found = entry.stat(follow_symlinks=False)
                size += max(found.st_size, found.st_blocks * 512)
                files += 1
    return size, files
