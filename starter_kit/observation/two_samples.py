"""Can a classifier tell simulated from observed images? The domain gap as one number.

A classifier two-sample test (Lopez-Paz & Oquab 2017, arXiv 1610.06545): a small network learns to tell the
two apart on one part of the images and is judged on another. Its ROC AUC is 0.5 where it cannot, 1 where it
always can. AUC instead of their accuracy, since the two heaps need not be of one size.

What is judged must be new weather, storms and days, to the classifier: by single images it would recognise
yesterday's clouds and prove nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from starter_kit.configuration.sections import ModelConfig
from starter_kit.device import seed_everything
from starter_kit.images.batch_augment import EIGHT_VIEWS, turned
from starter_kit.inference.predict import Scores, predict_logits
from starter_kit.networks.classifier import build_model
from starter_kit.observation.patches import Images
from starter_kit.training.losses import bce

TELLER = ModelConfig(name="small_cnn", width=8, dropout=0.2)
BATCH = 64


@dataclass(frozen=True)
class Told:
    """Logits, higher where an image looks observed: of the simulated (N,) and of the observed images (M,)."""

    simulated: Scores
    observed: Scores

    @property
    def auc(self) -> float:
        """The share of pairs in which the observed image has the higher logit; ties count a half."""
        order = np.sort(self.simulated)
        below = np.searchsorted(order, self.observed, side="left")
        level = np.searchsorted(order, self.observed, side="right") - below
        return float((below + level / 2).mean() / len(order))


def two_sample_test(
    simulated: tuple[Images, Images],
    observed: tuple[Images, Images],
    *,
    seeds: Sequence[int] = (0, 1, 2),
    steps: int = 200,
    device: torch.device | None = None,
) -> Told:
    """Train on the first images of each pair, tell the second apart.

    All uint8 (·, 64, 64), in any proportion: half of each batch is of either kind, in all eight views of the
    square. seeds: so many networks, whose logits are averaged. The same seeds give the same result on one
    machine.
    """
    scores = [_tell(simulated, observed, seed, steps, device or torch.device("cpu")) for seed in seeds]
    return Told(*(np.mean(each, axis=0) for each in zip(*scores, strict=True)))


def _tell(
    simulated: tuple[Images, Images],
    observed: tuple[Images, Images],
    seed: int,
    steps: int,
    device: torch.device,
) -> tuple[Scores, Scores]:
    seed_everything(seed, 4)
    rng = np.random.default_rng([seed, 4])
    model = build_model(TELLER).to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    labels = torch.cat([torch.zeros(BATCH // 2), torch.ones(BATCH // 2)]).to(device)
    views = np.array(EIGHT_VIEWS)
    model.train()
    for _ in range(steps):
        drawn = [each[rng.integers(len(each), size=BATCH // 2)] for each in (simulated[0], observed[0])]
        images = torch.from_numpy(np.concatenate(drawn)).to(device)
        view = torch.from_numpy(views[rng.integers(len(views), size=BATCH)]).to(device)
        loss = bce(model(turned(images, view)), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return tuple(_logits(model, each[1]) for each in (simulated, observed))  # type: ignore[return-value]


def _logits(model: torch.nn.Module, images: Images) -> NDArray[np.float64]:
    return predict_logits(model, images, np.arange(len(images)), tta=True)  # type: ignore[arg-type]
