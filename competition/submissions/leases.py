"""A claim on a submission, or on a rescoring: taken by compare-and-set, kept by a heartbeat, lost by silence.

Whoever works on a submission holds its lease: the web process while it validates, a worker while it scores.
Every result is written on the condition that the lease is still held, so that two who both believe to be in
charge cannot both write. The clocks of all machines must agree to a few seconds (NTP).
"""

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection
from django.db.models import F, QuerySet, Value
from django.db.models.functions import Concat
from django.utils import timezone

from competition.contests.models import OwnMetric
from competition.submissions.models import Rescoring, State, Submission

log = structlog.get_logger(__name__)

# Attempts are counted when they begin: a file that kills its worker ends here too.
MAX_ATTEMPTS = 3


@dataclass(frozen=True)
class Lease:
    """The right to work on one row of `model`, as long as `held()` finds it."""

    model: type[Submission] | type[Rescoring] | type[OwnMetric]
    pk: Any
    owner: str
    state: str

    def held(self) -> QuerySet:
        """The row if this lease is still its lease, else nothing."""
        return self.model.objects.filter(pk=self.pk, state=self.state, lease_owner=self.owner)

    def release(self, state: str, **fields) -> bool:
        """Let go of the row in `state` and set `fields`; False, and nothing, if the lease was lost."""
        if state in (State.SCORED, State.INVALID, State.FAILED):
            fields["finished_at"] = timezone.now()
        done = self.held().update(state=state, lease_owner="", lease_expires_at=None, **fields)
        if not done:
            log.warning(self._event("lease_lost"), id=str(self.pk), owner=self.owner)
        return bool(done)

    @contextmanager
    def kept_alive(
        self, *, on_overtime: Callable[[], None] | None = None, submissions: int = 1
    ) -> Iterator[None]:
        """Extend the lease from a thread, for `SCORING_SECONDS` for each of the `submissions` at most; then
        let it run out and call `on_overtime` (in that thread), since whatever takes so long is stuck."""
        done = threading.Event()
        seconds = settings.SCORING_SECONDS * submissions
        thread = threading.Thread(
            target=self._beat, args=(done, seconds, on_overtime), name="lease", daemon=True
        )
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def _event(self, what: str) -> str:
        return f"{self.model._meta.model_name}.{what}"

    def _beat(self, done: threading.Event, seconds: float, on_overtime: Callable[[], None] | None) -> None:
        end = time.monotonic() + seconds
        while not done.wait(min(settings.LEASE_SECONDS / 3, max(0.0, end - time.monotonic()))):
            if time.monotonic() >= end:
                log.error(self._event("overtime"), id=str(self.pk), seconds=seconds)
                if on_overtime:
                    on_overtime()
                return
            try:
                if not self.held().update(lease_expires_at=lease_end()):
                    return  # cancelled or taken over: `release` will find out
            except DatabaseError:
                log.exception(self._event("heartbeat_failed"), id=str(self.pk))
            finally:
                connection.close()  # of this thread


def claim(submission_id: uuid.UUID, *, owner: str, state: State = State.SCORING) -> Lease | None:
    """Take a submission that is in nobody's hands. None if it is finished, taken, or not due yet.

    Of many who try, the database lets one succeed. A submission whose attempts are used up fails instead.
    """
    free = Submission.objects.unattended().filter(pk=submission_id)
    if state == State.VALIDATING:
        free = free.filter(state=State.RECEIVED)
    elif _give_up_if_exhausted(submission_id):
        return None
    lease = Lease(Submission, submission_id, lease_owner(owner), state)
    taken = free.update(
        state=state,
        lease_owner=lease.owner,
        lease_expires_at=lease_end(),
        attempts=F("attempts") + (1 if state == State.SCORING else 0),
    )
    return lease if taken else None


def _give_up_if_exhausted(submission_id: uuid.UUID) -> bool:
    silent = (
        f"Attempt {MAX_ATTEMPTS} of {MAX_ATTEMPTS} ended without a word: its worker was killed (out of"
        f" memory?) or took longer than {settings.SCORING_SECONDS:g} s."
    )
    given_up = (
        Submission.objects.unattended()
        .filter(pk=submission_id, attempts__gte=MAX_ATTEMPTS)
        .update(
            state=State.FAILED,
            finished_at=timezone.now(),
            lease_owner="",
            lease_expires_at=None,
            error=Concat(F("error"), Value(silent)),
        )
    )
    if given_up:
        log.error("submission.failed", id=str(submission_id), attempts=MAX_ATTEMPTS, error=silent)
    return bool(given_up)


def lease_owner(name: str) -> str:
    """A name for people, and what makes it this claim's alone."""
    return f"{name[:80]} {uuid.uuid4().hex}"


def lease_end() -> datetime:
    return timezone.now() + timedelta(seconds=settings.LEASE_SECONDS)
