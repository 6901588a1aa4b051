"""Small charts as SVG that takes its colours from the page, light or dark, and its width from the screen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

Interval = tuple[float, float]
WIDTH = 440


@dataclass(frozen=True)
class Point:
    """x, y in the chart's units; interval: of y; text: what a pointer that rests on it is told."""

    x: float
    y: float
    interval: Interval | None
    text: str
    is_marked: bool = False


@dataclass(frozen=True)
class Bar:
    """A line of `dots`: its name, a share in 0 … 1 (None: not defined), its interval, and what it is of."""

    name: str
    value: float | None
    interval: Interval | None
    note: str


def curve(
    points: Sequence[Point],
    *,
    x_label: str,
    y_label: str,
    x_ticks: Sequence[tuple[float, str]],
    describe: str,
    diagonal: bool = False,
    joined: bool = True,
) -> str:
    """Shares in 0 … 1 against x, from the first of `x_ticks` to the last, with their intervals. diagonal: a
    line from corner to corner; joined: a line through the points."""
    height, left, right, top, bottom = 300, 60, 14, 12, 46
    first, last = x_ticks[0][0], x_ticks[-1][0]

    def across(x: float) -> float:
        return round(left + (x - first) / (last - first) * (WIDTH - left - right), 1)

    def up(y: float) -> float:
        return round(height - bottom - y * (height - top - bottom), 1)

    parts = []
    for share in (0, 0.25, 0.5, 0.75, 1):
        parts.append(
            f'<line class="grid" x1="{left}" x2="{WIDTH - right}" y1="{up(share)}" y2="{up(share)}"/>'
        )
        parts.append(f'<text x="{left - 8}" y="{up(share) + 4}" text-anchor="end">{share:g}</text>')
    for x, name in x_ticks:
        parts.append(
            f'<text x="{across(x)}" y="{height - bottom + 18}" text-anchor="middle">{escape(name)}</text>'
        )
    parts.append(
        f'<text x="{(left + WIDTH - right) / 2}" y="{height - 6}" text-anchor="middle">'
        f"{escape(x_label)}</text>"
        f'<text transform="translate(12 {up(0.5)}) rotate(-90)" text-anchor="middle">{escape(y_label)}</text>'
    )
    if diagonal:
        parts.append(
            f'<line class="ideal" x1="{across(first)}" y1="{up(0)}" x2="{across(last)}" y2="{up(1)}"/>'
        )
    if joined and points:
        path = " ".join(f"{across(point.x)},{up(point.y)}" for point in points)
        parts.append(f'<polyline class="line" points="{path}"/>')
    for point in points:
        if point.interval is not None:
            low, high = (min(1.0, max(0.0, end)) for end in point.interval)
            parts.append(
                f'<line class="whisker" x1="{across(point.x)}" x2="{across(point.x)}" y1="{up(low)}" '
                f'y2="{up(high)}"/>'
            )
        kind, radius = ("dot marked", 6) if point.is_marked else ("dot", 4)
        parts.append(
            f'<circle class="{kind}" cx="{across(point.x)}" cy="{up(point.y)}" r="{radius}">'
            f"<title>{escape(point.text)}</title></circle>"
        )
    return _svg(height, parts, describe)


def dots(bars: Sequence[Bar], *, describe: str) -> str:
    """A line for each group: a dot at its share, its interval, and a note at the end."""
    row, left, right = 28, 64, 132
    height = row * len(bars) + 30

    def across(share: float) -> float:
        return round(left + min(1.0, max(0.0, share)) * (WIDTH - left - right), 1)

    parts = [
        f'<line class="grid" x1="{across(share)}" x2="{across(share)}" y1="4" y2="{height - 24}"/>'
        f'<text x="{across(share)}" y="{height - 8}" text-anchor="middle">{share:g}</text>'
        for share in (0, 0.25, 0.5, 0.75, 1)
    ]
    for place, bar in enumerate(bars):
        y = row * place + row / 2 + 2
        parts.append(f'<text class="name" x="0" y="{y + 4}">{escape(bar.name)}</text>')
        parts.append(f'<text x="{WIDTH}" y="{y + 4}" text-anchor="end">{escape(bar.note)}</text>')
        if bar.interval is not None:
            low, high = map(across, bar.interval)
            parts.append(f'<line class="whisker" x1="{low}" x2="{high}" y1="{y}" y2="{y}"/>')
        if bar.value is not None:
            parts.append(f'<circle class="dot" cx="{across(bar.value)}" cy="{y}" r="5"/>')
    return _svg(height, parts, describe)


def _svg(height: int, parts: Sequence[str], describe: str) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(describe, quote=True)}">'
        + "".join(parts)
        + "</svg>"
    )
