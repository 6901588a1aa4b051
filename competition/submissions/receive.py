"""Accepting a submission: the limits are checked under the lock of the team's row, the file is stored and
validated, and a worker is told."""

import os
import socket
import uuid
from datetime import UTC, datetime, timedelta
from functools import partial

import structlog
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.template.defaultfilters import filesizeformat
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from competition.accounts.models import User
from competition.contests.joining import current_rules, participation_of, refuse_inactive
from competition.contests.models import Competition, Team
from competition.contests.teams import lock_team_of
from competition.datasets.models import Release
from competition.refusal import Refusal
from competition.submissions.files import largest_upload, read_submission
from competition.submissions.leases import Lease, claim
from competition.submissions.models import State, Submission
from competition.submissions.tasks import enqueue
from competition.uploaded_files import sha256_of
from scoring import InvalidSubmission, MetricConfig

log = structlog.get_logger(__name__)

MESSAGE_LENGTH = Submission._meta.get_field("message").max_length or 0
FILENAME_LENGTH = Submission._meta.get_field("filename").max_length or 0


def next_reset() -> datetime:
    """When the daily limit starts anew: at midnight, UTC."""
    return _today() + timedelta(days=1)


def remaining_today(team: Team) -> int:
    """How many submissions the team may still make before `next_reset`."""
    made = team.submissions.counted().filter(received_at__gte=_today()).count()
    return max(0, team.competition.daily_limit - made)


def receive_submission(
    *, user: User, competition: Competition, file: UploadedFile | None, message: str = ""
) -> Submission:
    """Store, validate and enqueue a submission. Look at its state: an invalid file's row is kept, with its
    problems, and does not count.

    Refused (nothing is kept): an account that is deactivated or takes no part, rules not accepted as they are
    now, a competition that is not open, has no data, no submission left today, no file, too large a file.
    """
    message = " ".join(message.replace("\0", " ").split())  # PostgreSQL takes no NUL
    file = _refuse_unacceptable(user, competition, file, message)
    submission = Submission(
        id=uuid.uuid4(),
        competition=competition,
        user=user,
        message=message,
        filename=_shown_name(file.name or ""),
        size=file.size or 0,
        sha256=sha256_of(file),
    )
    # Stored before the lock is taken: other members must not wait for a disk or another machine.
    submission.file.save(submission.filename, file, save=False)
    try:
        _admit(submission)
    except BaseException:
        submission.file.delete(save=False)
        raise
    log.info("submission.received", id=str(submission.pk), team=submission.team_id, bytes=submission.size)
    _validate(submission)
    submission.refresh_from_db()
    return submission


def _refuse_unacceptable(
    user: User, competition: Competition, file: UploadedFile | None, message: str
) -> UploadedFile:
    """What can be told before the file is stored; the rest, and what may change meanwhile, in `_admit`."""
    refuse_inactive(user)
    participation = participation_of(user, competition)
    _refuse_unless_open(competition)
    if participation is None:
        raise Refusal(_("Join the competition before you submit."), code="not_joined", status=403)
    if file is None or not file.name:
        raise Refusal(_("Choose a file to submit."), code="no_file", status=422)
    if len(message) > MESSAGE_LENGTH:
        raise Refusal(
            _("The description has at most %(length)d characters.") % {"length": MESSAGE_LENGTH},
            code="long_message",
            status=422,
        )
    size, largest = file.size or 0, largest_upload(competition)
    if size > largest:
        raise Refusal(
            _(
                "The file has %(size)s, and at most %(largest)s are accepted here. Compress it with gzip or"
                " zstd, or send Parquet."
            )
            % {"size": filesizeformat(size), "largest": filesizeformat(largest)},
            code="too_large",
            status=413,
        )
    _refuse_over_limit(participation.team)
    return file


@transaction.atomic
def _admit(submission: Submission) -> None:
    """Check everything under the team's lock and save the row: of many at once, as many get in as may."""
    team = lock_team_of(submission.user, submission.competition)
    competition = Competition.objects.get(pk=submission.competition_id)
    submission.received_at = timezone.now()
    _refuse_unless_open(competition)
    participation = participation_of(submission.user, competition)
    if team is None or participation is None:
        raise Refusal(_("Join the competition before you submit."), code="not_joined", status=403)
    if participation.rules != current_rules(competition):
        raise Refusal(
            _("The rules have changed. Read and accept them before you submit again."),
            code="rules_changed",
            status=403,
        )
    release = Release.objects.filter(competition=competition, is_current=True).first()
    if release is None:
        raise Refusal(_("This competition has no data yet."), code="no_release")
    _refuse_over_limit(team)
    submission.team, submission.release = team, release
    submission.save(force_insert=True)


def _validate(submission: Submission) -> None:
    """Tell the participant at once what is wrong with the file, or put it in the queue.

    Should this process die on the way, a worker takes over once the lease has expired.
    """
    lease = claim(submission.pk, owner=f"web {socket.gethostname()} {os.getpid()}", state=State.VALIDATING)
    if lease is None:  # a worker was faster
        return
    try:
        valid = read_submission(
            submission,
            MetricConfig.model_validate(submission.competition.metric),
            n_rows=submission.release.manifest["counts"]["test"]["images"],
        )
    except InvalidSubmission as invalid:
        lease.release(State.INVALID, problems=[problem.to_dict() for problem in invalid.problems])
        log.info("submission.invalid", id=str(submission.pk), problems=len(invalid.problems))
    except Exception:
        # Ours, not the participant's: the worker will see it too, try again, and tell the organizers.
        log.exception("submission.not_validated", id=str(submission.pk))
        _queue(lease)
    else:
        _queue(lease, warnings=valid.warnings)


def _queue(lease: Lease, **fields) -> None:
    with transaction.atomic():
        if lease.release(State.QUEUED, **fields):
            transaction.on_commit(partial(enqueue, lease.pk))


def _refuse_unless_open(competition: Competition) -> None:
    state = competition.state
    if state == Competition.State.DRAFT:
        raise Refusal(_("This competition is not published yet."), code="not_published", status=404)
    if state == Competition.State.UPCOMING:
        raise Refusal(
            _("Submissions open on %(date)s.") % {"date": _date(competition.opens_at)},
            code="not_open",
            status=403,
            retry_after=_seconds_until(competition.opens_at),
        )
    if state == Competition.State.CLOSED:
        raise Refusal(
            _("Submissions ended on %(date)s.") % {"date": _date(competition.closes_at)},
            code="closed",
            status=403,
        )


def _refuse_over_limit(team: Team) -> None:
    if remaining_today(team):
        return
    limit = team.competition.daily_limit
    raise Refusal(
        ngettext(
            "Your team has made its %(limit)d submission of today. The next one is possible from %(reset)s.",
            "Your team has made its %(limit)d submissions of today. The next one is possible from %(reset)s.",
            limit,
        )
        % {"limit": limit, "reset": _date(next_reset())},
        code="daily_limit",
        status=429,
        retry_after=_seconds_until(next_reset()),
    )


def _shown_name(name: str) -> str:
    """What the sender called the file, to be shown; its end, which tells the format, is kept."""
    printable = "".join(character for character in name if character.isprintable())
    return printable[-FILENAME_LENGTH:].strip() or "submission"


def _today() -> datetime:
    return datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _seconds_until(moment: datetime) -> int:
    return max(1, round((moment - timezone.now()).total_seconds()))


def _date(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
