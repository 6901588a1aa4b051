"""The board of metrics of which less is better, that have no recall, or a gate on precision."""

import pytest
from django.utils import timezone

from competition.datasets.models import Release
from competition.leaderboards.standings import private_standings, public_standings
from competition.submissions.models import PrivateScore, Score, State, Submission
from scoring import METRICS, MetricConfig
from tests.competition.conftest import person, signed_in, take_part

pytestmark = pytest.mark.django_db


def columns(value, recall, precision) -> dict:
    numbers = {"recall": recall, "precision": precision}
    return numbers | {
        "value": value,
        "passed_gate": value is not None,
        "result": {"score": value, "interval": None, "passed_gate": value is not None, **numbers},
    }


def enter(team, value, *, recall=None, precision=None) -> None:
    release, _ = Release.objects.get_or_create(
        competition=team.competition, folder="f", defaults={"manifest": {}}
    )
    submission = Submission.objects.create(
        competition=team.competition,
        team=team,
        user=team.members[0],
        release=release,
        filename="f.csv",
        size=1,
        state=State.SCORED,
        received_at=timezone.now(),
    )
    score = Score.objects.create(
        submission=submission,
        metric=team.competition.metric,
        metric_version=1,
        engine="1",
        device="cpu",
        **columns(value, recall, precision),
    )
    PrivateScore.objects.create(score=score, **columns(value, recall, precision))


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
            enter(team, value)
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
    enter(far, None, recall=0.9, precision=0.1)
    enter(near, None, recall=0.2, precision=0.45)
    enter(near, None, recall=0.99, precision=0.01)
    enter(passes, 0.01, recall=0.01, precision=0.6)
    standings = public_standings(competition)
    assert [(each.team, each.precision) for each in standings] == [
        ("passes", 0.6),
        ("near", 0.45),
        ("far", 0.1),
    ]


def test_the_api_tells_a_board_without_recall(measured_by, team, alice):
    enter(team, 0.25)
    competition = measured_by("brier")
    assert competition.metric["metric"] == "brier"
    entries = signed_in(alice).get("/api/v1/competitions/typhoons/leaderboard").json()["entries"]
    assert [(each["score"], each["recall"], each["precision"]) for each in entries] == [(0.25, None, None)]
