"""The surrogate of precision at a recall floor is its Lagrangian, and training with it meets the floor."""

import numpy as np
import pytest
import torch

from starter_kit.training.precision_at_recall import PrecisionAtRecall

FLOOR = 0.79


@pytest.fixture
def batch() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    logits = 2 * torch.randn(200, generator=generator, dtype=torch.float64)
    return logits.requires_grad_(), (torch.rand(200, generator=generator) < 0.3).double()


def bounds(logits: np.ndarray, surrogate: str) -> tuple[np.ndarray, np.ndarray]:
    if surrogate == "hinge":
        return np.maximum(0, 1 - logits), np.maximum(0, 1 + logits)
    return np.log2(1 + np.exp(-logits)), np.log2(1 + np.exp(logits))


@pytest.mark.parametrize("surrogate", ["hinge", "logistic"])
@pytest.mark.parametrize("multiplier", [0.0, 1.0, 3.5])
def test_it_is_the_lagrangian_per_image(batch, surrogate, multiplier):
    loss = PrecisionAtRecall(FLOOR, surrogate, 0.1).eval()
    loss.multiplier.fill_(multiplier)
    logits, labels = (tensor.detach().numpy() for tensor in batch)
    as_positive, as_negative = bounds(logits, surrogate)
    is_positive = labels == 1
    false_positives = as_negative[~is_positive].sum()
    missing = as_positive[is_positive].sum() - (1 - FLOOR) * is_positive.sum()
    expected = (false_positives + multiplier * missing) / len(labels)
    assert loss(*batch).item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("surrogate", ["hinge", "logistic"])
def test_the_bounds_lie_on_the_safe_side_of_the_counts(batch, surrogate):
    logits, labels = (tensor.detach().numpy() for tensor in batch)
    as_positive, as_negative = bounds(logits, surrogate)
    true_positives = ((logits > 0) & (labels == 1)).sum()
    false_positives = ((logits > 0) & (labels == 0)).sum()
    assert (1 - as_positive[labels == 1]).sum() <= true_positives
    assert as_negative[labels == 0].sum() >= false_positives


def test_the_multiplier_climbs_by_the_violation_per_positive_and_stays_above_zero(batch):
    logits, labels = batch
    loss = PrecisionAtRecall(FLOOR, "hinge", 0.5)
    as_positive, _ = bounds(logits.detach().numpy(), "hinge")
    violation = as_positive[labels.numpy() == 1].mean() - (1 - FLOOR)
    loss(logits, labels)
    assert loss.multiplier.item() == pytest.approx(1 + 0.5 * violation, rel=1e-5)
    for _ in range(20):  # a recall far above the floor
        loss(torch.full((4,), 9.0, requires_grad=True), torch.ones(4))
    assert loss.multiplier.item() == 0


def test_judging_leaves_the_multiplier_alone(batch):
    loss = PrecisionAtRecall(FLOOR, "hinge", 0.5).eval()
    loss(*batch)
    with torch.no_grad():
        loss.train()(*batch)
    assert loss.multiplier.item() == 1


@pytest.mark.parametrize("surrogate", ["hinge", "logistic"])
def test_a_linear_model_trained_with_it_keeps_the_floor_and_makes_few_false_alarms(surrogate):
    """Two overlapping clouds of points, 1 : 9. The bound is above the count, so recall ends above the floor;
    cross-entropy without weights would call almost nothing positive."""
    rng = np.random.default_rng(0)
    labels = (rng.random(4000) < 0.1).astype(np.float32)
    points = torch.from_numpy(rng.normal(size=(4000, 2)).astype(np.float32) + 1.5 * labels[:, None])
    truth = torch.from_numpy(labels)
    model, loss = torch.nn.Linear(2, 1), PrecisionAtRecall(FLOOR, surrogate, 0.05)
    torch.nn.init.zeros_(model.weight)
    torch.nn.init.zeros_(model.bias)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    for _ in range(600):
        optimizer.zero_grad()
        loss(model(points).squeeze(1), truth).backward()
        optimizer.step()
    called = model(points).squeeze(1).detach().numpy() > 0
    recall = called[labels == 1].mean()
    assert FLOOR <= recall <= 0.97
    at_the_same_recall = np.sort(points.numpy().sum(axis=1)[labels == 1])[int((1 - recall) * labels.sum())]
    best = (points.numpy().sum(axis=1)[labels == 0] > at_the_same_recall).sum()  # the optimal direction
    assert called[labels == 0].sum() <= 1.1 * best
