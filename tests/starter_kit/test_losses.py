"""The losses are what their definitions say."""

import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss
from torch.nn import functional

from starter_kit.configuration.sections import LossConfig
from starter_kit.training.losses import ConfiguredLoss, asymmetric, bce, focal


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
    for loss in (bce, ConfiguredLoss(LossConfig(name="focal"))):
        assert loss(sure, torch.ones(1)) < loss(sure, torch.zeros(1))


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_no_certainty_makes_a_gradient_infinite(gamma):
    logits = torch.tensor([-200.0, -40.0, 0.0, 40.0, 200.0], requires_grad=True)
    for label in (0.0, 1.0):
        loss = focal(logits, torch.full((5,), label), gamma=gamma)
        assert torch.isfinite(gradient(loss, logits)).all()


def test_weighted_bce_is_torchs_with_a_weight_of_positives(batch):
    logits, labels = batch
    expected = functional.binary_cross_entropy_with_logits(logits, labels, pos_weight=torch.tensor(7.0))
    ours = ConfiguredLoss(LossConfig(name="weighted_bce", positive_weight=7.0))(logits, labels)
    torch.testing.assert_close(ours, expected, rtol=1e-12, atol=0)


def test_without_a_weight_the_classes_drawn_weigh_alike(batch):
    logits, _ = batch
    labels = torch.zeros(64, dtype=torch.float64)
    labels[:2] = 1  # 31 negatives to a positive
    loss = ConfiguredLoss(LossConfig(name="weighted_bce"), drawn_positive_share=1 / 32)
    of_a_positive, of_a_negative = (
        bce(logits[labels == label], labels[labels == label]) for label in (1.0, 0.0)
    )
    assert loss(logits, labels).item() == pytest.approx((31 / 32) * (of_a_positive + of_a_negative).item())


@pytest.mark.parametrize(("positive_gamma", "negative_gamma"), [(0.0, 4.0), (1.0, 2.0), (0.5, 0.5)])
@pytest.mark.parametrize("margin", [0.0, 0.05, 0.3])
def test_asymmetric_loss_is_its_formula(batch, positive_gamma, negative_gamma, margin):
    logits, labels = (tensor.detach().numpy() for tensor in batch)
    p = 1 / (1 + np.exp(-logits))
    shifted = np.maximum(p - margin, 0)
    as_positive = -((1 - p) ** positive_gamma) * np.log(p)
    as_negative = -(shifted**negative_gamma) * np.log(1 - shifted)
    expected = np.mean(np.where(labels == 1, as_positive, as_negative))
    gammas = {"positive_gamma": positive_gamma, "negative_gamma": negative_gamma}
    assert asymmetric(*batch, **gammas, margin=margin).item() == pytest.approx(expected, abs=1e-9)


def test_asymmetric_loss_alike_on_both_sides_is_focal_loss(batch):
    ours = asymmetric(*batch, positive_gamma=2.0, negative_gamma=2.0, margin=0.0)
    torch.testing.assert_close(ours, focal(*batch, gamma=2.0), rtol=1e-12, atol=0)


@pytest.mark.parametrize("name", ["bce", "weighted_bce", "focal", "asymmetric", "precision_at_recall"])
@pytest.mark.parametrize("label", [0.0, 0.5, 1.0])
def test_no_certainty_makes_any_loss_or_gradient_infinite(name, label):
    logits = torch.tensor([-200.0, -40.0, 0.0, 40.0, 200.0], requires_grad=True)
    loss = ConfiguredLoss(LossConfig(name=name))(logits, torch.full((5,), label))
    assert torch.isfinite(loss)
    assert torch.isfinite(gradient(loss, logits)).all()


@pytest.mark.parametrize("name", ["bce", "weighted_bce", "focal", "asymmetric"])
def test_a_label_in_between_weighs_both_classes(batch, name):
    logits, _ = batch
    loss = ConfiguredLoss(LossConfig(name=name))
    positive, negative, between = (
        loss(logits, torch.full((64,), label, dtype=torch.float64)) for label in (1.0, 0.0, 0.3)
    )
    torch.testing.assert_close(between, 0.3 * positive + 0.7 * negative, rtol=1e-12, atol=0)


def test_label_smoothing_equals_torchs_with_two_classes(batch):
    logits, labels = batch
    both = torch.stack([torch.zeros_like(logits), logits], dim=1)
    expected = functional.cross_entropy(both, labels.long(), label_smoothing=0.1)
    ours = ConfiguredLoss(LossConfig(label_smoothing=0.1))(logits, labels)
    torch.testing.assert_close(ours, expected, rtol=1e-12, atol=0)
