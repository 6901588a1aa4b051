"""What runs in workers. A message is a doorbell: the database knows what is to be done, so that a message may
be lost, come twice or come late."""

import os
from uuid import UUID

import structlog
from celery import Task, shared_task
from django.conf import settings
from kombu.exceptions import KombuError

from competition.submissions import probing, workers
from competition.submissions.evaluate import evaluate
from competition.submissions.models import Submission

log = structlog.get_logger(__name__)

# How many submissions one reclaim rings for; the others' turn comes with the next.
RUNG_AT_ONCE = 500

__all__ = ["end_process", "enqueue", "evaluate_submission", "look_for_probing", "reclaim"]


@shared_task(bind=True)
def evaluate_submission(self: Task, submission_id: str) -> None:
    evaluate(UUID(submission_id), worker=self.request.hostname or "worker", on_overtime=end_process)
    # Behind whatever waits for its score: nobody waits for this.
    _ring(look_for_probing, submission_id)


@shared_task
def look_for_probing(submission_id: str) -> None:
    probing.look_at(UUID(submission_id))


@shared_task
def reclaim() -> None:
    """Ring for every submission that is not finished and in nobody's hands: its message was lost, its worker
    or web process died, or its next attempt is due. Celery beat calls this every `RECLAIM_SECONDS`."""
    unattended = Submission.objects.unattended().order_by("received_at").values_list("pk", flat=True)
    for submission_id in unattended[:RUNG_AT_ONCE]:
        # If no worker has time before the next reclaim, that one rings again: messages do not pile up.
        enqueue(submission_id, expires=settings.RECLAIM_SECONDS)
    for submission_id in probing.not_looked_at()[:RUNG_AT_ONCE]:
        _ring(look_for_probing, str(submission_id), expires=settings.RECLAIM_SECONDS)
    workers.forget_the_long_gone()


def enqueue(submission_id: UUID, expires: float | None = None) -> None:
    """Tell the workers of a submission. Call it when the transaction that made it due has committed.

    A broker that is down does no harm: `reclaim` rings later.
    """
    _ring(evaluate_submission, str(submission_id), expires=expires)


def _ring(task: Task, submission_id: str, expires: float | None = None) -> None:
    try:
        task.apply_async([submission_id], expires=expires, retry=False)
    except (KombuError, OSError) as error:
        log.warning("broker.unreachable", id=submission_id, error=str(error))


def end_process() -> None:
    """What a lease does with a worker that takes too long."""
    # Code that is stuck outside of Python cannot be interrupted. Whoever watches over the process (the pool,
    # Docker, systemd) starts another one.
    os._exit(os.EX_SOFTWARE)
