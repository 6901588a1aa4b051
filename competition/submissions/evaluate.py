"""Scoring one submission: claim it, grade its file, write score and state in one transaction.

Called for the same submission twice, at once or one after the other, it scores it once. It knows no task and
no broker; `tasks` calls it.
"""

import traceback
import uuid
from collections.abc import Callable
from datetime import timedelta

import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from competition.submissions.files import FileGone, local_copy, reading_limits
from competition.submissions.leases import MAX_ATTEMPTS, Lease, claim
from competition.submissions.models import State, Submission
from competition.submissions.resident import solution_at
from competition.submissions.yardstick import Yardstick, in_force, lock, write_score
from scoring import Grade, InvalidSubmission, grade
from scoring.own_metric import MetricFailed
from tamago_metric import ParticipantVisibleError

log = structlog.get_logger(__name__)


def evaluate(submission_id: uuid.UUID, *, worker: str, on_overtime: Callable[[], None] | None = None) -> None:
    """Bring a submission to its end, or set it up for another attempt. Does nothing where nothing is to do.

    worker: a name for people. on_overtime: called in another thread when it took longer than
    `SCORING_SECONDS`.
    """
    lease = claim(submission_id, owner=worker)
    if lease is None:
        return
    submission = Submission.objects.select_related("competition", "release").get(pk=submission_id)
    try:
        with lease.kept_alive(on_overtime=on_overtime):
            while not _record(lease, submission, *_graded_as_now(submission)):
                log.info("submission.scored_too_late", id=str(submission_id))
    except InvalidSubmission as invalid:
        problems = [problem.to_dict() for problem in invalid.problems]
        if lease.release(State.INVALID, problems=problems, error=_reason_for_organizers(invalid)):
            log.info("submission.invalid", id=str(submission_id), problems=len(invalid.problems))
    except FileGone as gone:
        _fail(lease, submission, str(gone))
    except MetricFailed as failed:  # as it would again
        _fail(lease, submission, f"The metric failed: {failed.reason}\n\n{failed.report()}")
    except Exception:
        log.exception("submission.attempt_failed", id=str(submission_id), attempt=submission.attempts)
        _retry_or_fail(lease, submission, traceback.format_exc(limit=-8))
    except BaseException:  # the worker is told to stop: the next one need not wait for the lease to expire
        lease.release(State.QUEUED)
        raise


def grade_submission(submission: Submission, yardstick: Yardstick) -> Grade:
    """Raises InvalidSubmission, FileGone, and what the machine may do wrong."""
    with local_copy(submission) as path:
        return grade(
            path,
            solution_at(yardstick.solution_path),
            yardstick.config,
            device=settings.SCORING_DEVICE,
            limits=reading_limits(submission.size),
            filename=submission.filename,
        )


def _graded_as_now(submission: Submission) -> tuple[Grade, Yardstick]:
    yardstick = in_force(submission)
    return grade_submission(submission, yardstick), yardstick


def _record(lease: Lease, submission: Submission, graded: Grade, yardstick: Yardstick) -> bool:
    """Write what came out; False, and nothing, if another yardstick was put into force meanwhile."""
    with transaction.atomic():
        lock(submission.competition_id)
        if in_force(submission) != yardstick:
            return False
        # First the state, which only the holder of the lease can change; then what follows from it.
        if not lease.release(State.SCORED, warnings=graded.warnings, error=""):
            return True
        write_score(submission, graded, yardstick)
    log.info(
        "submission.scored",
        id=str(submission.pk),
        seconds=round(graded.seconds["total"], 3),
        waited=round((timezone.now() - submission.received_at).total_seconds(), 3),
        device=graded.device,
    )
    return True


def _reason_for_organizers(invalid: InvalidSubmission) -> str:
    """What an own metric said of a part of which participants are told nothing."""
    said = invalid.__cause__
    told = {problem.message for problem in invalid.problems}
    hidden = isinstance(said, ParticipantVisibleError) and str(said) not in told
    return f"The metric said: {said}" if hidden else ""


def _retry_or_fail(lease: Lease, submission: Submission, error: str) -> None:
    if submission.attempts >= MAX_ATTEMPTS:
        _fail(lease, submission, error)
        return
    pause = timedelta(seconds=settings.RECLAIM_SECONDS * 2**submission.attempts)
    lease.release(State.QUEUED, error=error, not_before=timezone.now() + pause)


def _fail(lease: Lease, submission: Submission, error: str) -> None:
    if lease.release(State.FAILED, error=error):
        log.error(
            "submission.failed", id=str(submission.pk), attempts=submission.attempts, error=error[-500:]
        )
