"""The site as an operator runs it: its commands as processes, with the broker and the database given.

`Site` starts and stops them; `running_site` is one with all that it needs. `Visitor` is a person with a
browser that runs no JavaScript.
"""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import httpx
from bs4 import BeautifulSoup, Tag

from tests.services import free_port, kill_group, process, wait_until

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
PASSWORD = "a-typhoon-before-it-is-one"


class Site:
    """Processes of one site that share an environment; their output is kept in `folder`, for people to read.

    A context manager: what was started inside is stopped at its end.
    """

    def __init__(self, folder: Path, url: str, environment: dict[str, str]):
        self.folder, self.url = folder, url
        folder.mkdir(parents=True, exist_ok=True)
        inherited = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR") if name in os.environ}
        # Two cores for everything that a test starts: more threads would only wait for each other.
        self.environment = inherited | {"PYTHONUNBUFFERED": "1", "OMP_NUM_THREADS": "1"} | environment
        self.environment["PATH"] = f"{BIN}{os.pathsep}{os.environ['PATH']}"
        self.running: dict[str, subprocess.Popen] = {}
        # Where the site's mail can be read: the console back end writes it into the log.
        self.mail: Callable[[], str] = lambda: self.log("web")
        self._processes = ExitStack()

    def __enter__(self) -> "Site":
        return self

    def __exit__(self, *error: object) -> None:
        self._processes.close()

    def run(self, *command: str | Path, status: int = 0, **environment: str) -> str:
        """Run a command to its end and return what it printed; another exit status fails the test."""
        done = subprocess.run(
            [str(part) for part in command],
            cwd=ROOT,
            env=self.environment | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == status, (
            f"{' '.join(map(str, command))}: {done.returncode}\n{done.stdout[-6000:]}"
        )
        return done.stdout

    def start(self, name: str, command: list[str], **environment: str) -> None:
        started = process(
            command, log=self.folder / f"{name}.log", env=self.environment | environment, cwd=ROOT
        )
        self.running[name] = self._processes.enter_context(started)

    def kill(self, name: str) -> None:
        """SIGKILL, children included: no farewell, as when the power goes."""
        kill_group(self.running.pop(name))

    def pause(self, name: str) -> None:
        os.killpg(self.running[name].pid, signal.SIGSTOP)

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def wait_until_healthy(self, seconds: float = 90) -> None:
        """Wait for /healthz to find the database, the broker and a worker."""
        answer = "no answer"
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for name, running in self.running.items():
                assert running.poll() is None, f"{name} ended:\n{self.log(name)[-4000:]}"
            try:
                response = httpx.get(f"{self.url}/healthz", timeout=10)
            except httpx.TransportError as error:
                answer = str(error)
            else:
                if response.status_code == 200:
                    return
                answer = response.text
            time.sleep(0.2)
        logs = "\n".join(f"--- {name}\n{self.log(name)[-2000:]}" for name in self.running)
        raise AssertionError(f"The site is not healthy: {answer}\n{logs}")

    def confirmation_path(self, email: str) -> str:
        """The path of the link that was mailed to `email`."""

        def find() -> str | None:
            for mail in reversed(self.mail().split("Subject: ")):
                link = re.search(r"https?://[^\s/]+(/accounts/confirm-email/\S+)", mail)
                if link and f"To: {email}" in mail:
                    return link[1]
            return None

        wait_until(find, what=f"an e-mail to {email}")
        return find() or ""


@contextmanager
def running_site(folder: Path, **environment: str) -> Iterator[Site]:
    """Web, worker and beat on a free port, healthy. Unless `environment` names them, it needs no servers."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    defaults = {
        "SECRET_KEY": "for-this-test",
        "ALLOWED_HOSTS": "127.0.0.1",
        "SITE_URL": url,
        "DATA_DIR": str(folder / "data"),
        "DATABASE_URL": f"sqlite:///{folder}/db.sqlite3",
        "STATIC_ROOT": str(folder / "static"),
        "EMAIL_TO_CONSOLE": "true",
        "SECURE_COOKIES": "false",
        "RECLAIM_SECONDS": "2",
    }
    with Site(folder / "logs", url, defaults | environment) as site:
        site.run("python", "manage.py", "migrate", "--noinput")
        site.run("python", "manage.py", "collectstatic", "--noinput")
        web = ["granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port)]
        site.start("web", [*web, "--blocking-threads", "4", "competition.wsgi:application"])
        celery = ["celery", "--app", "competition"]
        site.start("worker", [*celery, "worker", "--pool", "threads", "--concurrency", "1"])
        site.start("beat", [*celery, "beat", "--schedule", str(folder / "schedule")])
        site.wait_until_healthy()
        yield site


class Visitor:
    """A person with a browser: keeps cookies, follows redirects, fills in forms as the page offers them."""

    def __init__(self, site: Site):
        self.site = site
        self.http = httpx.Client(base_url=site.url, follow_redirects=True, timeout=120)

    def open(self, path: str, status: int = 200) -> BeautifulSoup:
        response = self.http.get(path)
        assert response.status_code == status, f"GET {path}: {response.status_code}\n{response.text[:3000]}"
        return BeautifulSoup(response.text, "html.parser")

    def fill_in(
        self, path: str, *, to: str = "", status: int | None = None, files: dict | None = None, **fields: str
    ) -> BeautifulSoup:
        """Send the form at `path` that has `fields` and goes `to` a path; the rest as it is offered."""
        page = self.open(path)
        for form in page.select("form[method=post]"):
            offered = _offered(form)
            has_files = all(form.select_one(f"input[type=file][name={name}]") for name in files or {})
            url = urljoin(f"{self.site.url}{path}", str(form.get("action") or path))
            if not (set(fields) <= set(offered) and has_files and url.endswith(to)):
                continue
            referer = {"Referer": f"{self.site.url}{path}"}
            response = self.http.post(url, data=offered | fields, files=files, headers=referer)
            text = response.text
            as_told = response.status_code == status if status else response.is_success
            assert as_told, f"POST {url}: {response.status_code}\n{text[:6000]}"
            return BeautifulSoup(text, "html.parser")
        raise AssertionError(
            f"no form with {sorted(fields)} at {path}:\n{page.get_text(' ', strip=True)[:2000]}"
        )

    def sign_up(self, username: str) -> "Visitor":
        """Make an account, follow the link in the e-mail, and be signed in."""
        email = f"{username}@example.org"
        self.fill_in(
            "/accounts/signup/", username=username, email=email, password1=PASSWORD, password2=PASSWORD
        )
        return self.confirm(username)

    def confirm(self, username: str) -> "Visitor":
        """Follow the link in the e-mail; sign in, where that did not do it."""
        self.fill_in(self.site.confirmation_path(f"{username}@example.org"))
        if urlsplit(str(self.http.get("/settings/").url)).path != "/settings/":
            self.fill_in("/accounts/login/", login=username, password=PASSWORD)
        return self


def _offered(form: Tag) -> dict[str, str]:
    """What a browser would send if nothing were typed."""
    values: dict[str, str] = {}
    for field in form.select("input[name], textarea[name], select[name]"):
        name = str(field["name"])
        if field.name == "textarea":
            # A browser drops the first line break of a textarea and sends CRLF for the others.
            values[name] = field.get_text().removeprefix("\n").replace("\n", "\r\n")
        elif field.name == "select":
            chosen = field.select_one("option[selected]")
            if not chosen and not field.has_attr("multiple"):
                chosen = field.select_one("option")
            if chosen:
                values[name] = str(chosen.get("value", ""))
        elif field.get("type") in {"checkbox", "radio"}:
            if field.has_attr("checked"):
                values[name] = str(field.get("value", "on"))
            else:
                values.setdefault(name, "")
        elif field.get("type") not in {"file", "submit", "button"} and not field.has_attr("disabled"):
            values[name] = str(field.get("value", ""))
    return {name: value for name, value in values.items() if value or name != "csrfmiddlewaretoken"}
