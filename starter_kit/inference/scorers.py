"""What `predict` and `evaluate` take: trained runs, whose probabilities are averaged, or one ensemble."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

from cloud_images import Release
from cloud_images.shards import ShardedImages
from scoring import MetricConfig, Result, evaluate
from scoring.advice import Advice, advise_threshold
from starter_kit.errors import StarterKitError
from starter_kit.images.data import TrainingData, load_training_data
from starter_kit.inference.ensemble_folder import HELD_BACK, Ensemble, is_ensemble, load_ensemble
from starter_kit.inference.evaluate import metric_at, precision_at_recall
from starter_kit.inference.predict import OnProgress, Scores, predict_ensemble
from starter_kit.run_folder import Run, load_run


@dataclass(frozen=True)
class Judged:
    """Scores (V,) of images that nobody had learned from, and what is known of them. positions: (V,) among
    the training images."""

    positions: NDArray[np.int64]
    scores: Scores
    labels: NDArray[np.uint8]
    storms: list[str | None]
    hours: NDArray[np.float64]
    recall_floor: float

    @classmethod
    def of(
        cls, data: TrainingData, positions: NDArray[np.int64], scores: Scores, recall_floor: float
    ) -> Judged:
        storms = [data.storms[position] for position in positions]
        return cls(positions, scores, data.labels[positions], storms, data.hours[positions], recall_floor)

    def result(self, metric: MetricConfig | None = None) -> Result:
        """By another metric than the precision at the recall floor, where one is given. Raises
        StarterKitError where it does not judge scores, or not these."""
        if metric is not None:
            return self._by(metric)
        return precision_at_recall(
            self.scores, self.labels, self.recall_floor, storms=self.storms, hours=self.hours
        )

    def _by(self, metric: MetricConfig) -> Result:
        if metric.prediction == "label":
            raise StarterKitError(
                f"This configuration of {metric.title} judges labels, and models give scores. Make a"
                " submission with predict --threshold and evaluate that, or set prediction to score."
            )
        try:
            return evaluate(
                self.labels,
                self.scores,
                metric,
                clusters=self.storms,
                times=(self.hours * 3_600_000).astype("datetime64[ms]"),
                device="cpu",
            )
        except (TypeError, ValueError) as error:  # a metric of a file, or no image of a class
            raise StarterKitError(f"{metric.title}: {error}.") from None

    def advice(self, max_gate_risk: float) -> Advice:
        """The threshold that misses the recall floor on new storms with at most that probability. Raises
        StarterKitError where one storm alone was held back."""
        try:
            return advise_threshold(
                self.labels,
                self.scores,
                clusters=self.storms,
                times=(self.hours * 3_600_000).astype("datetime64[ms]"),
                config=metric_at(self.recall_floor),
                max_gate_risk=max_gate_risk,
            )
        except ValueError as error:
            raise StarterKitError(f"No threshold with a margin can be told: {error}.") from None


@dataclass(frozen=True)
class MeanOfRuns:
    """Trained runs; their score is the mean of their probabilities. tta, shift: as `predict_logits`."""

    runs: Sequence[Run]
    tta: bool = False
    shift: int = 0

    @property
    def models(self) -> int:
        return len(self.runs)

    def score(
        self,
        images: ShardedImages | NDArray[np.uint8],
        positions: NDArray[np.int64],
        *,
        on_progress: OnProgress | None = None,
    ) -> Scores:
        models = [run.model for run in self.runs]
        return predict_ensemble(
            models, images, positions, tta=self.tta, shift=self.shift, on_progress=on_progress
        )

    def judged(self, release: Release, *, on_progress: OnProgress | None = None) -> Judged:
        """On the validation storms that all of them held back. Raises StarterKitError where they held back
        different ones: what is validation to one, another has learned by heart."""
        first = self.runs[0]
        for run in self.runs[1:]:
            if run.config.validation != first.config.validation:
                raise StarterKitError(
                    f"{first.directory} and {run.directory} held back different storms (their [validation] "
                    "differs), so no image is new to both. Evaluate one by one; give predict a --threshold."
                )
        data = load_training_data(release, first.config.validation)
        scores = self.score(data.images, data.validation, on_progress=on_progress)
        return Judged.of(data, data.validation, scores, first.config.metric.recall_floor)


@dataclass(frozen=True)
class FittedEnsemble:
    """One ensemble folder, scored as it was fitted."""

    ensemble: Ensemble

    @property
    def models(self) -> int:
        return self.ensemble.runs

    def score(
        self,
        images: ShardedImages | NDArray[np.uint8],
        positions: NDArray[np.int64],
        *,
        on_progress: OnProgress | None = None,
    ) -> Scores:
        return self.ensemble.score(images, positions, on_progress=on_progress)

    def judged(self, release: Release, *, on_progress: OnProgress | None = None) -> Judged:
        """As it was measured when it was fitted: each image by a fit that had not seen its storm."""
        table = pl.read_parquet(self.ensemble.directory / HELD_BACK)
        record = self.ensemble.record
        data = load_training_data(release, record.validation)
        positions = table["position"].to_numpy()
        if not np.array_equal(data.labels[positions], table["label"].to_numpy()):
            raise StarterKitError(f"{self.ensemble.directory} was fitted on another release.")
        return Judged.of(data, positions, table["score"].to_numpy(), record.reached.recall_floor)


Scorer = MeanOfRuns | FittedEnsemble


def load_scorer(
    folders: Sequence[Path], device: torch.device, *, tta: bool = False, shift: int = 0
) -> Scorer:
    """Runs or one ensemble, by their folders. Raises StarterKitError for a mixture, or options that an
    ensemble has settled."""
    if not any(is_ensemble(folder) for folder in folders):
        return MeanOfRuns([load_run(folder, device) for folder in folders], tta, shift)
    if len(folders) > 1:
        raise StarterKitError(
            "An ensemble and other models: predict each into a file, then join the files with `ensemble`."
        )
    if tta or shift:
        raise StarterKitError(
            f"{folders[0]} was fitted with its own test-time augmentation; leave out --tta and --tta-shift."
        )
    return FittedEnsemble(load_ensemble(folders[0], device))
