"""Standings as a table for spreadsheets."""

from collections.abc import Iterable, Iterator

from competition.accounts.models import User
from competition.leaderboards.standings import Standing
from competition.leaderboards.views import harmless_in_a_spreadsheet

COLUMNS = (
    "rank",
    "team",
    "people",
    "value",
    "passed_gate",
    "recall",
    "precision",
    "entries",
    "submission",
    "last_submission_at",
)


def standings_rows(standings: Iterable[Standing]) -> Iterator[tuple[object, ...]]:
    """A header and a row per standing; `people` are user names, separated by spaces; times in UTC."""
    standings = list(standings)
    people: dict[int, list[str]] = {}
    members = User.objects.filter(participations__team__in=[standing.team_id for standing in standings])
    for team_id, username in members.order_by("username").values_list("participations__team", "username"):
        people.setdefault(team_id, []).append(username)
    yield COLUMNS
    for row in standings:
        yield (
            row.rank,
            harmless_in_a_spreadsheet(str(row.team)),
            harmless_in_a_spreadsheet(" ".join(people.get(row.team_id, []))),
            row.value,
            row.passed_gate,
            row.recall,
            row.precision,
            row.entries,
            row.submission_id,
            row.last_submission_at.isoformat() if row.last_submission_at else "",
        )
