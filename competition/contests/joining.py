"""Taking part: accepting the rules, and getting a team of one's own."""

from itertools import count

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from competition.accounts.models import User
from competition.contests.models import Competition, Participation, RulesVersion, Team
from competition.refusal import Refusal

NAME_LENGTH = Team._meta.get_field("name").max_length or 0


def participation_of(user, competition: Competition) -> Participation | None:
    """How `user` (who may be anonymous) takes part in `competition`, if at all."""
    if not user.is_authenticated:
        return None
    return (
        Participation.objects.select_related("team", "rules")
        .filter(user_id=user.pk, competition=competition)
        .first()
    )


def current_rules(competition: Competition) -> RulesVersion:
    """The rules in force; a refusal where the organizers have written none."""
    rules = competition.rules_versions.order_by("-number").first()
    if rules is None:
        raise Refusal(_("The organizers have not published any rules yet."), code="no_rules")
    return rules


def refuse_unless_running(competition: Competition) -> None:
    """A competition is joined, and its teams are formed, from its publication until it closes."""
    if competition.state == Competition.State.DRAFT:
        raise Refusal(_("This competition is not published yet."), code="not_published", status=404)
    if competition.is_closed:
        raise Refusal(_("This competition is closed."), code="closed", status=403)


def refuse_inactive(user) -> None:
    if not user.is_active:
        raise Refusal(_("Your account is deactivated."), code="inactive", status=403)


def join_competition(*, user: User, competition: Competition) -> Participation:
    """Accept the rules as they are now. Who is new gets a team; who takes part already accepts newer rules.

    Asking twice is harmless. Refused outside a published competition's running time, and to its organizers.
    """
    refuse_inactive(user)
    refuse_unless_running(competition)
    if competition.organizers.filter(pk=user.pk).exists():
        raise Refusal(
            _("You organize this competition and can know its solution, so you cannot take part."),
            code="organizer",
            status=403,
        )
    rules = current_rules(competition)
    participation = participation_of(user, competition)
    if participation is None:
        try:
            with transaction.atomic():
                return Participation.objects.create(
                    competition=competition, user=user, team=found_team(user, competition), rules=rules
                )
        except IntegrityError:  # another request of the same person was faster
            participation = participation_of(user, competition)
            assert participation is not None
    if participation.rules != rules:
        participation.rules = rules
        participation.rules_accepted_at = timezone.now()
        participation.save(update_fields=["rules", "rules_accepted_at"])
    return participation


def found_team(user: User, competition: Competition) -> Team:
    """A new team named after `user`: "Alice", or "Alice (2)" where that is taken, and so on."""
    for number in count(1):
        try:
            with transaction.atomic():
                return Team.objects.create(competition=competition, name=numbered(str(user), number))
        except IntegrityError:
            continue
    raise AssertionError("unreachable: count() does not end")


def numbered(name: str, number: int) -> str:
    """`name`, then "name (2)", "name (3)", … within a team name's length."""
    suffix = f" ({number})" if number > 1 else ""
    return name[: NAME_LENGTH - len(suffix)].strip() + suffix
