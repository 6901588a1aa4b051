"""A competition ends before its deadline."""

import structlog
from django.utils import timezone
from django.utils.translation import gettext as _

from competition.contests.models import Competition
from competition.refusal import Refusal

log = structlog.get_logger(__name__)


def close_competition(*, competition: Competition, confirmation: str) -> Competition:
    """Move the deadline to this moment: submissions end and the private standings are out, for good.

    confirmation: the competition's address, typed by whoever closes it.
    Raises Refusal where it differs or the competition is not open.
    """
    if confirmation.strip() != competition.slug:
        raise Refusal(
            _("To close the competition, type its address: %(slug)s") % {"slug": competition.slug},
            code="not_confirmed",
            status=400,
        )
    now = timezone.now()
    running = Competition.objects.filter(
        pk=competition.pk, published_at__lte=now, opens_at__lt=now, closes_at__gt=now
    )
    if not running.update(closes_at=now):
        raise Refusal(_("Only an open competition can be closed."), code="not_open")
    competition.refresh_from_db()
    log.info("competition.closed", competition=competition.slug)
    return competition
