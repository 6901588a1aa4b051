from competition.submissions.evaluate import evaluate
from competition.submissions.models import Score, State
from tests.competition.submissions.conftest import submit


def test_a_valid_submission_is_queued_and_then_scored(alice, team, release):
    submission = submit(alice, team.competition)
    assert submission.state == State.QUEUED
    evaluate(submission.pk, worker="test")
    submission.refresh_from_db()
    assert submission.state == State.SCORED, submission.error
    assert Score.objects.get().value > 0.01
