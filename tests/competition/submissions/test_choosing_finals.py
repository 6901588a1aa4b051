import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from competition.refusal import Refusal
from competition.submissions.evaluate import evaluate
from competition.submissions.finals import choose_final, effective_finals
from competition.submissions.models import State, Submission
from tests.competition.submissions.conftest import submit


def refused(code: str):
    return pytest.raises(Refusal, check=lambda refusal: refusal.code == code)


@pytest.fixture
def three(alice, team, release) -> list[Submission]:
    """Scored submissions of one team: good, middling, bad."""
    submissions = [submit(alice, team.competition, noise=noise) for noise in (0.1, 0.5, 2)]
    for submission in submissions:
        evaluate(submission.pk, worker="test")
        submission.refresh_from_db()
    return submissions


def test_without_a_choice_the_best_public_ones_are_final(team, three):
    assert effective_finals(team) == three[:2]


def test_a_choice_counts_as_it_is(team, three, alice, bob):
    choose_final(user=bob, submission=three[2], final=True)
    assert effective_finals(team) == [three[2]]
    choose_final(user=alice, submission=three[2], final=False)
    assert effective_finals(team) == three[:2]


def test_no_more_than_the_limit_is_chosen(team, three, alice):
    choose_final(user=alice, submission=three[1], final=True)
    choose_final(user=alice, submission=three[2], final=True)
    with refused("too_many_finals"):
        choose_final(user=alice, submission=three[0], final=True)
    choose_final(user=alice, submission=three[2], final=True)  # chosen already: nothing changes
    assert team.submissions.filter(is_final=True).count() == 2


@pytest.mark.django_db(transaction=True)
def test_at_once_no_more_than_the_limit_is_chosen(team, three, alice, bob):
    barrier, outcomes = threading.Barrier(3), []

    def choose(submission: Submission) -> None:
        barrier.wait()
        try:
            choose_final(user=alice, submission=submission, final=True)
            outcomes.append("done")
        except Refusal as refusal:
            outcomes.append(refusal.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=choose, args=[submission]) for submission in three]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["done", "done", "too_many_finals"]


def test_only_the_team_chooses(three, dave, other_team):
    with refused("not_a_member"):
        choose_final(user=dave, submission=three[0], final=True)


def test_only_a_scored_one_is_chosen(alice, team, release):
    with refused("not_scored"):
        choose_final(user=alice, submission=submit(alice, team.competition), final=True)


def test_not_after_the_close(three, alice, typhoons):
    typhoons.closes_at = timezone.now() - timedelta(seconds=1)
    typhoons.save()
    with refused("not_open"):
        choose_final(user=alice, submission=three[0], final=True)
    assert three[0].state == State.SCORED


def test_not_by_a_deactivated_account(three, alice):
    alice.is_active = False
    with refused("inactive"):
        choose_final(user=alice, submission=three[0], final=True)
