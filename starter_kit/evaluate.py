"""How good a trained model is on the storms it never saw, by the platform's own code."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cloud_images import Release
from scoring import MetricConfig, Result
from scoring import evaluate as evaluate_predictions
from starter_kit.data import TrainingData, load_training_data
from starter_kit.errors import StarterKitError
from starter_kit.predict import OnProgress, predict_ensemble
from starter_kit.run_folder import Run


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
    metric = {"metric": "recall_constrained_precision", "recall_floor": recall_floor}
    return evaluate_predictions(
        labels,
        scores,
        MetricConfig.model_validate(metric),
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


def evaluate_runs(
    runs: Sequence[Run], release: Release, *, tta: bool = False, on_progress: OnProgress | None = None
) -> Result:
    """The score of one run, or of the mean of several, on the validation storms that all of them held back.

    Raises StarterKitError where the runs held back different storms: what is validation to one, another has
    learned by heart.
    """
    split, recall_floor = runs[0].config.validation, runs[0].config.metric.recall_floor
    for run in runs[1:]:
        if run.config.validation != split:
            raise StarterKitError(
                f"{runs[0].directory} and {run.directory} held back different storms (their [validation] "
                "differs), so no image is new to both. Evaluate one by one; give predict a --threshold."
            )
    data = load_training_data(release, split)
    scores = predict_ensemble(
        [run.model for run in runs], data.images, data.validation, tta=tta, on_progress=on_progress
    )
    return on_validation(scores, data, recall_floor)
