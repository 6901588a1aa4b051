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
from scoring.disclosure import disclosed, withheld

DEFAULT_DIGITS: int = MetricConfig.model_fields["digits"].default


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


def public_result(score: Score, competition: Competition, viewer: Any = None) -> dict[str, Any]:
    """The public result as people see it: the one place that a page, the API or a file takes it from.

    Before the close it is what `scoring.disclosure` lets through, and nothing of an entry that the Ladder
    holds back (`shown` is False then, and all else None). After the close, and for a `viewer` who organizes
    the competition, it is the exact one.
    """
    if sees_everything(competition, viewer):
        return score.result | {"shown": True}
    if not score.is_rung:
        return withheld(score.result)
    return disclosed(score.result, digits_of(competition))


def sees_everything(competition: Competition, viewer: Any = None) -> bool:
    """Exact public results are everybody's after the close, and the organizers' always: they can know the
    solution, and take no part."""
    return competition.is_closed or (viewer is not None and competition.is_organized_by(viewer))


def digits_of(competition: Competition) -> int:
    return competition.metric.get("digits", DEFAULT_DIGITS)
