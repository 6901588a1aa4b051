"""Put the report together and write it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import polars as pl

from cloud_images import Release
from starter_kit.atomic_file import written_whole
from starter_kit.errors import StarterKitError
from starter_kit.explain.browser import look_at, worst
from starter_kit.explain.cases import Cases, held_back_cases, shared_cases, solved_cases
from starter_kit.explain.page import Contrast, Report, Side, render
from starter_kit.explain.pictures import grey_picture
from starter_kit.explain.rates import (
    compare_cases,
    rates_by_basin,
    rates_by_day,
    rates_by_lead,
    rates_by_month,
    reliability,
)
from starter_kit.inference.predict import OnProgress
from starter_kit.inference.scorers import Scorer

PAGE, NUMBERS, IMAGES = "index.html", "numbers.json", "images.csv"
PICTURES_OF_A_SIDE = 12
SIDES = {
    "Storms that only {0} finds": ("hit", "miss"),
    "Storms that only {1} finds": ("miss", "hit"),
    "False alarms of {0} alone": ("false alarm", "correct rejection"),
    "False alarms of {1} alone": ("correct rejection", "false alarm"),
}

Progress = Callable[[str, int | None], OnProgress]
"""progress(noun, total): a bar for some images, and what to call as they are done."""


def explain(
    release: Release,
    run: tuple[str, Scorer],
    *,
    other: tuple[str, Scorer] | None = None,
    solution: Path | None = None,
    most: int = 12,
    progress: Progress,
) -> Report:
    """All that the page tells of a model, by name, and of its difference from another.

    solution: judge on the test images; else on the storms held back. most: worst errors of each kind, beside
    those of every group. Raises StarterKitError.
    """
    name, scorer = run
    cases = _judged(release, scorer, solution, progress)
    misses, false_alarms = worst(cases, "miss", most), worst(cases, "false alarm", most)
    looked = progress("overlays", scorer.models * (len(misses) + len(false_alarms)))
    contrast = None
    if other is not None:
        other_name, other_scorer = _apart(name, other[0]), other[1]
        contrast = _contrast(name, other_name, cases, _judged(release, other_scorer, solution, progress))
    return Report(
        name=name,
        release=f"{release.manifest.title} {release.manifest.version}",
        cases=cases,
        by_day=rates_by_day(cases),
        by_lead=rates_by_lead(cases),
        by_basin=rates_by_basin(cases),
        by_month=rates_by_month(cases),
        reliability=reliability(cases),
        misses=look_at(cases, misses, scorer, on_progress=looked),
        false_alarms=look_at(cases, false_alarms, scorer, on_progress=looked),
        contrast=contrast,
    )


def _judged(release: Release, scorer: Scorer, solution: Path | None, progress: Progress) -> Cases:
    if solution is not None:
        done = progress("test images", scorer.models * release.manifest.counts.test.images)
        return solved_cases(release, scorer, solution, on_progress=done)
    return held_back_cases(release, scorer, on_progress=progress("images held back", None))


def _apart(name: str, other: str) -> str:
    return other if other != name else f"{other} (the other)"


def _contrast(name: str, other_name: str, cases: Cases, other_cases: Cases) -> Contrast:
    one, other = shared_cases(cases, other_cases)
    both = one.table.with_row_index("row").with_columns(
        other_kind=other.table["kind"], other_score=other.table["score"]
    )
    sides = []
    for what, (kind, other_kind) in SIDES.items():
        rows = both.filter((pl.col("kind") == kind) & (pl.col("other_kind") == other_kind))
        most_apart = rows.sort((pl.col("score") - pl.col("other_score")).abs(), descending=True)
        some = most_apart.head(PICTURES_OF_A_SIDE)
        pictures = [grey_picture(image) for image in one.pixels(some["row"])]
        shown = list(zip(some.iter_rows(named=True), pictures, strict=True))
        sides.append(Side(what.format(name, other_name), len(rows), shown))
    return Contrast(name, other_name, one, other, compare_cases(one, other), sides)


def make_folder(out: Path) -> None:
    """Before minutes of work, not after them. Raises StarterKitError."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StarterKitError(f"The folder {out} cannot be made: {error.strerror}.") from None


def write_report(report: Report, out: Path) -> None:
    """index.html, numbers.json and images.csv (every image with its score and on which side it fell) in the
    folder, each whole or not at all. Raises StarterKitError where it cannot be written to."""
    with written_whole(out / PAGE) as draft:
        draft.write_text(render(report), encoding="utf-8")
    with written_whole(out / NUMBERS) as draft:
        draft.write_text(json.dumps(numbers(report), indent=1, allow_nan=False) + "\n", encoding="utf-8")
    with written_whole(out / IMAGES) as draft:
        table = report.cases.table.drop("position").sort("score", descending=True)
        table.write_csv(draft, datetime_format="%Y-%m-%dT%H:%M:%SZ")


def numbers(report: Report) -> dict[str, Any]:
    """The numbers of the page, for programs."""
    result = report.cases.result
    told: dict[str, Any] = {
        "run": report.name,
        "release": report.release,
        "images": len(report.cases.table),
        "recall_floor": report.cases.recall_floor,
        **{key: getattr(result, key) for key in ("threshold", "precision", "recall", "interval")},
        **{key: getattr(result, key) for key in ("tp", "fp", "fn", "tn")},
        "by_day": [asdict(rate) for rate in report.by_day],
        "by_lead": [asdict(rate) for rate in report.by_lead],
        "by_basin": [asdict(rate) for rate in report.by_basin],
        "by_month": [asdict(rate) for rate in report.by_month],
        "reliability": asdict(report.reliability),
    }
    if report.contrast is not None:
        contrast = report.contrast
        told["comparison"] = {
            "other": contrast.other_name,
            "images": len(contrast.cases.table),
            "precision": contrast.cases.result.precision,
            "other_precision": contrast.other.result.precision,
            **asdict(contrast.comparison),
            "is_distinguishable": contrast.comparison.is_distinguishable,
            "sides": {side.what: side.count for side in contrast.sides},
        }
    return told
