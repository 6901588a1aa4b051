"""Who organizes a competition."""

import structlog
from django.db import transaction
from django.utils.translation import gettext as _

from competition.accounts.models import User
from competition.contests.models import Competition
from competition.refusal import Refusal

log = structlog.get_logger(__name__)


def add_organizer(*, competition: Competition, username: str) -> User:
    """Let a person organize the competition too.

    Raises Refusal where nobody has that user name, or the person takes part: nobody may see everybody's
    submissions and compete.
    """
    user = User.objects.filter(username__iexact=username.strip(), is_active=True).first()
    if user is None:
        raise Refusal(
            _("Nobody has the user name “%(name)s”.") % {"name": username.strip()},
            code="no_such_user",
            status=404,
        )
    if competition.participations.filter(user=user).exists():
        raise Refusal(
            _("%(name)s takes part in this competition and cannot organize it too.") % {"name": user},
            code="takes_part",
        )
    competition.organizers.add(user)
    log.info("competition.organizer_added", competition=competition.slug, user=user.username)
    return user


def remove_organizer(*, competition: Competition, user: User) -> None:
    """Take a person off the organizers. Raises Refusal for the last one: somebody has to answer for it."""
    with transaction.atomic():
        # The competition's row is the lock: of two last organizers who remove each other, one stays.
        Competition.objects.select_for_update().get(pk=competition.pk)
        organizers = competition.organizers.all()
        if user not in organizers:
            raise Refusal(
                _("%(name)s does not organize this competition.") % {"name": user},
                code="no_organizer",
                status=404,
            )
        if len(organizers) == 1:
            raise Refusal(
                _("The last organizer cannot be removed. Add somebody else first."), code="last_organizer"
            )
        competition.organizers.remove(user)
    log.info("competition.organizer_removed", competition=competition.slug, user=user.username)
