"""The domain gap, measured for each translation: told apart by a classifier, and in physical quantities.

The observed images are divided into two halves of whole episodes. In turn, translation and classifier learn
from one half (and from the training storms of the simulation), and are judged on the other (and on storms
that the simulation held back).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from scoring.resampling import draw_weights
from scoring.uncertainty import interval
from starter_kit.explain.rates import FEW_STORMS
from starter_kit.images.data import TrainingData
from starter_kit.observation.distances import Distances, measure_distances
from starter_kit.observation.episodes import Divided
from starter_kit.observation.learn import matched_rows
from starter_kit.observation.patches import Observations, Rows
from starter_kit.observation.translation import Translation
from starter_kit.observation.two_samples import Told, two_sample_test

SIMULATED = 2048
"""Simulated images on either side of a test, at most."""
BLOCK_DAYS = 10
"""Simulated images of the same ten days are drawn together, as validation holds them back."""
REPLICATES = 1000
CONTROLS = 3
LEAST_OF_A_STORM = 10


@dataclass(frozen=True)
class Gap:
    """auc: 0.5 where the classifier cannot tell, the mean of the halves; interval: 95 %, on draws of whole
    clusters (`clusters_of`) and of blocks of days; distances between judged images, a mean of the halves."""

    method: str
    auc: float
    interval: tuple[float, float]
    halves: tuple[float, ...]
    distances: Distances


def measure_gap(
    method: str,
    translations: Sequence[Translation],
    data: TrainingData,
    divided: Divided,
    *,
    seeds: Sequence[int],
    steps: int,
    device: torch.device,
) -> Gap:
    """Between the simulation as translated and the observed images with a label.

    translations: for each half, one that has learned nothing from it. On each side of a test the share of
    storms is the same among simulated as among observed images.
    """
    labelled = divided.labelled()
    share = float(labelled.observed.labels.mean())
    told, draws, distances, fewest = [], [], [], np.inf
    for number, translation in enumerate(translations):
        known, new = labelled.side(1 - number), labelled.side(number)
        rng = np.random.default_rng([number, 5])
        rows = [
            matched_rows(data.labels, side, share, SIMULATED, rng)
            for side in (data.training, data.validation)
        ]
        simulated = [
            translation.translate(data.images[some], "observed", seed=side) for side, some in enumerate(rows)
        ]
        result = two_sample_test(
            (simulated[0], simulated[1]), (known.images, new.images), seeds=seeds, steps=steps, device=device
        )
        blocks = (data.hours[rows[1]] // (24 * BLOCK_DAYS)).astype(np.int64)
        clusters = clusters_of(new)
        told.append(result.auc)
        draws.append(auc_draws(result, clusters, blocks, stream=number))
        distances.append(measure_distances(simulated[1], new.images))
        fewest = min(fewest, len(np.unique(clusters)))
    low_high = interval(np.mean(draws, axis=0), float(fewest) * len(told))
    assert low_high is not None
    means = (
        float(np.mean([getattr(each, name) for each in distances])) for name in ("olr", "kelvin", "spectrum")
    )
    return Gap(method, float(np.mean(told)), low_high, tuple(told), Distances(*means))


def clusters_of(observed: Observations) -> NDArray[np.int64]:
    """What is drawn together, (N,) numbers: episodes, or days where there are fewer than five episodes. With
    days the interval tells what other days of the same weather would give, and nothing of other storms."""
    if len(np.unique(observed.episodes)) >= FEW_STORMS:
        return observed.episodes
    return observed.table["time"].dt.epoch("d").to_numpy().astype(np.int64)


def auc_draws(
    told: Told, observed: NDArray[np.int64], simulated: NDArray[np.int64], *, stream: int = 0
) -> NDArray[np.float64]:
    """The AUC in `REPLICATES` draws of whole clusters of both kinds, NaN where one kind was not drawn.

    observed: (M,), simulated: (N,): the cluster of each image. With the pairs counted once by cluster, a draw
    is wᵀ C v, C (clusters of one kind, of the other) the pairs in which the observed has the higher logit.
    """
    (_, one), (_, other) = (np.unique(each, return_inverse=True) for each in (observed, simulated))
    order = np.argsort(told.simulated, kind="stable")
    ranked, by_cluster = told.simulated[order], np.zeros((len(order) + 1, other.max() + 1))
    by_cluster[1:] = np.cumsum(np.eye(other.max() + 1)[other[order]], axis=0)  # (N + 1, clusters)
    below = (
        by_cluster[np.searchsorted(ranked, told.observed, "left")]
        + by_cluster[np.searchsorted(ranked, told.observed, "right")]
    ) / 2  # (M, clusters): simulated images with a lower logit, ties a half
    higher = np.zeros((one.max() + 1, other.max() + 1))
    np.add.at(higher, one, below)
    w = draw_weights(len(higher), REPLICATES, 2 * stream).astype(np.float64)
    v = draw_weights(higher.shape[1], REPLICATES, 2 * stream + 1).astype(np.float64)
    pairs = (w @ np.bincount(one)) * (v @ np.bincount(other))
    with np.errstate(invalid="ignore", divide="ignore"):
        return ((w @ higher) * v).sum(axis=1) / pairs


def control(
    data: TrainingData, divided: Divided, *, steps: int, device: torch.device, pairs: int = CONTROLS
) -> list[float]:
    """AUCs that few storms alone bring about: two simulated storms, with the other clouds of their days,
    stand in for the two halves of the observed.

    Were observation nothing but more simulation, its AUC would look like these. As many images as the
    observed halves have; a mean over both directions for each pair. Empty where there are fewer storms of
    ten images each than are needed.
    """
    names = np.array([name or "" for name in data.storms])
    storms, counts = np.unique(names[names != ""], return_counts=True)
    rng = np.random.default_rng(6)
    eligible = rng.permutation(storms[counts >= LEAST_OF_A_STORM])
    labels = divided.labelled().observed.labels
    share, size = float(labels.mean()), len(labels) // 2
    aucs = []
    for pair in range(min(pairs, len(eligible) // 2)):
        rows = [
            _of_storm(name, names, data, round(size * share), round(size * (1 - share)), rng=rng)
            for name in eligible[2 * pair : 2 * pair + 2]
        ]
        stands_in = [data.images[each] for each in rows]
        rest = np.setdiff1d(np.arange(len(names)), np.concatenate(rows))
        sides = [np.intersect1d(rest, side) for side in (data.training, data.validation)]
        simulated = [data.images[matched_rows(data.labels, side, share, SIMULATED, rng)] for side in sides]
        both = [
            two_sample_test(
                (simulated[0], simulated[1]), (first, second), seeds=(pair,), steps=steps, device=device
            ).auc
            for first, second in (stands_in, stands_in[::-1])
        ]
        aucs.append(float(np.mean(both)))
    return aucs


def _of_storm(
    name: str,
    names: NDArray[np.str_],
    data: TrainingData,
    positives: int,
    negatives: int,
    *,
    rng: np.random.Generator,
) -> Rows:
    """Up to so many images of a storm, and of no storm the nearest to it in time, in the same ratio."""
    mine = np.flatnonzero(names == name)
    storm = rng.permutation(mine)[:positives]
    others = np.flatnonzero(names == "")
    wanted = round(len(storm) * negatives / positives)
    away = np.abs(data.hours[others] - np.median(data.hours[mine]))
    return np.concatenate([storm, others[np.argsort(away, kind="stable")[:wanted]]])
