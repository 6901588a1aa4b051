"""Whatever goes wrong below /api/ is answered as `application/problem+json`, in words a person can use."""

import pytest
from django.core.exceptions import RequestDataTooBig

from competition.contests.models import Competition
from tests.competition.api.conftest import HERE, ROOT, is_problem


@pytest.mark.parametrize(
    "path",
    [
        "/api",
        "/api/",
        "/api/v1/",
        "/api/v1",
        "/api/v2/competitions",
        f"{ROOT}/nothing",
        f"{ROOT}/competitions/",
        f"{HERE}/x",
    ],
)
def test_an_unknown_address_is_404(anybody, path):
    is_problem(anybody.get(path), 404, "not_found")
    is_problem(anybody.post(path), 404, "not_found")


@pytest.mark.parametrize("slug", ["nothing", "no%00thing", "日本", "a b", "x" * 3000])
def test_an_unknown_competition_is_404(anybody, slug):
    is_problem(anybody.get(f"{ROOT}/competitions/{slug}"), 404, "not_found")


@pytest.mark.parametrize("pk", ["00000000-0000-0000-0000-000000000000"])
def test_an_unknown_submission_is_404(alices, pk):
    is_problem(alices.get(f"{ROOT}/submissions/{pk}"), 404, "not_found")


def test_what_is_no_id_is_named(alices):
    said = is_problem(alices.get(f"{ROOT}/submissions/12"), 422, "invalid_request")
    assert said["problems"][0]["location"] == ["path", "id"]


def test_a_wrong_method_is_405_and_names_the_right_ones(anybody, typhoons):
    response = anybody.put(HERE, {})
    is_problem(response, 405, "method_not_allowed")
    assert response["Allow"] == "GET"


def test_a_body_that_is_no_json_is_400(alices, typhoons):
    response = alices.client.post(
        f"{HERE}/join", "{", content_type="application/json", headers=alices.headers
    )
    is_problem(response, 400, "bad_request")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "accept_rules"),
        ({"accept_rules": "perhaps"}, "accept_rules"),
        ({"accept_rules": True, "x": 1}, "x"),
    ],
)
def test_a_body_of_another_shape_is_422_and_names_the_field(alices, typhoons, body, field):
    said = is_problem(alices.post(f"{HERE}/join", body), 422, "invalid_request")
    assert said["problems"][0]["location"][-1] == field
    assert field in said["detail"]


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=x", "offset=-1", f"offset={10**30}"])
def test_pages_have_bounds(anybody, typhoons, query):
    is_problem(anybody.get(f"{ROOT}/competitions?{query}"), 422, "invalid_request")


def test_an_announced_flood_is_413_before_it_is_read(alices, typhoons, settings):
    settings.MAX_UPLOAD_BYTES = 1000
    response = alices.client.post(
        f"{HERE}/submissions",
        b"x",
        content_type="application/octet-stream",
        headers=alices.headers | {"Content-Length": str(1000 + 2 * 1024**2)},
    )
    is_problem(response, 413, "too_large")


def test_an_error_of_ours_tells_nothing_of_the_inside(anybody, monkeypatch, settings):
    def explode(*args):
        raise RuntimeError("password=hunter2")

    monkeypatch.setattr(Competition.objects, "visible_to", explode)
    for debug in (False, True):
        settings.DEBUG = debug
        response = anybody.get(f"{ROOT}/competitions")
        is_problem(response, 500, "internal_server_error")
        assert b"hunter2" not in response.content
        assert b"Traceback" not in response.content


def test_an_error_inside_django_is_a_problem_too(alices, typhoons, monkeypatch):
    def explode(*args):
        raise RequestDataTooBig("too much")

    monkeypatch.setattr("ninja.parser.Parser.parse_body", explode)
    response = alices.post(f"{HERE}/join", {"accept_rules": True})
    assert response.status_code in (400, 413)
    assert response["Content-Type"] == "application/problem+json"


def test_problems_speak_the_readers_language(anybody):
    english = anybody.get(f"{ROOT}/nothing", **{"Accept-Language": "en"}).json()
    assert english["detail"].startswith("There is nothing at this address")


def test_pages_outside_the_api_stay_pages(anybody):
    response = anybody.client.get("/nothing-here")
    assert response.status_code == 404
    assert response["Content-Type"].startswith("text/html")


def test_a_request_has_an_id_to_ask_about(anybody):
    assert len(anybody.get(f"{ROOT}/nothing")["X-Request-ID"]) == 32
    assert anybody.get(f"{ROOT}/nothing", **{"X-Request-ID": "proxy-0001"})["X-Request-ID"] == "proxy-0001"
    assert anybody.get(f"{ROOT}/nothing", **{"X-Request-ID": "no spaces!"})["X-Request-ID"] != "no spaces!"
