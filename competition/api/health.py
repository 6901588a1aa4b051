"""Is everything there that a submission needs? For load balancers, containers and people on call."""

import structlog
from django.db import connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from competition.celery import app
from competition.submissions.workers import workers_alive

log = structlog.get_logger(__name__)

BROKER_TIMEOUT = 2  # seconds


@never_cache
@require_safe
def health(request: HttpRequest) -> JsonResponse:
    """200 where database, broker and a worker answer, else 503; each with "ok" or what is the matter.

    It says nothing that a stranger could use: the reasons are in the log.
    """
    parts = {"database": _database(), "broker": _broker()}
    parts["worker"] = _worker() if parts["database"] == "ok" else "unknown: the database does not answer"
    healthy = all(answer == "ok" for answer in parts.values())
    return JsonResponse(
        {"status": "ok" if healthy else "unavailable", **parts}, status=200 if healthy else 503
    )


def _database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Exception as error:  # noqa: BLE001 - whatever the driver raises, the answer is the same
        log.error("health.database", reason=str(error))
        return "does not answer"
    return "ok"


def _broker() -> str:
    try:
        with app.connection_for_write(connect_timeout=BROKER_TIMEOUT) as broker:
            broker.ensure_connection(max_retries=1, timeout=BROKER_TIMEOUT)
    except Exception as error:  # noqa: BLE001 - each transport has its own
        log.error("health.broker", reason=str(error))
        return "does not answer"
    return "ok"


def _worker() -> str:
    return "ok" if workers_alive().exists() else "none has been seen lately"
