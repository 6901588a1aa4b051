"""Attributions say what is known about networks whose answer is known, and hold for every architecture."""

import numpy as np
import pytest
import torch
from torch import nn

from starter_kit.configuration.sections import ModelConfig
from starter_kit.errors import StarterKitError
from starter_kit.explain.attributions import feature_layer, grad_cam, integrated_gradients
from starter_kit.networks.backbones import ARCHITECTURES
from starter_kit.networks.classifier import build_model
from starter_kit.run_folder import load_run


class Known(nn.Module):
    """Logit = mean of what is white less mean of what is black, from two feature maps that show just that."""

    def __init__(self, *, squared: bool = False) -> None:
        super().__init__()
        self.features = nn.Conv2d(1, 2, 1)
        self.features.weight.data = torch.tensor([1.0, -1.0]).reshape(2, 1, 1, 1)
        self.features.bias.data = torch.tensor([0.0, 1.0])
        self.squared = squared

    def forward(self, images):
        maps = self.features(images.unsqueeze(1).float() / 255)  # (B, 2, 64, 64): white, black
        pooled = (maps**2 if self.squared else maps).mean(dim=(2, 3))
        return pooled[:, 0] - pooled[:, 1]


class Flat(nn.Module):
    """A network without any feature map."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(64 * 64, 1)

    def forward(self, images):
        return self.linear(images.flatten(1).float()).squeeze(1)


@pytest.fixture
def clouds():
    """Three skies: one cloud in a corner, noise, nothing."""
    images = np.zeros((3, 64, 64), np.uint8)
    images[0, 8:16, 40:56] = 255
    images[1] = np.random.default_rng(1).integers(0, 256, (64, 64))
    return images


def test_grad_cam_of_a_known_network_is_what_can_be_written_down(clouds):
    white = clouds / 255.0
    expected = np.maximum(white - (1 - white), 0) / 64**2  # weights ±1/64², negative parts cut off
    np.testing.assert_allclose(grad_cam(Known(), clouds), expected, atol=1e-9)


def test_grad_cam_marks_the_cloud_and_nothing_else(clouds):
    marked = grad_cam(Known(), clouds)[0] > 0
    assert (marked == (clouds[0] > 0)).all()


def test_grad_cam_of_a_network_without_feature_maps_is_refused(clouds):
    with pytest.raises(StarterKitError, match="has none"):
        grad_cam(Flat(), clouds)


def test_integrated_gradients_of_a_linear_network_are_its_weights_times_the_image(clouds):
    model = Flat()
    shared = integrated_gradients(model, clouds)
    weights = model.linear.weight.detach().numpy().reshape(64, 64)
    np.testing.assert_allclose(shared.maps, clouds * weights, rtol=1e-4, atol=1e-4)


def test_integrated_gradients_of_a_square_are_exact(clouds):
    # The logit is mean(w² − (1 − w)²) = mean(2 w − 1): each pixel brings 2 w / 64².
    shared = integrated_gradients(Known(squared=True), clouds)
    np.testing.assert_allclose(shared.maps, 2 * (clouds / 255.0) / 64**2, rtol=1e-4, atol=1e-8)


def test_attributions_sum_to_what_the_image_changes(release, run_folder):
    """The axiom of completeness."""
    model = load_run(run_folder, torch.device("cpu")).model
    images = release.train_images[np.arange(24)]
    shared = integrated_gradients(model, images)
    with torch.no_grad():
        logits = model(torch.from_numpy(images)).double().numpy()
        cloudless = model(torch.zeros(1, 64, 64, dtype=torch.uint8)).double().item()
    np.testing.assert_allclose(shared.difference, logits - cloudless, atol=1e-5)
    np.testing.assert_allclose(shared.maps.sum(axis=(1, 2)) - shared.difference, shared.gap, atol=1e-4)
    assert (abs(shared.gap) <= 0.01 * np.maximum(1, abs(shared.difference))).all()


@pytest.mark.parametrize("name", ["small_cnn", "matsuoka2018", *ARCHITECTURES])
def test_every_architecture_is_explained(name, clouds):
    torch.manual_seed(1)
    model = build_model(ModelConfig(name=name, early_downsampling=name in ARCHITECTURES)).eval()
    maps = grad_cam(model, clouds)
    assert maps.shape == (3, 64, 64)
    assert np.isfinite(maps).all()
    assert (maps >= 0).all()
    shared = integrated_gradients(model, clouds[:1], max_steps=32)
    assert np.isfinite(shared.maps).all()
    assert abs(shared.maps).sum() > 0


@pytest.mark.parametrize(
    ("name", "points"),
    [("small_cnn", 8), ("matsuoka2018", 12), ("resnet18", 8), ("densenet121", 8), ("convnext_tiny", 8)],
)
def test_the_feature_map_is_the_last_before_it_is_pooled(name, points):
    model = build_model(ModelConfig(name=name)).eval()
    shapes = []
    feature_layer(model).register_forward_hook(lambda _, __, output: shapes.append(output.shape))
    with torch.no_grad():
        model(torch.zeros(1, 64, 64, dtype=torch.uint8))
    assert shapes[-1][2] in (points, points + 1)
    assert len(shapes[-1]) == 4


def test_a_model_in_training_stays_in_training(clouds):
    model = build_model(ModelConfig(width=4)).train()
    grad_cam(model, clouds)
    integrated_gradients(model, clouds[:1], max_steps=32)
    assert model.training
