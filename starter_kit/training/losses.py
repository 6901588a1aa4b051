"""Losses on logits.

Every loss takes logits, float (B,), any finite value, and labels, float (B,), 1 for a cyclone or precursor
(the positive class) and 0 otherwise, and returns their mean over the batch as a scalar. Labels in between,
as label smoothing and mixup make them, weigh what the logit costs as a positive and as a negative:
label × cost(positive) + (1 − label) × cost(negative).
"""

from collections.abc import Callable

import torch
from torch.nn import functional as F

from starter_kit.configuration.sections import LossConfig
from starter_kit.training.precision_at_recall import PrecisionAtRecall

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def bce(logits: torch.Tensor, labels: torch.Tensor, *, positive_weight: float = 1.0) -> torch.Tensor:
    """Binary cross-entropy: −log of the probability that the model gives to the truth.

    `positive_weight` multiplies what a positive costs; the mean stays one over images, as in torch.
    """
    weighted = positive_weight * labels * F.softplus(-logits) + (1 - labels) * F.softplus(logits)  # (B,)
    return weighted.mean()


def focal(
    logits: torch.Tensor, labels: torch.Tensor, *, gamma: float, alpha: float | None = None
) -> torch.Tensor:
    """Focal loss (Lin et al. 2017, doi 10.1109/ICCV.2017.324, eq. 5): cross-entropy × (1 − p_truth)^gamma.

    Images already told apart with certainty weigh less; gamma = 0 is `bce`. `alpha` weighs positives, 1 −
    alpha negatives; None weighs both by 1.
    """
    # The power by its logarithm: it stays finite, with its gradient, where a probability rounds to 1.
    as_positive = torch.exp(gamma * F.logsigmoid(-logits)) * F.softplus(-logits)  # (B,)
    as_negative = torch.exp(gamma * F.logsigmoid(logits)) * F.softplus(logits)  # (B,)
    if alpha is not None:
        as_positive, as_negative = alpha * as_positive, (1 - alpha) * as_negative
    return (labels * as_positive + (1 - labels) * as_negative).mean()


def asymmetric(
    logits: torch.Tensor,
    labels: torch.Tensor,
    *,
    positive_gamma: float,
    negative_gamma: float,
    margin: float,
) -> torch.Tensor:
    """Asymmetric loss (Ridnik et al. 2021, doi 10.1109/ICCV48922.2021.00015, eqs. 4 to 6).

    Focal loss with a power for each class, and negatives judged by p − margin: below the margin they cost
    nothing. Equal powers and margin = 0 are `focal`.
    """
    as_positive = torch.exp(positive_gamma * F.logsigmoid(-logits)) * F.softplus(-logits)  # (B,)
    if margin == 0:
        # The formula below would take the logarithm of 1 − p, which rounds to 0 for the surest mistakes.
        as_negative = torch.exp(negative_gamma * F.logsigmoid(logits)) * F.softplus(logits)
    else:
        # Not quite 0: there the slope of a power below 1 is infinite.
        shifted = (torch.sigmoid(logits) - margin).clamp(min=1e-8)  # (B,) up to 1 − margin
        as_negative = -(shifted**negative_gamma) * torch.log1p(-shifted)
    return (labels * as_positive + (1 - labels) * as_negative).mean()


def smoothed(labels: torch.Tensor, smoothing: float) -> torch.Tensor:
    """Labels moved towards a half (Szegedy et al. 2016, doi 10.1109/CVPR.2016.308, section 7, two classes):
    (1 − smoothing) × label + smoothing / 2. A wrong label then costs less certainty."""
    return (1 - smoothing) * labels + smoothing / 2


class ConfiguredLoss(torch.nn.Module):
    """The loss that the configuration names. What it learns by itself, such as the multiplier of
    `precision_at_recall`, is in its state_dict, so that a resumed training goes on with it.

    drawn_positive_share: positives among the images drawn, for `weighted_bce` without a weight.
    recall_floor: of the competition, for `precision_at_recall`.
    """

    def __init__(
        self, config: LossConfig, *, drawn_positive_share: float = 0.5, recall_floor: float = 0.79
    ) -> None:
        super().__init__()
        self.smoothing = config.label_smoothing
        self.loss = _named_loss(config, drawn_positive_share, recall_floor)

    def forward(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return self.loss(logits, smoothed(labels, self.smoothing))


def _named_loss(config: LossConfig, drawn_positive_share: float, recall_floor: float) -> Loss:
    match config.name:
        case "bce":
            return bce
        case "weighted_bce":
            weight = config.positive_weight or (1 - drawn_positive_share) / max(drawn_positive_share, 1e-6)
            return lambda logits, labels: bce(logits, labels, positive_weight=weight)
        case "focal":
            return lambda logits, labels: focal(
                logits, labels, gamma=config.focal_gamma, alpha=config.focal_alpha
            )
        case "asymmetric":
            return lambda logits, labels: asymmetric(
                logits,
                labels,
                positive_gamma=config.asymmetric_positive_gamma,
                negative_gamma=config.asymmetric_negative_gamma,
                margin=config.asymmetric_margin,
            )
        case "precision_at_recall":
            return PrecisionAtRecall(recall_floor, config.surrogate, config.multiplier_rate)
