"""How well a model finds cyclones in observed images, by the platform's own metrics."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scoring import MetricConfig, Result
from scoring import evaluate as evaluate_predictions
from scoring.metrics import AveragePrecision, RocAuc
from starter_kit.explain.rates import FEW_STORMS
from starter_kit.inference.evaluate import metric_at
from starter_kit.inference.predict import Scores
from starter_kit.observation.episodes import Divided
from starter_kit.observation.patches import Observations

ENOUGH_POSITIVES = 20
"""Fewer, and a recall floor is a matter of single images."""


@dataclass(frozen=True)
class Measured:
    """A number and its 95 % interval, None where it is not known."""

    value: float | None
    interval: tuple[float, float] | None = None


@dataclass(frozen=True)
class Skill:
    """trained_on: what images the model learned from; seen: how the observed ones were shown to it. auc,
    average_precision, precision: over all images; precision: at the recall floor, where there are enough
    positives; halves: the AUC in each half."""

    trained_on: str
    seen: str
    auc: Measured
    average_precision: Measured
    precision: Measured
    halves: tuple[float, ...] = ()


def measure_skill(
    trained_on: str,
    seen: str,
    scores: Scores,
    divided: Divided,
    recall_floor: float,
) -> Skill:
    """Of scores (N,) of observed images, all with a label. Intervals: on draws of whole storms (of days of
    storms, where there are fewer than five) and, for the other clouds, of blocks of days."""
    observed, half = divided.observed, divided.half
    labels = observed.labels
    storms = storm_clusters(observed)
    times = observed.table["time"].dt.replace_time_zone(None).to_numpy().astype("datetime64[ms]")

    def of(metric: MetricConfig) -> Measured:
        result = evaluate_predictions(
            labels, scores, metric, clusters=storms, times=times, replicates=1000, device="cpu"
        )
        return Measured(result.score, result.interval)

    def auc(side: int) -> float:
        mine = half == side
        result: Result = evaluate_predictions(labels[mine], scores[mine], RocAuc(), device="cpu")
        assert result.score is not None
        return result.score

    enough = int(labels.sum()) >= ENOUGH_POSITIVES
    return Skill(
        trained_on,
        seen,
        auc=of(RocAuc()),
        average_precision=of(AveragePrecision()),
        precision=of(metric_at(recall_floor)) if enough else Measured(None),
        halves=tuple(auc(side) for side in np.unique(half)),
    )


def storm_clusters(observed: Observations) -> list[str | None]:
    """What is drawn together of the positives: storms, or a storm's days where there are fewer than five."""
    storms, times = observed.table["storm_id"], observed.table["time"]
    if storms.drop_nulls().n_unique() >= FEW_STORMS:
        return storms.to_list()
    return [
        None if storm is None else f"{storm} {time:%Y-%m-%d}"
        for storm, time in zip(storms.to_list(), times.to_list(), strict=True)
    ]
