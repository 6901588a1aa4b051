"""Scores that mean something: of the images with a calibrated score of 0.3, three in ten are storms.

Calibration keeps the order of the images, and so every ranking metric. It is fitted on images that the model
has not learned from.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict
from scipy.optimize import isotonic_regression, minimize

from starter_kit.inference.predict import probability

Scores = NDArray[np.float64]
TINIEST = 1e-12
KEPT = 1e-6  # of the score before: lest isotonic steps tie what was ordered


class Calibration(BaseModel):
    """A rising function from scores in 0 … 1 to probabilities.

    `temperature`: sigmoid(logit / temperature + offset). Temperature alone is Guo et al. (2017, arXiv
    1706.04599); the offset, with it Platt's (1999) scaling, undoes what balanced sampling did to the prior.
    `isotonic`: the rising step function nearest to the labels (Zadrozny & Elkan 2002, doi
    10.1145/775047.775151), linear between the steps' scores.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: Literal["none", "temperature", "isotonic"] = "none"
    temperature: float = 1.0
    offset: float = 0.0
    scores: list[float] = []
    probabilities: list[float] = []

    def __call__(self, scores: Scores) -> Scores:
        if self.method == "temperature":
            return probability(logit(scores) / self.temperature + self.offset)
        if self.method == "isotonic":
            steps = np.interp(scores, self.scores, self.probabilities)
            return (1 - KEPT) * steps + KEPT * scores
        return scores


def fit_calibration(
    method: Literal["none", "temperature", "isotonic"], scores: Scores, labels: NDArray[np.uint8]
) -> Calibration:
    """The calibration of scores (N,) in 0 … 1 with known labels (N,)."""
    if method == "temperature":
        return _tempered(logit(scores), labels.astype(np.float64))
    if method == "isotonic":
        order = np.argsort(scores, kind="stable")
        distinct, first = np.unique(scores[order], return_index=True)
        counts = np.diff(np.append(first, len(scores)))
        means = np.add.reduceat(labels[order].astype(np.float64), first) / counts
        rising = isotonic_regression(means, weights=counts).x
        # The ends of each step are enough: between them nothing changes.
        inside = np.zeros(len(rising), bool)
        inside[1:-1] = (rising[1:-1] == rising[:-2]) & (rising[1:-1] == rising[2:])
        return Calibration(
            method=method, scores=distinct[~inside].tolist(), probabilities=rising[~inside].tolist()
        )
    return Calibration()


def _tempered(logits: NDArray[np.float64], positive: NDArray[np.float64]) -> Calibration:
    def cost(parameters: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        slope, offset = np.exp(parameters[0]), parameters[1]  # a slope above 0 keeps the order
        calibrated = slope * logits + offset
        residual = probability(calibrated) - positive
        value = np.logaddexp(0, calibrated).sum() - positive @ calibrated
        return value, np.array([slope * (residual @ logits), residual.sum()])

    found = minimize(cost, np.zeros(2), jac=True, method="L-BFGS-B", options={"ftol": 1e-14, "gtol": 1e-9})
    return Calibration(method="temperature", temperature=float(np.exp(-found.x[0])), offset=float(found.x[1]))


def logit(scores: Scores) -> Scores:
    """The inverse of `probability`, with 0 and 1 moved a little inwards."""
    inside = np.clip(scores, TINIEST, 1 - TINIEST)
    return np.log(inside) - np.log1p(-inside)
