"""What a metric may return, read strictly: in its own process, and again by whoever started that.

The second reading does not trust the first: the same rules hold for what came out of JSON.
"""

import math
from dataclasses import dataclass
from typing import Any

MOST_NUMBERS = 20
LONGEST_NAME = 40
# Names with a meaning of their own, in the order in which a description lists them.
SHARES = ("recall", "precision")
EXAMPLE = 'return 0.5, or {"score": 0.5, "passed_gate": True, "recall": 0.8, "hits": 12}'


class UnusableReturnError(Exception):
    """What `score` returned cannot be used; the message says why, and what could be."""


@dataclass(frozen=True)
class Returned:
    """score: finite; None where the gate was not passed. recall, precision: from 0 to 1, if they were given.

    numbers: what else the metric tells of a submission, by name.
    """

    score: float | None
    passed_gate: bool
    recall: float | None
    precision: float | None
    numbers: dict[str, float]

    def to_dict(self) -> dict[str, Any]:
        """As a metric could have returned it."""
        known = {"score": self.score, "passed_gate": self.passed_gate}
        return known | {"recall": self.recall, "precision": self.precision} | self.numbers


def read_returned(value: Any) -> Returned:
    """The result in a metric's return value. Raises UnusableReturnError."""
    if not isinstance(value, dict):
        return Returned(_number(value, "score() returned"), True, None, None, {})
    for name in value:
        if not isinstance(name, str) or not name.isprintable() or not 0 < len(name) <= LONGEST_NAME:
            raise UnusableReturnError(
                f"score() returned a dict with the name {_shown(name)}: names are printable text of 1 to"
                f" {LONGEST_NAME} characters"
            )
    if "score" not in value:
        raise UnusableReturnError(f'score() returned a dict without "score": {EXAMPLE}')
    fields = dict(value)
    passed = _unwrapped(fields.pop("passed_gate", True))
    if not isinstance(passed, bool):
        raise UnusableReturnError(f'score() returned "passed_gate": {_shown(passed)}: it is True or False')
    score = fields.pop("score")
    if passed or score is not None:
        score = _number(score, 'score() returned "score":')
    shares = {name: _share(fields.pop(name, None), name) for name in SHARES}
    if len(fields) > MOST_NUMBERS:
        raise UnusableReturnError(
            f"score() returned {len(fields):,} named numbers beside the score: {MOST_NUMBERS} at most"
        )
    numbers = {name: _number(each, f'score() returned "{name}":') for name, each in fields.items()}
    return Returned(score if passed else None, passed, **shares, numbers=numbers)


def _share(value: Any, name: str) -> float | None:
    if value is None:
        return None
    share = _number(value, f'score() returned "{name}":')
    if not 0 <= share <= 1:
        raise UnusableReturnError(f'score() returned "{name}": {share!r}: it lies between 0 and 1')
    return share


def _number(value: Any, found: str) -> float:
    value = _unwrapped(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UnusableReturnError(f"{found} {_shown(value)}, which is no number: {EXAMPLE}")
    try:
        number = float(value)
    except OverflowError:
        raise UnusableReturnError(f"{found} an integer that is too large") from None
    if not math.isfinite(number):
        raise UnusableReturnError(f"{found} {number!r}: a score must be finite")
    return number + 0.0  # no -0.0, which prints as another number


def _unwrapped(value: Any) -> Any:
    """A NumPy scalar as what it holds; NumPy is not imported for it."""
    return value.item() if hasattr(value, "item") and getattr(value, "shape", None) == () else value


def _shown(value: Any) -> str:
    kind = type(value).__name__
    if isinstance(value, str | bytes | int | float | complex | None) and not (
        isinstance(value, int) and abs(value) >= 1 << 64
    ):
        text = repr(value)
        return f"{kind} {text if len(text) <= 60 else text[:60] + '…'}"
    return f"an object of type {kind[:60]}"
