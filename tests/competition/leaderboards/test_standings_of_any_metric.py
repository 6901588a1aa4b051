"""The board of metrics of which less is better, that have no recall, or a gate on precision."""

import pytest
from django.utils import timezone

from competition.leaderboards.standings import private_standings, public_standings
from scoring import METRICS, MetricConfig
from tests.competition.conftest import person, signed_in, take_part
from tests.competition.leaderboards.entries import enter_numbers, numbers

pytestmark = pytest.mark.django_db


def place(team, value, **kept) -> None:
    """With the same numbers in both parts."""
    enter_numbers(team, public=numbers(value, **kept), private=numbers(value, **kept))


@pytest.fixture
def measured_by(typhoons):
    def measure(name: str):
        typhoons.metric = MetricConfig.model_validate({"metric": name}).model_dump(mode="json")
        typhoons.save()
        return typhoons

    return measure


@pytest.mark.parametrize("name", sorted(METRICS.keys() - {"own"}))
def test_the_best_score_leads_whatever_its_direction(measured_by, typhoons, name, client):
    competition = measured_by(name)
    teams = [take_part(competition, person(f"p{place}"), name=f"Team {place}") for place in range(3)]
    for team, values in zip(teams, ([0.5, 0.3], [0.4], [0.2, 0.1]), strict=True):
        for value in values:
            place(team, value)
    higher = METRICS[name].higher_is_better
    order = [("Team 0", 0.5), ("Team 1", 0.4), ("Team 2", 0.2)]
    expected = order if higher else [("Team 2", 0.1), ("Team 0", 0.3), ("Team 1", 0.4)]
    assert [(each.team, each.value) for each in public_standings(competition)] == expected
    assert {each.recall for each in public_standings(competition)} == {None}
    page = client.get("/competitions/typhoons/leaderboard/")
    assert page.status_code == 200
    assert "None" not in page.content.decode()
    assert client.get("/competitions/typhoons/leaderboard.csv").status_code == 200
    competition.closes_at = timezone.now()
    competition.save()
    assert [(each.team, each.value) for each in private_standings(competition)] == expected


def test_below_a_gate_of_precision_teams_stand_by_precision(measured_by, alice, bob, dave):
    competition = measured_by("precision_constrained_recall")
    far, near, passes = (
        take_part(competition, user, name=name)
        for user, name in ((alice, "far"), (bob, "near"), (dave, "passes"))
    )
    place(far, None, recall=0.9, precision=0.1)
    place(near, None, recall=0.2, precision=0.45)
    place(near, None, recall=0.99, precision=0.01)
    place(passes, 0.01, recall=0.01, precision=0.6)
    standings = public_standings(competition)
    assert [(each.team, each.precision) for each in standings] == [
        ("passes", 0.6),
        ("near", 0.45),
        ("far", 0.1),
    ]


def test_the_api_tells_a_board_without_recall(measured_by, team, alice):
    place(team, 0.25)
    competition = measured_by("brier")
    assert competition.metric["metric"] == "brier"
    entries = signed_in(alice).get("/api/v1/competitions/typhoons/leaderboard").json()["entries"]
    assert [(each["score"], each["recall"], each["precision"]) for each in entries] == [(0.25, None, None)]
