"""Networks, pretrained weights, and torchvision where its operators do not load."""

import subprocess
import sys

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from starter_kit.configuration.reading import load_config
from starter_kit.configuration.sections import ModelConfig
from starter_kit.errors import StarterKitError
from starter_kit.networks.backbones import ARCHITECTURES
from starter_kit.networks.classifier import build_model
from starter_kit.networks.pretrained import read_weights
from starter_kit.networks.torchvision_import import torchvision_models

SMALL_CNN = ModelConfig(width=8)
RESNET = ModelConfig(name="resnet18", early_downsampling=True)


def images(count: int = 3) -> torch.Tensor:
    return torch.randint(
        0, 256, (count, 64, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )


@pytest.fixture(scope="module")
def colour_resnet() -> torch.nn.Module:
    """As a hub hands it out: three channels and a head of 1,000 classes, with weights made on the spot."""
    torch.manual_seed(5)
    network = torchvision_models().resnet18(weights=None)
    network.train()
    network(torch.randn(8, 3, 64, 64))  # gives batch norm something to remember
    return network.eval()


ALL_NAMES = ["small_cnn", "matsuoka2018", *ARCHITECTURES]


def test_every_network_of_the_configuration_is_there():
    assert ModelConfig.model_fields["name"].annotation.__args__ == tuple(ALL_NAMES)


@pytest.mark.parametrize("name", ALL_NAMES)
@torch.inference_mode()
def test_an_image_gives_one_logit(name):
    logits = build_model(ModelConfig(name=name)).eval()(images(2))
    assert (logits.shape, logits.dtype) == ((2,), torch.float32)
    assert torch.isfinite(logits).all()


@pytest.mark.parametrize("channels_last", [True, False])
def test_the_layout_changes_nothing_but_the_speed(channels_last):
    torch.manual_seed(0)
    model = build_model(SMALL_CNN, channels_last=channels_last).eval()
    torch.manual_seed(0)
    other = build_model(SMALL_CNN, channels_last=not channels_last).eval()
    kernel = model.network[0][1][0].weight
    assert kernel.is_contiguous(memory_format=torch.channels_last) == channels_last
    torch.testing.assert_close(model(images()), other(images()), rtol=1e-4, atol=1e-5)


def test_an_image_is_judged_alone():
    model = build_model(SMALL_CNN).eval()
    torch.testing.assert_close(model(images())[1:2], model(images()[1:2]))


@pytest.mark.parametrize("name", list(ARCHITECTURES))
@torch.inference_mode()
def test_without_early_downsampling_the_first_stage_sees_the_whole_image(name):
    """What the layer after stem and pooling is given; torchvision's stems leave 16 or 32 points of 64."""
    after = {
        "densenet121": "features.denseblock1",
        "efficientnet_b0": "features.1",
        "convnext_tiny": "features.1",
    }
    sizes = {}
    for early in (True, False):
        network = build_model(ModelConfig(name=name, early_downsampling=early)).eval().network[0]
        stage = network.get_submodule(after.get(name, "layer1"))
        stage.register_forward_hook(lambda _, inputs, __, key=early: sizes.update({key: inputs[0].shape[-1]}))
        network(torch.zeros(1, 1, 64, 64))
    assert sizes[True] == (32 if name == "efficientnet_b0" else 16)
    assert sizes[False] in (64, 65)


def test_the_conventional_network_has_four_convolutions_three_poolings_and_three_full_layers():
    layers = list(build_model(ModelConfig(name="matsuoka2018")).modules())
    kinds = [
        sum(isinstance(layer, kind) for layer in layers) for kind in (nn.Conv2d, nn.MaxPool2d, nn.Linear)
    ]
    assert kinds == [4, 3, 3]


def test_se_resnext_is_resnext_with_a_gate_on_each_block():
    torch.manual_seed(0)
    config = ModelConfig(name="se_resnext50", early_downsampling=True)
    network = build_model(config).eval().network[0]
    gates = [module for name, module in network.named_modules() if name.endswith("bn3.1")]
    assert len(gates) == 3 + 4 + 6 + 3
    assert network.layer1[0].conv2.groups == 32
    values = torch.randn(2, 256, 5, 5)
    squeezed = values.mean(dim=(2, 3), keepdim=True)
    gate = gates[0]
    excitation = torch.sigmoid(gate.fc2(torch.relu(gate.fc1(squeezed))))
    torch.testing.assert_close(gate(values), values * excitation)
    assert gate.fc1.out_channels == 256 // 16


ACTIVATIONS = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "prelu": nn.PReLU,
    "elu": nn.ELU,
    "silu": nn.SiLU,
}


@pytest.mark.parametrize("activation", list(ACTIVATIONS))
@pytest.mark.parametrize("name", ["small_cnn", "resnet18", "efficientnet_b0", "convnext_tiny"])
def test_an_activation_takes_the_place_of_every_other(name, activation):
    model = build_model(ModelConfig(name=name, activation=activation, early_downsampling=True)).eval()
    kinds = {type(module) for module in model.modules()} & {*ACTIVATIONS.values(), nn.GELU}
    assert kinds == {ACTIVATIONS[activation]}
    if name == "efficientnet_b0":  # its gates stay gates
        assert any(isinstance(module, nn.Sigmoid) for module in model.modules())
    assert torch.isfinite(model(images(1))).all()


def test_each_prelu_learns_its_own_slope():
    model = build_model(ModelConfig(activation="prelu"))
    slopes = [module.weight for module in model.modules() if isinstance(module, nn.PReLU)]
    assert len({id(slope) for slope in slopes}) == 6


@pytest.mark.parametrize("name", ["resnet18", "densenet121", "convnext_tiny", "se_resnext50"])
def test_imagenet_weights_come_by_torchvisions_own_loading(name, tmp_path, monkeypatch):
    """torchvision finds the file, made on the spot, where its download would have left it."""
    models, place = torchvision_models(), ARCHITECTURES[name]
    torch.manual_seed(3)
    colour = models.get_model(place.builder, weights=None).eval()
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    checkpoints = tmp_path / "hub" / "checkpoints"
    checkpoints.mkdir(parents=True)
    address = models.get_model_weights(place.builder).DEFAULT.url
    torch.save(colour.state_dict(), checkpoints / address.rsplit("/", maxsplit=1)[-1])

    model = build_model(ModelConfig(name=name, weights="imagenet", early_downsampling=True)).eval()
    backbone = model.network[0]
    stem = colour.get_submodule(place.stem).weight.sum(dim=1, keepdim=True)
    assert torch.equal(backbone.get_submodule(place.stem).weight, stem)
    if name == "se_resnext50":  # its gates are new
        assert torch.equal(backbone.layer4[2].conv3.weight, colour.layer4[2].conv3.weight)
        return
    colour.set_submodule(place.head, nn.Identity())
    grey = torch.randn(2, 1, 64, 64)
    with torch.inference_mode():
        expected = colour(grey.expand(2, 3, 64, 64))
        torch.testing.assert_close(backbone(grey), expected, rtol=1e-3, atol=1e-3)


def test_imagenet_weights_that_cannot_be_fetched_are_said_with_a_way_out(tmp_path, monkeypatch):
    def without_network(*arguments, **named):
        raise OSError("Temporary failure in name resolution")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("torch.hub.urlopen", without_network)
    with pytest.raises(
        StarterKitError, match=r"resnet18 could not be fetched.*name resolution.*model\.weights"
    ):
        build_model(ModelConfig(name="resnet18", weights="imagenet"))


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_pretrained_weights_see_grey_as_the_colour_network_sees_it(colour_resnet, tmp_path, suffix):
    file = tmp_path / f"resnet18{suffix}"
    save = save_file if suffix == ".safetensors" else torch.save
    save(colour_resnet.state_dict(), file)
    model = build_model(RESNET.model_copy(update={"weights": file})).eval()

    grey = torch.randn(2, 1, 64, 64)
    colour_resnet.fc = torch.nn.Identity()
    with torch.inference_mode():
        expected = colour_resnet(grey.expand(2, 3, 64, 64))
        torch.testing.assert_close(model.network[0](grey), expected, rtol=1e-4, atol=1e-4)
    colour_resnet.fc = torch.nn.Linear(512, 1000)


def test_grey_weights_are_taken_as_they_are(tmp_path):
    grey = build_model(RESNET).network[0]
    torch.save(grey.state_dict(), tmp_path / "grey.pth")
    model = build_model(RESNET.model_copy(update={"weights": tmp_path / "grey.pth"}))
    assert torch.equal(model.network[0].conv1.weight, grey.conv1.weight)


def test_weights_of_another_network_are_refused(tmp_path):
    torch.save(torchvision_models().resnet34(weights=None).state_dict(), tmp_path / "other.pth")
    with pytest.raises(StarterKitError, match=r"not those of resnet18.*unknown"):
        build_model(RESNET.model_copy(update={"weights": tmp_path / "other.pth"}))


def test_wider_weights_are_refused(tmp_path):
    torch.save(torchvision_models().resnet18(weights=None, num_classes=7).state_dict(), tmp_path / "w.pth")
    weights = read_weights(tmp_path / "w.pth")
    weights["layer1.0.conv1.weight"] = torch.zeros(1)
    torch.save(weights, tmp_path / "w.pth")
    with pytest.raises(StarterKitError, match=r"1 tensors are of another shape, first layer1\.0\.conv1"):
        build_model(RESNET.model_copy(update={"weights": tmp_path / "w.pth"}))


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("content", [b"", b"no weights at all", bytes(range(256))])
def test_a_file_that_holds_no_weights_is_refused(tmp_path, suffix, content):
    file = tmp_path / f"junk{suffix}"
    file.write_bytes(content)
    with pytest.raises(StarterKitError, match="junk"):
        read_weights(file)


def test_missing_weights_are_named(tmp_path):
    with pytest.raises(StarterKitError, match="no such file"):
        build_model(RESNET.model_copy(update={"weights": tmp_path / "nowhere.pth"}))


def test_a_pickle_is_not_executed(tmp_path):
    class Harmful:
        def __reduce__(self):
            return (tmp_path.joinpath("harm").touch, ())

    torch.save({"conv1.weight": Harmful()}, tmp_path / "harmful.pth")
    with pytest.raises(StarterKitError):
        read_weights(tmp_path / "harmful.pth")
    assert not (tmp_path / "harm").exists()


def test_torchvision_comes_in_a_fresh_process_and_without_the_network():
    code = (
        "import socket; socket.socket.connect = None\n"
        "from starter_kit.configuration.reading import load_config\n"
        "from starter_kit.networks.classifier import build_model\n"
        "build_model(load_config('resnet18').model)\n"
        "import torch; print(hasattr(torch.ops.torchvision, 'nms'))\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ended.stdout == "True\n", ended.stderr


def test_where_torchvisions_operators_are_there_nothing_is_declared():
    code = (
        "import torch\n"
        "theirs = torch.library.Library('torchvision', 'DEF')\n"
        "theirs.define('nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor')\n"
        "theirs.define('qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor')\n"
        "from starter_kit.networks import torchvision_import\n"
        "torchvision_import.torchvision_models()\n"
        "print(torchvision_import._declared)\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ended.stdout == "[]\n", ended.stderr


@torch.inference_mode()
def test_places_that_are_kept_tell_the_middle_from_the_edge():
    """Averaged, a cloud counts the same wherever it is (but for the edges); kept, it does not."""
    cloud = torch.zeros(2, 64, 64, dtype=torch.uint8)
    cloud[0, 24:40, 24:40] = cloud[1, 24:40, 8:24] = 200  # in the middle, and 16 points west of it
    told = {}
    for kept in (False, True):
        torch.manual_seed(0)
        middle, west = build_model(ModelConfig(width=8, keep_places=kept)).eval()(cloud)
        told[kept] = abs(middle - west).item()
    assert told[False] < 0.1 * told[True]


def test_small_cnn_is_the_default():
    assert load_config().model.name == "small_cnn"
