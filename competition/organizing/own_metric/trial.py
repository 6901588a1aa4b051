"""A worker's part: try an uploaded metric on answers to the competition's own solution."""

import traceback
from collections.abc import Callable

import structlog
from django.db.models import F

from competition.contests.models import OwnMetric
from competition.submissions.leases import MAX_ATTEMPTS, Lease, lease_end, lease_owner
from competition.submissions.own_metric import metric_file
from competition.submissions.resident import solution_at
from scoring.metrics import OwnMetric as OwnMetricConfig
from scoring.own_metric import SandboxUnavailable
from scoring.own_metric.trial import try_metric

log = structlog.get_logger(__name__)

# A trial calls the metric as often as so many submissions do.
AS_MANY_AS_SUBMISSIONS = 4


def try_uploaded(pk: int, *, worker: str, on_overtime: Callable[[], None] | None = None) -> None:
    """Bring an uploaded file to `usable` or `unusable`. Does nothing where another worker is at it."""
    lease = _claim(pk, owner=worker)
    if lease is None:
        return
    uploaded = OwnMetric.objects.select_related("competition").get(pk=pk)
    try:
        if uploaded.attempts > MAX_ATTEMPTS:
            raise RuntimeError("it ended its worker each time")
        with lease.kept_alive(on_overtime=on_overtime, submissions=AS_MANY_AS_SUBMISSIONS):
            _try(lease, uploaded)
    except Exception as error:
        log.exception("own_metric.trial_failed", id=pk)
        reason = str(error) if isinstance(error, SandboxUnavailable) else traceback.format_exc(limit=-4)
        lease.release(OwnMetric.State.UNUSABLE, error=reason.replace("\0", " "))
    except BaseException:  # the worker is told to stop
        lease.release(OwnMetric.State.TESTING, attempts=F("attempts") - 1)
        raise


def _try(lease: Lease, uploaded: OwnMetric) -> None:
    release = uploaded.competition.releases.filter(is_current=True).first()
    if release is None:
        lease.release(OwnMetric.State.UNUSABLE, error="The competition has no data to try it on yet.")
        return
    config = OwnMetricConfig.model_validate(uploaded.metric).with_file(metric_file(uploaded))
    trial = try_metric(config, solution_at(release.path_of(release.solution)))
    state = OwnMetric.State.UNUSABLE if trial.problems else OwnMetric.State.USABLE
    lease.release(state, report=trial.to_dict(), error="")
    log.info("own_metric.tried", id=uploaded.pk, state=state, problems=trial.problems)


def _claim(pk: int, *, owner: str) -> Lease | None:
    lease = Lease(OwnMetric, pk, lease_owner(owner), OwnMetric.State.TESTING)
    taken = (
        OwnMetric.objects.unattended()
        .filter(pk=pk)
        .update(lease_owner=lease.owner, lease_expires_at=lease_end(), attempts=F("attempts") + 1)
    )
    return lease if taken else None
