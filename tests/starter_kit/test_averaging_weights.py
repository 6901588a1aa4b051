"""The moving average is its formula, and a training keeps it."""

import numpy as np
import pytest
import torch

from starter_kit.configuration.reading import load_config
from starter_kit.run_folder import load_run
from starter_kit.training.moving_average import moving_average
from starter_kit.training.train import train
from tests.starter_kit.conftest import QUICK


def test_it_is_the_formula_with_its_ramp():
    model = torch.nn.Sequential(torch.nn.Linear(2, 1), torch.nn.BatchNorm1d(1))
    average = moving_average(model, 0.9)
    expected: dict[str, np.ndarray] = {}
    rng = np.random.default_rng(0)
    for step in range(1, 200):
        values = {
            name: torch.from_numpy(rng.normal(size=tuple(value.shape)).astype(np.float32))
            for name, value in model.state_dict().items()
            if value.is_floating_point()
        }
        model.load_state_dict(values, strict=False)
        average.update_parameters(model)
        decay = 0.0 if step == 1 else min(0.9, (step - 1) / (step - 1 + 9))
        for name, value in values.items():
            before = expected.get(name, np.zeros(()))
            expected[name] = decay * before + (1 - decay) * value.numpy().astype(np.float64)
    for name, value in average.module.state_dict().items():
        if name in expected:
            np.testing.assert_allclose(value.numpy(), expected[name], rtol=1e-4, atol=1e-5)


def test_a_training_keeps_and_measures_the_average(release, tmp_path):
    """With a learning rate of zero after warm-up nothing tells them apart; with a large one they differ."""
    plain = load_config("baseline", [*QUICK, "train.epochs=1"])
    averaged = load_config("baseline", [*QUICK, "train.epochs=1", "train.ema_decay=0.9"])
    for config, name in ((plain, "plain"), (averaged, "averaged")):
        train(release, config, tmp_path / name)
    first, second = (load_run(tmp_path / name, torch.device("cpu")) for name in ("plain", "averaged"))
    weights = [run.model.state_dict()["network.1.1.weight"] for run in (first, second)]
    assert not torch.equal(*weights)
    assert first.metrics.best.loss == pytest.approx(second.metrics.best.loss)  # the same steps were made
    assert first.metrics.best.validation_loss != second.metrics.best.validation_loss
