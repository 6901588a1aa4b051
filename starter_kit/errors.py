"""What the starter kit says when it cannot go on."""

import errno
import re
from pathlib import Path

NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# Torch has a class of its own for GPUs alone, and libraries in Rust tell the number in their text.
OUT_OF_MEMORY = re.compile(
    r"out of memory|not enough memory|can(.t|not) allocate memory|bad_?alloc|ALLOC_FAILED", re.IGNORECASE
)
DISK_FULL = re.compile(r"No space left|os error (27|28|122)\b|PytorchStreamWriter failed|inline_container")
DISK_FULL_HINT = (
    "The disk is full, or your share of it. Free some space, then run the command again: download goes on "
    "where it stopped, and so does train with --resume."
)


class StarterKitError(Exception):
    """Something the reader can put right; the message says what was wrong and what to do."""


def first_line(error: Exception) -> str:
    """What a library says in one line: the rest of a long message is for its developers."""
    return next(iter(str(error).splitlines()), type(error).__name__)


def explained(error: Exception) -> str | None:
    """What was wrong and what to do, of an error that came from a library or the system: too little memory, a
    full disk, a file that is not there, a folder that is no release. None for a mistake of the kit's own,
    which has to show where it happened."""
    from cloud_images.errors import ReleaseError  # noqa: PLC0415 - only where something went wrong

    if is_out_of_memory(error):
        return (
            "There is not enough memory. Close what else uses it, leave out --tta and --tta-shift, or choose "
            "--device cpu, which mostly has more than a GPU."
        )
    if is_disk_full(error):
        return f"{DISK_FULL_HINT} ({first_line(error)})"
    if isinstance(error, ReleaseError):
        return str(error)
    if isinstance(error, OSError):
        return f"{error.filename}: {error.strerror}." if error.filename else f"{first_line(error)}."
    return None


def is_out_of_memory(error: BaseException) -> bool:
    """Whether the computer or its GPU had no memory left."""
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and OUT_OF_MEMORY.search(str(error)) is not None
    )


def is_disk_full(error: BaseException) -> bool:
    """Whether a file could not grow any more: no space, a quota, or a limit of its size."""
    if isinstance(error, OSError) and error.errno in NO_SPACE:
        return True
    return DISK_FULL.search(str(error)) is not None


def did_you_mean(folder: Path, holding: str) -> str:
    """A neighbour of a wrong folder that holds the file which it lacks, as a sentence; else nothing."""
    near = sorted(found.parent for found in folder.glob(f"*/{holding}")) if folder.is_dir() else []
    near += [parent for parent in list(folder.parents)[:2] if (parent / holding).is_file()]
    return f" Did you mean {near[0]}?" if near else ""
