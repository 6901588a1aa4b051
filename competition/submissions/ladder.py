"""A competition's Ladder: which entries are rungs, and so shown before the close. See `scoring.ladder`."""

import numpy as np
from django.db import transaction

from competition.contests.models import Competition, Team
from competition.submissions.models import Rescoring, Score
from competition.submissions.results import counting_scores, metric_of
from scoring import MetricConfig
from scoring.ladder import Attempt, climb, is_clear_improvement, standing_value


def is_next_rung(score: Score, team: Team) -> bool:
    """Whether a score about to be written is shown; True without the Ladder. Call it inside the transaction
    that holds the competition's lock, so that of two entries at once the second is compared with the first.
    """
    competition = team.competition
    if not competition.ladder:
        return True
    metric = metric_of(competition)
    best = highest_rung(team)
    return is_clear_improvement(
        _attempt(score, metric), _attempt(best, metric) if best else None, unit=10.0**-metric.digits
    )


def highest_rung(team: Team) -> Score | None:
    """Where the team stands: what an entry that is no clear improvement is told to be compared with."""
    metric = metric_of(team.competition)
    rungs = counting_scores(team.competition).filter(submission__team=team, is_rung=True).defer("result")
    return max(rungs, key=lambda score: _standing_value(score, metric), default=None)


@transaction.atomic
def climb_again(competition: Competition, rescoring: Rescoring | None = None) -> None:
    """Set up all teams' ladders anew, by time of submission: after a rescoring was published, whose scores
    are other ones. With an unpublished `rescoring` as if it were, for its own scores alone."""
    if not competition.ladder:
        return
    metric = metric_of(competition, rescoring)
    for team in competition.teams.all():
        counting = counting_scores(competition, rescoring)
        scores = list(counting.filter(submission__team=team).defer("result"))
        received = dict(team.submissions.values_list("pk", "received_at"))
        scores.sort(key=lambda score: (received[score.submission_id], score.pk))
        attempts = (_attempt(score, metric) for score in scores)
        for score, is_rung in zip(scores, climb(attempts, unit=10.0**-metric.digits), strict=True):
            score.is_rung = is_rung
        own = [score for score in scores if rescoring is None or score.rescoring_id == rescoring.pk]
        Score.with_unpublished.bulk_update(own, ["is_rung"], batch_size=500)


def _attempt(score: Score, metric: MetricConfig) -> Attempt:
    draws = None if score.replicates is None else np.frombuffer(score.replicates, "<f8")
    return Attempt.of(score.value, _gated(score, metric), draws, higher_is_better=metric.higher_is_better)


def _standing_value(score: Score, metric: MetricConfig) -> float:
    return standing_value(score.value, _gated(score, metric), higher_is_better=metric.higher_is_better)


def _gated(score: Score, metric: MetricConfig) -> float | None:
    return getattr(score, metric.gate or "recall")
