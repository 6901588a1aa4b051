"""A competition in full swing: data, teams with results, and every state a submission can be in."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import uuid4

import pytest
from django.core.cache import cache
from django.core.files.base import ContentFile
from django.utils import timezone

from competition.contests.models import Competition, Team
from competition.datasets.models import Release
from competition.datasets.registration import register_release
from competition.submissions.models import PrivateScore, Score, State, Submission


@pytest.fixture(autouse=True)
def fresh_folder_and_cache(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "media"
    cache.clear()


@pytest.fixture
def release(typhoons, release_folder) -> Release:
    return register_release(competition=typhoons, folder=release_folder.name, verify=False)


def result(*, precision: float, recall: float) -> dict:
    passed = recall >= 0.79
    return {
        "score": precision if passed else None,
        "passed_gate": passed,
        "precision": precision,
        "recall": recall,
        "threshold": 0.4375,
        "tp": 79,
        "fp": 121,
        "fn": 21,
        "tn": 12345,
    }


def columns(outcome: dict) -> dict:
    return {
        "result": outcome,
        "value": outcome["score"],
        "passed_gate": outcome["passed_gate"],
        "precision": outcome["precision"],
        "recall": outcome["recall"],
    }


def entry(team: Team, state: str = State.SCORED, **fields) -> Submission:
    """A submission of the team's first member, without a score."""
    identity = uuid4()
    defaults = {
        "filename": f"{state}.csv",
        "size": 1234,
        "sha256": identity.hex * 2,
        "received_at": timezone.now() - timedelta(days=1),
    }
    submission = Submission(
        id=identity,
        competition=team.competition,
        team=team,
        user=team.members.first(),
        release=team.competition.releases.get(is_current=True),
        state=state,
        **(defaults | fields),
    )
    submission.file.save("submission", ContentFile(b"image_id,score\n"), save=False)
    submission.save(force_insert=True)
    return submission


def scored(
    team: Team, precision: float, *, recall: float = 0.8, private: tuple[float, float] | None = None, **fields
) -> Submission:
    submission = entry(team, State.SCORED, **fields)
    score = Score.objects.create(
        submission=submission,
        metric=team.competition.metric,
        metric_version=1,
        engine="1.0",
        device="cpu",
        **columns(result(precision=precision, recall=recall)),
    )
    hidden_precision, hidden_recall = private or (precision, recall)
    PrivateScore.objects.create(
        score=score, **columns(result(precision=hidden_precision, recall=hidden_recall))
    )
    return submission


@dataclass
class Season:
    competition: Competition
    submissions: dict[str, Submission]  # of Team Alice, by state; "below" is below the gate

    def close(self) -> None:
        self.competition.closes_at = timezone.now() - timedelta(minutes=1)
        self.competition.save()


@pytest.fixture
def season(typhoons, release, team, other_team) -> Season:
    scored(other_team, 0.41234, private=(0.51717, 0.81))
    problems = [
        *(
            {"kind": "missing_id", "message": f'the id "{n}" is missing', "rows": [], "total": 3}
            for n in "abc"
        ),
        *(
            {"kind": "nan_value", "message": f'row {n}: the score is "nan"', "rows": [n], "total": 4321}
            for n in range(2, 22)
        ),
    ]
    return Season(
        typhoons,
        {
            "scored": scored(team, 0.61803, private=(0.42424, 0.8)),
            "below": scored(team, 0.9, recall=0.60123, filename="below.csv"),
            "invalid": entry(team, State.INVALID, problems=problems),
            "failed": entry(team, State.FAILED, error="CUDA error: an illegal memory access"),
            "cancelled": entry(team, State.CANCELLED),
            "queued": entry(team, State.QUEUED, warnings=["The column “fold” was ignored."]),
        },
    )
