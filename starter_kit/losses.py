"""Losses on logits.

Every loss takes logits, float (B,), any finite value, and labels, float (B,), 1 for a cyclone or precursor
(the positive class) and 0 otherwise, and returns their mean over the batch as a scalar.
"""

from collections.abc import Callable

import torch
from torch.nn import functional as F

from starter_kit.config import LossConfig

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def bce(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Binary cross-entropy: −log of the probability that the model gives to the truth."""
    return F.binary_cross_entropy_with_logits(logits, labels)


def focal(
    logits: torch.Tensor, labels: torch.Tensor, *, gamma: float, alpha: float | None = None
) -> torch.Tensor:
    """Focal loss (Lin et al. 2017, doi 10.1109/ICCV.2017.324, eq. 5): cross-entropy × (1 − p_truth)^gamma.

    Images already told apart with certainty weigh less; gamma = 0 is `bce`. `alpha` weighs positives, 1 −
    alpha negatives; None weighs both by 1.
    """
    cross_entropy = F.binary_cross_entropy_with_logits(logits, labels, reduction="none")  # (B,)
    # log(1 − p_truth) from the logit: its power stays finite, with its gradient, where p_truth rounds to 1.
    log_miss = F.logsigmoid((1 - 2 * labels) * logits)  # (B,)
    loss = torch.exp(gamma * log_miss) * cross_entropy
    if alpha is not None:
        loss = loss * torch.where(labels > 0.5, alpha, 1 - alpha)
    return loss.mean()


def build_loss(config: LossConfig) -> Loss:
    """The loss that the configuration names."""
    if config.name == "bce":
        return bce
    return lambda logits, labels: focal(logits, labels, gamma=config.focal_gamma, alpha=config.focal_alpha)
