"""Commands that run side by side and end together.

honcho and its kin lose children when a signal arrives while they start, and end with the signal's status; the
demo promises neither.
"""

import itertools
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from types import FrameType

from rich.console import Console
from rich.text import Text

COLOURS = ("cyan", "magenta", "yellow", "green")
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PATIENCE = 5.0  # seconds between asking a process to end and ending it
GLANCE = 0.2  # seconds between looks at whether all are running


class Processes:
    """Start commands, print their lines behind their names, and end all when one ends or a signal arrives."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._running: dict[str, subprocess.Popen[str]] = {}
        self._printers: list[threading.Thread] = []
        # Not an Event: its lock may be held by the very code that a signal interrupts, and the handler would
        # wait for it for ever.
        self._is_asked_to_stop = False

    def run(
        self,
        commands: Mapping[str, Sequence[str]],
        *,
        env: Mapping[str, str],
        when_started: Callable[[threading.Event], None],
    ) -> str | None:
        """Run until a signal arrives (then None) or a command ends (then its name); nothing is left running.

        when_started: called in a thread of its own, with the event that is set when all is to stop.
        """
        over = threading.Event()
        before = {number: signal.signal(number, self._stop) for number in SIGNALS}
        try:
            colours = itertools.cycle(COLOURS)
            width = max(map(len, commands))
            for name, command in commands.items():
                if self._is_asked_to_stop:
                    break
                self._start(name, command, env, Text(f"{name:<{width}} │ ", style=next(colours)))
            threading.Thread(target=when_started, args=(over,), daemon=True).start()
            return self._wait()
        finally:
            over.set()
            self._end_all()
            for number, handler in before.items():
                signal.signal(number, handler)

    def _start(self, name: str, command: Sequence[str], env: Mapping[str, str], prefix: Text) -> None:
        # A session of its own: the terminal's Ctrl-C reaches us alone, and we end each in order.
        process = subprocess.Popen(  # noqa: S603 - our own commands
            command,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        self._running[name] = process
        printer = threading.Thread(target=self._print_lines, args=(process, prefix), daemon=True)
        printer.start()
        self._printers.append(printer)

    def _print_lines(self, process: subprocess.Popen[str], prefix: Text) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self._console.print(prefix + Text.from_ansi(line.rstrip("\n")), soft_wrap=True)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        if self._is_asked_to_stop:  # impatient: end them now
            self._signal_all(signal.SIGKILL)
        self._is_asked_to_stop = True

    def _wait(self) -> str | None:
        while not self._is_asked_to_stop:
            time.sleep(GLANCE)
            for name, process in self._running.items():
                if process.poll() is not None and not self._is_asked_to_stop:
                    return name
        return None

    def _end_all(self) -> None:
        for process in self._running.values():
            process.terminate()
        deadline = time.monotonic() + PATIENCE
        for process in self._running.values():
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, deadline - time.monotonic()))
        self._signal_all(signal.SIGKILL)  # of those that do not listen, and of children left behind
        for process in self._running.values():
            process.wait()
        for printer in self._printers:
            printer.join(1)

    def _signal_all(self, number: signal.Signals) -> None:
        for process in self._running.values():
            with suppress(ProcessLookupError):
                os.killpg(process.pid, number)
