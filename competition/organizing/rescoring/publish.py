"""What becomes of a rescoring: it is published, for everybody at once, or discarded."""

from functools import partial

import structlog
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from competition.accounts.models import User
from competition.organizing.rescoring.into_force import put_into_force
from competition.organizing.rescoring.progress import remaining
from competition.organizing.tasks import enqueue_rescoring
from competition.refusal import Refusal
from competition.submissions import yardstick
from competition.submissions.models import Rescoring, Score

log = structlog.get_logger(__name__)


def publish_rescoring(*, user: User | None, rescoring: Rescoring, accept_failures: bool = False) -> Rescoring:
    """Put its metric and solution into force and its scores on the boards, in one transaction.

    Where entries came in since it was ready, a worker scores these first and publishes then: nobody is left
    with a score of the old kind. accept_failures: entries that could not be scored keep the score they have.
    Raises Refusal if it is not ready (any more), if nothing was scored, and on failures not accepted.
    """
    with transaction.atomic():
        competition = yardstick.lock(rescoring.competition_id)
        rescoring = Rescoring.objects.select_for_update().get(pk=rescoring.pk)
        if rescoring.state in (Rescoring.State.PUBLISHED, Rescoring.State.PUBLISHING):
            raise Refusal(_("Somebody else has just published this rescoring."), code="rescoring_published")
        if rescoring.state != Rescoring.State.READY:
            raise Refusal(
                _("This rescoring is not ready to be published: it is %(state)s.")
                % {"state": rescoring.get_state_display()},
                code="rescoring_not_ready",
            )
        _refuse_failures(rescoring, accept_failures)
        rescoring.finished_by, rescoring.accept_failures = user, accept_failures
        if remaining(rescoring).exists():
            rescoring.state = Rescoring.State.PUBLISHING
            rescoring.save()
            transaction.on_commit(partial(enqueue_rescoring, rescoring.pk))
            log.info("rescoring.publishing", id=rescoring.pk, user=user and user.pk)
        else:
            put_into_force(competition, rescoring)
    return rescoring


def discard_rescoring(*, user: User | None, rescoring: Rescoring) -> None:
    """End it without any effect, at whatever point it is. What was scored stays unseen, as a record."""
    discarded = (
        Rescoring.objects.unfinished()
        .filter(pk=rescoring.pk)
        .update(
            state=Rescoring.State.DISCARDED,
            finished_by=user,
            finished_at=timezone.now(),
            lease_owner="",
            lease_expires_at=None,
        )
    )
    if not discarded:
        raise Refusal(_("This rescoring has come to its end already."), code="rescoring_finished")
    log.info("rescoring.discarded", id=rescoring.pk, user=user and user.pk)


def complete_rescoring(*, user: User | None, rescoring: Rescoring) -> None:
    """Have the entries scored that came in since it was ready, and once more those that failed."""
    with transaction.atomic():
        woken = Rescoring.objects.filter(pk=rescoring.pk, state=Rescoring.State.READY).update(
            state=Rescoring.State.RUNNING, attempts=0, one_by_one=0
        )
        if not woken:
            raise Refusal(_("This rescoring is not waiting for a decision."), code="rescoring_not_ready")
        rescoring.failures.all().delete()
        transaction.on_commit(partial(enqueue_rescoring, rescoring.pk))
    log.info("rescoring.completed_again", id=rescoring.pk, user=user and user.pk)


def _refuse_failures(rescoring: Rescoring, accepted: bool) -> None:
    failed = rescoring.failures.count()
    if failed and not Score.with_unpublished.filter(rescoring=rescoring).exists():
        raise Refusal(
            _("No entry could be scored again, so there is nothing to publish."), code="nothing_scored"
        )
    if failed and not accepted:
        raise Refusal(
            ngettext(
                "%(count)d entry could not be scored again and would keep its old score. Agree to that"
                " first.",
                "%(count)d entries could not be scored again and would keep their old scores. Agree to that"
                " first.",
                failed,
            )
            % {"count": failed},
            code="rescoring_failures",
        )
