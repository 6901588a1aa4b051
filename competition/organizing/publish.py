"""A draft becomes visible to everybody."""

import structlog
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from pydantic import ValidationError

from competition.contests.models import Competition
from competition.datasets.downloads import current_release
from competition.organizing.metric import refuse_missing_columns
from competition.refusal import Refusal

log = structlog.get_logger(__name__)


def missing_for_publication(competition: Competition) -> list[str]:
    """What a draft still lacks, each in a sentence that says what to do; empty when it may be published."""
    missing = []
    release = current_release(competition)
    if release is None:
        missing.append(_("It has no data: register a release."))
    if not competition.overview.strip():
        missing.append(_("The overview is empty: write what the competition is about."))
    if not competition.rules_versions.exists():
        missing.append(_("It has no rules: write what participants accept."))
    if competition.closes_at <= timezone.now():
        missing.append(_("It would close in the past: move the deadline."))
    try:
        refuse_missing_columns(competition.metric, release.solution_path if release else None)
    except ValidationError:
        missing.append(_("The metric configuration is not valid: correct it."))
    except Refusal as refusal:
        missing.append(_("The metric does not go with the data: %(reason)s.") % {"reason": refusal.message})
    return missing


def publish_competition(*, competition: Competition) -> Competition:
    """Show the competition to everybody. It opens at `opens_at`; there is no way back to a draft.

    Raises Refusal where it is published already or something is missing.
    """
    with transaction.atomic():
        competition = Competition.objects.select_for_update().get(pk=competition.pk)
        if competition.published_at is not None:
            raise Refusal(_("The competition is published already."), code="already_published")
        missing = missing_for_publication(competition)
        if missing:
            raise Refusal(
                _("The competition cannot be published yet. %(missing)s") % {"missing": " ".join(missing)},
                code="incomplete",
            )
        competition.published_at = timezone.now()
        competition.save(update_fields=["published_at"])
    log.info("competition.published", competition=competition.slug)
    return competition
