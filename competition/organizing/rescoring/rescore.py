"""A worker's part of a rescoring: a batch of entries at a time, their predictions stacked on the device.

What is written is done, and a batch is written whole or not at all: whenever a worker dies, the next one goes
on with what is left. It knows no task and no broker; `tasks` calls it.
"""

import traceback
from collections.abc import Callable
from datetime import timedelta

import numpy as np
import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from competition.organizing.rescoring.into_force import finish_publishing
from competition.organizing.rescoring.progress import remaining
from competition.submissions.evaluate import grade_submission
from competition.submissions.files import FileGone, read_submission
from competition.submissions.ladder import climb_again
from competition.submissions.leases import MAX_ATTEMPTS, Lease, lease_end, lease_owner
from competition.submissions.models import Rescoring, RescoringFailure, Submission
from competition.submissions.resident import solution_at
from competition.submissions.yardstick import Yardstick, of_rescoring, write_score
from scoring import Grade, InvalidSubmission, Solution, grade_predictions
from scoring.own_metric import MetricFailed

log = structlog.get_logger(__name__)

# Predictions of a batch take at most so much memory, and few enough entries that the day's submissions, which
# come between two batches, hardly wait.
BATCH_BYTES = 256 * 1024**2
BATCH_ENTRIES = 32
OWN_METRIC_ENTRIES = 4  # each starts a process of its own

KILLED = "Its worker was killed (out of memory?) or took too long, {attempts} times."

Outcome = Grade | str  # the error in words


def rescore(rescoring_id: int, *, worker: str, on_overtime: Callable[[], None] | None = None) -> bool:
    """Score the next batch; tell whether a worker should come again at once. Does nothing where nothing is to
    do or another worker is at it."""
    lease = _claim(rescoring_id, owner=worker)
    if lease is None:
        return False
    rescoring = Rescoring.objects.select_related("competition", "solution").get(pk=rescoring_id)
    batch = _next_batch(rescoring)
    try:
        with lease.kept_alive(on_overtime=on_overtime, submissions=max(1, len(batch))):
            outcomes = _outcomes(rescoring, batch)
        _write(lease, rescoring, outcomes)
        _move_on(lease, rescoring)
    except Exception:  # nothing of one entry: those are outcomes
        log.exception("rescoring.attempt_failed", id=rescoring_id, attempt=rescoring.attempts)
        _retry_or_fail(lease, rescoring, traceback.format_exc(limit=-8))
    except BaseException:  # the worker is told to stop
        lease.release(lease.state, attempts=F("attempts") - 1)
        raise
    return Rescoring.objects.unattended().filter(pk=rescoring_id).exists()


def _claim(rescoring_id: int, *, owner: str) -> Lease | None:
    """Of many who try, the database lets one succeed."""
    free = Rescoring.objects.unattended().filter(pk=rescoring_id)
    found = free.first()
    if found is None:
        return None
    publishing = Rescoring.State.PUBLISHING
    state = publishing if found.state == publishing else Rescoring.State.RUNNING
    lease = Lease(Rescoring, rescoring_id, lease_owner(owner), state)
    taken = free.filter(state=found.state).update(
        state=state,
        lease_owner=lease.owner,
        lease_expires_at=lease_end(),
        attempts=F("attempts") + 1,
    )
    return lease if taken else None


def _next_batch(rescoring: Rescoring) -> list[Submission]:
    """As many as fit; one at a time where the last attempt ended without a word, to find which it was."""
    waiting = remaining(rescoring).select_related("competition", "release")
    first = waiting.first()
    if first is None:
        return []
    images = first.release.manifest["counts"]["test"]["images"]
    most = OWN_METRIC_ENTRIES if rescoring.metric["metric"] == "own" else BATCH_ENTRIES
    size = max(1, min(most, BATCH_BYTES // (images * np.dtype(np.float64).itemsize)))
    if rescoring.attempts > 1 and not rescoring.error:
        rescoring.one_by_one = max(rescoring.one_by_one, size)
        Rescoring.objects.filter(pk=rescoring.pk).update(one_by_one=rescoring.one_by_one)
    return list(waiting[: 1 if rescoring.one_by_one else size])


def _outcomes(rescoring: Rescoring, batch: list[Submission]) -> dict[Submission, tuple[Yardstick, Outcome]]:
    if rescoring.attempts > MAX_ATTEMPTS and rescoring.one_by_one and not rescoring.error:
        killed = KILLED.format(attempts=MAX_ATTEMPTS)
        return {entry: (of_rescoring(rescoring, entry.release), killed) for entry in batch}
    outcomes: dict[Submission, tuple[Yardstick, Outcome]] = {}
    by_release: dict[int, list[Submission]] = {}
    for entry in batch:
        by_release.setdefault(entry.release_id, []).append(entry)
    for entries in by_release.values():
        yardstick = of_rescoring(rescoring, entries[0].release)
        solution = solution_at(yardstick.solution_path)  # one that cannot be read is no entry's fault
        for entry, outcome in _graded(entries, yardstick, solution).items():
            outcomes[entry] = (yardstick, outcome)
    return outcomes


def _graded(entries: list[Submission], yardstick: Yardstick, solution: Solution) -> dict[Submission, Outcome]:
    if len(entries) > 1 and yardstick.config.metric != "own":
        try:
            return _graded_together(entries, yardstick, solution)
        except Exception:  # which of them it was, the slow way finds out
            log.exception("rescoring.batch_failed", entries=len(entries))
    return {entry: _graded_alone(entry, yardstick) for entry in entries}


def _graded_alone(entry: Submission, yardstick: Yardstick) -> Outcome:
    try:
        return grade_submission(entry, yardstick)
    except (InvalidSubmission, FileGone, MetricFailed) as error:
        return _in_words(error)
    except Exception as error:
        log.exception("rescoring.entry_failed", id=str(entry.pk))
        return _in_words(error)


def _graded_together(
    entries: list[Submission], yardstick: Yardstick, solution: Solution
) -> dict[Submission, Outcome]:
    outcomes: dict[Submission, Outcome] = {}
    predictions = np.empty((len(entries), len(solution)))  # (K, N)
    sound: list[Submission] = []
    for entry in entries:
        try:
            valid = read_submission(entry, yardstick.config, ids=solution.ids)
        except (InvalidSubmission, FileGone) as error:
            outcomes[entry] = _in_words(error)
        except Exception as error:
            log.exception("rescoring.entry_failed", id=str(entry.pk))
            outcomes[entry] = _in_words(error)
        else:
            predictions[len(sound)] = valid.predictions
            sound.append(entry)
    if sound:
        grades = grade_predictions(
            predictions[: len(sound)], solution, yardstick.config, device=settings.SCORING_DEVICE
        )
        outcomes |= dict(zip(sound, grades, strict=True))
    return outcomes


def _in_words(error: Exception) -> str:
    """For the organizer, who is told the team and the file beside it."""
    if isinstance(error, InvalidSubmission):
        return "; ".join(problem.message for problem in error.problems)
    if isinstance(error, MetricFailed):
        return f"The metric failed: {error.reason}"
    return str(error) or type(error).__name__


def _write(lease: Lease, rescoring: Rescoring, outcomes: dict[Submission, tuple[Yardstick, Outcome]]) -> None:
    with transaction.atomic():
        # First what only the holder of the lease can change; then what follows from it.
        left_alone = max(0, rescoring.one_by_one - len(outcomes))
        if not lease.held().update(attempts=0, error="", not_before=None, one_by_one=left_alone):
            log.warning("rescoring.lease_lost", id=rescoring.pk, owner=lease.owner)
            return
        for entry, (yardstick, outcome) in outcomes.items():
            if isinstance(outcome, str):
                RescoringFailure.objects.create(rescoring=rescoring, submission=entry, error=outcome)
            else:
                write_score(entry, outcome, yardstick, rescoring)
    log.info("rescoring.batch", id=rescoring.pk, entries=len(outcomes))


def _move_on(lease: Lease, rescoring: Rescoring) -> None:
    if lease.state == Rescoring.State.PUBLISHING:
        finish_publishing(lease)
        return
    more = remaining(rescoring).exists()
    if not more:
        climb_again(rescoring.competition, rescoring)  # what organizers look at is what will be
    if lease.release(Rescoring.State.RUNNING if more else Rescoring.State.READY) and not more:
        log.info("rescoring.ready", id=rescoring.pk)


def _retry_or_fail(lease: Lease, rescoring: Rescoring, error: str) -> None:
    if rescoring.attempts >= MAX_ATTEMPTS:
        if lease.release(Rescoring.State.FAILED, error=error):
            log.error("rescoring.failed", id=rescoring.pk, error=error[-500:])
        return
    pause = timedelta(seconds=settings.RECLAIM_SECONDS * 2**rescoring.attempts)
    lease.release(lease.state, error=error, not_before=timezone.now() + pause)
