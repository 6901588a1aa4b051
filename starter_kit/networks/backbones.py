"""The networks, each without its head: a grey image, (B, 1, 64, 64), to features, (B, F).

torchvision's are made for colour images of 224×224. Here they see one channel, and unless
`early_downsampling` is on their stem keeps the size, so that the first stage sees all 64×64 points: eyes and
bands are a few points wide. That costs 16 times the work of the stem as its authors made it (4 for
EfficientNet).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from starter_kit.configuration.sections import ModelConfig
from starter_kit.networks.pretrained import fetching
from starter_kit.networks.torchvision_import import torchvision_models

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": lambda: nn.ReLU(inplace=True),
    "leaky_relu": lambda: nn.LeakyReLU(0.01, inplace=True),  # Maas et al. 2013
    "prelu": nn.PReLU,  # He et al. 2015, doi 10.1109/ICCV.2015.123: learns its slope, from 0.25
    "elu": lambda: nn.ELU(inplace=True),  # Clevert et al. 2016
    "silu": lambda: nn.SiLU(inplace=True),  # Elfwing et al. 2018; Ramachandran et al. 2017 as swish
}


SMALL_CNN_PLACES = 4 * 4  # of its last map


@dataclass(frozen=True)
class Architecture:
    """Where torchvision's network has what we change. builder: its function in torchvision.models; stem: the
    first convolution; pool: the pooling after it, if any; head: the last layers; features: what they get."""

    builder: str
    stem: str
    pool: str | None
    head: str
    features: int


ARCHITECTURES = {
    # He et al. 2016, doi 10.1109/CVPR.2016.90
    "resnet18": Architecture("resnet18", "conv1", "maxpool", "fc", 512),
    "resnet34": Architecture("resnet34", "conv1", "maxpool", "fc", 512),
    "resnet50": Architecture("resnet50", "conv1", "maxpool", "fc", 2048),
    # Zagoruyko & Komodakis 2016, doi 10.5244/C.30.87
    "wide_resnet50": Architecture("wide_resnet50_2", "conv1", "maxpool", "fc", 2048),
    # Xie et al. 2017, doi 10.1109/CVPR.2017.634, with the squeeze and excitation of Hu et al. 2018
    "se_resnext50": Architecture("resnext50_32x4d", "conv1", "maxpool", "fc", 2048),
    # Huang et al. 2017, doi 10.1109/CVPR.2017.243
    "densenet121": Architecture("densenet121", "features.conv0", "features.pool0", "classifier", 1024),
    # Tan & Le 2019, arXiv 1905.11946
    "efficientnet_b0": Architecture("efficientnet_b0", "features.0.0", None, "classifier", 1280),
    # Liu et al. 2022, doi 10.1109/CVPR52688.2022.01167
    "convnext_tiny": Architecture("convnext_tiny", "features.0.0", None, "classifier.2", 768),
}


def build_network(config: ModelConfig, *, from_imagenet: bool = False) -> tuple[nn.Module, int]:
    """The configured network without its head, and how many features it gives.

    from_imagenet: with the weights that torchvision fetches; raises StarterKitError where it cannot.
    """
    if config.name == "small_cnn":
        places = SMALL_CNN_PLACES if config.keep_places else 1
        network, features = small_cnn(config.width, keep_places=config.keep_places), places * 4 * config.width
    elif config.name == "matsuoka2018":
        network, features = matsuoka2018(), 2048
    else:
        network = torchvision_network(config, from_imagenet=from_imagenet)
        features = ARCHITECTURES[config.name].features
    if config.activation is not None:
        replace_activations(network, ACTIVATIONS[config.activation])
    return network, features


def small_cnn(width: int, *, keep_places: bool) -> nn.Module:
    """Six 3×3 convolutions; each halving of the image doubles the channels. (B, 1, 64, 64) -> (B, 4 width).

    keep_places: the last 4×4 places stay apart instead of being averaged, (B, 64 width): what stands in the
    middle of the image, as a storm does, then counts otherwise than what stands at its edge.
    """
    return nn.Sequential(
        _convolution(1, width, stride=2),  # (B, width, 32, 32)
        _convolution(width, width),
        nn.MaxPool2d(2),  # (B, width, 16, 16)
        _convolution(width, 2 * width),
        _convolution(2 * width, 2 * width),
        nn.MaxPool2d(2),  # (B, 2 width, 8, 8)
        _convolution(2 * width, 4 * width),
        _convolution(4 * width, 4 * width),
        nn.MaxPool2d(2),  # (B, 4 width, 4, 4)
        *([] if keep_places else [nn.AdaptiveAvgPool2d(1)]),
        nn.Flatten(),  # (B, 4 width), or 16 times that
    )


def _convolution(channels_in: int, channels_out: int, stride: int = 1) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, 3, stride, padding=1, bias=False),
        nn.BatchNorm2d(channels_out),
        nn.ReLU(inplace=True),
    )


def matsuoka2018() -> nn.Module:
    """The network of the conventional model, after Matsuoka et al. (2018, doi 10.1186/s40645-018-0245-y):
    four convolutional, three pooling and three fully connected layers, the last of which is the head.
    (B, 1, 64, 64) -> (B, 2048).

    Numbers of channels, 3×3 kernels without padding and the place of the batch norms are assumed, after a
    public re-implementation for tropical cyclogenesis; docs/participants/methods.md says what is known.
    """
    return nn.Sequential(
        _unpadded(1, 32),  # (B, 32, 62, 62)
        _unpadded(32, 64),  # (B, 64, 60, 60)
        nn.MaxPool2d(2),  # (B, 64, 30, 30)
        _unpadded(64, 64),  # (B, 64, 28, 28)
        nn.MaxPool2d(2),  # (B, 64, 14, 14)
        _unpadded(64, 64),  # (B, 64, 12, 12)
        nn.MaxPool2d(2),  # (B, 64, 6, 6)
        nn.Flatten(),  # (B, 2304)
        nn.Linear(64 * 6 * 6, 2048),
        nn.ReLU(inplace=True),
        nn.Linear(2048, 2048),
        nn.ReLU(inplace=True),
    )


def _unpadded(channels_in: int, channels_out: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, 3, bias=False),
        nn.BatchNorm2d(channels_out),
        nn.ReLU(inplace=True),
    )


def torchvision_network(config: ModelConfig, *, from_imagenet: bool) -> nn.Module:
    """torchvision's network, its stem for one channel and 64×64, without its head."""
    place, models = ARCHITECTURES[config.name], torchvision_models()
    if from_imagenet:
        with fetching(config.name):
            network = models.get_model(place.builder, weights="DEFAULT")
    else:
        network = models.get_model(place.builder, weights=None)
    if config.name == "se_resnext50":
        add_squeeze_and_excitation(network)
    stem = network.get_submodule(place.stem)
    network.set_submodule(
        place.stem, _grey_stem(stem, early_downsampling=config.early_downsampling, pretrained=from_imagenet)
    )
    if place.pool is not None and not config.early_downsampling:
        network.set_submodule(place.pool, nn.Identity())
    network.set_submodule(place.head, nn.Identity())
    return network


def _grey_stem(colour: nn.Conv2d, *, early_downsampling: bool, pretrained: bool) -> nn.Conv2d:
    """The same convolution for one channel. Pretrained, its red, green and blue are summed: it answers to
    grey as the colour stem answers to the same grey in all three."""
    grey = nn.Conv2d(
        1,
        colour.out_channels,
        colour.kernel_size,  # type: ignore[arg-type]
        stride=colour.stride if early_downsampling else 1,  # type: ignore[arg-type]
        # ConvNeXt's 4×4 patches have no padding, which at a stride of 1 would lose the edges.
        padding=colour.padding if early_downsampling or any(colour.padding) else 2,  # type: ignore[arg-type]
        bias=colour.bias is not None,
    )
    if pretrained:
        grey.weight.data = colour.weight.data.sum(dim=1, keepdim=True)
        if colour.bias is not None:
            grey.bias.data = colour.bias.data.clone()  # type: ignore[union-attr]
    return grey


def add_squeeze_and_excitation(network: nn.Module) -> None:
    """A gate on the channels at the end of each residual branch (Hu et al. 2018, doi
    10.1109/CVPR.2018.00745), reduction 16: ResNeXt becomes SE-ResNeXt."""
    gate = torchvision_models().efficientnet.SqueezeExcitation  # it is torchvision.ops.misc's
    for block in [block for block in network.modules() if hasattr(block, "bn3")]:
        norm = block.bn3
        assert isinstance(norm, nn.BatchNorm2d)
        block.bn3 = nn.Sequential(norm, gate(norm.num_features, norm.num_features // 16))


def replace_activations(network: nn.Module, make: Callable[[], nn.Module]) -> None:
    """Every activation between layers becomes a new one; gates, which must end in 0 … 1, stay."""
    known = (nn.ReLU, nn.LeakyReLU, nn.PReLU, nn.ELU, nn.SiLU, nn.GELU)
    for name, module in list(network.named_modules()):
        if isinstance(module, known):
            network.set_submodule(name, make())
