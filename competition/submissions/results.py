"""The public scores that count, their order in SQL, and what is shown of one.

A submission may have several scores (rescoring adds one): the newest counts. `scoring.rank` orders entries
for people, with ties; the order here picks a team's best ones in the database, and agrees with it.
"""

from typing import Any

from django.db.models import Case, F, OuterRef, Subquery, When
from django.db.models.expressions import OrderBy
from django.db.models.functions import Round

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
    """Passing ones by score, then those below the gate by what they lack; among equals the earlier one first.

    Compared at the digits that are shown, since an order tells what digits hide. What the Ladder does not
    show comes after what it does, in order of time, for the same reason; without it every entry is a rung.
    """
    value, gated = (
        Case(When(is_rung=True, then=Round(name, precision=metric.digits)))
        for name in ("value", metric.gate or "recall")
    )  # both empty of what is no rung, and the value below the gate
    return [
        F("is_rung").desc(),
        OrderBy(value, descending=metric.higher_is_better, nulls_last=True),
        OrderBy(gated, descending=True, nulls_last=True),
        F("submission__received_at").asc(),
        F("submission_id").asc(),
    ]


def public_result(score: Score, competition: Competition, *, exact: bool = False) -> dict[str, Any]:
    """The public result as people see it: the one place that a page, the API or a file takes it from.

    Before the close it is what `scoring.disclosure` lets through, and nothing of an entry that the Ladder
    holds back (`shown` is False then, and all else None). After the close it is the exact one, and always
    where `exact`: ask `sees_exact_results` of the reader.
    """
    if exact or competition.is_closed:
        return score.result | {"shown": True}
    if not score.is_rung:
        return withheld(score.result)
    return disclosed(score.result, digits_of(competition))


def sees_exact_results(user: Any, competition: Competition) -> bool:
    """After the close everybody; before it who organizes: they can know the solution, and take no part."""
    return competition.is_closed or competition.is_organized_by(user)


def digits_of(competition: Competition) -> int:
    return competition.metric.get("digits", DEFAULT_DIGITS)
