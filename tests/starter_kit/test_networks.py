"""Networks, pretrained weights, and torchvision where its operators do not load."""

import subprocess
import sys

import pytest
import torch
from safetensors.torch import save_file

from starter_kit.config import ModelConfig, load_config
from starter_kit.errors import StarterKitError
from starter_kit.model import build_model, read_weights
from starter_kit.torchvision_import import torchvision_models

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


@pytest.mark.parametrize("config", [SMALL_CNN, RESNET, ModelConfig(name="resnet18")], ids=str)
def test_an_image_gives_one_logit(config):
    logits = build_model(config).eval()(images())
    assert (logits.shape, logits.dtype) == ((3,), torch.float32)


def test_an_image_is_judged_alone():
    model = build_model(SMALL_CNN).eval()
    torch.testing.assert_close(model(images())[1:2], model(images()[1:2]))


def test_without_early_downsampling_the_first_stage_sees_the_whole_image():
    sizes = {}
    for early in (True, False):
        model = build_model(ModelConfig(name="resnet18", early_downsampling=early)).eval()
        stage = model.network[0].layer1
        stage.register_forward_hook(lambda _, inputs, __, key=early: sizes.update({key: inputs[0].shape[-1]}))
        model(images(1))
    assert sizes == {True: 16, False: 64}


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
    with pytest.raises(StarterKitError, match=r"not those of a ResNet-18.*unknown"):
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
        "from starter_kit.config import load_config\n"
        "from starter_kit.model import build_model\n"
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
        "from starter_kit import torchvision_import\n"
        "torchvision_import.torchvision_models()\n"
        "print(torchvision_import._declared)\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ended.stdout == "[]\n", ended.stderr


def test_small_cnn_is_the_default():
    assert load_config().model.name == "small_cnn"
