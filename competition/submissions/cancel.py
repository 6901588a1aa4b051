"""Taking a submission back before it is scored."""

import structlog
from django.utils import timezone
from django.utils.translation import gettext as _

from competition.accounts.models import User
from competition.contests.joining import refuse_inactive
from competition.refusal import Refusal
from competition.submissions.models import State, Submission

log = structlog.get_logger(__name__)

CANCELLABLE = (State.RECEIVED, State.VALIDATING, State.QUEUED)


def refuse_strangers(user: User, submission: Submission) -> None:
    """Only the team itself acts on its submissions, whoever else may see them."""
    refuse_inactive(user)
    if not submission.team.participations.filter(user=user).exists():
        raise Refusal(
            _("Only the team that made a submission may change it."), code="not_a_member", status=403
        )


def cancel_submission(*, user: User, submission: Submission) -> Submission:
    """Withdraw a submission whose scoring has not begun; it does not count for the day.

    Compare-and-set: of a member who cancels and a worker who claims at the same time, one succeeds.
    """
    refuse_strangers(user, submission)
    cancelled = Submission.objects.filter(pk=submission.pk, state__in=CANCELLABLE).update(
        state=State.CANCELLED, finished_at=timezone.now(), lease_owner="", lease_expires_at=None
    )
    if not cancelled:
        raise Refusal(_("It is too late to cancel: scoring has begun."), code="too_late")
    log.info("submission.cancelled", id=str(submission.pk), user=user.pk)
    submission.refresh_from_db()
    return submission
