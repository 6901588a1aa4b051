"""From the scores of several models to one score.

Logits are float64 (K, N), one row for each of K members, higher is more cyclone-like; the blend is (N,) in
0 … 1. What is fitted is fitted on images that no member has learned from, under the number that counts:
precision at the recall floor.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict
from scipy.optimize import minimize
from scipy.stats import rankdata

from starter_kit.errors import StarterKitError
from starter_kit.inference.evaluate import precision_at_recall
from starter_kit.inference.predict import probability

Method = Literal["mean", "rank_mean", "weights", "stacking"]
Logits = NDArray[np.float64]
Labels = NDArray[np.uint8]

ROUNDS = 20  # of the greedy search: weights in twentieths are finer than validation can tell


class Blend(BaseModel):
    """A way to join K members; `weights` one for each, `offset` for stacking alone."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: Method
    weights: list[float]
    offset: float = 0.0

    def __call__(self, logits: Logits) -> NDArray[np.float64]:
        """The blend (N,) of logits (K, N); with `rank_mean` it depends on which N images are judged
        together."""
        weights = np.array(self.weights)
        if self.method == "stacking":
            return probability(weights @ logits + self.offset)
        if self.method == "rank_mean":
            return weights @ ((rankdata(logits, axis=1) - 0.5) / logits.shape[1])
        return weights @ probability(logits)


def fit_blend(method: Method, logits: Logits, labels: Labels, recall_floor: float) -> Blend:
    """The blend of members by their logits (K, N) on images with known labels (N,).

    `mean` averages probabilities, `rank_mean` ranks; both fit nothing. `weights` searches the weighted mean
    of probabilities with the highest precision at the recall floor. `stacking` is a logistic regression on
    the logits.
    """
    members = len(logits)
    if method == "weights":
        return Blend(method=method, weights=greedy_weights(logits, labels, recall_floor))
    if method == "stacking":
        return stacked(logits, labels)
    return Blend(method=method, weights=[1 / members] * members)


def greedy_weights(logits: Logits, labels: Labels, recall_floor: float) -> list[float]:
    """Ensemble selection (Caruana et al. 2004, doi 10.1145/1015330.1015432): begin with the best member, then
    in each of 20 rounds add the member, again if need be, that gives the mean the highest score; the weights
    are those of the best round. Members that bring nothing get 0."""
    probabilities = probability(logits)  # (K, N)

    def score(counts: NDArray[np.int64]) -> float:
        blend = counts @ probabilities / counts.sum()
        return precision_at_recall(blend, labels, recall_floor).precision or 0.0

    counts = np.zeros(len(logits), np.int64)
    best, best_counts = -1.0, counts
    for _ in range(ROUNDS):
        tried = counts + np.eye(len(logits), dtype=np.int64)
        scores = [score(each) for each in tried]
        counts = tried[int(np.argmax(scores))]
        if max(scores) > best:
            best, best_counts = max(scores), counts
    return (best_counts / best_counts.sum()).tolist()


def stacked(logits: Logits, labels: Labels, *, ridge: float = 1.0) -> Blend:
    """Stacking (Wolpert 1992, doi 10.1016/S0893-6080(05)80023-1): logistic regression of the label on the
    members' logits, with `ridge` / 2 × the squared weights added to the sum of its cross-entropies."""
    positive = labels.astype(np.float64)

    def cost(parameters: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        weights, offset = parameters[:-1], parameters[-1]
        blended = weights @ logits + offset
        residual = probability(blended) - positive  # (N,)
        value = np.logaddexp(0, blended).sum() - positive @ blended + ridge / 2 * weights @ weights
        return value, np.append(logits @ residual + ridge * weights, residual.sum())

    start = np.append(np.full(len(logits), 1 / len(logits)), 0.0)
    found = minimize(cost, start, jac=True, method="L-BFGS-B", options={"maxiter": 500, "ftol": 1e-12})
    return Blend(method="stacking", weights=found.x[:-1].tolist(), offset=float(found.x[-1]))


def cross_fitted(
    method: Method, logits: Logits, labels: Labels, folds: NDArray[np.int64], recall_floor: float
) -> NDArray[np.float64]:
    """The blend (N,) of each image by a fit on the other folds alone: what it measures is honest.

    folds: (N,), of each image; images of one storm share theirs. Raises StarterKitError for a single fold.
    """
    if method in ("mean", "rank_mean"):
        return fit_blend(method, logits, labels, recall_floor)(logits)
    if len(np.unique(folds)) < 2:
        raise StarterKitError(
            f"{method} cannot be fitted where all images held back are of one storm or of the same days. "
            "Join by the mean: `ensemble --method mean`; of a recipe, `train … --set ensemble.method=mean "
            "--resume` keeps what is trained. Or take a larger release, or fewer folds."
        )
    blended = np.empty(logits.shape[1])
    for fold in np.unique(folds):
        mine = folds == fold
        blend = fit_blend(method, logits[:, ~mine], labels[~mine], recall_floor)
        blended[mine] = blend(logits[:, mine])
    return blended
