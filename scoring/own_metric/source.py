"""Looking at the file of a metric without running it: what can be told of it before, with the line."""

import json
import subprocess
import sys
from pathlib import Path

import tamago_metric
from tamago_metric.source import MEMORY, SECONDS

LARGEST_SOURCE = 200_000
LONGEST_SECONDS = 3 * SECONDS  # on the clock: the machine may be busy
LOOK = "import sys; sys.path.insert(0, {root!r}); import tamago_metric.source as source; source.main()"


class SourceError(Exception):
    """The file cannot be a metric; the message tells its author why, with the line."""


def read_source(content: bytes) -> str:
    """The text of a metric's file. Raises SourceError."""
    if len(content) > LARGEST_SOURCE:
        raise SourceError(f"the file has {len(content):,} bytes, and at most {LARGEST_SOURCE:,} are accepted")
    try:
        source = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise SourceError(f"line {line}: the file must be UTF-8, byte {error.start + 1:,} is not") from None
    if "\0" in source:
        line = source[: source.index("\0")].count("\n") + 1
        raise SourceError(f"line {line}: there is a zero byte, which no Python file has")
    if not source.strip():
        raise SourceError("the file is empty")
    source = source.replace("\r\n", "\n").replace("\r", "\n")
    if problem := _problem_of(source):
        raise SourceError(problem)
    return source


def _problem_of(source: str) -> str:
    """Why it cannot be a metric, by another process: see `tamago_metric.source`."""
    root = str(Path(tamago_metric.__file__).resolve().parent.parent)
    try:
        done = subprocess.run(  # noqa: S603 - the interpreter and code of ours
            [sys.executable, "-I", "-B", "-c", LOOK.format(root=root)],
            input=source.encode(),
            capture_output=True,
            env={},
            timeout=LONGEST_SECONDS,
            check=True,
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        return (
            f"Python cannot compile the file within {SECONDS} s and {MEMORY // 1024**2:,} MiB: is it nested"
            " deeply, or generated?"
        )
    return str(json.loads(done.stdout))
