"""The process in which one call of `score` happens. `scoring.own_metric.sandbox` starts it.

Arguments: the number of a file descriptor to read the request from (JSON), and of one to answer on. An answer
is a line of JSON behind the request's secret word, so that a stray write is not taken for one.
"""

import faulthandler
import io
import json
import linecache
import mmap
import os
import signal
import sys
import traceback
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, NoReturn

from tamago_metric import ParticipantVisibleError
from tamago_metric.confinement import CannotConfineError, Limits, confine
from tamago_metric.returned import UnusableReturnError, read_returned

LONGEST_MESSAGE = 500
LONGEST_TRACEBACK = 12_000


class Answers:
    def __init__(self, channel: int, word: str) -> None:
        self._channel, self._word = channel, word

    def give(self, kind: str, value: Any = None) -> None:
        line = f"{self._word}{json.dumps({kind: value}, allow_nan=False)}\n".encode()
        while line:
            line = line[os.write(self._channel, line) :]

    def last(self, kind: str, value: Any = None) -> NoReturn:
        self.give(kind, value)
        # At once: what the metric left for the interpreter's end is not run.
        os._exit(0)


def main() -> NoReturn:
    request_fd, channel = int(sys.argv[1]), int(sys.argv[2])
    request = json.loads(_mapped(request_fd)[:])
    answers = Answers(channel, request["word"])
    try:
        confine(
            readable=[Path(path) for path in request["readable"]],
            scratch=Path(request["scratch"]),
            limits=Limits(**request["limits"]),
            parent=request["parent"],
        )
        os.chdir(request["scratch"])
        solution, submission = (_read_table(fd) for fd in request["tables"])
    except CannotConfineError as error:
        answers.last("unavailable", str(error))
    except Exception:  # noqa: BLE001 - whoever waits is told
        answers.last("unavailable", _traceback())
    answers.give("ready")
    # For a crash, and for the time limit, whose signal this is: they tell the line on stderr.
    faulthandler.enable(all_threads=False)
    faulthandler.register(signal.SIGXCPU, all_threads=False, chain=True)
    answers.last(*_outcome(request, solution, submission))


def _outcome(request: dict[str, Any], solution: Any, submission: Any) -> tuple[str, Any]:
    """The kind of answer that the metric's call comes to, and its value."""
    try:
        try:
            metric = _load(request["source"], request["name"])
            return "returned", read_returned(metric.score(solution, submission)).to_dict()
        except ParticipantVisibleError as error:
            return "refused", str(error)[:LONGEST_MESSAGE]  # may fail itself
    except UnusableReturnError as error:
        return "failed", [str(error), ""]
    except BaseException as error:  # noqa: BLE001 - SystemExit and KeyboardInterrupt included
        return "failed", [_first_line(error), _traceback()]


def _mapped(fd: int) -> mmap.mmap:
    mapped = mmap.mmap(fd, 0, access=mmap.ACCESS_READ)
    os.close(fd)
    return mapped


def _read_table(fd: int) -> Any:
    import pyarrow as pa  # noqa: PLC0415 - only a confined process imports it

    with pa.ipc.open_stream(pa.py_buffer(_mapped(fd))) as stream:
        # A copy: what the metric writes into it is its own affair.
        return stream.read_pandas(use_threads=False).copy()


def _load(source: str, name: str) -> ModuleType:
    """The metric as a module; its lines are known to tracebacks."""
    code: CodeType = compile(source, name, "exec", dont_inherit=True)
    # Python counts line ends alone; str.splitlines would also count form feeds and others.
    linecache.cache[name] = (len(source), None, io.StringIO(source).readlines(), name)
    module = ModuleType("metric")
    module.__file__ = name
    sys.modules["metric"] = module
    exec(code, vars(module))  # noqa: S102 - that is what this process is for
    return module


def _first_line(error: BaseException) -> str:
    """What a traceback says of an exception in the end, without a message's further lines."""
    try:
        lines = "".join(traceback.format_exception_only(error)[-1:]).strip().splitlines()
    except BaseException:  # noqa: BLE001 - as below
        lines = []
    return lines[0][:LONGEST_MESSAGE] if lines else type(error).__name__[:LONGEST_MESSAGE]


def _traceback() -> str:
    """Of the exception in hand, without the frames of this file."""
    try:
        kind, error, frames = sys.exc_info()
        while frames is not None and frames.tb_frame.f_code.co_filename == __file__:
            frames = frames.tb_next
        text = "".join(traceback.format_exception(kind, error, frames, limit=-20))
    except BaseException as another:  # noqa: BLE001 - an exception may break on being shown
        text = f"{type(another).__name__} while an exception was being shown"
    half = LONGEST_TRACEBACK // 2
    return text if len(text) <= LONGEST_TRACEBACK else f"{text[:half]}\n…\n{text[-half:]}"
