"""Scored submissions whose numbers are given: nothing is computed, so a test says what the board orders."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from competition.contests.models import Competition, Team
from competition.datasets.models import Release
from competition.submissions.models import PrivateScore, Score, State, Submission

NOW = timezone.now()


def numbers(
    value: float | None, recall: float | None = None, precision: float | None = None
) -> dict[str, Any]:
    """The columns of a result; a value of None is below the gate."""
    kept = {"passed_gate": value is not None, "recall": recall, "precision": precision}
    return kept | {"value": value, "result": {"score": value, "interval": None, **kept}}


def enter(
    team: Team, value: float | None, *, recall: float = 0.8, private: float | None = 0.5, **fields: Any
) -> Submission:
    """A scored submission for a metric with a gate on recall, its public and private values given."""
    return enter_numbers(team, **_gated(value, recall, private), **fields)


def rescore(submission: Submission, value: float | None, *, recall: float = 0.8, private: float | None = 0.5):
    """One more score of the submission, with other values."""
    _score(submission, **_gated(value, recall, private))


def enter_numbers(team: Team, public: dict[str, Any], private: dict[str, Any], **fields: Any) -> Submission:
    """A scored submission of `team` with these `numbers`."""
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
        **{"state": State.SCORED, "received_at": NOW} | fields,
    )
    _score(submission, public, private)
    return submission


def close(competition: Competition) -> None:
    competition.closes_at = timezone.now() - timedelta(seconds=1)
    competition.save()


def _gated(value: float | None, recall: float, private: float | None) -> dict[str, dict[str, Any]]:
    return {
        "public": numbers(value, recall, value or 0.1),
        "private": numbers(private, 0.8 if private is not None else 0.3, private or 0.1),
    }


def _score(submission: Submission, public: dict[str, Any], private: dict[str, Any]) -> None:
    score = Score.objects.create(
        submission=submission, metric={}, metric_version=1, engine="1", device="cpu", **public
    )
    PrivateScore.objects.create(score=score, **private)
