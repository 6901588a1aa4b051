"""The moment in which a rescoring's metric, solution and scores become everybody's."""

import structlog
from django.db import transaction
from django.utils import timezone

from competition.contests.models import Competition
from competition.organizing.rescoring.before_after import frozen_report
from competition.organizing.rescoring.progress import remaining
from competition.submissions import yardstick
from competition.submissions.ladder import climb_again
from competition.submissions.leases import Lease
from competition.submissions.models import Rescoring

log = structlog.get_logger(__name__)


def put_into_force(competition: Competition, rescoring: Rescoring) -> None:
    """Inside a transaction of the caller that holds `yardstick.lock`: from its commit on everybody reads the
    new scores, until then nobody does."""
    now = timezone.now()
    climb_again(competition, rescoring)
    report = frozen_report(competition, rescoring)
    competition.metric, competition.metric_version = rescoring.metric, rescoring.metric_version
    competition.save(update_fields=["metric", "metric_version"])
    if rescoring.solution is not None:
        rescoring.solution.published_at = now
        rescoring.solution.save(update_fields=["published_at"])
    rescoring.state, rescoring.finished_at, rescoring.report = Rescoring.State.PUBLISHED, now, report
    rescoring.lease_owner, rescoring.lease_expires_at = "", None
    rescoring.save()
    climb_again(competition)  # of entries too that keep their old score
    log.info(
        "rescoring.published",
        id=rescoring.pk,
        competition=competition.slug,
        user=rescoring.finished_by_id,
        metric_version=rescoring.metric_version,
        solution=rescoring.solution_id,
        failures_accepted=rescoring.accept_failures,
        closed=competition.is_closed,
    )


def finish_publishing(lease: Lease) -> None:
    """The worker's part: publish what nothing remains of, or let the next batch come."""
    with transaction.atomic():
        held = lease.held().first()
        competition = yardstick.lock(held.competition_id) if held else None
        rescoring = lease.held().select_for_update().first()
        if competition is None or rescoring is None:
            return  # discarded meanwhile
        if remaining(rescoring).exists():
            lease.release(Rescoring.State.PUBLISHING)
        elif rescoring.failures.exists() and not rescoring.accept_failures:
            # An entry that came in at last could not be scored: the organizer has not agreed to that.
            lease.release(Rescoring.State.READY, finished_by=None)
        else:
            put_into_force(competition, rescoring)
