"""The networks: a grey image in, one logit out."""

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from starter_kit.config import ModelConfig
from starter_kit.errors import StarterKitError, first_line
from starter_kit.torchvision_import import torchvision_models

# Mean and spread of the synthetic world's grey values, as shares of 255: inputs near zero mean and unit
# variance let the first layer learn at once. Any release of the same OLR scale is close.
GREY_MEAN, GREY_SPREAD = 0.32, 0.24

Weights = dict[str, torch.Tensor]


class CycloneClassifier(nn.Module):
    """Images as the release holds them, uint8 (B, 64, 64), to logits, float (B,): higher is more
    cyclone-like.

    The grey values are normalised inside, so that nobody does it twice or forgets it.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network  # float (B, 1, 64, 64) -> float (B, 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        grey = images.unsqueeze(1).float() / 255  # (B, 1, 64, 64) in 0 … 1
        grey = (grey - GREY_MEAN) / GREY_SPREAD
        return self.network(grey.contiguous(memory_format=torch.channels_last)).squeeze(1)  # (B,)


def build_model(config: ModelConfig) -> CycloneClassifier:
    """The configured network with fresh weights (from torch's random state), or pretrained ones from a
    file."""
    network = small_cnn(config.width) if config.name == "small_cnn" else resnet18(config)
    features = 4 * config.width if config.name == "small_cnn" else 512
    head = nn.Sequential(nn.Dropout(config.dropout), nn.Linear(features, 1))
    if config.weights is not None:
        load_pretrained(network, read_weights(config.weights), source=str(config.weights))
    model = CycloneClassifier(nn.Sequential(network, head))
    return model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def small_cnn(width: int) -> nn.Module:
    """Six 3×3 convolutions; each halving of the image doubles the channels. (B, 1, 64, 64) -> (B, 4
    width)."""
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
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),  # (B, 4 width)
    )


def _convolution(channels_in: int, channels_out: int, stride: int = 1) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, 3, stride, padding=1, bias=False),
        nn.BatchNorm2d(channels_out),
        nn.ReLU(inplace=True),
    )


def resnet18(config: ModelConfig) -> nn.Module:
    """torchvision's ResNet-18 (He et al. 2016) for one grey channel, without its head. (B, 1, 64, 64) -> (B,
    512).

    Its stem is made for 224×224: a stride of 2, then a pooling by 2. Without `early_downsampling` both are
    left out, and the first stage sees the image at full size.
    """
    network = torchvision_models().resnet18(weights=None)
    stride = 2 if config.early_downsampling else 1
    network.conv1 = nn.Conv2d(1, 64, kernel_size=7, stride=stride, padding=3, bias=False)
    if not config.early_downsampling:
        network.maxpool = nn.Identity()
    network.fc = nn.Identity()
    return network


def read_weights(path: Path) -> Weights:
    """Tensors by name, from a safetensors file or a state dict of torch.save. Raises StarterKitError."""
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        weights = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise StarterKitError(f"model.weights names {path}, and there is no such file.") from None
    except (OSError, SafetensorError, RuntimeError, EOFError, ValueError) as error:
        raise StarterKitError(f"The weights {path} could not be read: {first_line(error)}") from None
    except Exception as error:  # noqa: BLE001 - a damaged pickle raises whatever its bytes happen to say
        raise StarterKitError(f"{path} is no file of weights ({type(error).__name__}).") from None
    is_state_dict = isinstance(weights, dict) and all(isinstance(v, torch.Tensor) for v in weights.values())
    if not is_state_dict:
        raise StarterKitError(f"{path} holds no state dict, that is a table of tensors by name.")
    return weights


def load_pretrained(network: nn.Module, weights: Weights, *, source: str) -> None:
    """Put pretrained weights into a headless network; their head is left out.

    A colour stem, (64, 3, 7, 7), becomes a grey one by summing over red, green and blue, which answers to a
    grey image as the colour stem answers to the same grey in all three.

    Raises StarterKitError where the weights belong to another network.
    """
    expected = network.state_dict()
    fitted = {name: value for name, value in weights.items() if not name.startswith("fc.")}
    stem = fitted.get("conv1.weight")
    if stem is not None and stem.ndim == 4 and stem.shape[1] == 3:
        fitted["conv1.weight"] = stem.sum(dim=1, keepdim=True)
    missing = sorted(expected.keys() - fitted.keys())
    unknown = sorted(fitted.keys() - expected.keys())
    reshaped = sorted(
        name for name in expected.keys() & fitted.keys() if expected[name].shape != fitted[name].shape
    )
    for names, complaint in ((missing, "missing"), (unknown, "unknown"), (reshaped, "of another shape")):
        if names:
            raise StarterKitError(
                f"The weights {source} are not those of a ResNet-18: {len(names)} tensors are {complaint}, "
                f"first {names[0]}."
            )
    network.load_state_dict(fitted)
