"""An organizer switches the Ladder on or off, before anybody has seen a score."""

import structlog
from django.db import transaction
from django.utils.translation import gettext as _

from competition.contests.models import Competition
from competition.refusal import Refusal

log = structlog.get_logger(__name__)


def set_ladder(*, competition: Competition, ladder: bool) -> bool:
    """Show public scores by the Ladder from now on, or always; tell whether that is a change.

    Raises Refusal after the close and once there are submissions: what was shown stays known, and teams would
    have climbed by two rules.
    """
    with transaction.atomic():
        competition = Competition.objects.select_for_update().get(pk=competition.pk)
        if competition.ladder == ladder:
            return False
        if competition.is_closed:
            raise Refusal(_("The competition is closed: everything is shown now."), code="closed")
        if competition.submissions.exists():
            raise Refusal(
                _(
                    "There are submissions, and their teams know the rule by which scores are shown: it "
                    "stays until the close."
                ),
                code="ladder_is_settled",
            )
        competition.ladder = ladder
        competition.save(update_fields=["ladder"])
    log.info("competition.ladder_set", competition=competition.slug, ladder=ladder)
    return True
