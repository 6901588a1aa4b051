"""Markdown, times, theme, language, headers."""

from datetime import UTC, datetime

import pytest
from bs4 import BeautifulSoup
from django.template import Context, Template

from competition.contests.templatetags.tamago import markdown, score
from tests.competition.conftest import signed_in
from tests.competition.pages.sane_html import page_of, text_of


@pytest.mark.parametrize(
    "source",
    [
        "<script>alert(1)</script>",
        "[click](javascript:alert(1))",
        "![x](x){onerror=alert(1)}",
        '<img src=x onerror="alert(1)">',
        "<style>body{display:none}</style>",
        '<form action="https://evil.example"><input name=password></form>',
        "[a](data:text/html;base64,PHNjcmlwdD4=)",
        '[a]: x "onmouseover=alert(1)"\n[a]',
    ],
)
def test_markdown_carries_no_script(source):
    parsed = BeautifulSoup(markdown(source), "html.parser")
    assert not parsed.select("script, style, form, input, iframe, object")
    for element in parsed.select("*"):
        assert not [name for name in element.attrs if name.startswith("on")]
        assert not str(element.get("href", "")).startswith(("javascript:", "data:"))


def test_markdown_is_written_as_people_expect():
    html = markdown(
        "# One\n\nA **b** [c](https://example.org)\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n- x\n- y\n"
    )
    assert "<h2>One</h2>" in html  # the page has its own h1
    assert "<strong>b</strong>" in html
    assert 'rel="noopener nofollow"' in html
    assert "<td>1</td>" in html
    assert markdown("") == ""


def test_times_are_utc_until_a_script_knows_better():
    when = datetime(2026, 11, 21, 3, 4, tzinfo=UTC)
    html = Template("{% load tamago %}{% moment when %}").render(Context({"when": when}))
    assert html == (
        '<time datetime="2026-11-21T03:04:00+00:00" data-local="datetime">2026-11-21 03:04 UTC</time>'
    )
    assert Template("{% load tamago %}{% moment when %}").render(Context({"when": None})) == "–"


def test_a_score_has_the_organizers_digits():
    show = Template("{% load tamago %}{{ value|score:metric }}")
    assert show.render(Context({"value": 0.123456789, "metric": {"digits": 3}})) == "0.123"
    assert show.render(Context({"value": 0.5, "metric": {}})) == "0.50000"
    assert show.render(Context({"value": None, "metric": {}})) == "–"


@pytest.mark.parametrize(
    ("floor", "found", "missed", "words"),
    [
        (0.79, 121, 32, "asks for 121 of the 153 typhoons, and this entry finds 121: it could not miss"),
        (0.79, 124, 29, "this entry finds 124: it could miss 3 more."),
        (0.79, 118, 35, "this entry finds 118: 3 more would do."),
        (0.7, 7, 3, "asks for 7 of the 10 typhoons"),  # 0.7 * 10 is more than 7 for a computer
        (1, 9, 1, "asks for 10 of the 10 typhoons, and this entry finds 9: 1 more would do."),
    ],
)
def test_the_way_to_the_gate_is_told_in_typhoons(floor, found, missed, words):
    gauge = Template("{% load tamago %}{% recall_gauge recall floor found=found missed=missed %}")
    recall = found / (found + missed)
    shown = gauge.render(Context({"recall": recall, "floor": floor, "found": found, "missed": missed}))
    assert words in " ".join(BeautifulSoup(shown, "html.parser").get_text().split())


def test_the_theme_is_remembered_without_a_script(client, db):
    assert page_of(client.get("/")).html.get("data-theme") is None
    response = client.post("/theme/", {"theme": "dark", "next": "/people/x/"})
    assert response["Location"] == "/people/x/"
    page = page_of(client.get("/"))
    assert page.html["data-theme"] == "dark"
    assert page.select_one("[data-theme-switch] [aria-pressed=true]")["value"] == "dark"
    client.post("/theme/", {"theme": '"><script>'})
    assert page_of(client.get("/")).html["data-theme"] == "dark"
    client.post("/theme/", {"theme": "auto"})
    assert page_of(client.get("/")).html.get("data-theme") is None
    assert client.post("/theme/", {"theme": "dark", "next": "https://evil.example/"})["Location"] == "/"


def test_the_language_is_chosen_and_remembered(client, typhoons):
    assert "Find the typhoons" in text_of(client.get("/competitions/typhoons/"))
    client.post("/i18n/setlang/", {"language": "ja", "next": "/"})
    response = client.get("/competitions/typhoons/")
    assert "台風を見つけよう" in text_of(response)
    assert page_of(response).html["lang"] == "ja"


def test_a_shared_link_says_what_it_is(typhoons, client):
    typhoons.tagline = "Which clouds & when?"
    typhoons.save()
    page = page_of(client.get("/competitions/typhoons/"))
    assert page.select_one('meta[property="og:title"]')["content"] == "Find the typhoons"
    assert page.select_one('meta[name="description"]')["content"] == "Which clouds & when?"


def test_no_page_may_load_or_run_anything_from_elsewhere(typhoons, client):
    policy = client.get("/")["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe-inline" not in policy.split("script-src")[1].split(";")[0]


def test_the_keyboard_reaches_the_content_first(typhoons, alice):
    page = page_of(signed_in(alice).get("/"))
    first = page.select_one("a, button, input:not([type=hidden])")
    assert (first["class"], first["href"]) == (["skip-link"], "#main")
    assert page.select_one("main#main")["tabindex"] == "-1"


def test_lines_of_japanese_join_without_a_space():
    assert "並べ、達しない" in markdown("**適合率** の順に並べ、\n達しない投稿は")
    assert "。<strong>224" in markdown("表します。\n**224万枚** のうち")
    assert "one\ntwo" in markdown("one\ntwo")
    assert "並べ、\n達しない" in markdown("```\n並べ、\n達しない\n```")


def test_who_lands_on_an_address_that_takes_forms_is_told_so(typhoons, organizer):
    response = signed_in(organizer).get("/organize/typhoons/publish/")
    assert response.status_code == 405
    assert response["Allow"] == "POST"
    assert "is no page" in text_of(response)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "–"),
        (0.1234, "0.123"),
        (-1e-9, "0.000"),
        (-1234.5, "-1234.500"),
        (1e300, "1.000e+300"),
        (-1e300, "-1.000e+300"),
    ],
)
def test_a_score_has_the_organizers_digits_and_stays_short(value, shown):
    assert score(value, 3) == shown
