import pytest

from competition.refusal import Refusal
from competition.submissions.cancel import cancel_submission
from competition.submissions.leases import claim
from competition.submissions.models import State, Submission
from competition.submissions.receive import remaining_today
from tests.competition.submissions.conftest import submit


def refused(code: str):
    return pytest.raises(Refusal, check=lambda refusal: refusal.code == code)


def test_a_team_mate_cancels_and_the_day_has_one_more(alice, bob, team, release):
    submission = cancel_submission(user=bob, submission=submit(alice, team.competition))
    assert submission.state == State.CANCELLED
    assert submission.finished_at
    assert remaining_today(team) == 5


@pytest.mark.parametrize("state", [State.SCORED, State.INVALID, State.FAILED, State.CANCELLED])
def test_what_is_finished_cannot_be_cancelled(alice, team, release, state):
    submission = submit(alice, team.competition)
    Submission.objects.update(state=state)
    with refused("too_late"):
        cancel_submission(user=alice, submission=submission)


def test_what_is_being_scored_cannot_be_cancelled(alice, team, release):
    submission = submit(alice, team.competition)
    claim(submission.pk, owner="worker")
    with refused("too_late"):
        cancel_submission(user=alice, submission=submission)


@pytest.mark.parametrize("who", ["dave", "carol", "organizer", "staff"])
@pytest.mark.usefixtures("other_team", "release")
def test_only_the_team_cancels(alice, team, who, request):
    with refused("not_a_member"):
        cancel_submission(user=request.getfixturevalue(who), submission=submit(alice, team.competition))
