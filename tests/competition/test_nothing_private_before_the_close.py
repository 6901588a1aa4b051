"""Before the close no answer holds a private score or what the solution knows; then scores are where meant.

Every page that links reach, every URL of the access table, and the API are read as each role, headers
included. The private results are numbers that nothing shows by chance.
"""

import re
from collections import defaultdict
from datetime import timedelta
from urllib.parse import urlsplit

import polars as pl
import pytest
from django.test import Client
from django.utils import timezone

from tests.competition.cast import (
    PRIVATE_COUNTS,
    PRIVATE_RECALL,
    PRIVATE_THRESHOLD,
    PRIVATE_VALUE,
    PUBLIC_COUNTS,
    PUBLIC_THRESHOLD,
    PUBLIC_VALUE,
    World,
    build_world,
)
from tests.competition.test_access import TABLE, filled_in

pytestmark = pytest.mark.django_db

READERS = ("anonymous", "carol", "alice", "dave", "organizer", "staff")
QUERIES_PER_PAGE = 4  # filters and sort orders of the administration would go on for ever
LINKS = re.compile(r"""(?:href|src|hx-get|action)=["'](/[^"'#]*)""")
PUBLIC_SHOWN = "0.52738"
PRIVATE_SHOWN = "0.71829"


@pytest.fixture
def world(typhoons, release_folder) -> World:
    return build_world(typhoons, folder=release_folder.name)


@pytest.fixture
def secrets(world) -> list[str]:
    """How a private number could look, and what the solution alone knows: the storms of the test."""
    values = (PRIVATE_VALUE, PRIVATE_RECALL, PRIVATE_THRESHOLD)
    numbers = [str(value)[:6] for value in values]  # 0.7182 begins whatever rounds no coarser than that
    percents = [str(100 * value)[:5] for value in values]
    counts = [text for count in PRIVATE_COUNTS.values() for text in (str(count), f"{count:,}")]
    solution = pl.read_parquet(world.competition.releases.get().solution_path)
    storms = solution["storm_id"].drop_nulls().unique().to_list()
    assert storms
    return numbers + percents + counts + storms


@pytest.mark.parametrize("role", READERS)
def test_no_answer_before_the_close_holds_a_private_number(role, world, secrets):
    answers = crawl(world.client(role), start_urls(world))
    assert len(answers) > 40
    assert any(PUBLIC_SHOWN in answer for answer in answers.values())  # it does read the scores
    leaks = [f"{url}: {secret}" for url, answer in answers.items() for secret in secrets if secret in answer]
    assert not leaks, leaks


@pytest.mark.parametrize("role", ["anonymous", "carol", "alice", "dave"])
def test_no_answer_before_the_close_holds_an_exact_public_number(role, world):
    """Counts, thresholds, a precision finer than the digits: each tells of single images. So does knowing
    what of one's own submissions is taken for probing."""
    counts = [text for count in PUBLIC_COUNTS.values() for text in (str(count), f"{count:,}")]
    exact = [str(PUBLIC_VALUE)[:8], str(PUBLIC_THRESHOLD)[:5], *counts]
    signs = ["nothing in common", "robing", "lift"]
    answers = crawl(world.client(role), start_urls(world))
    leaks = [f"{url}: {each}" for url, text in answers.items() for each in exact + signs if each in text]
    assert not leaks, leaks
    # The same search finds them where they may be read.
    organizers = "".join(crawl(world.client("organizer"), start_urls(world)).values())
    assert all(each in organizers for each in (*exact[:2], counts[0], signs[0]))
    world.competition.closes_at = timezone.now() - timedelta(seconds=1)
    world.competition.save()
    if role == "alice":
        answers = "".join(crawl(world.client(role), start_urls(world)).values())
        assert all(each in answers for each in (*exact[:2], counts[0]))
        assert not any(each in answers for each in signs[:2])


def test_staff_cannot_ask_the_administration_about_private_numbers(world):
    """A filter that may name any column answers questions by what it leaves out."""
    client = world.client("staff")
    for path, question in (
        ("score", "private__value__gt=0.7"),
        ("submission", "scores__private__value__gt=0.7"),
        ("submission", "scores__private__recall__gt=0.7"),
        ("team", "submissions__scores__private__value__gt=0.7"),
    ):
        app = "contests" if path == "team" else "submissions"
        assert client.get(f"/admin/{app}/{path}/?{question}").status_code == 400
    assert client.get("/admin/submissions/privatescore/").status_code == 404


@pytest.mark.parametrize("role", ["anonymous", "alice", "organizer", "staff"])
def test_asked_for_private_standings_before_the_close_gives_none(role, world):
    client = world.client(role)
    for url in (
        "/competitions/typhoons/leaderboard/?part=private",
        "/competitions/typhoons/leaderboard.csv?part=private",
        "/api/v1/competitions/typhoons/leaderboard?part=private",
        "/organize/typhoons/standings.csv?part=private",
    ):
        assert PRIVATE_SHOWN not in everything_in(client.get(url, follow=True)), url


def test_after_the_close_private_results_appear_where_meant_and_nowhere_else(world, secrets):
    world.competition.closes_at = timezone.now() - timedelta(seconds=1)
    world.competition.save()
    for role in ("anonymous", "carol", "alice", "organizer"):
        client = world.client(role)
        for url in (
            "/competitions/typhoons/leaderboard/",
            "/competitions/typhoons/leaderboard.csv?part=private",
            "/api/v1/competitions/typhoons/leaderboard?part=private",
        ):
            assert PRIVATE_SHOWN in everything_in(client.get(url)), (role, url)
    own = f"/api/v1/submissions/{world.scored.pk}"
    assert PRIVATE_SHOWN in everything_in(world.client("alice").get(own))
    assert world.client("dave").get(own).status_code == 404
    export = world.client("organizer").get("/organize/typhoons/standings.csv?part=private")
    assert PRIVATE_SHOWN in everything_in(export)
    # The solution stays where it is also then.
    storms = [secret for secret in secrets if not re.fullmatch(r"[\d.,]+", secret)]
    answers = crawl(world.client("alice"), start_urls(world))
    assert not [url for url, answer in answers.items() for storm in storms if storm in answer]


def start_urls(world: World) -> list[str]:
    api = ["", "/files", "/leaderboard", "/submissions", "/leaderboard?part=public"]
    files = [f"/files/{file.path}" for file in world.competition.releases.get().files.all()]
    return [
        *(filled_in(row.path, world) for row in TABLE if row.method == "GET"),
        *(f"/api/v1/competitions/typhoons{path}" for path in api + files),
        *(f"/api/v1/submissions/{each.pk}" for each in (world.scored, world.failed)),
        "/admin/",
    ]


def crawl(client: Client, start: list[str]) -> dict[str, str]:
    """Everything that can be read from here on, by URL: headers and body as one text."""
    answers: dict[str, str] = {}
    waiting, queries = list(start), defaultdict(int)
    while waiting:
        url = waiting.pop(0)
        path = urlsplit(url).path
        if url in answers or path.startswith("/static/") or queries[path] >= QUERIES_PER_PAGE:
            continue
        queries[path] += 1
        response = client.get(url)
        answers[url] = everything_in(response)
        if response.get("Location", "").startswith("/"):
            waiting.append(response["Location"])
        if "html" in response.get("Content-Type", ""):
            waiting += [link.replace("&amp;", "&") for link in LINKS.findall(answers[url])]
    return answers


def everything_in(response) -> str:
    body = b"".join(response.streaming_content) if response.streaming else response.content
    headers = "\n".join(f"{name}: {value}" for name, value in response.items())
    return f"{headers}\n{response.cookies}\n{body.decode('latin-1')}"
