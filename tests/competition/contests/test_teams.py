import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from competition.contests.joining import join_competition
from competition.contests.models import Competition, Team
from competition.contests.teams import accept_invitation, leave_team, rename_team, renew_invitation
from competition.datasets.models import Release
from competition.refusal import Refusal
from competition.submissions.models import State, Submission
from tests.competition.conftest import person


def refused(code: str):
    return pytest.raises(Refusal, check=lambda refusal: refusal.code == code)


def close(competition: Competition) -> None:
    competition.closes_at = timezone.now() - timedelta(seconds=1)
    competition.save()


def have_submitted(team: Team, times: int = 1, **fields) -> list[Submission]:
    release, _ = Release.objects.get_or_create(
        competition=team.competition, folder="f", defaults={"manifest": {}}
    )
    return [
        Submission.objects.create(
            competition=team.competition,
            team=team,
            user=team.members[0],
            release=release,
            filename="f.csv",
            size=1,
            **{"state": State.SCORED} | fields,
        )
        for _ in range(times)
    ]


class TestRenaming:
    def test_a_member_renames_the_team(self, team, bob):
        assert rename_team(user=bob, team=team, name="  Two   hearts ").name == "Two hearts"
        team.refresh_from_db()
        assert team.name == "Two hearts"

    def test_others_do_not(self, team, dave, other_team):
        with refused("not_a_member"):
            rename_team(user=dave, team=team, name="Ours now")

    def test_a_name_is_taken_whatever_the_case(self, team, other_team, alice):
        with refused("name_taken"):
            rename_team(user=alice, team=team, name="team dave")
        team.refresh_from_db()
        assert team.name == "Team Alice"

    @pytest.mark.parametrize("name", ["", "   ", "x" * 61, "in\u202evisible", "a\x00b"])
    def test_a_name_is_short_and_visible(self, team, alice, name):
        with refused("bad_name"):
            rename_team(user=alice, team=team, name=name)

    def test_not_after_the_close(self, team, alice, typhoons):
        close(typhoons)
        with refused("closed"):
            rename_team(user=alice, team=team, name="Winners")

    def test_not_by_a_deactivated_account(self, team, alice):
        alice.is_active = False
        with refused("inactive"):
            rename_team(user=alice, team=team, name="Ghosts")


class TestInviting:
    def test_the_guest_moves_in_with_their_submissions(self, team, other_team, dave):
        (submission,) = have_submitted(other_team)
        assert accept_invitation(user=dave, code=team.invitation_code) == team
        assert dave in team.members
        submission.refresh_from_db()
        assert submission.team == team
        assert not Team.objects.filter(pk=other_team.pk).exists()

    def test_final_choices_move_along_while_there_is_room(self, team, other_team, dave, typhoons):
        typhoons.max_finals = 2
        typhoons.save()
        kept = have_submitted(team, is_final=True)
        moved = have_submitted(other_team, 2, is_final=True)
        accept_invitation(user=dave, code=team.invitation_code)
        finals = set(team.submissions.filter(is_final=True))
        assert len(finals) == 2
        assert set(kept) < finals < {*kept, *moved}

    def test_a_renewed_invitation_ends_the_old_one(self, team, alice, dave, other_team):
        old = team.invitation_code
        new = renew_invitation(user=alice, team=team).invitation_code
        with refused("no_such_invitation"):
            accept_invitation(user=dave, code=old)
        accept_invitation(user=dave, code=new)

    def test_only_members_renew_it(self, team, dave, other_team):
        with refused("not_a_member"):
            renew_invitation(user=dave, team=team)

    def test_who_has_not_joined_must_do_so_first(self, team, carol):
        with refused("not_joined"):
            accept_invitation(user=carol, code=team.invitation_code)

    def test_a_member_is_in_already(self, team, bob):
        with refused("already_member"):
            accept_invitation(user=bob, code=team.invitation_code)

    def test_a_full_team_takes_nobody(self, team, typhoons, dave, other_team):
        typhoons.max_team_size = 2
        typhoons.save()
        with refused("team_full"):
            accept_invitation(user=dave, code=team.invitation_code)

    def test_a_team_cannot_have_had_more_submissions_than_days_allow(self, team, other_team, dave, typhoons):
        typhoons.daily_limit = 1  # open since a week: one team could have made 8
        typhoons.save()
        have_submitted(team, 4)
        have_submitted(other_team, 4)
        (ninth,) = have_submitted(other_team)
        with refused("too_many_submissions"):
            accept_invitation(user=dave, code=team.invitation_code)
        Submission.objects.filter(pk=ninth.pk).update(state=State.INVALID)  # refunded, so it does not count
        accept_invitation(user=dave, code=team.invitation_code)

    def test_an_invitation_to_another_competition_asks_to_join_that(self, team, carol, typhoons):
        elsewhere = Competition.objects.create(
            slug="elsewhere",
            title="Elsewhere",
            published_at=typhoons.published_at,
            opens_at=typhoons.opens_at,
            closes_at=typhoons.closes_at,
        )
        elsewhere.rules_versions.create(number=1, body="Be fair.")
        join_competition(user=carol, competition=elsewhere)
        with refused("not_joined"):
            accept_invitation(user=carol, code=team.invitation_code)

    def test_not_after_the_close(self, team, other_team, dave, typhoons):
        close(typhoons)
        with refused("closed"):
            accept_invitation(user=dave, code=team.invitation_code)

    def test_not_by_a_deactivated_account(self, team, other_team, dave):
        dave.is_active = False
        with refused("inactive"):
            accept_invitation(user=dave, code=team.invitation_code)

    def test_an_unknown_code(self, alice):
        with refused("no_such_invitation"):
            accept_invitation(user=alice, code="guessed")

    @pytest.mark.django_db(transaction=True)
    def test_many_guests_at_once_do_not_overfill_a_team(self, team, typhoons):
        typhoons.max_team_size = 4
        typhoons.save()
        guests = [person(f"guest{number}") for number in range(8)]
        for guest in guests:
            join_competition(user=guest, competition=typhoons)
        assert (
            sorted(at_once(lambda guest: accept_invitation(user=guest, code=team.invitation_code), guests))
            == ["done"] * 2 + ["team_full"] * 6
        )
        assert team.participations.count() == 4

    @pytest.mark.django_db(transaction=True)
    def test_two_teams_that_invite_each_other_at_once_become_one(self, team, other_team, alice, dave):
        invitations = [(alice, other_team.invitation_code), (dave, team.invitation_code)]
        outcomes = at_once(lambda pair: accept_invitation(user=pair[0], code=pair[1]), invitations)
        assert outcomes.count("done") == 1
        assert Team.objects.get().participations.count() == 3


def at_once(act, items) -> list[str]:
    """What came of doing `act` with every item at the same moment, in threads: "done" or a refusal's code."""
    barrier, outcomes = threading.Barrier(len(items)), []

    def run(item):
        barrier.wait()
        try:
            act(item)
            outcomes.append("done")
        except Refusal as refusal:
            outcomes.append(refusal.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[item]) for item in items]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


class TestLeaving:
    def test_who_leaves_has_a_team_of_their_own(self, team, alice, bob):
        own = leave_team(user=bob, team=team)
        assert own.name == "Bob"
        assert list(own.members) == [bob]
        assert list(team.members) == [alice]

    def test_one_alone_cannot_leave(self, other_team, dave):
        with refused("alone"):
            leave_team(user=dave, team=other_team)

    def test_nobody_leaves_a_team_that_has_submitted(self, team, bob):
        have_submitted(team, state=State.QUEUED)
        with refused("has_submitted"):
            leave_team(user=bob, team=team)

    def test_refunded_submissions_hold_nobody(self, team, bob):
        have_submitted(team, state=State.INVALID)
        leave_team(user=bob, team=team)

    def test_nobody_leaves_a_team_that_is_not_theirs(self, team, other_team, dave):
        with refused("not_a_member"):
            leave_team(user=dave, team=team)

    def test_not_after_the_close(self, team, bob, typhoons):
        close(typhoons)
        with refused("closed"):
            leave_team(user=bob, team=team)
