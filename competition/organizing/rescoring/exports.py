"""Before and after as tables for spreadsheets."""

from collections.abc import Iterator

from competition.leaderboards.views import harmless_in_a_spreadsheet
from competition.organizing.rescoring.before_after import BeforeAfter, Place, changes_by_entry
from competition.submissions.models import Rescoring

TEAM_COLUMNS = (
    "part",
    "team",
    *(
        f"{name}_{when}"
        for name in ("rank", "score", "recall", "passed_gate")
        for when in ("before", "after")
    ),
    "moved",
)
ENTRY_COLUMNS = (
    "submission",
    "team",
    "file",
    "received_at",
    *(f"{name}_{when}" for name in ("score", "recall", "passed_gate") for when in ("before", "after")),
    "error",
)

Row = tuple[object, ...]


def team_rows(effect: BeforeAfter) -> Iterator[Row]:
    """A header and a row per team and board, in the new order."""
    yield TEAM_COLUMNS
    for part, board in (("public", effect.public), ("private", effect.private)):
        for line in board.lines if board else ():
            pairs = zip(_cells(line.before), _cells(line.after), strict=True)
            cells = (cell for pair in pairs for cell in pair)
            yield (part, harmless_in_a_spreadsheet(line.team), *cells, line.moved)


def entry_rows(rescoring: Rescoring) -> Iterator[Row]:
    """A header and a row per entry, public results; those that could not be scored at the end."""
    yield ENTRY_COLUMNS
    for score in changes_by_entry(rescoring).iterator(chunk_size=500):
        entry = score.submission
        yield (
            entry.pk,
            harmless_in_a_spreadsheet(entry.team.name),
            harmless_in_a_spreadsheet(entry.filename),
            entry.received_at.isoformat(),
            *(score.old_value, score.value),  # type: ignore[attr-defined]
            *(score.old_recall, score.recall),  # type: ignore[attr-defined]
            *(score.old_passed_gate, score.passed_gate),  # type: ignore[attr-defined]
            "",
        )
    for failure in rescoring.failures.select_related("submission__team"):
        entry = failure.submission
        name, file = (harmless_in_a_spreadsheet(text) for text in (entry.team.name, entry.filename))
        yield (entry.pk, name, file, entry.received_at.isoformat(), *[""] * 6, failure.error)


def _cells(place: Place | None) -> Row:
    return (place.rank, place.value, place.recall, place.passed_gate) if place else ("",) * 4
