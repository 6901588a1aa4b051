"""The public scores that count, their order in SQL, and what is shown of one.

A submission may have several scores (rescoring adds one): the newest counts. `scoring.rank` orders entries
for people, with ties; the order here picks a team's best ones in the database, and agrees with it.
"""

from typing import Any

from django.db.models import F, OuterRef, Subquery
from django.db.models.expressions import OrderBy

from competition.contests.models import Competition
from competition.submissions.models import Rescoring, Score, State
from scoring import MetricConfig

OPEN_CURVE_DIGITS = 2


def metric_of(competition: Competition, rescoring: Rescoring | None = None) -> MetricConfig:
    return MetricConfig.model_validate(rescoring.metric if rescoring else competition.metric)


def counting_scores(competition: Competition, rescoring: Rescoring | None = None):
    """The newest public score of each scored submission of the competition, a QuerySet of `Score`; with a
    `rescoring` as if that were published."""
    known = Score.objects.as_if_published(rescoring)
    newest = known.filter(submission=OuterRef("submission")).order_by("-pk").values("pk")[:1]
    return known.filter(
        submission__competition=competition, submission__state=State.SCORED, pk=Subquery(newest)
    ).order_by()


def best_first(metric: MetricConfig) -> list[OrderBy]:
    """Passing ones by score, then those below the gate by recall; among equals the earlier one first."""
    value = F("value")  # empty below the gate
    return [
        value.desc(nulls_last=True) if metric.higher_is_better else value.asc(nulls_last=True),
        F("recall").desc(nulls_last=True),
        F("submission__received_at").asc(),
        F("submission_id").asc(),
    ]


def public_result(score: Score, competition: Competition) -> dict[str, Any]:
    """The public result as people see it: before the close with a curve that is just good enough to draw.

    Its thresholds are scores of positive images. Whoever gave each image a score of its own would read the
    public part's solution off them, and much of it off exact precisions.
    """
    curve = score.result.get("curve")
    if competition.is_closed or not curve:
        return score.result
    drawn = {
        name: [round(value, OPEN_CURVE_DIGITS) for value in curve[name]] for name in ("precision", "recall")
    }
    return score.result | {"curve": {**drawn, "threshold": [None] * len(drawn["recall"])}}
