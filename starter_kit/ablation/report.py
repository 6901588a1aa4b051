"""The ablation table: rows from what was measured, as Markdown, CSV and a plot."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from starter_kit.ablation.study import CEILING, Ablation, Measured
from starter_kit.atomic_file import written_whole

Table = Sequence[dict[str, Any]]
CONVENTIONAL = "conventional"
WINNERS_REDUCTION = 0.654  # of the false-alarm ratio: Matsuoka 2021, doi 10.1186/s40645-021-00459-y


def summarised(measured: Iterable[Measured], plan: Ablation) -> list[dict[str, Any]]:
    """One entry for each row that was measured, in the plan's order: the mean over seeds of the precision,
    its interval, the false-alarm ratio, and by how much that is below the conventional model's.

    The interval is 95 % of Student's t over seeds, with one spread for all rows (two or three seeds tell that
    of a single row badly); where no row has two seeds, of the storms drawn anew. The ceiling, which is not
    trained, stands last and has none.
    """
    by_row: dict[str, list[Measured]] = {}
    for each in measured:
        by_row.setdefault(each.row, []).append(each)
    conventional = by_row.get(CONVENTIONAL)
    reference = 1 - np.mean([each.precision for each in conventional]) if conventional else None
    spread, freedom = _spread_over_seeds([runs for name, runs in by_row.items() if name != CEILING])
    told = {row.name: row.what for row in plan.rows} | {CEILING: "the best that any detector could do here"}
    table = []
    for name, what in told.items():
        runs = by_row.get(name)
        if not runs:
            continue
        mean = float(np.mean([each.precision for each in runs]))
        margin = 0.0 if name == CEILING else _margin(runs, spread, freedom)
        false_alarms = 1 - mean
        table.append(
            {
                "method": name,
                "what": what,
                "precision": mean,
                "low": max(0.0, mean - margin),
                "high": min(1.0, mean + margin),
                "false_alarm_ratio": false_alarms,
                "reduction": None if reference is None else float(1 - false_alarms / reference),
                "seeds": len(runs),
                "error_over_storms": float(np.mean([each.standard_error for each in runs])),
                "seconds": float(np.mean([each.seconds for each in runs])),
                "processor_seconds": float(np.mean([each.processor_seconds for each in runs])),
            }
        )
    return table


def _spread_over_seeds(rows: Sequence[Sequence[Measured]]) -> tuple[float, int]:
    """The standard deviation over seeds inside a row, pooled over all rows, and its degrees of freedom."""
    squares, freedom = 0.0, 0
    for runs in rows:
        precisions = [each.precision for each in runs]
        squares += float(np.var(precisions)) * len(runs)
        freedom += len(runs) - 1
    return (squares / freedom) ** 0.5 if freedom else 0.0, freedom


def _margin(runs: Sequence[Measured], spread: float, freedom: int) -> float:
    from scipy.stats import norm, t  # noqa: PLC0415 - half a second to import

    if not freedom:
        return float(norm.ppf(0.975) * runs[0].standard_error)
    return float(t.ppf(0.975, freedom) * spread / len(runs) ** 0.5)


def write_report(table: Table, out: Path, heading: str) -> None:
    """ablation.md, ablation.csv and ablation.png in `out`; `heading` says what it was measured on."""
    with written_whole(out / "ablation.md") as draft:
        draft.write_text(markdown(table, heading), encoding="utf-8")
    with written_whole(out / "ablation.csv") as draft:
        pl.DataFrame(table, infer_schema_length=None).write_csv(draft)
    figure = plot(table, heading)
    with written_whole(out / "ablation.png") as draft:
        FigureCanvasAgg(figure).print_png(str(draft))


COLUMNS = (
    "method",
    "what",
    "precision at recall 0.79",
    "95 %",
    "false-alarm ratio",
    "against conventional",
    "processor time, s",
)


def markdown(table: Table, heading: str) -> str:
    lines = [_line(COLUMNS), "|---" * len(COLUMNS) + "|"]
    for row in table:
        is_trained = row["method"] != CEILING
        is_told = row["reduction"] is not None and row["method"] != CONVENTIONAL
        lines.append(
            _line(
                [
                    row["method"],
                    row["what"],
                    f"{row['precision']:.3f}",
                    f"{row['low']:.3f} to {row['high']:.3f}" if is_trained else "",
                    f"{row['false_alarm_ratio']:.3f}",
                    f"{-100 * row['reduction']:+.1f} %" if is_told else "",
                    f"{row['processor_seconds']:.0f}" if is_trained else "",
                ]
            )
        )
    return "\n\n".join([heading, "\n".join(lines), *_notes(table)]) + "\n"


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _notes(table: Table) -> list[str]:
    """What the intervals mean, and how near the best row comes to what is possible."""
    trained = [row for row in table if row["method"] != CEILING]
    if not trained:
        return []
    seeds = " or ".join(str(number) for number in sorted({row["seeds"] for row in trained}))
    seeds += " seed" if seeds == "1" else " seeds"
    errors = [row["error_over_storms"] for row in trained]
    is_over_seeds = any(row["seeds"] > 1 for row in trained)
    drawn = (
        "seeds (Student's t, one spread for all rows)" if is_over_seeds else "storms of the test drawn anew"
    )
    intervals = (
        f"Means over {seeds}; the intervals are over {drawn}, on one test set. Another test set would "
        f"move all rows together: the standard error over storms is {min(errors):.3f} to {max(errors):.3f}."
    )
    ceiling = next((row for row in table if row["method"] == CEILING), None)
    if not ceiling or not ceiling["reduction"]:
        return [intervals]
    best = max(trained, key=lambda row: row["precision"])
    possible, reached = ceiling["reduction"], best["reduction"]
    nearness = (
        "No detector can lower the conventional model's false-alarm ratio on this test by more than "
        f"{100 * possible:.1f} %; `{best['method']}` lowers it by {100 * reached:.1f} %. (The winners of "
        f"2018 did by {100 * WINNERS_REDUCTION:.1f} %, on other images.)"
    )
    return [intervals, nearness]


def plot(table: Table, heading: str) -> Figure:
    """Precision by method with its interval, the first row on top. Lines mark the conventional model, the
    winners' reduction of its false alarms, and the ceiling; the upper axis reads that reduction."""
    rows = [row for row in table if row["method"] != CEILING]
    figure = Figure(figsize=(8, 0.3 * len(rows) + 1.9), layout="constrained")
    axes = figure.add_subplot()
    precision = np.array([row["precision"] for row in rows])
    margins = np.array([[row["precision"] - row["low"], row["high"] - row["precision"]] for row in rows])
    axes.errorbar(
        precision, range(len(rows)), xerr=margins.reshape(-1, 2).T, fmt="o", color="#1f5f8b", capsize=3
    )
    reference = next((row for row in rows if row["method"] == CONVENTIONAL), None)
    ceiling = next((row for row in table if row["method"] == CEILING), None)
    if reference:
        false_alarms = reference["false_alarm_ratio"]
        _mark(axes, reference["precision"], "conventional", "#9a9a9a")
        winners = 1 - (1 - WINNERS_REDUCTION) * false_alarms
        _mark(axes, winners, f"−{100 * WINNERS_REDUCTION:.1f} %, as in 2018", "#b5651d")
        upper = axes.secondary_xaxis(
            "top",
            functions=(
                lambda precision: 100 * (1 - (1 - np.asarray(precision)) / false_alarms),
                lambda reduction: 1 - (1 - np.asarray(reduction) / 100) * false_alarms,
            ),
        )
        upper.set_xlabel("false alarms fewer than the conventional model's, %")
    if ceiling:
        _mark(axes, ceiling["precision"], "ceiling", "#3b7d3b")
    if reference or ceiling:
        figure.legend(loc="outside lower right", ncols=3, fontsize=8, frameon=False)
    axes.set_yticks(range(len(rows)), [row["method"] for row in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlabel("precision at recall 0.79 (95 %)")
    figure.suptitle(textwrap.fill(heading, 90), fontsize=10)
    axes.grid(axis="x", color="#ececec")
    axes.spines["right"].set_visible(False)
    return figure


def _mark(axes: Axes, at: float, name: str, colour: str) -> None:
    axes.axvline(at, color=colour, linestyle="--", linewidth=1, zorder=0, label=name)
