"""The errors worth looking at, and what the network looked at in each of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

from starter_kit.explain.attributions import grad_cam, integrated_gradients
from starter_kit.explain.cases import Cases, Kind
from starter_kit.explain.pictures import grad_cam_picture, gradients_picture, grey_picture
from starter_kit.inference.predict import OnProgress
from starter_kit.inference.scorers import MeanOfRuns, Scorer
from starter_kit.networks.classifier import CycloneClassifier
from starter_kit.run_folder import load_run

PER_GROUP = 3


@dataclass(frozen=True)
class Shown:
    """One image of the browser: its row of the table, and its pictures as PNG data."""

    about: dict[str, object]
    grey: str
    grad_cam: str
    gradients: str


def worst(cases: Cases, kind: Kind, most: int) -> pl.DataFrame:
    """The `most` worst errors of a kind (`miss` or `false alarm`), and the 3 worst of every basin, month and
    lead time; worst first, as `Cases.rows`."""
    rows = cases.rows(kind)
    chosen = [rows.head(most)]
    for column in ("basin", "month", "lead"):
        known = rows.filter(pl.col(column).is_not_null())
        chosen.append(known.group_by(column, maintain_order=True).head(PER_GROUP).select(rows.columns))
    kept = pl.concat(chosen)["row"].unique()
    return rows.filter(pl.col("row").is_in(kept.to_list()))


def look_at(
    cases: Cases, rows: pl.DataFrame, scorer: Scorer, *, on_progress: OnProgress | None = None
) -> list[Shown]:
    """Images with their overlays. Of several models the mean: what most of them look at."""
    images = cases.pixels(rows["row"])
    camera = np.zeros(images.shape, np.float32)
    shared = np.zeros(images.shape, np.float32)
    for model in _models(scorer):
        for place in range(len(images)):
            one = images[place : place + 1]
            strength = grad_cam(model, one)[0]
            camera[place] += strength / max(float(strength.max()), 1e-12)  # models differ in scale
            shared[place] += integrated_gradients(model, one).maps[0]
            if on_progress:
                on_progress(1)
    return [
        Shown(
            about,
            grey_picture(images[place]),
            grad_cam_picture(images[place], camera[place]),
            gradients_picture(images[place], shared[place]),
        )
        for place, about in enumerate(rows.iter_rows(named=True))
    ]


def _models(scorer: Scorer) -> Iterator[CycloneClassifier]:
    """The models one after the other, so that memory holds one of an ensemble's."""
    if isinstance(scorer, MeanOfRuns):
        yield from (run.model for run in scorer.runs)
    else:
        ensemble = scorer.ensemble
        for folders in ensemble.record.members.values():
            for folder in folders:
                yield load_run(ensemble.directory / folder, ensemble.device).model
