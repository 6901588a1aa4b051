"""The losses are what their definitions say."""

import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss

from starter_kit.config import LossConfig
from starter_kit.losses import bce, build_loss, focal


@pytest.fixture
def batch() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    logits = 4 * torch.randn(64, generator=generator, dtype=torch.float64)
    return logits.requires_grad_(), (torch.rand(64, generator=generator) < 0.3).double()


def gradient(loss: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
    return torch.autograd.grad(loss, logits)[0]


def test_bce_is_the_log_loss_of_scikit_learn(batch):
    logits, labels = batch
    probability = torch.sigmoid(logits.detach())
    assert bce(logits, labels).item() == pytest.approx(log_loss(labels.numpy(), probability.numpy()))


def test_focal_loss_without_focus_equals_bce(batch):
    logits, labels = batch
    plain, focused = bce(logits, labels), focal(logits, labels, gamma=0.0)
    torch.testing.assert_close(focused, plain, rtol=1e-12, atol=0)
    torch.testing.assert_close(gradient(focused, logits), gradient(plain, logits), rtol=1e-12, atol=0)


@pytest.mark.parametrize("gamma", [0.5, 2.0, 5.0])
@pytest.mark.parametrize("alpha", [None, 0.25])
def test_focal_loss_is_its_formula(batch, gamma, alpha):
    logits, labels = (tensor.detach().numpy() for tensor in batch)
    probability = 1 / (1 + np.exp(-logits))
    of_truth = np.where(labels == 1, probability, 1 - probability)
    weight = 1.0 if alpha is None else np.where(labels == 1, alpha, 1 - alpha)
    expected = np.mean(-weight * (1 - of_truth) ** gamma * np.log(of_truth))
    assert focal(*batch, gamma=gamma, alpha=alpha).item() == pytest.approx(expected)


def test_label_one_is_the_positive_class():
    sure = torch.tensor([8.0])
    for loss in (bce, build_loss(LossConfig(name="focal"))):
        assert loss(sure, torch.ones(1)) < loss(sure, torch.zeros(1))


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_no_certainty_makes_a_gradient_infinite(gamma):
    logits = torch.tensor([-200.0, -40.0, 0.0, 40.0, 200.0], requires_grad=True)
    for label in (0.0, 1.0):
        loss = focal(logits, torch.full((5,), label), gamma=gamma)
        assert torch.isfinite(gradient(loss, logits)).all()
