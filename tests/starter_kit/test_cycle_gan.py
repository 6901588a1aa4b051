"""CycleGAN: its losses against the formulas, and a training that goes on where it was."""

import numpy as np
import pytest
import torch

from starter_kit.errors import StarterKitError
from starter_kit.observation import cycle_gan_training
from starter_kit.observation.cycle_gan import (
    Discriminators,
    GanKnobs,
    Generator,
    Generators,
    ReplayBuffer,
    as_grey,
    as_input,
    discriminator,
    discriminator_loss,
    generator_losses,
)
from starter_kit.observation.cycle_gan_training import train_cycle_gan
from starter_kit.observation.translation import CycleGan

CPU = torch.device("cpu")
SMALL = GanKnobs(width=2, blocks=1, steps=6, batch_size=2, buffer=3)


def images(seed: int, mean: float, count: int = 40) -> np.ndarray:
    grey = np.random.default_rng(seed).normal(mean, 20, (count, 64, 64))
    return grey.clip(0, 255).astype(np.uint8)


@pytest.fixture(autouse=True)
def keep_every_two_steps(monkeypatch):
    monkeypatch.setattr(cycle_gan_training, "KEEP_EVERY", 2)


def trained(folder, knobs=SMALL, **more):
    folder.mkdir(exist_ok=True)
    simulated = images(1, 80)
    return train_cycle_gan(
        simulated, np.arange(len(simulated)), images(2, 130), knobs, folder, device=CPU, **more
    )


def test_the_generators_losses_are_their_formulas():
    torch.manual_seed(0)
    generators, judges = Generators(2, 1), Discriminators(2)
    x, y = (as_input(torch.from_numpy(images(seed, 100, count=3))) for seed in (1, 2))
    losses, as_observed, as_simulated = generator_losses(generators, judges, x, y)
    there, back = generators.to_observed, generators.to_simulated
    assert torch.allclose(as_observed, there(x))
    assert torch.allclose(as_simulated, back(y))
    adversarial = ((judges.observed(there(x)) - 1) ** 2).mean() + (
        (judges.simulated(back(y)) - 1) ** 2
    ).mean()
    cycle = (back(there(x)) - x).abs().mean() + (there(back(y)) - y).abs().mean()
    identity = (there(y) - y).abs().mean() + (back(x) - x).abs().mean()
    for got, wanted in zip(
        (losses.adversarial, losses.cycle, losses.identity), (adversarial, cycle, identity), strict=True
    ):
        assert got.item() == pytest.approx(wanted.item(), rel=1e-5)
    knobs = GanKnobs(cycle_weight=7, identity_weight=3)
    assert losses.total(knobs).item() == pytest.approx(
        (adversarial + 7 * cycle + 3 * identity).item(), rel=1e-5
    )


def test_the_discriminators_loss_is_its_formula():
    real, made = torch.full((2, 1, 4, 4), 0.7), torch.full((2, 1, 4, 4), 0.2)
    assert discriminator_loss(torch.nn.Identity(), real, made).item() == pytest.approx(
        0.5 * ((0.7 - 1) ** 2 + 0.2**2)
    )


def test_networks_have_the_shapes_they_say():
    x = torch.zeros(2, 1, 64, 64)
    assert Generator(4, 2)(x).shape == (2, 1, 64, 64)
    assert discriminator(4)(x).shape == (2, 1, 14, 14)


def test_a_patch_of_the_discriminator_sees_34_points():
    torch.manual_seed(0)
    x = torch.zeros(1, 1, 64, 64, requires_grad=True)
    discriminator(4)(x)[0, 0, 7, 7].backward()
    seen = torch.nonzero(x.grad[0, 0].abs().sum(dim=0))
    assert seen.max() - seen.min() + 1 == 34


def test_the_replay_buffer_fills_then_swaps_half():
    rng = np.random.default_rng(0)
    buffer = ReplayBuffer(10)
    first = torch.arange(10.0).reshape(10, 1, 1, 1)
    assert torch.equal(buffer.exchange(first, rng), first)
    shown = buffer.exchange(torch.arange(100.0, 400).reshape(300, 1, 1, 1), rng).flatten()
    new = torch.arange(100.0, 400)
    assert 0.4 < (shown == new).float().mean() < 0.6
    assert len(buffer.held) == 10
    assert set(shown.tolist()) <= set(range(10)) | set(range(100, 400))


def test_grey_survives_the_way_into_the_networks_and_out():
    greys = torch.arange(256, dtype=torch.uint8).repeat(16).reshape(1, 64, 64)
    assert torch.equal(as_grey(as_input(greys)), greys)


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(tmp_path):
    (one, _), (same, _) = trained(tmp_path / "one"), trained(tmp_path / "same")
    other, _ = trained(tmp_path / "other", SMALL.model_copy(update={"seed": 1}))
    weights = [each.state_dict() for each in (one, same, other)]
    assert all(torch.equal(value, weights[1][name]) for name, value in weights[0].items())
    assert not all(torch.equal(value, weights[2][name]) for name, value in weights[0].items())


def test_a_killed_training_ends_with_the_weights_of_one_that_ran_through(tmp_path):
    through, history = trained(tmp_path / "through")

    def kill(step: int, losses: dict[str, float]) -> None:
        if step == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path / "killed", on_step=kill)
    steps = []
    resumed, again = trained(tmp_path / "killed", on_step=lambda step, losses: steps.append(step))
    assert steps == [5, 6]
    assert again == history
    for name, value in through.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name


def test_other_knobs_are_another_training(tmp_path):
    trained(tmp_path / "run")
    with pytest.raises(StarterKitError, match="begun with other options"):
        trained(tmp_path / "run", SMALL.model_copy(update={"cycle_weight": 1.0}))


def test_a_damaged_checkpoint_is_refused(tmp_path):
    (tmp_path / "checkpoint.pt").write_bytes(b"no pickle")
    with pytest.raises(StarterKitError, match="Delete it to start anew"):
        trained(tmp_path)


def test_a_training_that_diverges_says_so(tmp_path):
    with pytest.raises(StarterKitError, match="diverged at step"):
        trained(tmp_path, SMALL.model_copy(update={"learning_rate": 1e30, "steps": 50}))


def test_generators_learn_to_move_one_domain_towards_the_other(tmp_path):
    knobs = GanKnobs(width=2, blocks=1, steps=80, batch_size=2, learning_rate=5e-3, cycle_weight=1.0)
    generators, _ = trained(tmp_path, knobs)
    made = CycleGan(generators).translate(images(3, 80), "observed")
    assert made.mean() > 90  # from 80 towards 130
