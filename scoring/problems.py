"""What is wrong with a submission, in words for the person who made it."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

SHOWN_OF_A_KIND = 20

# kind -> (one of them, several of them), as the summary line names them
KINDS = {
    "binary": ("binary content", "binary contents"),
    "columns": ("wrong column", "wrong columns"),
    "damaged": ("damaged file", "damaged files"),
    "delimiter": ("wrong delimiter", "wrong delimiters"),
    "duplicate_id": ("duplicate id", "duplicate ids"),
    "empty_file": ("empty file", "empty files"),
    "empty_value": ("empty value", "empty values"),
    "encoding": ("row that is not UTF-8", "rows that are not UTF-8"),
    "fields": ("row with a wrong number of fields", "rows with a wrong number of fields"),
    "format": ("file of another format", "files of another format"),
    "infinite_value": ("infinite value", "infinite values"),
    "label_value": ("label that is not 0 or 1", "labels that are not 0 or 1"),
    "long_line": ("line that is too long", "lines that are too long"),
    "missing_id": ("missing id", "missing ids"),
    "nan_value": ("value that is NaN", "values that are NaN"),
    "probability_value": ("probability outside 0 to 1", "probabilities outside 0 to 1"),
    "quotes": ("quotation mark that is never closed", "quotation marks that are never closed"),
    "refused_by_metric": ("reason of the metric not to score it", "reasons of the metric not to score it"),
    "text_value": ("value that is not a number", "values that are not numbers"),
    "too_large": ("file that is too large", "files that are too large"),
    "too_many_rows": ("row too many", "rows too many"),
    "unknown_id": ("unknown id", "unknown ids"),
}


@dataclass(frozen=True)
class Problem:
    """One thing to repair.

    kind: one of ``KINDS``, stable, for programs. message: for people, with the row in it.
    rows: file rows, from 1 (in a text file the header is row 1; in Parquet the first row of data);
    a duplicate names both rows; empty where no row is meant. total: how many of this kind the file has,
    of which at most ``SHOWN_OF_A_KIND`` are listed.
    """

    kind: str
    message: str
    rows: tuple[int, ...]
    total: int

    def to_dict(self) -> dict[str, Any]:
        return asdict(self) | {"rows": list(self.rows)}


class InvalidSubmission(Exception):  # noqa: N818 - it says what the submission is
    """The participant's file is refused; ``problems`` lists everything that was found at once."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = list(problems)
        super().__init__("\n".join([self.summary, *(problem.message for problem in self.problems)]))

    @property
    def summary(self) -> str:
        """``3 missing ids, 1,204 unknown ids (the first 20 of a kind are listed)``."""
        totals = {problem.kind: problem.total for problem in self.problems}
        parts = [f"{total:,} {KINDS[kind][total != 1]}" for kind, total in totals.items()]
        more = any(total > SHOWN_OF_A_KIND for total in totals.values())
        return ", ".join(parts) + (f" (the first {SHOWN_OF_A_KIND} of a kind are listed)" if more else "")


class Findings:
    """Collects problems while a file is read: counts all of them, keeps the first of each kind."""

    def __init__(self) -> None:
        self._totals: Counter[str] = Counter()
        self._shown: dict[str, list[tuple[str, tuple[int, ...]]]] = {}

    def __bool__(self) -> bool:
        return bool(self._totals)

    def add(self, kind: str, message: str, *rows: int) -> None:
        shown = self._shown.setdefault(kind, [])
        if len(shown) < SHOWN_OF_A_KIND:
            shown.append((message, rows))
        self._totals[kind] += 1

    def has(self, *kinds: str) -> bool:
        return any(kind in self._totals for kind in kinds)

    def has_room(self, kind: str) -> bool:
        """Whether one more of a kind would be listed: a costly message is only worth making then."""
        return len(self._shown.get(kind, ())) < SHOWN_OF_A_KIND

    def add_many(self, kind: str, total: int, messages: Iterable[str]) -> None:
        """A whole kind at once, of which the caller words only the first ones."""
        self._totals[kind] += total
        self._shown.setdefault(kind, []).extend((message, ()) for message in messages)

    def raise_if_any(self) -> None:
        if self:
            raise InvalidSubmission(
                Problem(kind, message, rows, self._totals[kind])
                for kind, shown in self._shown.items()
                for message, rows in shown[:SHOWN_OF_A_KIND]
            )


def refuse(kind: str, message: str, *rows: int) -> InvalidSubmission:
    """The refusal of a file as a whole, for one reason."""
    return InvalidSubmission([Problem(kind, message, rows, 1)])
