"""The ordinary ways of scoring, with pandas and scikit-learn."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import precision_recall_curve

from scoring.benchmark.case import SHUFFLED_CSV, SOLUTION
from scoring.metrics import RecallConstrainedPrecision
from scoring.tally import Part

# precision, recall and threshold of the public and of the private part
Numbers = tuple[tuple[float, float, float], tuple[float, float, float]]


def prepare_merge(directory: Path) -> Callable[[], Numbers]:
    solution = pd.read_parquet(directory / SOLUTION, columns=["image_id", "label", "split"])

    def score() -> Numbers:
        merged = solution.merge(pd.read_csv(directory / SHUFFLED_CSV), on="image_id")
        return _score_splits(merged["label"], merged["score"], merged["split"])

    return score


def prepare_sort(directory: Path) -> Callable[[], Numbers]:
    solution = pd.read_parquet(directory / SOLUTION, columns=["image_id", "label", "split"])
    solution = solution.sort_values("image_id", ignore_index=True)

    def score() -> Numbers:
        submission = pd.read_csv(directory / SHUFFLED_CSV).sort_values("image_id", ignore_index=True)
        if not submission["image_id"].equals(solution["image_id"]):
            raise ValueError("the ids differ")
        return _score_splits(solution["label"], submission["score"], solution["split"])

    return score


ORDINARY = {"pandas, merge": prepare_merge, "pandas, sort_values": prepare_sort}


def resample(part: Part, draw: int) -> float:
    """The score of one part's images, drawn again: whole storms and blocks of time, as the engine drew them.

    Given the draws, which saves this way the time for its random numbers and lets the scores be compared.
    """
    assert part.clusters is not None
    times = (
        part.clusters.positive_weights[draw][part.clusters.positives.cluster],
        part.clusters.negative_weights[draw][part.clusters.negatives.cluster],
    )
    drawn = [
        np.repeat(scores, each.astype(np.int64))
        for scores, each in zip((part.positives, part.negatives), times, strict=True)
    ]
    labels = np.repeat([1, 0], [len(scores) for scores in drawn])
    return _score(labels, np.concatenate(drawn))[0]


def _score_splits(labels: Any, scores: Any, split: Any) -> Numbers:
    public, private = (_score(labels[split == part], scores[split == part]) for part in ("public", "private"))
    return public, private


def _score(labels: Any, scores: Any) -> tuple[float, float, float]:
    precision, recall, thresholds = precision_recall_curve(labels, scores)
    # the last point, of recall 0, has no threshold
    floor = RecallConstrainedPrecision().recall_floor
    best = np.argmax(np.where(recall[:-1] >= floor, precision[:-1], -1))
    return float(precision[best]), float(recall[best]), float(thresholds[best])
