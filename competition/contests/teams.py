"""Forming teams. Every change happens under the lock of the rows of the teams that it touches."""

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from competition.accounts.models import User
from competition.contests.joining import (
    NAME_LENGTH,
    found_team,
    participation_of,
    refuse_inactive,
    refuse_unless_running,
)
from competition.contests.models import Competition, Participation, Team, new_invitation_code
from competition.refusal import Refusal


def lock_team_of(user, competition: Competition) -> Team | None:
    """The team of `user`, its row locked until the transaction ends; None for who takes no part.

    Looked up again once locked: while this waited for the row, the person may have changed teams.
    """
    while participation := participation_of(user, competition):
        team = Team.objects.select_for_update().filter(pk=participation.team_id).first()
        if team and team.participations.filter(user_id=user.pk).exists():
            return team
    return None


def rename_team(*, user: User, team: Team, name: str) -> Team:
    name = " ".join(name.split())
    if not name or len(name) > NAME_LENGTH or not name.isprintable():
        raise Refusal(
            _("A team name has 1 to %(length)d visible characters.") % {"length": NAME_LENGTH},
            code="bad_name",
            status=422,
        )
    with transaction.atomic():
        team = _lock_own_team(user, team)
        team.name = name
        try:
            with transaction.atomic():
                team.save(update_fields=["name"])
        except IntegrityError:
            raise Refusal(
                _("Another team is called “%(name)s” already.") % {"name": name}, code="name_taken"
            ) from None
    return team


def renew_invitation(*, user: User, team: Team) -> Team:
    """Give the team a new invitation link; the old one stops working."""
    with transaction.atomic():
        team = _lock_own_team(user, team)
        team.invitation_code = new_invitation_code()
        team.save(update_fields=["invitation_code"])
    return team


def accept_invitation(*, user: User, code: str) -> Team:
    """Merge the team of `user` into the team that invites: its members and submissions move along.

    Together they must not have submitted more than one team could have; else several accounts, merged late,
    would have had several daily limits. Choices of final submissions move along where there is room.
    """
    refuse_inactive(user)
    host = Team.objects.select_related("competition").filter(invitation_code=code).first()
    if host is None:
        raise Refusal(_("This invitation is not valid (any more)."), code="no_such_invitation", status=404)
    competition = host.competition
    with transaction.atomic():
        participation = participation_of(user, competition)
        if participation is None:
            raise Refusal(
                _("Join the competition first, then open the invitation again."),
                code="not_joined",
                status=403,
            )
        # In the order of their keys: two teams that invite each other must not wait for each other.
        locked = {
            team.pk: team
            for team in Team.objects.select_for_update()
            .filter(pk__in=[host.pk, participation.team_id])
            .order_by("pk")
        }
        refuse_unless_running(competition)
        guest = locked.get(participation.team_id)
        if guest is None or not guest.participations.filter(user=user).exists():
            raise Refusal(_("Your team has just changed. Please try again."), code="team_changed")
        if host.pk not in locked or locked[host.pk].invitation_code != code:
            raise Refusal(
                _("This invitation is not valid (any more)."), code="no_such_invitation", status=404
            )
        host = locked[host.pk]
        if host == guest:
            raise Refusal(_("You are in this team already."), code="already_member")
        _refuse_too_many(host, guest, competition)

        room = max(0, competition.max_finals - host.submissions.filter(is_final=True).count())
        moving = guest.submissions.filter(is_final=True).order_by("-received_at").values_list("pk", flat=True)
        guest.submissions.filter(pk__in=list(moving)[room:]).update(is_final=False)
        guest.submissions.update(team=host)
        guest.participations.update(team=host)
        guest.delete()
    return host


def leave_team(*, user: User, team: Team) -> Team:
    """Leave for a new team of one's own. Refused once the team has submitted: its results are known to all
    members, who would gain another daily limit by parting."""
    with transaction.atomic():
        team = _lock_own_team(user, team)
        if team.participations.count() == 1:
            raise Refusal(_("You are the only member of your team."), code="alone")
        if team.submissions.counted().exists():
            raise Refusal(
                _("Your team has made submissions: its members stay together until the end."),
                code="has_submitted",
            )
        own = found_team(user, team.competition)
        Participation.objects.filter(user=user, team=team).update(team=own)
    return own


def _lock_own_team(user: User, team: Team) -> Team:
    refuse_inactive(user)
    own = lock_team_of(user, team.competition)
    if own is None or own != team:
        raise Refusal(_("Only members may change a team."), code="not_a_member", status=403)
    refuse_unless_running(own.competition)
    return own


def _refuse_too_many(host: Team, guest: Team, competition: Competition) -> None:
    people = host.participations.count() + guest.participations.count()
    if people > competition.max_team_size:
        raise Refusal(
            ngettext(
                "A team has at most %(most)d person here, and together you would be %(people)d.",
                "A team has at most %(most)d people here, and together you would be %(people)d.",
                competition.max_team_size,
            )
            % {"most": competition.max_team_size, "people": people},
            code="team_full",
        )
    days = max(0, (timezone.now().date() - competition.opens_at.date()).days + 1)
    most = competition.daily_limit * days
    made = host.submissions.counted().count() + guest.submissions.counted().count()
    if made > most:
        raise Refusal(
            _(
                "Together your teams have made %(made)d submissions, and one team could have made %(most)d so"
                " far. Try again in a few days."
            )
            % {"made": made, "most": most},
            code="too_many_submissions",
        )
