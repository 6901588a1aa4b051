"""docker-compose.yml, taken at its word: each service's command with its environment, as a process.

No container engine is needed, so what is proved is what the containers run. Names of services become
addresses on this machine, folders of volumes become folders of this test.
"""

import hashlib
import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
import yaml

from tests.mailbox import Mailbox
from tests.services import free_port, nginx_server, postgresql_server, redis_server, wait_until
from tests.site_process import ROOT, Site, Visitor
from tests.steps import api, api_token, build_a_release, open_a_competition, organizer

pytestmark = [pytest.mark.slow, pytest.mark.redis, pytest.mark.postgresql, pytest.mark.nginx]

COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict] = COMPOSE["services"]
OPERATORS_CHOICES = {
    "SECRET_KEY": "fifty-random-characters",
    "ALLOWED_HOSTS": "127.0.0.1",
    "SITE_URL": "http://127.0.0.1",
    "POSTGRES_PASSWORD": "a-password",
    "EMAIL_URL": "smtp://127.0.0.1:1",
    "DEFAULT_FROM_EMAIL": "Tamago <tamago@example.org>",
    "SECURE_COOKIES": "false",
    "FORWARDED_PROTO": "http",
}


def interpolate(value: str) -> str:
    """What compose makes of ${NAME:-default} and ${NAME:?message}."""

    def choose(match: re.Match[str]) -> str:
        name, default = match["name"], match["default"]
        assert name in OPERATORS_CHOICES or default is not None, f"{name} is not set"
        return OPERATORS_CHOICES.get(name, default or "")

    return re.sub(r"\$\{(?P<name>\w+)(?::-(?P<default>[^}]*)|:\?[^}]*)?\}", choose, value)


class Deployment:
    """The services of docker-compose.yml on this machine."""

    def __init__(self, folder: Path, servers: ExitStack):
        self.folder = folder
        self.releases, self.data, self.static = folder / "releases", folder / "data", folder / "static"
        for path in (self.releases, self.data):
            path.mkdir()
        database = servers.enter_context(postgresql_server())
        self.web = f"127.0.0.1:{free_port()}"
        self.replacements = {
            "tamago:a-password@postgres:5432": re.search(r"//(.*)/tamago", database)[1],  # type: ignore[index]
            "redis://redis:6379/0": servers.enter_context(redis_server()),
            "0.0.0.0": "127.0.0.1",
            "/tmp/celerybeat-schedule": str(folder / "schedule"),
        }
        mailbox = servers.enter_context(Mailbox())
        self.replacements["smtp://127.0.0.1:1"] = mailbox.url
        self.site = servers.enter_context(Site(folder / "logs", "", {}))
        self.site.mail = mailbox.text
        self.site.environment |= self.environment("web")

    def here(self, text: str) -> str:
        for there, replacement in self.replacements.items():
            text = text.replace(there, replacement)
        return text

    def environment(self, service: str) -> dict[str, str]:
        given = {
            name: self.here(interpolate(str(value)))
            for name, value in SERVICES[service]["environment"].items()
        }
        folders = {"DATA_DIR": str(self.data), "RELEASES_DIR": str(self.releases)}
        return given | {name: path for name, path in folders.items() if name in given}

    def command(self, service: str) -> list[str]:
        words = [self.here(word) for word in SERVICES[service]["command"]]
        return [self.web.split(":")[1] if word == "8000" else word for word in words]

    def start(self, service: str) -> None:
        self.site.start(service, self.command(service), **self.environment(service))

    def nginx_configuration(self) -> str:
        """The template as the nginx image fills it in; PORT is left for the test's server."""
        values = self.environment("nginx") | {"LISTEN": "127.0.0.1:PORT", "WEB": self.web}
        template = (ROOT / "deploy/nginx.conf.template").read_text()
        return re.sub(r"\$\{(\w+)\}", lambda match: values[match[1]], template)


@pytest.fixture(scope="module")
def deployment(tmp_path_factory) -> Iterator[Deployment]:
    with ExitStack() as servers:
        deployment = Deployment(tmp_path_factory.mktemp("deployment"), servers)
        site = deployment.site
        # The image collects static files when it is built.
        site.environment["STATIC_ROOT"] = str(deployment.static)
        site.run("python", "manage.py", "collectstatic", "--noinput")
        site.run(*deployment.command("migrate"))
        for service in ("web", "worker", "beat"):
            deployment.start(service)
        site.url = servers.enter_context(nginx_server(deployment.nginx_configuration()))
        site.wait_until_healthy()
        yield deployment


@pytest.fixture(scope="module")
def participant(deployment: Deployment) -> httpx.Client:
    """Alice's program, in a competition that olga opened through nginx."""
    site = deployment.site
    build_a_release(site, deployment.releases / "typhoons")
    open_a_competition(organizer(site))
    alice = Visitor(site).sign_up("alice")
    alice.fill_in("/competitions/typhoons/join/", accept="on")
    return api(site, api_token(alice))


def test_every_service_of_ours_is_run_here_or_is_the_worker_on_a_gpu() -> None:
    ours = {name for name, service in SERVICES.items() if service.get("image") == "tamago"}
    assert ours == {"migrate", "web", "worker", "beat", "gpu-worker"}
    assert SERVICES["gpu-worker"]["command"] == SERVICES["worker"]["command"]
    assert SERVICES["gpu-worker"]["environment"]["SCORING_DEVICE"] == "cuda"


def test_a_submission_goes_through_nginx_to_the_worker_and_back(
    deployment: Deployment, participant: httpx.Client
) -> None:
    sample = (deployment.releases / "typhoons" / "sample_submission.csv").read_bytes()
    sent = participant.post("/competitions/typhoons/submissions", files={"file": ("sample.csv", sample)})
    assert sent.status_code == 201, sent.text
    entry = f"/submissions/{sent.json()['id']}"
    wait_until(lambda: participant.get(entry).json()["state"] == "scored", what="the score", seconds=60)
    assert participant.get(entry).json()["public"]["recall"] == 1.0  # of a constant score


def test_nginx_sends_a_release_by_ranges_under_the_sites_own_tag(
    deployment: Deployment, participant: httpx.Client
) -> None:
    files = {file["name"]: file for file in participant.get("/competitions/typhoons/files").json()["items"]}
    file = files["test/images-00000.npy"]
    first = participant.get(file["url"], headers={"Range": "bytes=0-99"})
    assert first.status_code == 206
    assert first.headers["Content-Range"] == f"bytes 0-99/{file['size']}"
    assert file["sha256"] in first.headers["ETag"]
    assert "X-Accel-Redirect" not in first.headers
    rest = {"Range": "bytes=100-", "If-Range": first.headers["ETag"]}
    second = participant.get(file["url"], headers=rest)
    assert second.status_code == 206
    assert hashlib.sha256(first.content + second.content).hexdigest() == file["sha256"]
    changed = participant.get(file["url"], headers={"Range": "bytes=100-", "If-Range": '"another"'})
    assert changed.status_code == 200  # the whole file, since the piece would not fit


def test_nobody_reaches_the_releases_folder_past_the_site(deployment: Deployment) -> None:
    for path in ("train.csv", "solution.parquet", "../db.sqlite3"):
        answer = httpx.get(f"{deployment.site.url}/protected/releases/typhoons/{path}")
        assert answer.status_code == 404, path


def test_a_spoofed_scheme_is_replaced_at_the_front_door(deployment: Deployment) -> None:
    answer = httpx.get(f"{deployment.site.url}/accounts/login/", headers={"X-Forwarded-Proto": "https"})
    assert answer.status_code == 200
    assert "Strict-Transport-Security" not in answer.headers


def test_the_site_does_not_start_without_what_protects_people(deployment: Deployment) -> None:
    everything = deployment.site.environment
    for required in ("SECRET_KEY", "ALLOWED_HOSTS", "SITE_URL", "DATABASE_URL", "EMAIL_URL"):
        said = deployment.site.run("python", "manage.py", "check", status=1, **(everything | {required: ""}))
        assert required in said
    said = deployment.site.run("python", "manage.py", "check", status=1, ALLOWED_HOSTS="*")
    assert "name the hosts" in said
    said = deployment.site.run("python", "manage.py", "check", status=1, SITE_URL="competition.example.org")
    assert "SITE_URL: " in said
