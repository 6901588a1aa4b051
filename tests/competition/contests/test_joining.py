import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from competition.contests.joining import join_competition, participation_of
from competition.contests.models import Participation, RulesVersion, Team
from competition.refusal import Refusal


def refused(code: str):
    return pytest.raises(Refusal, check=lambda refusal: refusal.code == code)


def test_who_joins_gets_a_team_named_after_them_and_has_accepted_the_current_rules(typhoons, carol):
    RulesVersion.objects.create(competition=typhoons, number=2, body="Be fairer.")
    participation = join_competition(user=carol, competition=typhoons)
    assert participation.team.name == "Carol"
    assert participation.rules.number == 2
    assert list(participation.team.members) == [carol]


def test_joining_twice_changes_nothing(typhoons, carol):
    first = join_competition(user=carol, competition=typhoons)
    again = join_competition(user=carol, competition=typhoons)
    assert again == first
    assert again.rules_accepted_at == first.rules_accepted_at
    assert Team.objects.count() == 1


def test_whose_name_is_taken_gets_a_number(typhoons, carol, dave):
    Team.objects.create(competition=typhoons, name="CAROL")
    assert join_competition(user=carol, competition=typhoons).team.name == "Carol (2)"
    dave.display_name = "carol"
    assert join_competition(user=dave, competition=typhoons).team.name == "carol (3)"


def test_a_very_long_name_is_cut_to_fit_a_team(typhoons, carol):
    carol.display_name = "C" * 80
    Team.objects.create(competition=typhoons, name="C" * 60)
    assert join_competition(user=carol, competition=typhoons).team.name == "C" * 56 + " (2)"


def test_newer_rules_are_accepted_by_joining_again(typhoons, team, alice):
    rules = RulesVersion.objects.create(competition=typhoons, number=2, body="Be fairer.")
    before = timezone.now()
    participation = join_competition(user=alice, competition=typhoons)
    assert participation.team == team
    participation.refresh_from_db()
    assert participation.rules == rules
    assert participation.rules_accepted_at >= before


def test_an_upcoming_competition_can_be_joined(typhoons, carol):
    typhoons.opens_at = timezone.now() + timedelta(days=1)
    assert join_competition(user=carol, competition=typhoons).team.name == "Carol"


def test_a_draft_cannot_be_joined(typhoons, carol):
    typhoons.published_at = None
    with refused("not_published"):
        join_competition(user=carol, competition=typhoons)


def test_a_closed_competition_cannot_be_joined(typhoons, carol):
    typhoons.closes_at = timezone.now() - timedelta(seconds=1)
    with refused("closed"):
        join_competition(user=carol, competition=typhoons)


def test_a_competition_without_rules_cannot_be_joined(typhoons, carol):
    typhoons.rules_versions.all().delete()
    with refused("no_rules"):
        join_competition(user=carol, competition=typhoons)


def test_an_organizer_cannot_take_part_in_their_own_competition(typhoons, organizer):
    with refused("organizer"):
        join_competition(user=organizer, competition=typhoons)
    assert participation_of(organizer, typhoons) is None


def test_a_deactivated_account_cannot_join(typhoons, carol):
    carol.is_active = False
    with refused("inactive"):
        join_competition(user=carol, competition=typhoons)
    assert participation_of(carol, typhoons) is None


@pytest.mark.django_db(transaction=True)
def test_two_clicks_at_once_join_once(typhoons, carol):
    barrier = threading.Barrier(4)

    def click():
        barrier.wait()
        join_competition(user=carol, competition=typhoons)
        connection.close()

    threads = [threading.Thread(target=click) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Participation.objects.count() == 1
    assert Team.objects.count() == 1, "no empty team is left behind"
