"""Servers that tests start for themselves: on 127.0.0.1, on a free port, in a temporary folder.

Each is a context manager that yields an address and stops its own process. Where the program is not
installed, the test is skipped with the package's name, or fails where CI=true promises that nothing is.
"""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

STARTUP_SECONDS = 30


def missing(what: str) -> None:
    """Skip the test that asks; in CI fail it, since there a service that is missing hides a failure."""
    message = f"{what} is missing (`make test` installs it where it may)"
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_until(
    condition: Callable[[], object], *, what: str, seconds: float = STARTUP_SECONDS, every: float = 0.05
) -> None:
    """Poll `condition` until it is true; fail the test when that takes longer than `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"waited {seconds:.0f} s for {what}")
        time.sleep(every)


@contextmanager
def process(
    arguments: list[str], *, log: Path, env: dict[str, str] | None = None, cwd: Path | None = None
) -> Iterator[subprocess.Popen]:
    """A process in a group of its own, its output in `log`. The whole group is stopped at the end."""
    with log.open("ab") as output:
        running = subprocess.Popen(
            arguments, stdout=output, stderr=subprocess.STDOUT, env=env, cwd=cwd, start_new_session=True
        )
    try:
        yield running
    finally:
        stop(running)


def stop(running: subprocess.Popen, seconds: float = 10) -> None:
    """Ask the process to end, then end its group, children included."""
    if running.poll() is None:
        running.terminate()
        with suppress(subprocess.TimeoutExpired):
            running.wait(seconds)
    kill_group(running)


def kill_group(running: subprocess.Popen) -> None:
    """SIGKILL to the process and its children, as the kernel does to what takes too much memory."""
    with suppress(ProcessLookupError):
        os.killpg(running.pid, signal.SIGKILL)
    running.wait()


def _answers(port: int) -> bool:
    with socket.socket() as client:
        client.settimeout(1)
        return client.connect_ex(("127.0.0.1", port)) == 0


def _wait_for_port(running: subprocess.Popen, port: int, log: Path) -> None:
    wait_until(lambda: _answers(port) or running.poll() is not None, what=f"{running.args[0]}")
    if running.poll() is not None:
        pytest.fail(f"{running.args[0]} ended with status {running.returncode}:\n{log.read_text()[-2000:]}")


@contextmanager
def redis_server() -> Iterator[str]:
    """An empty Redis that keeps nothing on disk. Yields its URL, redis://127.0.0.1:PORT/0."""
    program = shutil.which("redis-server")
    if program is None:
        missing("redis-server (Debian package redis-server)")
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="tamago-redis-") as folder:
        log = Path(folder) / "log"
        command = [program, "--port", str(port), "--bind", "127.0.0.1", "--dir", folder]
        with process([*command, "--save", "", "--appendonly", "no"], log=log) as running:
            _wait_for_port(running, port, log)
            yield f"redis://127.0.0.1:{port}/0"


def _postgresql_programs() -> Path | None:
    """The folder of `initdb` and `postgres`, which Debian keeps off the PATH; the newest version there is."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    return versions[-1].parent if versions else None


@contextmanager
def postgresql_server() -> Iterator[str]:
    """A private PostgreSQL cluster. Yields the URL of its empty database `tamago`,
    postgresql://postgres@127.0.0.1:PORT/tamago."""
    programs = _postgresql_programs()
    if programs is None:
        missing("PostgreSQL (Debian package postgresql)")
    # PostgreSQL refuses to run as root; Debian's package brings the user `postgres`.
    as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="tamago-postgresql-") as folder:
        cluster, log = Path(folder) / "cluster", Path(folder) / "log"
        if as_user:
            shutil.chown(folder, "postgres")

        def run(program: str, *arguments: str) -> None:
            command = [*as_user, str(programs / program), *arguments]
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
            if done.returncode:
                pytest.fail(f"{program} failed:\n{done.stdout}{done.stderr}")

        run("initdb", "-D", str(cluster), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync")
        # Durability costs time and protects nothing here. Sockets stay in the folder, TCP on the loopback.
        options = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        options |= {"listen_addresses": "127.0.0.1", "unix_socket_directories": folder}
        settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        server = [*as_user, str(programs / "postgres"), "-D", str(cluster), "-p", str(port), *settings]
        with process(server, log=log, cwd=Path(folder)) as running:
            _wait_for_port(running, port, log)
            connection = ("-h", "127.0.0.1", "-p", str(port), "-U", "postgres")
            wait_until(
                lambda: (
                    subprocess.run(
                        [str(programs / "pg_isready"), *connection], capture_output=True, check=False
                    ).returncode
                    == 0
                ),
                what="PostgreSQL to accept connections",
            )
            run("createdb", *connection, "tamago")
            yield f"postgresql://postgres@127.0.0.1:{port}/tamago"


@contextmanager
def nginx_server(configuration: str) -> Iterator[str]:
    """nginx with `configuration`, the inside of its `http` block, where PORT stands for the free port.

    Yields the address, http://127.0.0.1:PORT.
    """
    program = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
    if program is None:
        missing("nginx (Debian package nginx)")
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="tamago-nginx-") as folder:
        # Workers run as root's choice of user, who must reach the folder.
        Path(folder).chmod(0o755)
        log = Path(folder) / "log"
        temporary = "".join(
            f"{name}_temp_path {folder}/{name};\n"
            for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        user = "user root;\n" if os.geteuid() == 0 else ""
        file = Path(folder) / "nginx.conf"
        file.write_text(
            f"{user}daemon off;\npid {folder}/pid;\nerror_log stderr;\nworker_processes 1;\nevents {{}}\n"
            f"http {{\naccess_log off;\n{temporary}{configuration.replace('PORT', str(port))}\n}}\n"
        )
        with process([program, "-c", str(file), "-p", folder, "-e", "stderr"], log=log) as running:
            _wait_for_port(running, port, log)
            yield f"http://127.0.0.1:{port}"
