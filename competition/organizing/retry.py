"""A submission that failed through no fault of its team is scored once more."""

from functools import partial

import structlog
from django.db import transaction
from django.utils.translation import gettext as _

from competition.refusal import Refusal
from competition.submissions.models import State, Submission
from competition.submissions.tasks import enqueue

log = structlog.get_logger(__name__)


def retry_submission(*, submission: Submission) -> None:
    """Queue a failed submission again, with all its attempts. Raises Refusal in any other state.

    It counts for the day it was received on, also where the team has replaced it meanwhile.
    """
    with transaction.atomic():
        claimed = Submission.objects.filter(pk=submission.pk, state=State.FAILED).update(
            state=State.QUEUED,
            attempts=0,
            error="",
            finished_at=None,
            not_before=None,
            lease_owner="",
            lease_expires_at=None,
        )
        if not claimed:
            raise Refusal(_("Only a failed submission can be retried."), code="not_failed")
        transaction.on_commit(partial(enqueue, submission.pk))
    log.info("submission.retried", id=str(submission.pk))
