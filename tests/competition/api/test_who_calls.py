"""A token or the site's session says who calls; what changes something by session needs the CSRF token."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from competition.accounts.models import ApiToken
from tests.competition.api.conftest import HERE, ROOT, Program, is_problem

FOR_PEOPLE = f"{HERE}/submissions"


def test_a_token_says_who_calls(alices, team):
    assert alices.get(FOR_PEOPLE).status_code == 200
    assert alices.get(HERE).json()["team"] == "Team Alice"


def test_without_a_token_one_is_asked_for(anybody, typhoons):
    response = anybody.get(FOR_PEOPLE)
    is_problem(response, 401, "not_authenticated")
    assert response["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    "header",
    ["Bearer wrong", "Bearer ", "Bearer", "bearer tmg_x", "Bearer \x00", "Basic YWxpY2U6eA==", "tmg_x"],
)
def test_a_wrong_token_is_refused(anybody, typhoons, header):
    is_problem(anybody.get(FOR_PEOPLE, Authorization=header), 401, "not_authenticated")


def test_a_wrong_token_is_refused_where_none_is_needed_too(anybody, typhoons):
    assert anybody.get(HERE).status_code == 200
    is_problem(anybody.get(HERE, Authorization="Bearer wrong"), 401, "not_authenticated")


def test_the_scheme_is_read_in_any_case(alices, team):
    alices.headers = {"Authorization": alices.headers["Authorization"].replace("Bearer", "bEARER")}
    assert alices.get(FOR_PEOPLE).status_code == 200


def test_an_expired_token_is_refused(alices, typhoons):
    ApiToken.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    is_problem(alices.get(FOR_PEOPLE), 401, "not_authenticated")


def test_a_closed_account_is_refused(alices, alice, typhoons):
    alice.is_active = False
    alice.save()
    is_problem(alices.get(FOR_PEOPLE), 401, "not_authenticated")


def test_the_session_of_the_site_reads(alice, team):
    browser = Client()
    browser.force_login(alice)
    assert browser.get(HERE).json()["joined"] is True


def test_the_session_writes_with_the_csrf_token_alone(alice, typhoons):
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(alice)
    join = {"path": f"{HERE}/join", "data": {"accept_rules": True}, "content_type": "application/json"}
    is_problem(browser.post(**join), 403, "csrf")
    assert not typhoons.participations.exists()

    csrf = browser.get("/accounts/login/")  # any page with a form
    token = csrf.cookies.get("csrftoken") or browser.cookies.get("csrftoken")
    if token is None:  # signed in already: the login page redirects
        browser.cookies["csrftoken"] = "x" * 32
        token = browser.cookies["csrftoken"]
    assert browser.post(**join, headers={"X-CSRFToken": token.value}).status_code == 200
    assert typhoons.participations.get().user == alice


def test_a_token_needs_no_csrf_token(alices, typhoons):
    assert alices.post(f"{HERE}/join", {"accept_rules": True}).status_code == 200


def test_too_many_requests_are_put_off(anybody, alices, typhoons, monkeypatch):
    monkeypatch.setattr("competition.api.throttles.GENEROUS.requests", 3)
    for _ in range(3):
        assert anybody.get(f"{ROOT}/competitions").status_code == 200
    response = anybody.get(f"{ROOT}/competitions")
    is_problem(response, 429, "throttled")
    assert 1 <= int(response["Retry-After"]) <= 60
    assert alices.get(f"{ROOT}/competitions").status_code == 200  # each has a count of their own


def test_drafts_exist_for_their_organizers_alone(typhoons, alices, organizers, anybody, team):
    typhoons.published_at = None
    typhoons.save()
    for program in (anybody, alices):
        is_problem(program.get(HERE), 404, "not_found")
        assert program.get(f"{ROOT}/competitions").json() == {"items": [], "count": 0}
    assert organizers.get(HERE).json()["state"] == "draft"
    assert organizers.get(f"{ROOT}/competitions").json()["count"] == 1


def test_staff_see_everything(typhoons, staff):
    typhoons.published_at = None
    typhoons.save()
    assert Program(staff).get(HERE).status_code == 200
