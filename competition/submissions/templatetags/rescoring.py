"""What participants are told of a published rescoring."""

from typing import Any

from django import template

from competition.contests.models import Competition
from competition.submissions.models import RescoringFailure, Score, Submission
from competition.submissions.results import public_result

register = template.Library()


@register.inclusion_tag("submissions/rescored_board.html")
def rescored_board(competition: Competition) -> dict[str, Any]:
    """When and why all scores were last computed anew, if they ever were."""
    return {"rescoring": competition.rescorings.published().first()}


@register.inclusion_tag("submissions/rescored_entry.html")
def rescored_entry(submission: Submission, score: Score) -> dict[str, Any]:
    """Why the submission has another score than before, and that one as far as it may be shown; or that a
    rescoring could not score it."""
    competition = submission.competition
    latest = competition.rescorings.published().first()
    before = None
    if score.rescoring_id:
        before = submission.scores.filter(pk__lt=score.pk).first()
    return {
        "rescoring": score.rescoring,
        "before": before,
        "shown": before and public_result(before, competition),
        "not_rescored_in": latest
        if latest
        and latest.pk != score.rescoring_id
        and RescoringFailure.objects.filter(rescoring=latest, submission=submission).exists()
        else None,
    }
