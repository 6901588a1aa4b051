"""A comparison as Markdown, CSV, JSON and a picture."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import polars as pl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from starter_kit.atomic_file import written_whole
from starter_kit.observation.patches import Images
from starter_kit.observation.skill import Measured, Skill
from starter_kit.observation.study import Study
from starter_kit.observation.transfer import NONE

MARKDOWN, GAP_TABLE, SKILL_TABLE, NUMBERS, GALLERY = (
    "observation.md",
    "gap.csv",
    "skill.csv",
    "observation.json",
    "gallery.png",
)
WORDS = {
    NONE: "as they are",
    "histogram": "histogram matching",
    "fourier": "Fourier style",
    "cyclegan": "CycleGAN",
}


WHAT_A_GAP_IS = (
    "AUC: 0.5 where a classifier cannot tell simulated from observed images, 1 where it always can. Then the "
    "Wasserstein distance of the values, as OLR and as brightness temperature, and the difference of the "
    "mean power spectra."
)


def write_report(study: Study, out: Path) -> None:
    """Into `out`, each file whole or not at all. Raises StarterKitError where they cannot be written."""
    with written_whole(out / MARKDOWN) as draft:
        draft.write_text(markdown(study), encoding="utf-8")
    with written_whole(out / NUMBERS) as draft:
        draft.write_text(json.dumps(numbers(study), indent=1) + "\n", encoding="utf-8")
    with written_whole(out / GAP_TABLE) as draft:
        pl.DataFrame(gap_rows(study)).write_csv(draft)
    if study.skills:
        with written_whole(out / SKILL_TABLE) as draft:
            pl.DataFrame(skill_rows(study)).write_csv(draft)
    figure = draw_gallery(study.gallery)
    with written_whole(out / GALLERY) as draft:
        FigureCanvasAgg(figure).print_png(str(draft))


def numbers(study: Study) -> dict[str, object]:
    """Everything but the pictures, as JSON takes it."""
    return {
        "about": study.about,
        "gap": [asdict(gap) for gap in study.gaps],
        "control": study.control,
        "on_simulation": study.simulated,
        "skill": [asdict(skill) for skill in study.skills],
    }


def gap_rows(study: Study) -> list[dict[str, object]]:
    """One row for each translation, flat."""
    return [
        {
            "translation": gap.method,
            "auc": gap.auc,
            "low": gap.interval[0],
            "high": gap.interval[1],
            "auc_half_0": gap.halves[0],
            "auc_half_1": gap.halves[1],
            **asdict(gap.distances),
        }
        for gap in study.gaps
    ]


def skill_rows(study: Study) -> list[dict[str, object]]:
    """One row for each model and how it saw the observed images, flat."""
    rows = []
    for skill in study.skills:
        row: dict[str, object] = {"trained_on": skill.trained_on, "observed_seen": skill.seen}
        for name in ("auc", "average_precision", "precision"):
            measured: Measured = getattr(skill, name)
            low, high = measured.interval or (None, None)
            row |= {name: measured.value, f"{name}_low": low, f"{name}_high": high}
        rows.append(row | {f"auc_half_{side}": auc for side, auc in enumerate(skill.halves)})
    return rows


def markdown(study: Study) -> str:
    """Both tables, and what they were measured on."""
    lines = ["# Simulation and observation", "", *_measured_on(study), "", "## Can they be told apart?", ""]
    lines += [
        "| simulated images | AUC | 95 % | each half | OLR, W m⁻² | temperature, K | spectrum, dB |",
        "|---|---|---|---|---|---|---|",
    ]
    for gap in study.gaps:
        low, high = gap.interval
        told = gap.distances
        lines.append(
            f"| {WORDS[gap.method]} | {gap.auc:.3f} | {low:.3f} to {high:.3f} | {_halves(gap.halves)} | "
            f"{told.olr:.1f} | {told.kelvin:.1f} | {told.spectrum:.1f} |"
        )
    lines += ["", WHAT_A_GAP_IS]
    if study.control:
        lines.append(
            f"Two storms of the simulation, told from the rest of it, reach {min(study.control):.3f} to "
            f"{max(study.control):.3f} ({len(study.control)} pairs): so much is due to few storms alone."
        )
    if study.skills:
        lines += ["", "## Does a model trained on simulation find observed cyclones?", "", *_skills(study)]
    lines += ["", f"![Simulated, translated and observed images]({GALLERY})", ""]
    return "\n".join(lines)


def _measured_on(study: Study) -> list[str]:
    about = study.about
    told = (
        f"Simulation: {about['release']}, {about['training_images']:,} training images. Observation: "
        f"{about['observed']}, in two halves; what is learned from one is judged on the other."
    )
    lines = [told, ""]
    for number, half in enumerate(about["halves"]):  # type: ignore[arg-type, var-annotated]
        lines.append(
            f"- half {number}: {half['first']} to {half['last']}, {', '.join(half['storms'])}; "
            f"{half['images_of_storms']} images of storms, {half['images_of_other_clouds']} of other clouds, "
            f"{half['windows']} windows without a label"
        )
    return lines


def _skills(study: Study) -> list[str]:
    precision = f"precision at recall {study.about['recall_floor']:g}"
    lines = [
        f"| trained on simulated | observed | AUC | average precision | {precision} | each half |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {WORDS[skill.trained_on]} | {WORDS[skill.seen]} | {_with_interval(skill.auc)} | "
        f"{_with_interval(skill.average_precision)} | {_with_interval(skill.precision)} | "
        f"{_halves(skill.halves)} |"
        for skill in study.skills
    ]
    share = _share_of_storms(study.skills, study)
    own = study.simulated
    told = (
        f"Of the observed images {share:.0%} show storms, so average precision and precision of a guess are "
        f"{share:.2f}. On the storms of the simulation that it held back, {own['positives']:.1%} of them "
        f"positive, the model has an AUC of {own['auc']:.3f}. Intervals: 95 %, from draws of whole storms, "
        "or of their days where there are fewer than five: then they tell nothing of other storms."
    )
    return [*lines, "", told]


def _share_of_storms(skills: list[Skill], study: Study) -> float:
    halves = study.about["halves"]
    storms = sum(half["images_of_storms"] for half in halves)  # type: ignore[attr-defined]
    return storms / (storms + sum(half["images_of_other_clouds"] for half in halves))  # type: ignore[attr-defined]


def _with_interval(measured: Measured) -> str:
    if measured.value is None:
        return "too few storms"
    if measured.interval is None:
        return f"{measured.value:.3f}"
    return f"{measured.value:.3f} ({measured.interval[0]:.3f} to {measured.interval[1]:.3f})"


def _halves(aucs: tuple[float, ...]) -> str:
    return ", ".join(f"{auc:.3f}" for auc in aucs)


def draw_gallery(gallery: dict[str, Images]) -> Figure:
    """Kinds of images in rows, one image and its translations below each other; observed ones, which are of
    other clouds, last."""
    count = len(next(iter(gallery.values())))
    figure = Figure(figsize=(1.25 * count + 1.6, 1.32 * len(gallery) + 0.5), facecolor="white")
    panels = figure.subplots(len(gallery), count, squeeze=False)
    figure.subplots_adjust(left=0.15, right=0.99, top=0.93, bottom=0.02, wspace=0.05, hspace=0.06)
    for row, (caption, images) in zip(panels, gallery.items(), strict=True):
        for axes, image in zip(row, images, strict=True):
            axes.imshow(np.asarray(image), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
            axes.set_xticks([])
            axes.set_yticks([])
        row[0].set_ylabel(
            WORDS.get(caption, caption).replace(" ", "\n"), rotation=0, ha="right", va="center", fontsize=10
        )
    for first, title in ((0, "storms"), (count // 2, "other clouds")):
        panels[0][first].set_title(title, loc="left", fontsize=10)
    return figure
