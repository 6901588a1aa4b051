"""Files that are either whole or not there."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from starter_kit.errors import DISK_FULL_HINT, StarterKitError, is_disk_full


@contextmanager
def written_whole(path: Path, *, owner_only: bool = False) -> Iterator[Path]:
    """Write to the sibling that this gives; it takes `path`'s name at the end, and goes away if writing
    fails.

    owner_only: nobody else may read it, from its first byte on.
    Raises StarterKitError where the folder is missing or cannot be written to, or the disk is full.
    """
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".partial")
    except OSError as error:
        raise StarterKitError(f"{path} cannot be written: {error.strerror} ({path.parent}).") from None
    os.close(handle)
    draft = Path(name)
    try:
        yield draft
        if not owner_only:  # as mkstemp made it
            umask = os.umask(0)
            os.umask(umask)
            draft.chmod(0o666 & ~umask)
        draft.replace(path)
    except Exception as error:
        if is_disk_full(error):  # which torch and safetensors tell with errors of their own
            raise StarterKitError(f"{path} could not be written. {DISK_FULL_HINT}") from error
        if isinstance(error, OSError):
            raise StarterKitError(f"{path} could not be written: {error.strerror or error}.") from error
        raise
    finally:
        draft.unlink(missing_ok=True)
