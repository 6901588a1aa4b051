"""Who may open what: every URL of the site × every role → the status that it answers.

A URL without a row here fails the first test. 302 of an anonymous visitor leads to the log-in page; 404 says
that there is nothing for this person, whether it exists or not.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.urls import URLPattern, URLResolver, get_resolver, resolve

from tests.competition.cast import ROLES, World, build_world

pytestmark = pytest.mark.django_db

# What each role gets, in the order of ROLES: anonymous carol alice bob dave organizer other staff
ALL = "200 200 200 200 200 200 200 200"
NOTHING = "404 404 404 404 404 404 404 404"
SIGNED_IN = "302 200 200 200 200 200 200 200"
REDIRECTS_ALL = "302 302 302 302 302 302 302 302"
MEMBERS = "302 404 200 200 200 404 404 404"  # whoever takes part, on what is their own team's
MEMBERS_DO = "302 404 302 302 302 404 404 404"
JOINS = "401 200 200 200 200 403 200 200"  # an organizer may know the solution
PARTICIPANTS = "302 302 200 200 200 302 302 302"  # the others are sent to join
TEAM_AND_ORGANIZERS = "302 404 200 200 404 200 404 200"
TEAM_AND_ORGANIZERS_DO = "302 404 302 302 404 302 404 302"
ORGANIZERS = "302 404 404 404 404 200 404 200"
ORGANIZERS_DO = "302 404 404 404 404 302 404 302"
API_PARTICIPANTS = "401 403 200 200 200 200 403 200"
API_TEAM_AND_ORGANIZERS = "401 404 200 200 404 200 404 200"


@dataclass(frozen=True)
class Row:
    method: str
    path: str
    expected: str
    data: dict[str, Any] | None = None

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def predictions() -> SimpleUploadedFile:
    return SimpleUploadedFile("predictions.csv", b"image_id,score\ntest_0000000,nan\n")


METRIC = {
    "metric": "recall_constrained_precision",
    "prediction": "score",
    "recall_floor": "0.5",
    "threshold": "per_split",
    "digits": "5",
    "more": "{}",
}
RESCORING = METRIC | {"reason": "A storm was labelled wrongly."}
OWN_METRIC = {
    "file": lambda: SimpleUploadedFile("metric.py", b"def score(a, b): return 1"),
    "name": "Ones",
    "better": "higher",
    "prediction": "score",
    "digits": "3",
}
LIMITS = {"daily_limit": "3", "max_team_size": "3", "max_finals": "2", "max_upload_mib": "9"}
TIMELINE = {"opens_at": "{opens}", "closes_at": "2099-01-01T00:00"}

TABLE = [
    # Competitions
    Row("GET", "/", ALL),
    Row("GET", "/metrics/", ALL),
    Row("POST", "/theme/", REDIRECTS_ALL, {"theme": "dark"}),
    Row("GET", "/competitions/typhoons/", ALL),
    Row("GET", "/competitions/typhoons/evaluation/", ALL),
    Row("GET", "/competitions/typhoons/timeline/", ALL),
    Row("GET", "/competitions/typhoons/prizes/", ALL),
    Row("GET", "/competitions/typhoons/rules/", ALL),
    Row("GET", "/competitions/typhoons/join/", "302 200 302 302 302 200 200 200"),
    Row("POST", "/competitions/typhoons/join/", "302 302 302 302 302 403 302 302", {"accept": "on"}),
    Row("GET", "/competitions/typhoons/team/", MEMBERS),
    Row("POST", "/competitions/typhoons/team/", MEMBERS_DO, {"name": "Cyclones"}),
    Row("POST", "/competitions/typhoons/team/invitation/", MEMBERS_DO),
    Row("POST", "/competitions/typhoons/team/leave/", MEMBERS_DO),
    Row("GET", "/invitations/{code}/", SIGNED_IN),
    Row("POST", "/invitations/{code}/", "302 403 409 409 302 403 403 403"),
    # Data
    Row("GET", "/competitions/typhoons/data/", ALL),
    Row(
        "GET",
        "/competitions/typhoons/data/files/train.csv",
        PARTICIPANTS.replace("302 302 302", "200 302 200"),
    ),
    Row("GET", "/competitions/typhoons/data/files/solution.parquet", "302 302 404 404 404 404 302 404"),
    Row("GET", "/competitions/typhoons/data/images/{in_gallery}.png", ALL),
    Row("GET", "/competitions/typhoons/data/images/{not_in_gallery}.png", "404 404 200 200 200 200 404 200"),
    # Submissions
    Row("GET", "/competitions/typhoons/submit/", PARTICIPANTS),
    Row("POST", "/competitions/typhoons/submit/", "302 403 302 302 302 403 403 403", {"file": predictions}),
    Row("GET", "/competitions/typhoons/submissions/", PARTICIPANTS),
    Row("GET", "/submissions/{scored}/", TEAM_AND_ORGANIZERS),
    Row("GET", "/submissions/{failed}/", TEAM_AND_ORGANIZERS),
    Row("GET", "/submissions/{scored}/state/", TEAM_AND_ORGANIZERS),
    Row("POST", "/submissions/{queued}/cancel/", TEAM_AND_ORGANIZERS_DO),
    Row("POST", "/submissions/{scored}/final/", TEAM_AND_ORGANIZERS_DO, {"final": "true"}),
    # Leaderboards
    Row("GET", "/competitions/typhoons/leaderboard/", ALL),
    Row("GET", "/competitions/typhoons/leaderboard/?part=private", ALL),  # shows the public one
    Row("GET", "/competitions/typhoons/leaderboard.csv", ALL),
    # The console
    Row("GET", "/organize/", SIGNED_IN),
    Row("GET", "/organize/new/", "302 403 403 403 403 200 200 200"),
    Row("POST", "/organize/new/", "302 403 403 403 403 422 422 422", {}),
    Row("GET", "/organize/typhoons/", ORGANIZERS),
    Row("GET", "/organize/typhoons/texts/", ORGANIZERS),
    Row("POST", "/organize/typhoons/texts/", ORGANIZERS_DO, {"title": "Another"}),
    Row("GET", "/organize/typhoons/rules/", ORGANIZERS),
    Row("POST", "/organize/typhoons/rules/", ORGANIZERS_DO, {"body": "Be fairer."}),
    Row("GET", "/organize/typhoons/timeline/", ORGANIZERS),
    Row("POST", "/organize/typhoons/timeline/", ORGANIZERS_DO, TIMELINE),
    Row("GET", "/organize/typhoons/limits/", ORGANIZERS),
    Row("POST", "/organize/typhoons/limits/", ORGANIZERS_DO, LIMITS),
    Row("GET", "/organize/typhoons/metric/", ORGANIZERS),
    Row("POST", "/organize/typhoons/metric/", ORGANIZERS.replace("200", "409"), METRIC),  # entries are scored
    Row("GET", "/organize/typhoons/metric/own/", ORGANIZERS),
    Row("POST", "/organize/typhoons/metric/own/", ORGANIZERS_DO, OWN_METRIC),
    Row("GET", "/organize/typhoons/metric/own/{own_metric}/", ORGANIZERS),
    Row("GET", "/organize/typhoons/metric/own/{own_metric}/file/", ORGANIZERS),
    Row(
        "POST", "/organize/typhoons/metric/own/{own_metric}/adopt/", ORGANIZERS.replace("200", "422")
    ),  # no reason is given
    Row("GET", "/organize/typhoons/rescoring/", ORGANIZERS),
    Row("GET", "/organize/typhoons/rescoring/new/", ORGANIZERS),
    Row(
        "POST", "/organize/typhoons/rescoring/new/", ORGANIZERS.replace("200", "409"), RESCORING
    ),  # one waits
    Row("GET", "/organize/typhoons/rescoring/{rescoring}/", ORGANIZERS),
    Row("GET", "/organize/typhoons/rescoring/{rescoring}/live/", ORGANIZERS),
    Row("GET", "/organize/typhoons/rescoring/{rescoring}/entries/", ORGANIZERS),
    Row("GET", "/organize/typhoons/rescoring/{rescoring}/teams.csv", ORGANIZERS),
    Row("GET", "/organize/typhoons/rescoring/{rescoring}/entries.csv", ORGANIZERS),
    Row("POST", "/organize/typhoons/rescoring/{rescoring}/publish/", ORGANIZERS_DO),
    Row("POST", "/organize/typhoons/rescoring/{rescoring}/complete/", ORGANIZERS_DO),
    Row("POST", "/organize/typhoons/rescoring/{rescoring}/discard/", ORGANIZERS_DO),
    Row("GET", "/organize/typhoons/fairness/", ORGANIZERS),
    Row("POST", "/organize/typhoons/fairness/", ORGANIZERS.replace("200", "409"), {"ladder": "on"}),  # late
    Row("POST", "/organize/typhoons/fairness/signs/{sign}/dismiss/", ORGANIZERS_DO, {"note": "fine"}),
    Row("GET", "/organize/typhoons/data/", ORGANIZERS),
    Row("POST", "/organize/typhoons/data/", ORGANIZERS_DO, {"folder": "small"}),
    Row("POST", "/organize/typhoons/publish/", ORGANIZERS_DO),
    Row("GET", "/organize/typhoons/close/", ORGANIZERS),
    Row("POST", "/organize/typhoons/close/", ORGANIZERS_DO, {"confirmation": "typhoons"}),
    Row("GET", "/organize/typhoons/submissions/", ORGANIZERS),
    Row("POST", "/organize/typhoons/submissions/{failed}/retry/", ORGANIZERS_DO),
    Row("GET", "/organize/typhoons/teams/", ORGANIZERS),
    Row("GET", "/organize/typhoons/organizers/", ORGANIZERS),
    Row("POST", "/organize/typhoons/organizers/", ORGANIZERS_DO, {"username": "carol"}),
    Row("POST", "/organize/typhoons/organizers/organizer/remove/", ORGANIZERS_DO),
    Row("GET", "/organize/typhoons/standings.csv", ORGANIZERS),
    Row("GET", "/organize/typhoons/standings.csv?part=private", ORGANIZERS_DO),  # back, with the reason
    # People
    Row("GET", "/people/alice/", ALL),
    Row("GET", "/settings/", SIGNED_IN),
    Row("POST", "/settings/", REDIRECTS_ALL, {"display_name": "Me"}),
    Row("GET", "/settings/tokens/", SIGNED_IN),
    Row("POST", "/settings/tokens/", "302 422 422 422 422 422 422 422", {}),
    Row("POST", "/settings/tokens/{token}/revoke/", "302 404 302 404 404 404 404 404"),
    Row("POST", "/i18n/setlang/", REDIRECTS_ALL, {"language": "ja"}),
    # The API
    Row("GET", "/healthz", ALL),
    Row("GET", "/api/v1/", NOTHING),
    Row("GET", "/api/v1/openapi.json", ALL),
    Row("GET", "/api/v1/docs", ALL),
    Row("GET", "/api/v1/competitions", ALL),
    Row("GET", "/api/v1/competitions/typhoons", ALL),
    Row("POST", "/api/v1/competitions/typhoons/join", JOINS, {"accept_rules": True}),
    Row("GET", "/api/v1/competitions/typhoons/files", ALL),
    Row("GET", "/api/v1/competitions/typhoons/files/train.csv", API_PARTICIPANTS),
    Row("HEAD", "/api/v1/competitions/typhoons/files/train.csv", API_PARTICIPANTS),
    Row("GET", "/api/v1/competitions/typhoons/files/solution.parquet", "401 403 404 404 404 404 403 404"),
    Row("GET", "/api/v1/competitions/typhoons/leaderboard", ALL),
    Row("GET", "/api/v1/competitions/typhoons/submissions", ALL.replace("200", "401", 1)),  # own ones
    Row(
        "POST",
        "/api/v1/competitions/typhoons/submissions",
        "401 403 422 422 422 403 403 403",
        {"file": predictions},
    ),
    Row("GET", "/api/v1/submissions/{scored}", API_TEAM_AND_ORGANIZERS),
    Row("PUT", "/api/v1/submissions/{scored}/final", "401 404 200 200 404 403 404 403", {"final": True}),
    Row("POST", "/api/v1/submissions/{queued}/cancel", "401 404 200 200 404 403 404 403"),
    Row("GET", "/api/v0/anything", NOTHING),
]


@pytest.fixture
def world(typhoons, release_folder) -> World:
    from django.utils import timezone

    from competition.submissions.models import Worker

    alive = timezone.now() + timedelta(hours=1)  # for as long as the tests may take
    Worker.objects.create(name="worker", device="cpu", engine="1", started_at=alive, seen_at=alive)
    return build_world(typhoons, folder=release_folder.name)


def test_every_url_has_a_row(world):
    in_table = {resolve(urlsplit(filled_in(row.path, world)).path).route for row in TABLE}
    elsewhere = ("admin/", "accounts/")  # held to a rule of their own below
    missing = [route for route in routes() if route not in in_table and not route.startswith(elsewhere)]
    assert not missing, f"who may open these? Give each a row: {missing}"


def test_each_role_gets_what_the_table_says(world):
    wrong = []
    for row in TABLE:
        expected = dict(zip(ROLES, map(int, row.expected.split()), strict=True))
        found = answers(row, world)
        wrong += [
            f"{row}: {role} gets {found[role]} and not {expected[role]}"
            for role in ROLES
            if found[role] != expected[role]
        ]
    assert not wrong, "\n".join(wrong)


def test_a_draft_does_not_exist_but_for_its_organizers_and_staff(world):
    wrong = []
    for row in TABLE:
        if "typhoons" not in row.path:
            continue
        hidden = replace(row, path=row.path.replace("typhoons", "draft"))
        found = answers(hidden, world)
        for role in ("anonymous", "carol", "alice", "bob", "dave", "other"):
            allowed = {401, 404} if "/api/" in row.path else {404, 302} if role == "anonymous" else {404}
            if found[role] not in allowed:
                wrong.append(f"{hidden}: {role} gets {found[role]}")
    assert not wrong, "\n".join(wrong)


def test_nothing_is_changed_from_another_site(world):
    """A form that lies elsewhere carries the visitor's cookie and not the token."""
    wrong = []
    for row in TABLE:
        if row.method in {"GET", "HEAD"}:
            continue
        for role in ("alice", "organizer", "staff"):
            status = send(world.client(role, enforce_csrf_checks=True), row, world).status_code
            if status != 403:
                wrong.append(f"{row}: {role} gets {status}")
    assert not wrong, "\n".join(wrong)


def test_the_administration_is_for_staff_alone(world):
    objects = {
        "user": world.people["alice"].pk,
        "apitoken": world.token.pk,
        "competition": world.competition.pk,
        "team": world.team.pk,
        "submission": world.scored.pk,
        "score": world.scored.scores.get().pk,
        "release": world.competition.releases.get().pk,
    }
    wrong = []
    for route in routes():
        if not route.startswith("admin/") or route in {"admin/login/", "admin/(?P<url>.*)$"}:
            continue
        model = route.split("/")[2] if route.count("/") > 2 else ""
        path = "/" + re.sub(r"<[^>]+>|\(\?P<.*\)", str(objects.get(model, "1")), route).rstrip("$")
        for role in ("anonymous", "alice", "organizer", "staff"):
            status = world.client(role).get(path).status_code
            if role != "staff" and status != 302:
                wrong.append(f"{path}: {role} gets {status}")
            if role == "staff" and status == 500:
                wrong.append(f"{path}: fails for staff")
    assert not wrong, "\n".join(wrong)


def test_pages_of_accounts_that_need_one_send_strangers_to_log_in(world):
    private = (
        *("email/", "password/change/", "password/set/", "reauthenticate/", "3rdparty/"),
        *("2fa/", "2fa/totp/activate/", "2fa/totp/deactivate/", "2fa/recovery-codes/"),
        *("2fa/recovery-codes/generate/", "2fa/recovery-codes/download/"),
    )
    for path in private:
        response = world.client("anonymous").get(f"/accounts/{path}")
        assert response.status_code == 302, path
        assert "/accounts/login/" in response.url, path
    open_to_all = ("login/", "signup/", "password/reset/", "confirm-email/")
    for path in open_to_all:
        assert world.client("anonymous").get(f"/accounts/{path}").status_code == 200, path


def routes(resolver: URLResolver | None = None, prefix: str = "") -> Iterator[str]:
    for pattern in (resolver or get_resolver()).url_patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from routes(pattern, route)
        elif isinstance(pattern, URLPattern):
            yield route


def answers(row: Row, world: World) -> dict[str, int]:
    """The status for each role; what one does is undone before the next one tries."""
    found = {}
    for role in ROLES:
        with transaction.atomic():
            found[role] = send(world.client(role), row, world).status_code
            transaction.set_rollback(True)
    return found


def send(client, row: Row, world: World):
    path = filled_in(row.path, world)
    data = {
        name: value() if callable(value) else filled_in(value, world) if isinstance(value, str) else value
        for name, value in (row.data or {}).items()
    }
    if row.method in {"GET", "HEAD"}:
        return getattr(client, row.method.lower())(path)
    in_json = path.startswith("/api/") and "file" not in data
    return getattr(client, row.method.lower())(
        path, data, **({"content_type": "application/json"} if in_json else {})
    )


def filled_in(text: str, world: World) -> str:
    values = {
        "code": world.team.invitation_code,
        "scored": world.scored.pk,
        "failed": world.failed.pk,
        "queued": world.queued.pk,
        "token": world.token.pk,
        "rescoring": world.rescoring.pk,
        "own_metric": world.own_metric.pk,
        "sign": world.sign.pk,
        "opens": f"{world.competition.opens_at:%Y-%m-%dT%H:%M}",
        **images(world),
    }
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", str(value))
    return text


def images(world: World) -> dict[str, int]:
    from competition.datasets.gallery import gallery_rows

    release = world.competition.releases.get(is_current=True)
    shown = set(gallery_rows(release))
    hidden = next(n for n in range(release.manifest["counts"]["train"]["images"]) if n not in shown)
    return {"in_gallery": min(shown), "not_in_gallery": hidden}
