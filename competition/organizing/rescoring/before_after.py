"""A rescoring's effect on the standings and on each entry: what an organizer looks at before publishing."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from django.db.models import BooleanField, FloatField, OuterRef, QuerySet, Subquery

from competition.contests.models import Competition
from competition.leaderboards.standings import Standing, private_standings, public_standings
from competition.organizing.metric import canonical
from competition.submissions.models import Rescoring, Score

BIGGEST_MOVES = 5


@dataclass(frozen=True)
class Place:
    """Where a team stands: `value` is None below the gate."""

    rank: int
    value: float | None
    recall: float | None
    passed_gate: bool
    submission_id: str  # the entry that it stands there with


@dataclass(frozen=True)
class Line:
    """A team before and after; None where it is not on that board."""

    team: str
    before: Place | None
    after: Place | None

    @property
    def moved(self) -> int:
        """Places gained, below zero if lost."""
        return self.before.rank - self.after.rank if self.before and self.after else 0

    @property
    def gate(self) -> str:
        """``entered``, ``left``, or empty."""
        was, passes = (place is not None and place.passed_gate for place in (self.before, self.after))
        return "" if was == passes else "entered" if passes else "left"

    @property
    def changed(self) -> bool:
        return _shown(self.before) != _shown(self.after)


@dataclass(frozen=True)
class Board:
    """The teams of one board before and after, in the new order."""

    lines: list[Line]

    @property
    def changed(self) -> list[Line]:
        return [line for line in self.lines if line.changed]

    @property
    def moved(self) -> list[Line]:
        """The teams whose rank changes, the biggest moves first."""
        moved = [line for line in self.lines if line.moved]
        return sorted(moved, key=lambda line: -abs(line.moved))

    @property
    def biggest_moves(self) -> list[Line]:
        return self.moved[:BIGGEST_MOVES]

    @property
    def winners(self) -> tuple[list[str], list[str]]:
        """Who stands first, before and after."""
        before = [line.team for line in self.lines if line.before and line.before.rank == 1]
        return before, [line.team for line in self.lines if line.after and line.after.rank == 1]

    @property
    def winner_changes(self) -> bool:
        before, after = self.winners
        return set(before) != set(after)


@dataclass(frozen=True)
class Entries:
    """Of all entries how many were scored, got another public result, and crossed the gate."""

    scored: int
    changed: int
    entered_gate: int
    left_gate: int


@dataclass(frozen=True)
class BeforeAfter:
    """private: after the close only, for organizers as for everybody."""

    entries: Entries
    public: Board
    private: Board | None


def before_after(rescoring: Rescoring) -> BeforeAfter:
    """As it is now; of a published rescoring as it was when it was published."""
    if rescoring.report:
        return _thawed(rescoring.report)
    competition = rescoring.competition
    return BeforeAfter(
        entries=_entries(rescoring),
        public=_board(public_standings(competition), public_standings(competition, rescoring)),
        private=_board(private_standings(competition), private_standings(competition, rescoring))
        if competition.is_closed
        else None,
    )


def frozen_report(competition: Competition, rescoring: Rescoring) -> dict[str, Any]:
    """`before_after` as JSON, to be kept: once it is published, only history knows what was before."""
    rescoring.competition = competition
    return {**asdict(before_after(rescoring)), "metric": competition.metric}


def metric_changes(rescoring: Rescoring) -> list[tuple[str, Any, Any]]:
    """The fields of the metric configuration that differ: (name, before, after), None where there is none."""
    before, after = (canonical(metric) or metric for metric in (metric_before(rescoring), rescoring.metric))
    names = sorted(before.keys() | after.keys())
    pairs = ((name, before.get(name), after.get(name)) for name in names)
    return [pair for pair in pairs if pair[1] != pair[2]]


def metric_before(rescoring: Rescoring) -> dict[str, Any]:
    """The configuration that was, or is, in force before the rescoring is published."""
    return rescoring.report.get("metric") or rescoring.competition.metric


def changes_by_entry(rescoring: Rescoring) -> QuerySet[Score]:
    """The scores that the rescoring made, each with what the entry had before: `old_value`, `old_recall`,
    `old_passed_gate`, `old_metric`. By team, then by time."""
    before = Score.objects.filter(submission=OuterRef("submission"), pk__lt=OuterRef("pk")).order_by("-pk")
    return (
        Score.with_unpublished.filter(rescoring=rescoring)
        .select_related("submission__team")
        .defer("result", "replicates")
        .annotate(
            old_value=Subquery(before.values("value")[:1], output_field=FloatField()),
            old_recall=Subquery(before.values("recall")[:1], output_field=FloatField()),
            old_passed_gate=Subquery(before.values("passed_gate")[:1], output_field=BooleanField()),
            old_metric_version=Subquery(before.values("metric_version")[:1]),
        )
        .order_by("submission__team__name", "submission__received_at", "pk")
    )


def _entries(rescoring: Rescoring) -> Entries:
    rows = (
        changes_by_entry(rescoring)
        .order_by()
        .values_list("old_value", "old_recall", "old_passed_gate", "value", "recall", "passed_gate")  # type: ignore[misc]
    )
    pairs = [(row[:3], row[3:]) for row in rows]
    return Entries(
        scored=len(pairs),
        changed=sum(old != new for old, new in pairs),
        entered_gate=sum(new[2] and not old[2] for old, new in pairs),
        left_gate=sum(old[2] and not new[2] for old, new in pairs),
    )


def _board(before: Iterable[Standing], after: Iterable[Standing]) -> Board:
    old = {standing.team_id: standing for standing in before}
    lines = []
    for standing in after:
        earlier = old.pop(standing.team_id, None)
        lines.append(Line(standing.team, _place(earlier), _place(standing)))
    return Board(lines + [Line(gone.team, _place(gone), None) for gone in old.values()])


def _place(standing: Standing | None) -> Place | None:
    if standing is None:
        return None
    return Place(
        rank=standing.rank,
        value=standing.value,
        recall=standing.recall,
        passed_gate=standing.passed_gate,
        submission_id=str(standing.submission_id),
    )


def _shown(place: Place | None) -> tuple[object, ...] | None:
    return (place.rank, place.value, place.recall, place.passed_gate) if place else None


def _thawed(report: dict[str, Any]) -> BeforeAfter:
    def board(kept: dict[str, Any]) -> Board:
        return Board(
            [
                Line(
                    line["team"],
                    *(Place(**line[when]) if line[when] else None for when in ("before", "after")),
                )
                for line in kept["lines"]
            ]
        )

    return BeforeAfter(
        Entries(**report["entries"]),
        board(report["public"]),
        board(report["private"]) if report["private"] else None,
    )
