"""How good a trained model is on the storms it never saw, by the platform's own code."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from scoring import Result
from scoring import evaluate as evaluate_predictions
from scoring.metrics import RecallConstrainedPrecision
from starter_kit.images.data import TrainingData


def metric_at(recall_floor: float) -> RecallConstrainedPrecision:
    """What is scored: the best precision at a recall of at least the floor."""
    return RecallConstrainedPrecision(recall_floor=recall_floor)


def precision_at_recall(
    scores: NDArray[np.float64],
    labels: NDArray[np.uint8],
    recall_floor: float,
    *,
    storms: Sequence[str | None] | None = None,
    hours: NDArray[np.float64] | None = None,
    replicates: int = 1000,
) -> Result:
    """The best precision of scores (N,), higher is more cyclone-like, at a recall of at least the floor.

    labels: (N,), 1 for a cyclone or precursor. The result's threshold is where that precision is reached.
    storms, hours: of each image, (N,), hours since 1970. With them the result carries its interval and its
    standard error, from `replicates` draws of whole storms and blocks of days.
    """
    return evaluate_predictions(
        labels,
        scores,
        metric_at(recall_floor),
        clusters=storms,
        times=None if hours is None else (hours * 3_600_000).astype("datetime64[ms]"),
        replicates=replicates,
        device="cpu",
    )


def standard_error(result: Result) -> float:
    """Of the precision; 0 where it is not known, as with a single storm."""
    return (result.uncertainty or {}).get("standard_error") or 0.0


def on_validation(scores: NDArray[np.float64], data: TrainingData, recall_floor: float) -> Result:
    """The result of scores (V,) on the validation storms, with its interval."""
    held_back = data.validation
    return precision_at_recall(
        scores,
        data.labels[held_back],
        recall_floor,
        storms=[data.storms[position] for position in held_back],
        hours=data.hours[held_back],
    )
