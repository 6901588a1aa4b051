"""A slope chart: every team is a line from its old rank, left, to its new one, right."""

from collections.abc import Sequence
from dataclasses import dataclass

from competition.organizing.rescoring.before_after import Line

TEAMS_SHOWN = 20
ROW = 26
TOP = 30
LEFT, RIGHT, WIDTH = 40, 190, 400


@dataclass(frozen=True)
class Slope:
    """direction: ``up``, ``down`` or ``level``. y_before is None for a team that was on no rank."""

    line: Line
    direction: str
    y_before: int | None
    y_after: int


@dataclass(frozen=True)
class SlopeChart:
    slopes: list[Slope]
    left_out: int
    height: int
    left: int = LEFT
    right: int = RIGHT
    width: int = WIDTH


def slope_chart(lines: Sequence[Line]) -> SlopeChart:
    """The first teams of the new order. Teams of one rank stand under each other, as in the table."""
    shown = [line for line in lines if line.after][:TEAMS_SHOWN]
    were = sorted((line for line in shown if line.before), key=lambda line: line.before.rank)  # type: ignore[union-attr]
    y_of = {id(line): TOP + ROW * place for place, line in enumerate(were)}
    slopes = [
        Slope(line, _direction(line), y_of.get(id(line)), TOP + ROW * place)
        for place, line in enumerate(shown)
    ]
    return SlopeChart(slopes, left_out=len(lines) - len(shown), height=TOP + ROW * len(shown))


def _direction(line: Line) -> str:
    return "up" if line.moved > 0 else "down" if line.moved < 0 else "level"
