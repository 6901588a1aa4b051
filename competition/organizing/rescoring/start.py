"""An organizer has all entries scored again, because the metric, the solution or the engine has changed."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import structlog
from django.core.files import File
from django.db import transaction
from django.utils.translation import gettext as _

from competition.accounts.models import User
from competition.contests.models import Competition
from competition.datasets.corrections import correct_solution
from competition.datasets.downloads import current_release
from competition.datasets.models import Release, SolutionVersion
from competition.organizing.metric import (
    canonical,
    refuse_missing_columns,
    refuse_other_files,
    refuse_untried,
    validated,
)
from competition.organizing.tasks import enqueue_rescoring
from competition.refusal import Refusal
from competition.submissions import yardstick
from competition.submissions.models import Rescoring, State

log = structlog.get_logger(__name__)


def start_rescoring(
    *,
    user: User | None,
    competition: Competition,
    reason: str,
    reason_ja: str = "",
    metric: Mapping[str, Any] | None = None,
    solution: File | None = None,
) -> Rescoring:
    """Begin: nothing changes for anybody until it is published. Allowed after the close too.

    reason: participants read it. metric: another configuration, None where it stays. solution: a corrected
    `solution.parquet`, None where it stays. Neither: the same again, with the engine as it is now.
    Raises Refusal without a reason or an entry, while another rescoring is unfinished, on a metric that
    cannot be or would need other files, and on a solution that `correct_solution` does not take.
    """
    reason, reason_ja = (" ".join(text.replace("\0", " ").split()) for text in (reason, reason_ja))
    if not reason:
        raise Refusal(_("Say why: participants read the reason."), code="no_reason", status=422)
    wanted = validated(metric) if metric is not None else None
    _refuse_if_impossible(competition)
    corrected = _corrected(user, competition, solution) if solution is not None else None
    try:
        with transaction.atomic():
            return _begin(
                competition,
                metric=wanted,
                reason=reason,
                reason_ja=reason_ja,
                solution=corrected,
                started_by=user,
            )
    except Refusal:
        if corrected is not None:
            corrected.file.delete(save=False)
            corrected.delete()
        raise


def _begin(competition: Competition, *, metric: dict[str, Any] | None, **fields: Any) -> Rescoring:
    competition = yardstick.lock(competition.pk)
    _refuse_if_impossible(competition)
    changed = metric is not None and metric != canonical(competition.metric)
    if metric is not None and changed:
        refuse_other_files(competition, metric)
        refuse_untried(competition, metric)
    release = current_release(competition)
    if release is not None:
        solution = release.path_of(fields.get("solution") or release.solution)
        refuse_missing_columns(metric if metric and changed else competition.metric, solution)
    rescoring = Rescoring.objects.create(
        competition=competition,
        metric=metric if changed else competition.metric,
        metric_version=competition.metric_version + changed,
        **fields,
    )
    transaction.on_commit(partial(enqueue_rescoring, rescoring.pk))
    log.info(
        "rescoring.started",
        id=rescoring.pk,
        competition=competition.slug,
        user=rescoring.started_by_id,
        reason=rescoring.reason,
        metric_changed=changed,
        solution=rescoring.solution_id,
        closed=competition.is_closed,
    )
    return rescoring


def _refuse_if_impossible(competition: Competition) -> None:
    running = competition.rescorings.unfinished().first()
    if running is not None:
        raise Refusal(
            _("A rescoring is under way already (“%(reason)s”): publish or discard it first.")
            % {"reason": running.reason},
            code="rescoring_under_way",
        )
    if not competition.submissions.filter(state=State.SCORED).exists():
        raise Refusal(_("No entry has been scored yet: there is nothing to score again."), code="no_entries")


def _corrected(user: User | None, competition: Competition, file: File) -> SolutionVersion:
    release = Release.objects.filter(competition=competition, is_current=True).first()
    if release is None:
        raise Refusal(_("This competition has no data yet."), code="no_release")
    return correct_solution(user=user, release=release, file=file)
