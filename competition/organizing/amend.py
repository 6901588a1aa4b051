"""An organizer changes a competition, within what is fair to those who already take part."""

from collections.abc import Mapping
from datetime import datetime
from functools import partial

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Count, Q
from django.template.defaultfilters import filesizeformat
from django.utils import timezone
from django.utils.translation import gettext as _

from competition.contests.models import Competition, RulesVersion
from competition.datasets.downloads import current_release
from competition.datasets.models import Release
from competition.datasets.registration import register_release
from competition.organizing.metric import (
    canonical,
    refuse_missing_columns,
    refuse_other_files,
    refuse_untried,
    validated,
)
from competition.refusal import Refusal
from competition.submissions import yardstick
from competition.submissions.models import State

log = structlog.get_logger(__name__)

TEXTS = tuple(
    f"{name}{language}"
    for name in ("title", "tagline", "overview", "evaluation", "prizes", "data_notes")
    for language in ("", "_ja")
)
LIMITS = ("daily_limit", "max_team_size", "max_finals", "max_upload_bytes")


def amend_texts(*, competition: Competition, texts: Mapping[str, str]) -> None:
    """Replace some of TEXTS. Allowed at any time: after the close the overview tells who won."""
    unknown = set(texts) - set(TEXTS)
    if unknown:
        raise ValueError(f"not a text of a competition: {sorted(unknown)}")
    _write(competition, **texts)
    log.info("competition.texts_amended", competition=competition.slug, texts=sorted(texts))


def amend_limits(*, competition: Competition, limits: Mapping[str, int]) -> None:
    """Replace some of LIMITS.

    Raises Refusal after the close, above the site's own limit for uploads, or where a team has already chosen
    more final submissions than would be allowed.
    """
    unknown = set(limits) - set(LIMITS)
    if unknown:
        raise ValueError(f"not a limit of a competition: {sorted(unknown)}")
    if limits.get("max_upload_bytes", 0) > settings.MAX_UPLOAD_BYTES:
        raise Refusal(
            _("This site takes files of at most %(size)s. Choose a lower limit, or ask its operator.")
            % {"size": filesizeformat(settings.MAX_UPLOAD_BYTES)},
            code="above_the_sites_limit",
        )
    with transaction.atomic():
        competition = _locked(competition)
        _refuse_if_closed(competition)
        if "max_finals" in limits:
            chosen = competition.teams.annotate(
                finals=Count("submissions", filter=Q(submissions__is_final=True))
            ).filter(finals__gt=limits["max_finals"])
            if chosen.exists():
                raise Refusal(
                    _("%(team)s has already chosen more final submissions than that.")
                    % {"team": chosen.first()},
                    code="finals_chosen",
                )
        _write(competition, **limits)
    log.info("competition.limits_amended", competition=competition.slug, **limits)


def move_timeline(*, competition: Competition, opens_at: datetime, closes_at: datetime) -> None:
    """Move opening and deadline. Raises Refusal on a closed competition (its private scores are out), on a
    deadline in the past (closing is a step of its own), and on an opening moved after it has happened."""
    now = timezone.now()
    if closes_at <= opens_at:
        raise Refusal(_("The competition must close after it opens."), code="closes_before_it_opens")
    with transaction.atomic():
        competition = _locked(competition)
        _refuse_if_closed(competition)
        if competition.published_at is not None:
            if closes_at <= now:
                raise Refusal(
                    _("The deadline lies in the past. To end the competition at once, close it."),
                    code="deadline_in_the_past",
                )
            if opens_at != competition.opens_at and min(opens_at, competition.opens_at) <= now:
                raise Refusal(
                    _("The opening can be moved only before it happens, and only to a later time than now."),
                    code="opening_has_happened",
                )
        _write(competition, opens_at=opens_at, closes_at=closes_at)
    log.info("competition.timeline_moved", competition=competition.slug, opens=opens_at, closes=closes_at)


def change_metric(*, competition: Competition, metric: Mapping[str, object]) -> bool:
    """Put another metric configuration into force, as a new version; tell whether anything changed.

    Raises Refusal after the close, on a configuration that `MetricConfig` does not take, where files already
    submitted would have to be of another kind, and once an entry is scored: two metrics on one leaderboard
    compare nothing. From then on a rescoring changes the metric, for all entries at once.
    """
    new = validated(metric)
    with transaction.atomic():
        competition = yardstick.lock(competition.pk)
        if new == canonical(competition.metric):
            return False
        if competition.submissions.filter(state=State.SCORED).exists():
            raise Refusal(
                _("Entries have been scored with the metric in force. Rescore them all to change it."),
                code="rescoring_needed",
            )
        _refuse_if_closed(competition)
        refuse_other_files(competition, new)
        refuse_untried(competition, new)
        release = current_release(competition)
        refuse_missing_columns(new, release.solution_path if release else None)
        _write(competition, metric=new, metric_version=competition.metric_version + 1)
    log.info("competition.metric_changed", competition=competition.slug, version=competition.metric_version)
    return True


def change_rules(*, competition: Competition, body: str, body_ja: str = "") -> RulesVersion | None:
    """Put new rules into force: a version of its own, which each participant has to accept before the next
    submission. None where nothing changed. Raises Refusal after the close and on empty rules."""
    if not body.strip():
        raise Refusal(_("Rules cannot be empty."), code="rules_empty", status=400)
    with transaction.atomic():
        competition = _locked(competition)
        latest = competition.rules_versions.first()
        if latest is not None and (latest.body, latest.body_ja) == (body, body_ja):
            return None
        _refuse_if_closed(competition)
        rules = RulesVersion.objects.create(
            competition=competition, number=latest.number + 1 if latest else 1, body=body, body_ja=body_ja
        )
    log.info("competition.rules_changed", competition=competition.slug, version=rules.number)
    return rules


def change_release(*, competition: Competition, folder: str) -> Release:
    """Make the release in `folder` the competition's data, after every byte of it is verified.

    Raises Refusal after the close, on a damaged release, on one that lacks a column which the metric names,
    and once there are submissions (`register_release`).
    """
    _refuse_if_closed(competition)
    metric = canonical(competition.metric)
    release = register_release(
        competition=competition,
        folder=folder,
        refuse_unfit=partial(refuse_missing_columns, metric) if metric else None,
    )
    log.info("competition.release_changed", competition=competition.slug, folder=folder)
    return release


def _locked(competition: Competition) -> Competition:
    return Competition.objects.select_for_update().get(pk=competition.pk)


def _write(competition: Competition, **fields: object) -> None:
    """Write these fields alone: what another organizer changes meanwhile stays."""
    for name, value in fields.items():
        setattr(competition, name, value)
    competition.save(update_fields=list(fields))


def _refuse_if_closed(competition: Competition) -> None:
    if competition.is_closed:
        raise Refusal(
            _("The competition is closed and its private scores are out: this can no longer be changed."),
            code="closed",
        )
