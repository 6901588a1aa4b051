"""Metrics that mean harm, run as the platform runs them."""

import errno
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from scoring.own_metric import MetricFailed, SandboxLimits
from scoring.own_metric.sandbox import run_metric
from scoring.own_metric.scratch import scratch_folder
from tamago_metric import ParticipantVisibleError
from tests.scoring.own_metrics import IDS, LABELS, MIB, SCORES, SMALL, children, in_memory, leftovers, run

ROOT = Path(__file__).resolve().parents[2]
SECRET = "a-secret-of-the-worker"
LIBC = "import ctypes, os\nlibc = ctypes.CDLL(None, use_errno=True)\n"


def open_files() -> set[str]:
    return {entry.name for entry in Path("/proc/self/fd").iterdir()}


@pytest.fixture(scope="module", autouse=True)
def scratch_of_this_module() -> Iterator[None]:
    """What other tests leave for a moment does not lie here. Open to pass for everybody, as /tmp is."""
    with (
        tempfile.TemporaryDirectory(prefix="tamago-scratch-") as folder,
        pytest.MonkeyPatch.context() as patch,
    ):
        Path(folder).chmod(0o1777)
        patch.setenv("TMPDIR", folder)
        patch.setattr(tempfile, "tempdir", None)
        yield


@pytest.fixture(autouse=True)
def nothing_is_left(monkeypatch):
    """Whatever a metric does: no process, no descriptor and no folder of it stays, and we live."""
    monkeypatch.setenv("SECRET_KEY", SECRET)
    before = children(), leftovers(), open_files()
    yield
    assert (children(), leftovers()) == before[:2]
    assert open_files() <= before[2]


def failure(body: str, limits: SandboxLimits = SMALL, *, head: str = "") -> MetricFailed:
    """How the metric of these lines fails."""
    with pytest.raises(MetricFailed) as caught:
        run(metric(body, head), limits)
    return caught.value


def metric(body: str, head: str = "") -> str:
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    return f"{head}\ndef score(solution, submission):\n{lines}\n"


# Attempts that must be refused with an exception in the metric, which could then go on.
REFUSED = {
    "start a process": "os.fork()",
    "start a process by vfork": "os.posix_spawn('/bin/true', ['true'], {})",
    "become another program": "os.execv('/bin/true', ['true'])",
    "start a shell": "subprocess.run('true', shell=True)",
    "open a TCP socket": "socket.create_connection(('127.0.0.1', {port}), 1)",
    "open a UDP socket": "socket.socket(2, 2)",
    "open a unix socket": "socket.socket(1, 1)",
    "open a pair of sockets": "socket.socketpair()",
    "open a netlink socket": "socket.socket(16, 3)",
    "ask a name server": "socket.getaddrinfo('example.org', 80)",
    "read the worker's environment": "open('/proc/{pid}/environ').read()",
    "read the worker's memory": "open('/proc/{pid}/mem', 'rb').read(1)",
    "see the worker's files": "os.listdir('/proc/{pid}/fd')",
    "follow the worker's links": "os.readlink('/proc/{pid}/cwd')",
    "read its own environment from /proc": "open('/proc/self/environ').read()",
    "read a secret file by its path": "open('{secret}').read()",
    "read a secret file through a link": "open(os.symlink('{secret}', 'link') or 'link').read()",
    "make a hard link to a secret file": "os.link('{secret}', 'link')",
    "move a secret file": "os.rename('{secret}', 'mine')",
    "empty a secret file": "os.truncate('{secret}', 0)",
    "empty a secret file on opening": "os.open('{secret}', os.O_TRUNC)",
    "remove a secret file": "os.unlink('{secret}')",
    "read the platform's code": "open('{code}').read()",
    "list the platform's folder": "os.listdir('{root}')",
    "read the users": "open('/etc/passwd').read()",
    "list the root folder": "os.listdir('/')",
    "list other scratch folders": "os.listdir('..')",
    "write outside": "open('/tmp/from-a-metric', 'w')",
    "write into shared memory": "open('/dev/shm/from-a-metric', 'w')",
    "write into the interpreter": "open(os.__file__, 'a')",
    "write into a package": "open(__import__('pandas').__file__, 'a')",
    "write to a terminal": "open('/dev/tty', 'w')",
    "make a folder": "os.mkdir('folder')",
    "make a named pipe": "os.mkfifo('pipe')",
    "make a device": "os.mknod('device', 0o60666, os.makedev(254, 0))",
    "leave by a known escape": "os.chroot('.')",
    "change a file's mode": "os.chmod('{secret}', 0o777)",
    "change a file's owner": "os.chown('{secret}', os.getuid(), os.getgid())",
    "change a file's times": "os.utime('{secret}')",
    "signal the worker": "os.kill({pid}, 9)",
    "signal everybody": "os.kill(-1, 9)",
    "signal its group": "os.killpg(0, 9)",
    "signal the worker through a descriptor": "signal.pidfd_send_signal(os.pidfd_open({pid}), 9)",
    "have the kernel signal the worker": "fcntl.fcntl(1, fcntl.F_SETOWN, {pid})",
    "raise a limit": "resource.setrlimit(resource.RLIMIT_AS, (-1, -1))",
    "change the worker's limits": "resource.prlimit({pid}, 7, (8, 8))",
    "take a higher priority": "os.nice(-5)",
    "take another processor": "os.sched_setaffinity({pid}, [0])",
    "become root": "os.setuid(0)",
    "leave its session": "os.setsid()",
    "keep memory that no limit counts": "os.memfd_create('hidden')",
    "make a pipe": "os.pipe()",
    "wait for events": "select.epoll()",
    "share memory": "shared_memory.SharedMemory(create=True, size=8)",
    "start a pool": "multiprocessing.Pool(2)",
}


@pytest.fixture(scope="module")
def hunted() -> Iterator[dict]:
    """What a metric may be after: a listening socket, and a file of secrets that everybody could read."""
    with (
        tempfile.TemporaryDirectory(prefix="tamago-data-") as folder,
        socket.create_server(("127.0.0.1", 0)) as listener,
    ):
        Path(folder).chmod(0o755)
        secret = Path(folder, "solution.parquet")
        secret.write_text(SECRET)
        secret.chmod(0o666)
        yield {
            "port": listener.getsockname()[1],
            "pid": os.getpid(),
            "secret": secret,
            "code": ROOT / "scoring" / "__init__.py",
            "root": ROOT,
        }


@pytest.fixture(scope="module")
def attempted(hunted) -> dict[str, str]:
    return json.loads(run(attempts(hunted), SandboxLimits(seconds=20)).printed)


def attempts(hunted: dict) -> str:
    """A metric that tries them all, and prints what became of each: the exception's name, or what was got."""
    expressions = {name: _filled(expression, hunted) for name, expression in REFUSED.items()}
    body = f"""
import fcntl, json, multiprocessing, os, resource, select, signal, socket, subprocess
from multiprocessing import shared_memory
got = {{}}
for name, expression in {expressions!r}.items():
    try:
        got[name] = repr(eval(expression))
    except BaseException as error:
        got[name] = type(error).__name__
print(json.dumps(got))
return 1"""
    return metric(body)


def _filled(expression: str, hunted: dict) -> str:
    for name, value in hunted.items():
        expression = expression.replace("{" + name + "}", str(value))
    return expression


@pytest.mark.parametrize("attempt", REFUSED)
def test_a_metric_cannot(attempt, attempted, hunted):
    assert attempted[attempt] in ("PermissionError", "gaierror", "ValueError"), attempted[attempt]
    assert hunted["secret"].read_text() == SECRET
    assert not list(Path("/tmp").glob("from-a-metric"))
    assert not list(Path("/dev/shm").glob("from-a-metric"))


READING = "-all,+dac_read_search"
OTHER_WORKERS = {
    # One privilege is left to it, to reach an interpreter that lies in root's home.
    "an ordinary user": [
        *("--reuid", "12345", "--regid", "12345", "--clear-groups"),
        *(f"--{kind}={READING}" for kind in ("inh-caps", "ambient-caps", "bounding-set")),
    ],
    "a container's root without privileges": ["--inh-caps=-all", "--bounding-set=-all"],
}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
@pytest.mark.parametrize("worker", OTHER_WORKERS)
def test_a_worker_without_privileges_contains_as_much(worker, hunted):
    code = (
        "import sys\nfrom tests.scoring.own_metrics import *\n"
        "print(run(sys.stdin.read(), SandboxLimits(seconds=20)).printed)"
    )
    done = subprocess.run(
        ["setpriv", *OTHER_WORKERS[worker], sys.executable, "-c", code],
        input=attempts(hunted),
        cwd=ROOT,
        text=True,
        capture_output=True,
        check=False,
    )
    shutil.rmtree(Path(tempfile.gettempdir()) / "tamago-metric-12345", ignore_errors=True)
    assert done.returncode == 0, done.stderr
    for attempt, became in json.loads(done.stdout).items():
        assert became in ("PermissionError", "gaierror", "ValueError"), (attempt, became)


# The same by system call, where Python has no function, or would be kinder than the kernel.
CALLS = {
    "ptrace": (101, "16, {pid}, 0, 0"),
    "process_vm_readv": (310, "{pid}, 0, 0, 0, 0, 0"),
    "io_uring_setup": (425, "8, ctypes.create_string_buffer(120)"),
    "bpf": (321, "0, 0, 0"),
    "keyctl": (250, "0, -3, 0"),
    "add_key": (248, "b'user', b'a', b'b', 1, -3"),
    "mount": (165, "b'none', b'/', b'tmpfs', 0, 0"),
    "unshare": (272, "0x10000000"),
    "setns": (308, "0, 0"),
    "userfaultfd": (323, "0"),
    "perf_event_open": (298, "0, 0, 0, 0, 0"),
    "clone": (56, "17, 0, 0, 0, 0"),
    "clone3": (435, "0, 0"),
    "vfork": (58, ""),
    "shmget": (29, "0, 4096, 0o1600"),
    "prctl": (157, "1, 0, 0, 0, 0"),
    "seccomp": (317, "0, 0, 0"),
    "mlock": (149, "ctypes.create_string_buffer(4096), 4096"),
    "memfd_secret": (447, "0"),
    "open_by_handle_at": (304, "0, 0, 0"),
    "name_to_handle_at": (303, "0, 0, 0, 0, 0"),
    "kexec_load": (246, "0, 0, 0, 0"),
    "reboot": (169, "0, 0, 0, 0"),
    "setxattr": (188, "b'{secret}', b'user.a', b'b', 1, 0"),
    "tgkill": (234, "{pid}, {pid}, 9"),
    "rt_sigqueueinfo": (129, "{pid}, 9, 0"),
    "fanotify_init": (300, "0, 0"),
    "an unknown call": (999, ""),
}


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the numbers are those of x86_64")
@pytest.mark.parametrize("call", CALLS)
def test_the_kernel_refuses_a_metric(call, called):
    assert called[call] in ([-1, errno.EPERM], [-1, errno.ENOSYS])


@pytest.fixture(scope="module")
def called(hunted) -> dict[str, list[int]]:
    """[result, errno] of each call."""
    calls = ", ".join(
        f"{name!r}: lambda: libc.syscall({number}, {_filled(arguments, hunted)})"
        for name, (number, arguments) in CALLS.items()
    )
    body = f"""
import json
got = {{}}
for name, call in {{{calls}}}.items():
    got[name] = [call(), ctypes.get_errno()]
print(json.dumps(got))
return 1"""
    return json.loads(run(metric(body, LIBC)).printed)


def test_its_environment_holds_nothing(hunted):
    printed = run(metric("import os\nfor pair in sorted(os.environ.items()): print(*pair)\nreturn 1")).printed
    assert SECRET not in printed
    names = {line.split()[0] for line in printed.splitlines()}
    assert names <= {
        "LANG", "LC_CTYPE", "TZ", "HOME", "TMPDIR", "PYTHONHASHSEED", "PYTHONUNBUFFERED", "PYTHONIOENCODING",
        "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS",
        "NUMEXPR_NUM_THREADS", "JOBLIB_MULTIPROCESSING",
        "ARROW_DEFAULT_MEMORY_POOL", "JE_ARROW_MALLOC_CONF",
    }  # fmt: skip


def test_it_inherits_no_open_file():
    secret = os.open("/etc/passwd", os.O_RDONLY)
    os.set_inheritable(secret, True)
    body = """
import os, stat
for fd in range(256):
    try:
        kind = os.fstat(fd).st_mode
    except OSError:
        continue
    print(fd, stat.filemode(kind))
return 1"""
    printed = run(metric(body)).printed
    os.close(secret)
    kinds = sorted(line.split()[1][0] for line in printed.splitlines())
    # Its two tables, sealed; /dev/null; stdout, stderr, and where the answer goes.
    assert kinds == ["-", "-", "c", "p", "p", "p"]


def test_it_has_no_privileges():
    body = "import os\nprint(os.getuid(), os.getgroups())\nreturn 1"
    user, groups = run(metric(body)).printed.split(" ", 1)
    assert int(user) != 0
    assert os.geteuid() != 0 or groups == "[]"


ENDLESS = {
    "a loop": "while True: pass",
    "sleep": "import time\ntime.sleep(10**6)",
    "a loop that ignores signals": (
        "import signal\n"
        "for number in set(signal.Signals) - {9, 19}: signal.signal(number, signal.SIG_IGN)\n"
        "while True: pass"
    ),
    "a loop that blocks signals": (
        "import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\nwhile True: pass"
    ),
    "a loop that catches everything": (
        "while True:\n    try:\n        while True: pass\n    except BaseException: pass"
    ),
    "a signal that stops it": "import os, signal\nsignal.raise_signal(signal.SIGSTOP)",
    "a regular expression": "import re\nreturn re.match('(a+)+$', 'a' * 64 + 'b')",
    "a large power": "return 7 ** (10 ** 9) % 2",
    "a trickle of words at the end": (
        "import signal, sys, time\nsignal.signal(signal.SIGXCPU, signal.SIG_IGN)\n"
        "while True:\n    sys.stderr.write('.')\n    time.sleep(0.01)"
    ),
    "waiting for input that never comes": "import select\nselect.select([], [], [])",
}


@pytest.mark.parametrize("kind", ENDLESS)
def test_what_never_ends_is_ended(kind):
    began = time.monotonic()
    failed = failure(ENDLESS[kind], SandboxLimits(seconds=1))
    assert time.monotonic() - began < 8
    assert "took longer than 1 s" in failed.reason or "too much processor time" in failed.reason, (
        failed.reason
    )


def test_the_organizer_is_told_in_which_line_time_ran_out():
    failed = failure("x = 0\nwhile True:\n    x += 1", SandboxLimits(seconds=1))
    assert 'File "metric.py", line 5 in score' in failed.report() or "line 4 in score" in failed.report()


MEMORY = {
    "one large array": "import numpy\nreturn numpy.ones(10**10).sum()",
    "ever longer lists": "a = []\nwhile True: a.append(bytearray(10**7))",
    "a long text": "return len('x' * 10**11)",
    "anonymous memory": "import mmap\nreturn len(mmap.mmap(-1, 1 << 40))",
    "a file in memory": "import mmap\nf = open('f', 'wb+')\nf.truncate(1 << 40)\nreturn 1",
    "bombs of text": "import json\nreturn json.loads('[' * 10**6)",
}


@pytest.mark.parametrize("kind", MEMORY)
def test_memory_has_an_end(kind):
    failed = failure(MEMORY[kind], SandboxLimits(seconds=20, memory=768 * MIB, scratch=8 * MIB))
    assert any(
        word in failed.report()
        for word in ("MemoryError", "Cannot allocate memory", "File too large", "Recursion")
    ), failed.report()


def test_the_limit_of_memory_is_the_one_that_was_set():
    body = "import numpy\nreturn numpy.ones(60_000_000).sum()"  # 480 MB
    assert "MemoryError" in failure(body, SandboxLimits(memory=512 * MIB)).report()
    assert run(metric(body), SandboxLimits(memory=1536 * MIB)).peak_memory > 480_000_000


def test_a_bomb_of_threads_starts_none():
    body = "import threading\nfor _ in range(10**5): threading.Thread(target=print).start()\nreturn 1"
    assert "can't start new thread" in failure(body).report()


def test_deep_recursion_ends_in_a_report():
    assert "RecursionError" in failure("return score(solution, submission)").report()
    body = "import sys\nsys.setrecursionlimit(10**9)\nf = lambda: (lambda x: x)(f())\nreturn f()"
    assert failure(body, SandboxLimits(seconds=2)).reason


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
@pytest.mark.parametrize(
    "write", ["print('x' * 10**6, file=sys.{stream})", "os.write(sys.{stream}.fileno(), b'\\xff' * 10**6)"]
)
def test_a_gigabyte_of_print_is_cut_off(stream, write):
    body = f"import os, sys\nfor _ in range(1000): {write.format(stream=stream)}\nreturn 1"
    failed = failure(body, SandboxLimits(seconds=20, output=MIB))
    assert "printed more than 1,048,576 bytes" in failed.reason
    assert len(failed.printed) < 20_000
    assert "bytes more" in failed.printed


def test_files_in_scratch_have_an_end():
    assert "File too large" in failure("open('f', 'wb').write(b'x' * 10**7)").report()
    many = "for n in range(10**4):\n    open(f'f{n}', 'wb').write(b'x' * 10**6)\nreturn 1"
    assert (
        "files exceed 8,388,608 bytes or 1,000 files" in failure(many, SandboxLimits(scratch=8 * MIB)).reason
    )
    empty = "for n in range(10**7): open(f'f{n}', 'wb').close()\nreturn 1"
    assert "1,000 files" in failure(empty, SandboxLimits(seconds=20)).reason
    early = "open('f', 'wb').write(b'x' * 6 * 10**6); open('g', 'wb').write(b'x' * 6 * 10**6)\nreturn 1"
    assert "files exceed" in failure(early).reason


def test_scratch_is_there_to_be_used_and_gone_afterwards():
    body = """
import os, tempfile
with tempfile.TemporaryFile() as file:
    file.write(b'abc')
with tempfile.NamedTemporaryFile() as file:
    file.write(b'abc')
solution.to_csv('copy.csv')
print(os.getcwd())
return os.path.getsize(os.path.expanduser('~/copy.csv'))"""
    first = run(metric(body))
    assert first.returned.score > 100
    assert not Path(first.printed).exists()


BREAKING = {
    "an exit": ("import sys\nsys.exit(0)", "SystemExit"),
    "an abrupt exit": ("import os\nos._exit(0)", "ended with status 0"),
    "an abrupt exit of another status": ("import os\nos._exit(77)", "ended with status 77"),
    "a crash": ("import ctypes\nctypes.string_at(0)", "SIGSEGV"),
    "an abort": ("import os\nos.abort()", "SIGABRT"),
    "its own death": ("import signal\nsignal.raise_signal(9)", "SIGKILL"),
    "an interrupt": ("raise KeyboardInterrupt", "KeyboardInterrupt"),
    "an exception that breaks on being shown": (
        "class Bad(Exception):\n    def __str__(self): raise SystemExit\nraise Bad",
        "Bad",
    ),
    "all descriptors closed": ("import os\nos.closerange(0, 256)\nreturn 1", "ended with status"),
    "a division": ("return 1 / 0", "ZeroDivisionError"),
    "an exception of a megabyte": ("raise ValueError('x' * 10**6)", "ValueError"),
    "an exception of garbage": ("raise ValueError('\\0\\x1b[2J\\ud800')", "ValueError"),
    "an import that is not there": ("import tensorflow_of_mine", "ModuleNotFoundError"),
    # mov eax, 20; int 0x80; ret
    "another architecture's call": (
        """import ctypes, mmap
memory = mmap.mmap(-1, 4096, prot=7)
memory.write(bytes.fromhex('b814000000cd80c3'))
code = ctypes.addressof(ctypes.c_char.from_buffer(memory))
return ctypes.CFUNCTYPE(ctypes.c_int)(code)()""",
        "SIGSYS",
    ),
}


@pytest.mark.parametrize("kind", BREAKING)
def test_a_metric_that_breaks_is_reported(kind):
    body, told = BREAKING[kind]
    failed = failure(body)
    report = failed.report()
    assert told in report, report
    assert len(report) < 40_000
    report.encode()  # no half characters
    assert not set("\0\x1b") & set(report)


def test_a_failure_names_the_line_and_what_was_printed():
    failed = failure("print('here')\nx = 1\nreturn x.nothing")
    assert 'File "metric.py", line 5, in score\n    return x.nothing' in failed.details
    assert failed.reason == "AttributeError: 'int' object has no attribute 'nothing'"
    assert failed.printed == "here"
    assert "child.py" not in failed.details


FORGED = {
    "the answer's form": '{"returned": {"score": 0.5}}',
    "garbage": "\\xff\\x00" * 100,
    "a gigabyte": "x" * 1000,
}


@pytest.mark.parametrize("kind", FORGED)
def test_a_metric_that_writes_to_every_descriptor_forges_nothing(kind):
    times = 10**6 if kind == "a gigabyte" else 1
    body = f"""
import os
for fd in range(256):
    try:
        for _ in range({times}):
            os.write(fd, b'''{FORGED[kind]}''' + b'\\n')
    except OSError:
        pass
os._exit(0)"""
    assert failure(body, SandboxLimits(seconds=5)).reason


@pytest.mark.parametrize("character", ["台", "😀", "\\x01", "\\ud800"])
def test_an_exception_of_any_characters_is_told(character):
    failed = failure(f"raise ValueError('{character}' * 10**6)")
    assert failed.reason.startswith("ValueError: ")
    assert 'File "metric.py", line 3, in score' in failed.details


LONG_STORIES = {
    "raise ValueError('Input contains NaN.\\nSee\\nhttps://example.org/')": "ValueError: Input contains NaN.",
    "raise ExceptionGroup('two', [KeyError(1), KeyError(2)])": "ExceptionGroup: two (2 sub-exceptions)",
    "raise SystemExit('bye' * 10**6)": "SystemExit: bye",
    "return eval('1 +')": "SyntaxError: invalid syntax",
    "raise ParticipantVisibleError(Unspeakable())": "RuntimeError: no words",
}


@pytest.mark.parametrize("body", LONG_STORIES)
def test_the_reason_is_one_line_that_says_what_it_was(body):
    head = (
        "from tamago_metric import ParticipantVisibleError\n"
        "class Unspeakable:\n    def __str__(self): raise RuntimeError('no words')\n"
    )
    failed = failure(body, head=head)
    assert failed.reason.startswith(LONG_STORIES[body]), failed.reason
    assert "\n" not in failed.reason
    assert len(failed.reason) <= 500
    assert "Traceback (most recent call last)" in failed.details


def test_a_form_feed_does_not_shift_the_line_that_is_shown():
    with pytest.raises(MetricFailed) as caught:
        run("def score(solution, submission):\n    x = '\x0c'\n    y = '\u2028'\n    return 1 / 0\n")
    assert "line 4, in score\n    return 1 / 0" in caught.value.details


def test_what_is_printed_is_no_answer():
    printed = """import sys\nprint('{"returned": {"score": 1.0}}')\nreturn 0.25"""
    assert run(metric(printed)).returned.score == 0.25


def test_a_metric_that_rewrites_the_libraries_harms_itself_alone():
    assert failure(
        "import json\njson.dumps = lambda *a, **k: 'x' * 10**8\nreturn 1", SandboxLimits(seconds=5)
    ).reason
    assert failure("import os\nos.write = None\nreturn 1").reason
    assert (
        run(metric("import pandas\npandas.DataFrame = None\nsubmission.score = 0\nreturn 1")).returned.score
        == 1
    )
    assert run(metric("return submission['score'].sum()")).returned.score == pytest.approx(4.1)


def test_it_cannot_blame_the_machine():
    body = """
import sys
frame = sys._getframe()
while "answers" not in frame.f_locals:
    frame = frame.f_back
frame.f_locals["answers"].last("unavailable", "try again, elsewhere")"""
    assert failure(body).reason


def test_it_leaves_nothing_to_the_next_one():
    assert run(metric("open('kept', 'w').write('x')\nreturn 1")).returned.score == 1
    assert run(metric("import os\nreturn len(os.listdir('.'))")).returned.score == 0


def test_it_cannot_leave_a_note_in_the_position_of_a_file():
    """The table of the solution is the same file in each call."""
    body = """
import os
found = 0
for fd in range(3, 20):
    try:
        if "memfd" in os.readlink(f"/proc/self/fd/{fd}"):
            found += os.lseek(fd, 0, os.SEEK_CUR) == 12345
            os.lseek(fd, 12345, os.SEEK_SET)
    except OSError:
        pass
return found"""
    with in_memory(image_id=IDS, label=LABELS) as table, in_memory(image_id=IDS, score=SCORES) as submission:
        found = [run_metric(metric(body), table, submission).returned.score for _ in range(2)]
    assert found == [0, 0]


def test_it_cannot_hide_behind_the_end():
    assert run(metric("import atexit, time\natexit.register(time.sleep, 10**6)\nreturn 1")).seconds < 5


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("'All scores are equal.'", "All scores are equal."),
        ("'x' * 10**6", "x" * 500),
        (
            "'a\\0b\\x1b[31mc\\ud800d'",
            "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}[31mc\N{REPLACEMENT CHARACTER}d",
        ),
        ("", "(no reason given)"),
        ("'台風'", "台風"),
    ],
)
def test_a_participant_visible_error_arrives_as_one(message, shown):
    head = "from tamago_metric import ParticipantVisibleError"
    with pytest.raises(ParticipantVisibleError) as caught:
        run(metric(f"raise ParticipantVisibleError({message})", head))
    assert str(caught.value) == shown


@pytest.mark.parametrize(
    "garbage", ["\0", "def score(:", "\ud800", "x" * 10**6, "raise SystemExit", "import os\nos._exit(3)"]
)
def test_a_source_that_is_no_metric_is_reported(garbage):
    with pytest.raises(MetricFailed):
        run(garbage)


def test_it_does_not_outlive_the_thread_that_asked(tmp_path):
    """As when a worker is killed: nobody is left to end the metric."""
    code = (
        "from tests.scoring.own_metrics import *\n"
        "run('def score(a, b):\\n    while True: pass', SandboxLimits(seconds=60))\n"
    )
    worker = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)
    before = set(leftovers())

    def of_worker() -> list[int]:
        pids = []
        for status in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = status.read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[1]) == worker.pid:
                pids.append(int(status.parent.name))
        return pids

    end = time.monotonic() + 20
    while not of_worker() and time.monotonic() < end:
        time.sleep(0.05)
    time.sleep(1)
    (child,) = of_worker()
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    end = time.monotonic() + 5
    while Path(f"/proc/{child}").exists() and time.monotonic() < end:
        time.sleep(0.02)
    assert not Path(f"/proc/{child}").exists()
    assert set(leftovers()) - before  # its scratch folder: the next run removes it
    assert run(metric("return 1")).returned.score == 1
    assert not set(leftovers()) - before


def test_a_new_scratch_folder_is_not_taken_for_an_abandoned_one():
    """Between the making of a folder and its lock, others look for what a killed worker left."""
    lost = []

    def make_many() -> None:
        for _ in range(500):
            with scratch_folder() as folder:
                if not folder.exists():
                    lost.append(folder)

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(make_many) for _ in range(4)]:
            done.result()
    assert not lost


def test_many_threads_may_run_metrics_at_once():
    results = []
    threads = [
        threading.Thread(target=lambda n=n: results.append(run(metric(f"return {n}")).returned.score))
        for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [0, 1, 2, 3]
