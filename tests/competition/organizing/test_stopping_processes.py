"""The demo's processes end together: by a signal at any moment, or because one of them ended."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]

# Two processes, and a signal at the given step of the interpreter once they run. A step is a line of Python,
# of the library's as well: its locks are held between two of them.
SIGNALLED = """
import io, itertools, signal, sys, threading
from rich.console import Console
from competition.organizing import processes

processes.GLANCE = 0.01
at, steps, started = int(sys.argv[1]), itertools.count(), threading.Event()

def every_line(frame, event, argument):
    if event == "line" and started.is_set() and next(steps) == at:
        signal.raise_signal(signal.SIGINT)
    return every_line

both = processes.Processes(Console(file=io.StringIO()))
sys.settrace(every_line)  # of this thread alone, the one that signals interrupt
commands = {name: ["sleep", "60"] for name in ("site", "worker")}
print(both.run(commands, env={"PATH": "/usr/bin:/bin"}, when_started=lambda over: started.set()))
"""


def ended(*words, seconds=20):
    return subprocess.run(
        [sys.executable, "-c", *map(str, words)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds,
    )


@pytest.mark.parametrize("step", [*range(30), 50, 80])
def test_a_signal_at_any_moment_ends_them(step):
    stopped = ended(SIGNALLED, step)
    assert stopped.returncode == 0, stopped.stderr
    assert stopped.stdout == "None\n", "by a signal, not because one ended"


ONE_ENDS = """
import io
from rich.console import Console
from competition.organizing.processes import Processes

both = Processes(Console(file=io.StringIO()))
commands = {"site": ["sleep", "60"], "worker": ["false"]}
print(both.run(commands, env={"PATH": "/usr/bin:/bin"}, when_started=lambda over: over.wait()))
"""


def test_one_that_ends_by_itself_ends_the_others_and_is_named():
    assert ended(ONE_ENDS).stdout == "worker\n"
