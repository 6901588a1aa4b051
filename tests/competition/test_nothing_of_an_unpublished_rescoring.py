"""Scores of a rescoring are on its own pages, for its organizers, and nowhere else until it is published."""

import pytest

from competition.organizing.rescoring.publish import discard_rescoring, publish_rescoring
from competition.submissions.models import PrivateScore, Score
from tests.competition.cast import RESCORED_VALUE, World, build_world
from tests.competition.test_nothing_private_before_the_close import READERS, crawl, everything_in, start_urls

pytestmark = pytest.mark.django_db

ITS_PAGES = "/organize/typhoons/rescoring/"
SHOWN = str(RESCORED_VALUE)[:6]


@pytest.fixture
def world(typhoons, release_folder) -> World:
    return build_world(typhoons, folder=release_folder.name)


@pytest.mark.parametrize("role", READERS)
def test_no_answer_holds_a_score_that_is_not_published(role, world):
    answers = crawl(world.client(role), start_urls(world))
    telling = [
        url for url, answer in answers.items() if SHOWN in answer or f"{100 * RESCORED_VALUE:.2f}" in answer
    ]
    organizes = role in ("organizer", "staff")
    assert bool(telling) == organizes, telling
    assert all(url.startswith(ITS_PAGES) for url in telling), telling


def test_a_participant_reads_it_everywhere_once_it_is_published(world):
    # Team Dave's entry has none: it is as if it came in meanwhile and could not be scored.
    for submission in world.competition.submissions.filter(team__name="Team Dave"):
        world.rescoring.failures.create(submission=submission, error="gone")
    publish_rescoring(user=None, rescoring=world.rescoring, accept_failures=True)
    for url in (
        "/competitions/typhoons/leaderboard/",
        "/competitions/typhoons/leaderboard.csv",
        "/competitions/typhoons/submissions/",
        f"/submissions/{world.scored.pk}/",
        "/api/v1/competitions/typhoons/leaderboard",
        "/api/v1/competitions/typhoons/submissions",
        f"/api/v1/submissions/{world.scored.pk}",
    ):
        assert SHOWN in everything_in(world.client("alice").get(url)), url


def test_what_is_discarded_stays_unseen(world):
    discard_rescoring(user=None, rescoring=world.rescoring)
    answers = crawl(world.client("alice"), start_urls(world))
    assert not [url for url, answer in answers.items() if SHOWN in answer]
    assert SHOWN in everything_in(world.client("organizer").get(f"{ITS_PAGES}{world.rescoring.pk}/entries/"))


def test_whatever_way_scores_are_asked_for_they_do_not_exist(world):
    hidden = Score.with_unpublished.get(rescoring=world.rescoring)
    PrivateScore.objects.create(score=hidden, result={}, value=RESCORED_VALUE, passed_gate=True)
    assert not Score.objects.filter(pk=hidden.pk).exists()
    assert not PrivateScore.objects.filter(pk=hidden.pk).exists()
    assert hidden not in world.scored.scores.all()
    prefetched = world.competition.submissions.prefetch_related("scores").get(pk=world.scored.pk)
    assert hidden not in prefetched.scores.all()
    assert not world.rescoring.scores.exists()
    assert Score._default_manager is Score.objects, "what the administration and exports read"
