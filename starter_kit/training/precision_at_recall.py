"""A loss for what is scored: precision at a recall floor."""

import math
from typing import Literal

import torch
from torch.nn import functional as F


class PrecisionAtRecall(torch.nn.Module):
    """Few false positives while recall stays at the floor: P@R of Eban et al. (2017), "Scalable Learning of
    Non-Decomposable Objectives", AISTATS (arXiv 1608.04802).

    At a recall held at the floor β, precision is highest where false positives are fewest:

        minimise FP  subject to  TP ≥ β · P

    Counts have no gradient, so both are bounded by a surrogate ℓ that lies above the 0-1 loss of the decision
    "logit > 0" (the paper's building blocks):

        TP ≥ Σ over positives of (1 − ℓ⁺)        FP ≤ Σ over negatives of ℓ⁻

    with ℓ the hinge, max(0, 1 ∓ logit), or the logistic loss in bits, log₂(1 + e^∓logit). The constraint is
    then Σ ℓ⁺ ≤ (1 − β) P, and training seeks the saddle point of the Lagrangian,

        min over weights, max over λ ≥ 0 of   Σ ℓ⁻ + λ (Σ ℓ⁺ − (1 − β) P),

    by descent in the weights and ascent in the multiplier λ: while recall is too low λ grows and positives
    weigh more. Its value is the mean over the batch. λ starts at 1, where the logistic form is cross-entropy
    in bits less a constant. The threshold 0 is learned with the rest, as the last layer's bias.
    """

    multiplier: torch.Tensor

    def __init__(
        self, recall_floor: float, surrogate: Literal["logistic", "hinge"], multiplier_rate: float
    ) -> None:
        super().__init__()
        self.recall_floor, self.surrogate, self.rate = recall_floor, surrogate, multiplier_rate
        self.register_buffer("multiplier", torch.ones(()))

    def forward(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """The Lagrangian at the present λ. In training mode λ then takes its own step."""
        as_positive, as_negative = self._bounds(logits)  # (B,) each
        negatives_cost = ((1 - labels) * as_negative).mean()
        violation = (labels * (as_positive - (1 - self.recall_floor))).mean()
        lagrangian = negatives_cost + self.multiplier.clone() * violation
        if self.training and torch.is_grad_enabled():
            self._ascend(violation.detach(), labels)
        return lagrangian

    def _bounds(self, logits: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        if self.surrogate == "hinge":
            return F.relu(1 - logits), F.relu(1 + logits)
        return F.softplus(-logits) / math.log(2), F.softplus(logits) / math.log(2)

    @torch.no_grad()
    def _ascend(self, violation: torch.Tensor, labels: torch.Tensor) -> None:
        """λ ← max(0, λ + rate × violation per positive): the mean excess of ℓ⁺ over 1 − β, whatever share of
        the batch is positive. Processes that train together move the same λ."""
        sums = torch.stack([violation, labels.mean()])
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            torch.distributed.all_reduce(sums)
        per_positive = sums[0] / sums[1].clamp(min=1e-6)
        self.multiplier.add_(self.rate * per_positive).clamp_(min=0)
