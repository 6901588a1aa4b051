"""Running one call of somebody else's `score` in a process that can do nothing else.

What the process may do is taken from it by `tamago_metric.confinement`, before it reads a line of the metric;
this side starts it with nothing in its hands, watches over time, output and disk, and makes sure that it is
gone in the end. Nothing that it says is trusted: an answer is JSON, small, and read strictly.

Safe to call from any thread of a process with many: the child is started by `exec` right after `fork`.
"""

import fcntl
import json
import os
import secrets
import selectors
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import tamago_metric
from scoring.own_metric.failures import MetricFailed, SandboxUnavailable
from scoring.own_metric.output import Output
from scoring.own_metric.scratch import scratch_folder, used
from tamago_metric import ParticipantVisibleError
from tamago_metric.child import LONGEST_MESSAGE, LONGEST_TRACEBACK
from tamago_metric.returned import Returned, UnusableReturnError, read_returned

MIB = 1024**2
LONGEST_ANSWER = 256 * 1024  # JSON may write each character of a traceback in twelve bytes
SCRATCH_FILES = 1000
LOOK_EVERY_SECONDS = 0.05
STARTING_SECONDS = 60
LAST_WORDS_SECONDS = 0.3
# What the code of a package needs to read, beyond its interpreter's folders.
SYSTEM_FILES = (
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/usr/share/zoneinfo",
    "/dev/urandom",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/sys/devices/system/cpu",
)
# All it knows of its surroundings. One thread: more cannot be started. Sets have the same order each time.
ENVIRONMENT = {
    "LANG": "C.UTF-8",
    "TZ": "UTC",
    "PYTHONHASHSEED": "0",
    "PYTHONUNBUFFERED": "1",  # what was printed is known even of a process that was killed
    "JOBLIB_MULTIPROCESSING": "0",
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
    "PYTHONIOENCODING": "utf-8:backslashreplace",
    **dict.fromkeys(
        ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1"
    ),
}
START = (
    "import sys; sys.path.insert(0, {root!r}); import tamago_metric.child as child; del sys.path[0];"
    " child.main()"
)


@dataclass(frozen=True)
class SandboxLimits:
    """What one call of a metric may use. seconds: on the clock, and so of processor time.

    memory: bytes of address space, the interpreter, pandas and both tables included. scratch: bytes of files;
    output: bytes printed, of which the beginning is kept.
    """

    seconds: float = 60
    memory: int = 2048 * MIB
    scratch: int = 64 * MIB
    output: int = 1 * MIB


@dataclass(frozen=True)
class Run:
    """One call that came to its end. seconds: on the clock, starting included; cpu_seconds: of the processor.

    peak_memory: bytes resident. printed: the beginning of what the metric wrote to stdout and stderr.
    """

    returned: Returned
    seconds: float
    cpu_seconds: float
    peak_memory: int
    printed: str


def run_metric(
    source: str,
    solution: int,
    submission: int,
    *,
    name: str = "metric.py",
    limits: SandboxLimits | None = None,
) -> Run:
    """Call `score` of the metric's source with two tables: descriptors of files in Arrow's stream format.

    Raises ParticipantVisibleError as the metric did, its message made printable; MetricFailed for any other
    end; SandboxUnavailable where this machine cannot contain the metric, which then has not run.
    """
    if sys.platform != "linux":
        raise SandboxUnavailable(f"an organizer's own metric runs on Linux alone, this is {sys.platform}")
    limits = limits or SandboxLimits()
    with scratch_folder() as scratch, ExitStack() as stack:
        tables = tuple(_opened_anew(fd, stack) for fd in (solution, submission))
        word = secrets.token_hex(16)
        request = {
            "word": word,
            "source": source,
            "name": name,
            "tables": tables,
            "readable": readable_files(),
            "scratch": str(scratch),
            "limits": {"seconds": limits.seconds, "memory": limits.memory, "file": limits.scratch},
            "parent": os.getpid(),
        }
        with _started(request, tables) as process:
            return _Watch(process, scratch, limits, word).until_the_end()


def readable_files() -> list[str]:
    """What a metric may read: the interpreter, its packages, system libraries. No data, no settings."""
    folders = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    shared = sysconfig.get_config_var("LIBDIR")
    return sorted({*folders, *([shared] if shared else []), *SYSTEM_FILES})


@dataclass(frozen=True)
class _Process:
    popen: subprocess.Popen[bytes]
    pidfd: int
    answers: int
    started: float


@contextmanager
def _started(request: dict[str, object], tables: tuple[int, ...]) -> Iterator[_Process]:
    """A child with empty hands: no environment, no terminal, no descriptor but its own. Killed at the end."""
    with ExitStack() as stack:
        question = sealed_file("request", json.dumps(request).encode())
        stack.callback(os.close, question)
        answers, channel = os.pipe()
        stack.callback(os.close, answers)
        root = str(Path(tamago_metric.__file__).resolve().parent.parent)
        try:
            popen = subprocess.Popen(  # noqa: S603 - the interpreter and code of ours
                [
                    sys.executable,
                    "-s",
                    "-P",
                    "-B",
                    "-c",
                    START.format(root=root),
                    str(question),
                    str(channel),
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=(question, channel, *tables),
                cwd="/",
                env=ENVIRONMENT | {"HOME": str(request["scratch"]), "TMPDIR": str(request["scratch"])},
                start_new_session=True,
                bufsize=0,
            )
        finally:
            os.close(channel)
        assert popen.stdout
        assert popen.stderr
        stack.enter_context(popen.stdout)
        stack.enter_context(popen.stderr)
        stack.callback(_end, popen)
        pidfd = os.pidfd_open(popen.pid)
        stack.callback(os.close, pidfd)
        yield _Process(popen, pidfd, answers, time.monotonic())


def _end(popen: subprocess.Popen[bytes]) -> None:
    if popen.returncode is None:
        popen.kill()
        popen.wait()


def sealed_file(name: str, content: bytes | None = None) -> int:
    """A file in memory, to be sealed with `seal` when it is written; at once where `content` is given."""
    fd = os.memfd_create(f"metric-{name}", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    if content is not None:
        with open(fd, "wb", closefd=False) as file:
            file.write(content)
        seal(fd)
    return fd


def seal(fd: int) -> None:
    """Nobody can change the file from now on, whoever holds it."""
    fcntl.fcntl(
        fd,
        fcntl.F_ADD_SEALS,
        fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE,
    )


def _opened_anew(fd: int, stack: ExitStack) -> int:
    """The same file with a position and flags of its own, in which no call can leave a note for the next."""
    anew = os.open(f"/proc/self/fd/{fd}", os.O_RDONLY | os.O_CLOEXEC)
    stack.callback(os.close, anew)
    return anew


class _Watch:
    """Reads what the process says, until it ends or has to be ended."""

    def __init__(self, process: _Process, scratch: Path, limits: SandboxLimits, word: str) -> None:
        self._process, self._scratch, self._limits = process, scratch, limits
        self._word = word.encode()
        self._answer = bytearray()
        self._output = Output(limits.output)
        self._ready_at: float | None = None

    def until_the_end(self) -> Run:
        reason = self._listen()
        with suppress(ProcessLookupError):  # Popen.kill would reap it, and its usage be lost
            signal.pidfd_send_signal(self._process.pidfd, signal.SIGKILL)
        _, status, usage = os.wait4(self._process.popen.pid, 0)
        code = self._process.popen.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.monotonic() - self._process.started
        printed = self._output.text()
        kind, value = self._last_answer()
        if reason is None and kind == "returned":
            try:
                returned = read_returned(value)
            except UnusableReturnError as error:
                raise MetricFailed(str(error), printed=printed) from None
            return Run(returned, seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, printed)
        if reason is None and kind == "refused":
            raise ParticipantVisibleError(printable(str(value), LONGEST_MESSAGE) or "(no reason given)")
        if (
            kind == "unavailable" and self._answer.count(b"\n") == 1
        ):  # the first word, so none of the metric's
            raise SandboxUnavailable(printable(str(value), LONGEST_TRACEBACK))
        if reason is None and kind == "failed":
            reason, details = _failure(value)
            raise MetricFailed(reason, details=details, printed=printed)
        if self._ready_at is None:
            raise SandboxUnavailable(
                reason or f"its process {_ending(code)} before the metric began", printed
            )
        raise MetricFailed(reason or f"the process {_ending(code)} before score() returned", printed=printed)

    def _listen(self) -> str | None:
        """Read until the process ends (None) or a limit is reached, which is told."""
        process, popen = self._process, self._process.popen
        with selectors.DefaultSelector() as selector:
            for source in (popen.stdout, popen.stderr, process.answers, process.pidfd):
                assert source is not None
                selector.register(source, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select(LOOK_EVERY_SECONDS):
                    if key.fileobj == process.pidfd:
                        self._drain()
                        return self._excess()
                    if not self._take(key.fd, answers=key.fileobj == process.answers):
                        selector.unregister(key.fileobj)
                if excess := self._excess():
                    return excess

    def _take(self, fd: int, *, answers: bool) -> bool:
        """One piece of what is there; False at its end."""
        piece = os.read(fd, 64 * 1024)
        if answers:
            self._answer += piece[: LONGEST_ANSWER + 1 - len(self._answer)]
            if self._ready_at is None and b"\n" in self._answer:
                self._ready_at = time.monotonic()
        else:
            self._output.add(piece)
        return bool(piece)

    def _drain(self) -> None:
        """What an ended process left in its pipes; they hold little, and nobody else can write to them."""
        popen = self._process.popen
        assert popen.stdout
        assert popen.stderr
        for fd in (popen.stdout.fileno(), popen.stderr.fileno(), self._process.answers):
            while self._take(fd, answers=fd == self._process.answers):
                pass

    def _excess(self) -> str | None:
        limits = self._limits
        if self._output.exceeded:
            return f"the metric printed more than {limits.output:,} bytes"
        if len(self._answer) > LONGEST_ANSWER:
            return "the metric wrote into the channel on which its result is expected"
        size, files = used(self._scratch)
        if size > limits.scratch or files > SCRATCH_FILES:
            return f"the metric's files exceed {limits.scratch:,} bytes or {SCRATCH_FILES:,} files"
        now = time.monotonic()
        if self._ready_at is None and now > self._process.started + STARTING_SECONDS:
            return f"its process did not begin within {STARTING_SECONDS} s"
        if self._ready_at is not None and now > self._ready_at + limits.seconds:
            self._ask_where()
            return f"the metric took longer than {limits.seconds:g} s"
        return None

    def _ask_where(self) -> None:
        """The process tells on stderr in which line it is, if it still listens; for a moment it may."""
        signal.pidfd_send_signal(self._process.pidfd, signal.SIGXCPU)
        stderr = self._process.popen.stderr
        assert stderr
        end = time.monotonic() + LAST_WORDS_SECONDS
        with selectors.DefaultSelector() as selector:
            selector.register(stderr, selectors.EVENT_READ)
            while (left := end - time.monotonic()) > 0 and not self._output.exceeded:
                if not selector.select(left) or not self._take(stderr.fileno(), answers=False):
                    return

    def _last_answer(self) -> tuple[str, object]:
        """The kind and value of the last word; ("", None) where there is none."""
        lines = [line for line in bytes(self._answer).split(b"\n") if line]
        if not lines or not all(line.startswith(self._word) for line in lines):
            return "", None
        try:
            answer = json.loads(lines[-1].removeprefix(self._word))
        except (ValueError, RecursionError):
            return "", None
        if not isinstance(answer, dict) or len(answer) != 1:
            return "", None
        ((kind, value),) = answer.items()
        return kind, value


def _failure(value: object) -> tuple[str, str]:
    """Reason and details of a failure, of which the metric may have made anything."""
    reason, details = value if isinstance(value, list) and len(value) == 2 else (value, "")
    return (
        printable(str(reason), LONGEST_MESSAGE).partition("\n")[0] or "(no reason given)",
        printable(str(details), LONGEST_TRACEBACK),
    )


def printable(text: str, longest: int) -> str:
    """Text for a page and a database: no control characters but line ends and tabs, no half characters."""
    cleaned = "".join(
        c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in text[:longest]
    )
    return cleaned.strip()


def _ending(code: int) -> str:
    if code >= 0:
        return f"ended with status {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    hint = {
        "SIGXCPU": " (too much processor time)",
        "SIGKILL": " (too much processor time, or no memory left on the machine)",
        "SIGXFSZ": " (too large a file)",
        "SIGSYS": " (a system call of another architecture)",
    }.get(name, "")
    return f"was ended by {name}{hint}"
