"""Large files over an unreliable network: resumed where they broke off, and checked to the last byte."""

from __future__ import annotations

import hashlib
import re
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath

from starter_kit.errors import DISK_FULL_HINT, StarterKitError, is_disk_full
from starter_kit.site.client import BUSY, FIRST_PAUSE, ApiError, Client, RemoteFile, UnreachableError

ATTEMPTS_WITHOUT_PROGRESS = 5

OnBytes = Callable[[int], None]
"""on_bytes(n): n more bytes are here; negative where a part turned out to be of no use."""


def download_files(
    client: Client,
    files: Sequence[RemoteFile],
    directory: Path,
    *,
    on_bytes: OnBytes,
    pause: float = FIRST_PAUSE,
) -> list[RemoteFile]:
    """Bring every file into the directory, under its name; returns those that had to be fetched.

    What is there and has the right SHA-256 stays. An unfinished file waits under its name with `.partial`
    behind it; beside it `.partial.etag` says which state of the file it is part of, and the next call goes on
    from there.

    Raises StarterKitError for a full disk, a name that leads out of the directory, a file that arrives
    damaged twice, or a network that gives nothing any more.
    """
    paths = [target_path(directory, file.name) for file in files]
    missing = [
        (file, path) for file, path in zip(files, paths, strict=True) if not _is_there(file, path, on_bytes)
    ]
    _refuse_full_disk(directory, missing)
    for file, path in missing:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _fetch(client, file, path, on_bytes, pause)
        except OSError as error:
            reason = DISK_FULL_HINT if is_disk_full(error) else f"{error.strerror or error}."
            raise StarterKitError(f"{path} cannot be written: {reason}") from error
    return [file for file, _ in missing]


def target_path(directory: Path, name: str) -> Path:
    """Where a file belongs. Raises StarterKitError for a name that leads out of the directory."""
    parts = PurePosixPath(name)
    if parts.is_absolute() or not parts.parts or ".." in parts.parts or re.search(r"[\\:\x00-\x1f]", name):
        raise StarterKitError(
            f"The site names a file {name!r}, which leads out of {directory}. Nothing is written."
        )
    return directory.joinpath(*parts.parts)


def _is_there(file: RemoteFile, path: Path, on_bytes: OnBytes) -> bool:
    if not path.is_file() or path.stat().st_size != file.size or _sha256(path) != file.sha256:
        return False
    on_bytes(file.size)
    return True


def _refuse_full_disk(directory: Path, missing: Sequence[tuple[RemoteFile, Path]]) -> None:
    needed = sum(file.size - _size(_partial(path)) for file, path in missing)
    existing = next(folder for folder in (directory, *directory.absolute().parents) if folder.exists())
    free = shutil.disk_usage(existing).free
    if needed > free:
        raise StarterKitError(
            f"The files need {needed / 1e9:.2f} GB more; the disk of {directory} has {free / 1e9:.2f} free."
        )


def _fetch(client: Client, file: RemoteFile, path: Path, on_bytes: OnBytes, pause: float) -> None:
    partial = _partial(path)
    for _ in range(2):
        _fetch_bytes(client, file, path, on_bytes, pause)
        found = _sha256(partial)
        _etag_file(path).unlink(missing_ok=True)
        if found == file.sha256:
            partial.replace(path)
            return
        partial.unlink()
        on_bytes(-file.size)
    raise StarterKitError(
        f"{file.name} arrived damaged twice: its SHA-256 is {found}, the site's list says {file.sha256}. "
        "Please tell the organizers."
    )


def _fetch_bytes(client: Client, file: RemoteFile, path: Path, on_bytes: OnBytes, pause: float) -> None:
    """Bring the partial file to its full size, beginning where an earlier attempt ended."""
    partial = _partial(path)
    partial.touch()
    on_bytes(min(_size(partial), file.size))
    failures = 0
    while (before := _size(partial)) != file.size:
        try:
            _attempt(client, file, path, on_bytes)
            problem: StarterKitError | None = None
        except UnreachableError as error:
            problem = error
        except ApiError as error:
            if error.status not in BUSY:
                raise
            problem = error
        failures = 0 if _size(partial) > before else failures + 1
        if failures == ATTEMPTS_WITHOUT_PROGRESS:
            raise StarterKitError(
                f"{file.name} stops at {_size(partial):,} of {file.size:,} bytes. {problem or ''} "
                "The same command goes on from there later."
            )
        if problem:
            time.sleep(pause * 2**failures)


def _attempt(client: Client, file: RemoteFile, path: Path, on_bytes: OnBytes) -> None:
    partial, etag_file = _partial(path), _etag_file(path)
    have = _size(partial)
    etag = etag_file.read_text(encoding="utf-8") if etag_file.is_file() else ""
    headers = {"Accept-Encoding": "identity"}  # ranges count the bytes of the file itself
    if 0 < have < file.size and etag:
        headers |= {"Range": f"bytes={have}-", "If-Range": etag}
    with client.open_download(file.url, headers) as response:
        goes_on = response.status_code == 206 and _range_start(response.headers) == have
        if not goes_on:
            # The whole file comes: it has changed, the server knows no ranges, or this is the beginning.
            on_bytes(-min(have, file.size))
            partial.write_bytes(b"")
            if response.status_code != 200:
                return  # 416, or another range than asked for: begin anew
        etag = response.headers.get("ETag", "")
        # A weak one promises the same meaning, not the same bytes.
        etag_file.write_text("" if etag.startswith("W/") else etag, encoding="utf-8")
        with partial.open("ab") as sink:
            for (
                block
            ) in response.iter_raw():  # as it comes: gathered blocks would be lost with the connection
                sink.write(block)
                on_bytes(len(block))


def _range_start(headers: Mapping[str, str]) -> int | None:
    match = re.match(r"bytes (\d+)-", headers.get("Content-Range", ""))
    return int(match[1]) if match else None


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _partial(path: Path) -> Path:
    return path.with_name(path.name + ".partial")


def _etag_file(path: Path) -> Path:
    return path.with_name(path.name + ".partial.etag")
