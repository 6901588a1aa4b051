"""The doorbell of rescorings. The database knows what is to be done: a message may be lost or come twice."""

import structlog
from celery import Task, shared_task
from django.conf import settings
from kombu.exceptions import KombuError

from competition.organizing.rescoring.rescore import rescore
from competition.submissions.models import Rescoring
from competition.submissions.tasks import end_process

log = structlog.get_logger(__name__)

__all__ = ["enqueue_rescoring", "reclaim_rescorings", "rescore_batch"]


@shared_task(bind=True)
def rescore_batch(self: Task, rescoring_id: int) -> None:
    """One batch, then to the end of the queue: submissions of the day do not wait for all of a rescoring."""
    if rescore(rescoring_id, worker=self.request.hostname or "worker", on_overtime=end_process):
        enqueue_rescoring(rescoring_id)


@shared_task
def reclaim_rescorings() -> None:
    """Ring for every rescoring that waits for a worker: its message was lost, or its worker died."""
    for rescoring_id in Rescoring.objects.unattended().values_list("pk", flat=True):
        enqueue_rescoring(rescoring_id, expires=settings.RECLAIM_SECONDS)


def enqueue_rescoring(rescoring_id: int, expires: float | None = None) -> None:
    """Tell the workers; a broker that is down does no harm, `reclaim_rescorings` rings later."""
    try:
        rescore_batch.apply_async([rescoring_id], expires=expires, retry=False)
    except (KombuError, OSError) as error:
        log.warning("broker.unreachable", rescoring=rescoring_id, error=str(error))
