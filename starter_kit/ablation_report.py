"""The ablation table as Markdown, CSV and a plot."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from starter_kit.atomic_file import written_whole

Table = Sequence[dict[str, Any]]


def write_report(table: Table, out: Path, heading: str) -> None:
    """ablation.md, ablation.csv and ablation.png in `out`; `heading` says what it was measured on."""
    with written_whole(out / "ablation.md") as draft:
        draft.write_text(markdown(table, heading), encoding="utf-8")
    with written_whole(out / "ablation.csv") as draft:
        pl.DataFrame(table).write_csv(draft)
    figure = plot(table, heading)
    with written_whole(out / "ablation.png") as draft:
        FigureCanvasAgg(figure).print_png(str(draft))


def markdown(table: Table, heading: str) -> str:
    lines = [
        heading,
        "",
        "| method | what | precision at recall 0.79 | 95 % | false-alarm ratio | against conventional |",
        "|---|---|---|---|---|---|",
    ]
    for row in table:
        is_told = row["reduction"] is not None and row["method"] != "conventional"
        reduction = f"{-100 * row['reduction']:+.1f} %" if is_told else ""
        lines.append(
            f"| {row['method']} | {row['what']} | {row['precision']:.3f} | {row['low']:.3f} to "
            f"{row['high']:.3f} | {row['false_alarm_ratio']:.3f} | {reduction} |"
        )
    seeds = " or ".join(str(number) for number in sorted({row["seeds"] for row in table}))
    errors = [row["error_over_storms"] for row in table]
    note = (
        f"Means over {seeds} seeds; the intervals are over seeds (Student's t, one spread for all rows), on "
        "one test set. Another test set would move all rows together: the standard error over storms is "
        f"{min(errors):.3f} to {max(errors):.3f}."
    )
    lines += ["", note]
    return "\n".join(lines) + "\n"


def plot(table: Table, heading: str) -> Figure:
    """Precision by method with its interval, the first row on top; a line marks the conventional model."""
    figure = Figure(figsize=(8, 0.36 * len(table) + 1.4), layout="constrained")
    axes = figure.add_subplot()
    places = range(len(table))
    precision = [row["precision"] for row in table]
    margins = [
        [row["precision"] - row["low"] for row in table],
        [row["high"] - row["precision"] for row in table],
    ]
    axes.errorbar(precision, places, xerr=margins, fmt="o", color="#1f5f8b", capsize=3)
    for row in table:
        if row["method"] == "conventional":
            axes.axvline(row["precision"], color="#b0b0b0", linestyle="--", zorder=0)
    axes.set_yticks(places, [row["method"] for row in table])
    axes.set_ylim(len(table) - 0.5, -0.5)
    axes.set_xlabel("precision at recall 0.79 (95 % over seeds)")
    axes.set_title(heading, fontsize=10)
    axes.grid(axis="x", color="#e5e5e5")
    axes.spines[["top", "right"]].set_visible(False)
    return figure
