"""The standings: each team's best public score, and after the close each team's best final in private.

This module and nothing else reads `PrivateScore`.
"""

import hashlib
import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import numpy as np
import numpy.typing as npt
from django.db.models import Count, Max, Q, QuerySet, Window
from django.db.models.functions import RowNumber
from django.utils.translation import gettext as _

from competition.contests.models import Competition, Team
from competition.refusal import Refusal
from competition.submissions.models import PrivateScore, Rescoring, Score, State, Submission
from competition.submissions.results import best_first, counting_scores, metric_of
from scoring import MetricConfig, rank
from scoring.disclosure import COARSE_DIGITS, DRAWN_DIGITS, rounded
from scoring.uncertainty import tie_bands

CACHE_SECONDS = 3600  # of what is made of a board; its version is in the key


@dataclass(frozen=True)
class Standing:
    """A team's line. `value` is None below the gate: such teams stand under all others, by the number that
    the gate is on. recall, precision: None for metrics without an operating point.

    rank: from 1; equal results share it. entries: scored submissions. public_rank: on the private board,
    where the team stood in public. tie_band: 1 for the leader and those that cannot be told apart from it;
    the first that can leads the next band. probability_below_gate: in a fresh draw of storms. These and the
    interval are None where nothing was drawn.
    """

    rank: int
    team: str
    team_id: int
    submission_id: UUID
    value: float | None
    recall: float | None
    precision: float | None
    passed_gate: bool
    entries: int
    last_submission_at: datetime
    interval: tuple[float, float] | None = None
    tie_band: int | None = None
    probability_below_gate: float | None = None
    public_rank: int | None = None

    @property
    def shake_up(self) -> int | None:
        """Places gained (or lost, below zero) from the public to the private board."""
        return None if self.public_rank is None else self.public_rank - self.rank


@dataclass(frozen=True)
class _Entry:
    """What `scoring.rank` orders."""

    score: float | None
    recall: float | None
    precision: float | None
    row: dict[str, Any] = field(compare=False)


@dataclass(frozen=True)
class _Estimate:
    """What the bootstrap tells of an entry; replicates: float64, little endian. clusters: what was drawn, as
    in scoring's `Result.uncertainty`."""

    interval: list[float] | None
    probability_below_gate: float | None
    clusters: dict[str, dict[str, Any]] | None
    replicates: bytes | None

    @property
    def draws(self) -> npt.NDArray[np.float64] | None:
        """What each draw would rank it by; None without any in which that is defined."""
        if self.replicates is None:
            return None
        draws = np.frombuffer(self.replicates, "<f8")
        return draws if np.isfinite(draws).any() else None

    @property
    def effective_clusters(self) -> float:
        """How many storms, or blocks of time where they are fewer, the draws are worth."""
        return min((kind["effective"] for kind in (self.clusters or {}).values()), default=math.inf)


def public_standings(
    competition: Competition, rescoring: Rescoring | None = None, *, exact: bool = False
) -> list[Standing]:
    """Best first; two queries. Submissions received before the close count also when scored after it. With
    the Ladder a team stands where its highest rung is, after the close too.

    Until the close numbers have the organizer's digits, unless `exact`, which is for organizers.
    rescoring: as if it were published, for its organizers to look at.
    """
    metric = metric_of(competition, rescoring)
    rows = _team_scores(competition, metric, rescoring).filter(Q(nth=1)).values(*_COLUMNS, *_columns_of(""))
    standings = _ranked(rows, Score, metric, rescoring)
    if exact or competition.is_closed:
        return standings
    return [_with_digits(standing, metric.digits) for standing in standings]


def private_standings(competition: Competition, rescoring: Rescoring | None = None) -> list[Standing]:
    """Each team's best private result among its final submissions: the chosen ones, or else its best public
    ones; four queries. Refused before the close."""
    _refuse_before_the_close(competition)
    metric = metric_of(competition, rescoring)
    finals = _team_scores(competition, metric, rescoring).filter(
        Q(chosen__gt=0, submission__is_final=True) | Q(chosen=0, nth__lte=competition.max_finals)
    )
    rows = finals.filter(private__isnull=False).values(*_COLUMNS, *_columns_of("private__"))
    public_ranks = {standing.team_id: standing.rank for standing in public_standings(competition, rescoring)}
    return [
        replace(standing, public_rank=public_ranks.get(standing.team_id))
        for standing in _ranked(rows, PrivateScore, metric, rescoring)
    ]


def private_result(submission: Submission, viewer) -> PrivateScore | None:
    """The private result of a submission that `viewer` may see, None if it has none. Refused before the
    close, to everybody."""
    _refuse_before_the_close(submission.competition)
    if not Submission.objects.visible_to(viewer).filter(pk=submission.pk).exists():
        raise Refusal(_("There is no such submission."), code="not_found", status=404)
    newest = submission.scores.order_by("-pk")[:1]
    return PrivateScore.objects.filter(score__in=list(newest)).first()


def board_version(competition: Competition) -> str:
    """A short text that changes with everything that a board shows: the key of what is rendered from it."""
    # Of all competitions: found at once, where the newest of this one means a look at all of its scores.
    newest = Score.objects.order_by("-pk").values_list("pk", flat=True).first()
    scored = competition.submissions.filter(state=State.SCORED).count()
    finals = competition.submissions.filter(is_final=True).order_by("pk").values_list("pk", "team_id")
    teams = Team.objects.filter(competition=competition).order_by("pk").values_list("pk", "name")
    rescoring = competition.rescorings.published().values_list("pk", flat=True).first()
    shown = [newest, rescoring, scored, competition.metric, competition.max_finals, competition.is_closed]
    digest = hashlib.sha256(repr([*shown, list(finals), list(teams)]).encode())
    return digest.hexdigest()[:16]


_COLUMNS = (
    "pk",
    "submission_id",
    "submission__received_at",
    "submission__team_id",
    "submission__team__name",
    "entries",
    "last_submission_at",
)


def _columns_of(result: str) -> list[str]:
    """The columns of the public result (``""``) or the private one (``"private__"``)."""
    return [f"{result}{name}" for name in ("value", "recall", "precision", "passed_gate")]


def _team_scores(
    competition: Competition, metric: MetricConfig, rescoring: Rescoring | None
) -> QuerySet[Score]:
    """All counting scores, each with its place in its team (`nth`, the best public one is 1) and what is to
    be said of the team: how many entries, the last of them, how many are chosen as final."""
    team = ["submission__team_id"]
    return counting_scores(competition, rescoring).annotate(
        nth=Window(RowNumber(), partition_by=team, order_by=best_first(metric)),
        entries=Window(Count("pk"), partition_by=team),
        last_submission_at=Window(Max("submission__received_at"), partition_by=team),
        chosen=Window(Count("pk", filter=Q(submission__is_final=True)), partition_by=team),
    )


def _ranked(
    rows: Iterable[dict[str, Any]],
    model: type[Score] | type[PrivateScore],
    metric: MetricConfig,
    rescoring: Rescoring | None,
) -> list[Standing]:
    """Standings of the best row of each team, by the public results or by the private ones."""
    result = "private__" if model is PrivateScore else ""
    by_time = sorted(rows, key=lambda row: row["submission__received_at"])
    entries = [
        _Entry(row[f"{result}value"], row[f"{result}recall"], row[f"{result}precision"], row)
        for row in by_time
    ]
    best: dict[int, _Entry] = {}
    for ranked in rank(entries, metric):
        best.setdefault(ranked.entry.row["submission__team_id"], ranked.entry)
    # Out of the large JSON documents of these few alone: in the query above, all would have to be parsed.
    shown = model.objects.as_if_published(rescoring).filter(
        pk__in=[entry.row["pk"] for entry in best.values()]
    )
    estimates = {
        pk: _Estimate(*told)
        for pk, *told in shown.values_list(
            "pk",
            "result__interval",
            "result__probability_below_gate",
            "result__uncertainty__clusters",
            "replicates",
        )
    }
    standings = list(rank(best.values(), metric))
    # The same for all entries of a part, but for those scored before it was told.
    clusters = min((estimate.effective_clusters for estimate in estimates.values()), default=math.inf)
    bands = tie_bands(
        [estimates[ranked.entry.row["pk"]].draws for ranked in standings],
        higher_is_better=metric.higher_is_better,
        effective_clusters=clusters if math.isfinite(clusters) else None,
    )
    return [
        replace(
            _standing(ranked.rank, ranked.entry, result, estimates[ranked.entry.row["pk"]]), tie_band=band
        )
        for ranked, band in zip(standings, bands, strict=True)
    ]


def _with_digits(standing: Standing, digits: int) -> Standing:
    interval = standing.interval and rounded(standing.interval, min(digits, COARSE_DIGITS))
    return replace(
        standing,
        **{name: rounded(getattr(standing, name), digits) for name in ("value", "recall", "precision")},
        interval=tuple(interval) if interval else None,
        probability_below_gate=rounded(standing.probability_below_gate, DRAWN_DIGITS),
    )


def _standing(place: int, entry: _Entry, result: str, estimate: _Estimate) -> Standing:
    row = entry.row
    return Standing(
        rank=place,
        team=row["submission__team__name"],
        team_id=row["submission__team_id"],
        submission_id=row["submission_id"],
        value=entry.score,
        recall=entry.recall,
        precision=entry.precision,
        passed_gate=row[f"{result}passed_gate"],
        entries=row["entries"],
        last_submission_at=row["last_submission_at"],
        interval=(estimate.interval[0], estimate.interval[1]) if estimate.interval else None,
        probability_below_gate=estimate.probability_below_gate,
    )


def _refuse_before_the_close(competition: Competition) -> None:
    if not competition.is_closed:
        raise Refusal(
            _("Private scores are shown after the competition has closed."), code="not_closed", status=403
        )
