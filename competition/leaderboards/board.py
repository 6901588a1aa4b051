"""A leaderboard as it is drawn: intervals on a scale that all share, and brackets around who is tied."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from competition.leaderboards.standings import Standing
from competition.submissions.charts import Axis, Bar
from competition.submissions.report import gate_of
from scoring.natural_frequency import frequency

MARGIN = 0.04  # of the scale, beside the outermost intervals


@dataclass(frozen=True)
class Band:
    """Teams that cannot be told apart from the first of them. last_rank: where the bracket ends."""

    number: int
    size: int
    first_rank: int
    last_rank: int


@dataclass(frozen=True)
class Row:
    """band: where the team is tied with others. starts, ends: whether the bracket does here. shares_rank:
    with teams of the very same score. risk: "k in n" draws below the gate."""

    standing: Standing
    bar: Bar | None
    band: Band | None
    starts: bool
    ends: bool
    shares_rank: bool
    risk: tuple[int, int] | None


@dataclass(frozen=True)
class Board:
    """has_…: which columns there is something to show in."""

    rows: list[Row]
    scale: Axis | None
    has_bands: bool
    has_recall: bool
    has_precision: bool
    has_gate: bool

    @property
    def columns(self) -> int:
        """Without the shift, which only the private board has."""
        return 5 + sum((self.scale is not None, self.has_recall, self.has_precision, self.has_gate))


def board_of(standings: Sequence[Standing], metric: dict) -> Board:
    gate = gate_of(metric)
    scale = _scale(standings)
    bands = _bands(standings)
    ranks = Counter(standing.rank for standing in standings)
    kept = metric.get("prediction") == "label" or metric.get("threshold", "per_split") != "per_split"
    rows = []
    for place, standing in enumerate(standings):
        band = bands.get(standing.tie_band or 0)
        rows.append(
            Row(
                standing,
                _bar(standing, scale),
                band,
                starts=band is not None and not _is_of(standings, place - 1, band),
                ends=band is not None and not _is_of(standings, place + 1, band),
                shares_rank=ranks[standing.rank] > 1,
                risk=_risk(standing) if kept else None,
            )
        )
    # The score is one of the two already where there is a gate.
    score_is = {"recall": "precision", "precision": "recall"}.get(gate.number) if gate else None
    return Board(
        rows,
        scale,
        bool(bands),
        has_recall=score_is != "recall" and any(each.recall is not None for each in standings),
        has_precision=score_is != "precision" and any(each.precision is not None for each in standings),
        has_gate=gate is not None,
    )


def _scale(standings: Sequence[Standing]) -> Axis | None:
    """From the lowest interval's end to the highest; None where there is no interval."""
    ends = [
        (min(low, each.value), max(high, each.value))
        for each in standings
        if each.value is not None and each.interval is not None
        for low, high in [each.interval]
    ]
    if not ends:
        return None
    low, high = min(low for low, _high in ends), max(high for _low, high in ends)
    margin = MARGIN * (high - low) or MARGIN
    return Axis("", low - margin, high + margin)


def _bar(standing: Standing, scale: Axis | None) -> Bar | None:
    if scale is None or standing.value is None:
        return None
    return Bar.on(scale, standing.value, standing.interval)


def _bands(standings: Sequence[Standing]) -> dict[int, Band]:
    """The bands of more than one team, by their number."""
    members: dict[int, list[Standing]] = {}
    for standing in standings:
        if standing.tie_band is not None:
            members.setdefault(standing.tie_band, []).append(standing)
    return {
        number: Band(number, len(teams), teams[0].rank, teams[-1].rank)
        for number, teams in members.items()
        if len(teams) > 1
    }


def _is_of(standings: Sequence[Standing], place: int, band: Band) -> bool:
    return 0 <= place < len(standings) and standings[place].tie_band == band.number


def _risk(standing: Standing) -> tuple[int, int] | None:
    probability = standing.probability_below_gate
    return frequency(probability) if probability is not None and 0 < probability < 1 else None
