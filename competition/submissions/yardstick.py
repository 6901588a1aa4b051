"""What submissions are measured with: a metric, its version, and a solution; and the scores made with it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from competition.contests.models import Competition
from competition.datasets.models import Release, SolutionVersion
from competition.submissions.ladder import is_next_rung
from competition.submissions.models import PrivateScore, Rescoring, Score, Submission
from competition.submissions.own_metric import ready_to_grade
from scoring import Grade, MetricConfig, Result


@dataclass(frozen=True)
class Yardstick:
    """Two submissions are comparable if their yardsticks are equal."""

    metric: Mapping[str, Any]
    metric_version: int
    release: Release
    solution: SolutionVersion | None  # None: the one in the release's folder

    @property
    def config(self) -> MetricConfig:
        return ready_to_grade(self.metric, self.release.competition_id)

    @property
    def solution_path(self) -> Path:
        return self.release.path_of(self.solution)


def in_force(submission: Submission) -> Yardstick:
    """What a submission is scored with now. Inside a transaction that holds `lock` it stays true."""
    competition = Competition.objects.get(pk=submission.competition_id)
    release = submission.release
    return Yardstick(competition.metric, competition.metric_version, release, release.solution)


def lock(competition_id: int) -> Competition:
    """Hold the competition's yardstick as it is until the transaction ends: nobody publishes another one,
    and nobody writes scores of this one after it was replaced."""
    return Competition.objects.select_for_update(no_key=True).get(pk=competition_id)


def of_rescoring(rescoring: Rescoring, release: Release) -> Yardstick:
    """What a rescoring measures submissions of `release` with."""
    corrected = rescoring.solution
    solution = corrected if corrected and corrected.release_id == release.pk else release.solution
    return Yardstick(rescoring.metric, rescoring.metric_version, release, solution)


def write_score(
    submission: Submission, graded: Grade, yardstick: Yardstick, rescoring: Rescoring | None = None
) -> Score:
    """Add the public and the private result; inside a transaction of the caller."""
    score = Score(
        submission=submission,
        rescoring=rescoring,
        solution=yardstick.solution,
        metric=graded.config.model_dump(mode="json"),
        metric_version=yardstick.metric_version,
        engine=graded.engine,
        device=graded.device,
        seconds=graded.seconds,
        **_columns(graded, "public"),
    )
    if rescoring is None:  # whose ladders are set up when it is published
        score.is_rung = is_next_rung(score, submission.team)
    score.save()
    PrivateScore.objects.create(score=score, **_columns(graded, "private"))
    return score


def _columns(graded: Grade, part: Literal["public", "private"]) -> dict[str, Any]:
    result: Result = getattr(graded, part)
    drawn = graded.replicates.get(part)
    return {
        "result": result.to_dict(),
        "value": result.score,
        "passed_gate": result.passed_gate,
        "recall": result.recall,
        "precision": result.precision,
        "replicates": drawn.astype("<f8").tobytes() if drawn is not None and len(drawn) else None,
    }
