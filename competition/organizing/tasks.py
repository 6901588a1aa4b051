"""The doorbells of rescorings and of uploaded metrics. The database knows what is to be done: a message may
be lost or come twice."""

import structlog
from celery import Task, shared_task
from django.conf import settings
from kombu.exceptions import KombuError

from competition.contests.models import OwnMetric
from competition.organizing.own_metric.trial import try_uploaded
from competition.organizing.rescoring.rescore import rescore
from competition.submissions.models import Rescoring
from competition.submissions.tasks import end_process

log = structlog.get_logger(__name__)

__all__ = [
    "enqueue_own_metric",
    "enqueue_rescoring",
    "reclaim_own_metrics",
    "reclaim_rescorings",
    "rescore_batch",
    "try_own_metric",
]


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


@shared_task(bind=True)
def try_own_metric(self: Task, own_metric_id: int) -> None:
    try_uploaded(own_metric_id, worker=self.request.hostname or "worker", on_overtime=end_process)


@shared_task
def reclaim_own_metrics() -> None:
    """Ring for every uploaded metric that waits for its test run."""
    for own_metric_id in OwnMetric.objects.unattended().values_list("pk", flat=True):
        enqueue_own_metric(own_metric_id, expires=settings.RECLAIM_SECONDS)


def enqueue_rescoring(rescoring_id: int, expires: float | None = None) -> None:
    """Tell the workers; a broker that is down does no harm, `reclaim_rescorings` rings later."""
    _ring(rescore_batch, rescoring_id, expires)


def enqueue_own_metric(own_metric_id: int, expires: float | None = None) -> None:
    """As `enqueue_rescoring`, for `reclaim_own_metrics`."""
    _ring(try_own_metric, own_metric_id, expires)


def _ring(task: Task, pk: int, expires: float | None) -> None:
    try:
        task.apply_async([pk], expires=expires, retry=False)
    except (KombuError, OSError) as error:
        log.warning("broker.unreachable", task=task.name, id=pk, error=str(error))
