"""`make demo`: site, worker and beat on this machine, with a competition to try, and no server to install."""

import logging
import os
import signal
import socket
import sys
import threading
import time
from argparse import ArgumentParser
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import httpx
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from rich.console import Console
from rich.panel import Panel
from rich.table import Table

from competition.organizing.demo import PASSWORD, PEOPLE, SLUG, is_seeded
from competition.organizing.management.commands.seed_demo import add_size_arguments, seed_or_explain, size_of
from competition.organizing.processes import Processes
from competition.submissions.workers import workers_alive

HOST = "127.0.0.1"
# Celery warns of root at length, which is right on a server; the demo may run in a container.
QUIET = "ignore:You're running the worker with superuser privileges"


class Command(BaseCommand):
    help = "Build the demo where it is missing, and run it until Ctrl-C."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=8000)
        add_size_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        port, console = options["port"], Console()
        refuse_taken(port)
        signal.signal(signal.SIGTERM, _interrupt)
        logging.getLogger("httpx").setLevel(logging.WARNING)
        try:
            call_command("migrate", interactive=False, verbosity=0)
            if not is_seeded():
                console.print("[bold]Building the demo[/] (once; about a minute):")
                seed_or_explain(size_of(options), console)
        except KeyboardInterrupt:
            console.print("Stopped. The next start goes on where this one was.")
            return
        console.print("Starting site, worker and beat …")
        url = f"http://localhost:{port}"
        stopped = Processes(console).run(
            commands(port),
            env=os.environ | {"PYTHONUNBUFFERED": "1", "SITE_URL": url, "PYTHONWARNINGS": QUIET},
            when_started=lambda stop: announce(url, console, stop),
        )
        if stopped:
            raise CommandError(f"The {stopped} process ended by itself; its last lines above say why.")
        console.print(f"Stopped. Everything is kept in {settings.DATA_DIR}.", soft_wrap=True)


def commands(port: int) -> dict[str, list[str]]:
    # Of the same environment as this process, whatever the PATH says.
    here = Path(sys.executable).parent
    celery = [str(here / "celery"), "--quiet", "--app", "competition"]
    return {
        "site": [
            # A line for each request would drown the e-mails that people look for here.
            *("env", f"LOG_LEVEL={os.environ.get('LOG_LEVEL', 'WARNING')}"),
            *(str(here / "granian"), "--interface", "wsgi", "--host", HOST, "--port", str(port)),
            # Slow downloads and uploads hold a thread each.
            *("--workers", "1", "--blocking-threads", "8", "--no-access-log", "--log-level", "error"),
            "competition.wsgi:application",
        ],
        # One worker: nobody to gossip with. Over files that would only leave files behind.
        "worker": [
            *celery,
            *("worker", "--pool", "threads", "--concurrency", "1", "--loglevel", "WARNING"),
            *("--without-gossip", "--without-mingle", "--without-heartbeat"),
        ],
        "beat": [*celery, "beat", "--loglevel", "WARNING", "--pidfile", ""],
    }


def refuse_taken(port: int) -> None:
    """Tell before the work begins that another program listens there."""
    if not 0 < port < 65536:
        raise CommandError(f"{port} is no port: choose one from 1 to 65535, as in `make demo PORT=8001`.")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise CommandError(
                f"Port {port} cannot be used ({error.strerror}). Is another demo running? "
                f"Stop it, or choose another port: `make demo PORT={min(port + 1, 65535)}`."
            ) from None


def announce(url: str, console: Console, stop: threading.Event) -> None:
    """Once the site and its worker answer, say where it is and who can log in."""
    began = time.monotonic()
    while not stop.wait(0.25):
        with suppress(httpx.HTTPError):
            # Asked before its worker is there, the site would log that it is not well.
            if workers_alive().exists() and httpx.get(f"{url}/healthz", timeout=5).is_success:
                break
        if time.monotonic() - began > 60:
            console.print(
                "[yellow]The site does not say that it is well yet; the lines above may tell why.[/]"
            )
            began = time.monotonic()
    else:
        return
    connection.close()  # of this thread
    logins = Table.grid(padding=(0, 3))
    for person in PEOPLE:
        logins.add_row(person.username, PASSWORD, f"[dim]{person.role}[/]")
    console.print(
        Panel.fit(
            logins,
            title=f"[bold]{url}/[/]",
            subtitle="Ctrl-C stops it",
            padding=(1, 2),
        )
    )
    console.print(f"Competition  {url}/competitions/{SLUG}/", highlight=False, soft_wrap=True)
    console.print(f"Console      {url}/organize/{SLUG}/  (as organizer)", highlight=False, soft_wrap=True)
    console.print(
        "Sign up with any address: the e-mail with the confirmation link is printed here.",
        highlight=False,
        soft_wrap=True,
    )


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
