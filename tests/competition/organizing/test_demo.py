"""`make demo` for real, only smaller: it builds, answers, stops without a trace, and starts with its data."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from competition.organizing.demo import PASSWORD, SLUG
from competition.organizing.demo_entries import ENTRIES
from tests.services import free_port, wait_until

ROOT = Path(__file__).resolve().parents[3]
TINY = ("--train", "4096", "--test", "1024", "--epochs", "1")


class Demo:
    """A demo that runs: its process, its address, what it has printed."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.url = f"http://127.0.0.1:{port}"
        self.log = folder / "log"
        # Nothing of this session's own settings reaches it, as in a shell.
        environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        environment |= {
            "DEMO": "true",
            "DATA_DIR": str(folder / "var"),
            "RECLAIM_SECONDS": "1",
            "OMP_NUM_THREADS": "1",
        }
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "demo", "--port", str(port), *TINY],
                cwd=ROOT,
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def printed(self) -> str:
        return self.log.read_text(errors="replace")

    def wait_until_announced(self) -> None:
        wait_until(
            lambda: "Ctrl-C stops it" in self.printed or self.process.poll() is not None,
            what="the demo's address",
            seconds=240,
        )
        assert self.process.poll() is None, self.printed[-3000:]

    def children(self) -> set[int]:
        """Processes started by it, and by those in turn."""
        parents = {}
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents[int(stat.parent.name)] = int(fields[1])
        found: set[int] = set()
        while (
            more := {pid for pid, parent in parents.items() if parent in found | {self.process.pid}} - found
        ):
            found |= more
        return found

    def stop(self, number: signal.Signals) -> None:
        """Send the signal; it must end well, soon, and leave nothing behind."""
        children = self.children()
        assert len(children) >= 3, "site, worker and beat run"
        self.process.send_signal(number)
        assert self.process.wait(20) == 0, self.printed[-3000:]
        assert not [pid for pid in children if Path(f"/proc/{pid}").exists()]
        assert "Traceback" not in self.printed


@contextmanager
def running_demo(folder: Path) -> Iterator[Demo]:
    demo = Demo(folder, free_port())
    try:
        yield demo
    finally:
        if demo.process.poll() is None:
            demo.process.terminate()
            demo.process.wait(30)


def entries_on_the_board(demo: Demo) -> list[str]:
    page = httpx.get(f"{demo.url}/competitions/{SLUG}/leaderboard/").text
    return [entry.team for entry in ENTRIES if entry.is_valid and entry.team in page]


@pytest.mark.slow
def test_the_demo_starts_is_used_stops_and_starts_again(tmp_path):
    with running_demo(tmp_path) as demo:
        demo.wait_until_announced()
        assert f"{demo.url.rpartition(':')[2]}/" in demo.printed
        assert PASSWORD in demo.printed
        assert "Find the typhoons" in httpx.get(demo.url).text
        board = entries_on_the_board(demo)
        assert board == [entry.team for entry in ENTRIES if entry.is_valid]
        assert signs_in(demo, "alice")
        assert httpx.get(f"{demo.url}/healthz").json()["status"] == "ok"
        lost = httpx.get(f"{demo.url}/competitions/no-such-one/")
        assert lost.status_code == 404
        assert "DEBUG" not in lost.text
        css = re.search(r'href="(/static/css/[^"]+)"', httpx.get(demo.url).text)
        assert httpx.get(f"{demo.url}{css[1]}").status_code == 200  # type: ignore[index]

        # The doorbell rings every second here; its messages are taken off the disk again.
        time.sleep(5)
        left = [path for path in (tmp_path / "var/broker").rglob("*") if path.is_file()]
        assert len(left) < 10, left
        demo.stop(signal.SIGINT)

    began = time.monotonic()
    with running_demo(tmp_path) as demo:
        demo.wait_until_announced()
        assert "Building the demo" not in demo.printed
        assert time.monotonic() - began < 60  # 15 s alone on the machine; here others work too
        assert entries_on_the_board(demo) == board
        demo.stop(signal.SIGTERM)


def signs_in(demo: Demo, username: str) -> bool:
    with httpx.Client(base_url=demo.url, follow_redirects=True) as client:
        form = client.get("/accounts/login/").text
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', form)
        typed = {"login": username, "password": PASSWORD, "csrfmiddlewaretoken": token[1]}  # type: ignore[index]
        client.post("/accounts/login/", data=typed, headers={"Referer": demo.url})
        return "by mistake" in client.get(f"/competitions/{SLUG}/submissions/").text  # her invalid entry


def test_a_taken_port_is_named_with_the_way_out(settings):
    settings.DEMO = True
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(CommandError, match=rf"Port {port} .*make demo PORT={port + 1}"):
            call_command("demo", port=port)
    with pytest.raises(CommandError, match="no port"):
        call_command("demo", port=0)


@pytest.mark.django_db
def test_public_passwords_are_refused_on_a_server(settings):
    assert not settings.DEMO
    with pytest.raises(CommandError, match="DEMO=true"):
        call_command("seed_demo")
