"""Each page for each kind of visitor: its status, its essential words, and HTML without faults."""

import pytest

from tests.competition.conftest import signed_in
from tests.competition.pages.sane_html import text_of

C = "/competitions/typhoons/"
LOGIN = 302

# The page: its words; its status for a visitor, for a team's member, for someone who has not joined.
PAGES = {
    "/": ("Find the typhoons", 200, 200, 200),
    C: ("Which clouds become a typhoon", 200, 200, 200),
    f"{C}evaluation/": ("false alarms", 200, 200, 200),
    "/metrics/": ("Gilbert skill score", 200, 200, 200),
    f"{C}timeline/": ("The data can be downloaded", 200, 200, 200),
    f"{C}prizes/": ("no prizes", 200, 200, 200),
    f"{C}rules/": ("Be fair.", 200, 200, 200),
    f"{C}join/": ("Be fair.", LOGIN, 302, 200),
    f"{C}data/": ("sample_submission.csv", 200, 200, 200),
    f"{C}submit/": ("Left today", LOGIN, 200, 302),
    f"{C}submissions/": ("below.csv", LOGIN, 200, 302),
    f"{C}leaderboard/": ("Team Dave", 200, 200, 200),
    f"{C}team/": ("Invite a team mate", LOGIN, 200, 404),
    "/people/alice/": ("Find the typhoons", 200, 200, 200),
    "/settings/": ("Profile", LOGIN, 200, 200),
    "/settings/tokens/": ("New token", LOGIN, 200, 200),
    "/accounts/email/": ("Add Email", LOGIN, 200, 200),
    "/accounts/password/change/": ("Change Password", LOGIN, 200, 200),
    "/accounts/2fa/": ("Authenticator App", LOGIN, 200, 200),
    "/accounts/logout/": ("Sign Out", LOGIN, 200, 200),
    "/accounts/login/": ("Sign In", 200, 302, 302),
    "/accounts/signup/": ("Username", 200, 302, 302),
    "/accounts/password/reset/": ("Reset My Password", 200, 200, 200),
    "/accounts/confirm-email/": ("Verify", 200, 200, 200),
    "/accounts/inactive/": ("inactive", 200, 200, 200),
    "/nowhere/": ("This page is not here", 404, 404, 404),
    "/competitions/nowhere/": ("This page is not here", 404, 404, 404),
    "/people/nobody/": ("This page is not here", 404, 404, 404),
}


@pytest.mark.parametrize("path", PAGES)
def test_a_page_answers_each_kind_of_visitor(path, season, alice, carol):
    words, *statuses = PAGES[path]
    for user, status in zip((None, alice, carol), statuses, strict=True):
        response = signed_in(user).get(path)
        assert response.status_code == status, (path, user)
        if status != LOGIN:
            expected = "This page is not here" if status == 404 else words
            assert expected in text_of(response), (path, user)


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_as_sound_in_japanese(path, season, alice):
    response = signed_in(alice).get(path, headers={"Accept-Language": "ja"})
    if response.status_code != LOGIN:
        text_of(response)
        assert b'<html lang="ja"' in response.content


def test_a_draft_is_its_organizers_alone(typhoons, organizer, alice, staff):
    typhoons.published_at = None
    typhoons.save()
    for user, status in ((None, 404), (alice, 404), (organizer, 200), (staff, 200)):
        assert signed_in(user).get(C).status_code == status
        assert ("Find the typhoons" in text_of(signed_in(user).get("/"))) == (status == 200)


def test_an_empty_site_says_so(db):
    assert "No competition yet" in text_of(signed_in(None).get("/"))


def test_a_competition_without_anything_says_so(typhoons, alice, team):
    client = signed_in(alice)
    assert "No data yet" in text_of(client.get(f"{C}data/"))
    assert "Nobody stands here yet" in text_of(client.get(f"{C}leaderboard/"))
    assert "Nothing submitted yet" in text_of(client.get(f"{C}submissions/"))


def test_nobody_sees_another_ones_e_mail_address(season, carol):
    for path in ("/people/alice/", f"{C}leaderboard/", C):
        assert b"alice@example.org" not in signed_in(carol).get(path).content


def test_pages_of_mistakes_need_nothing(rf, client, settings):
    from django.template.loader import render_to_string

    for template, words in (
        ("500.html", "Our mistake"),
        ("400.html", "Not understood"),
        ("403_csrf.html", "try again"),
    ):
        assert words in render_to_string(template)
    settings.DEBUG_PROPAGATE_EXCEPTIONS = False
    client.handler.enforce_csrf_checks = True
    refused = client.post("/theme/", {"theme": "dark"})
    assert refused.status_code == 403
    assert "too old" in text_of(refused)
