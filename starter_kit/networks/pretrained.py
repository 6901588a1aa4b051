"""Weights that a network starts from: files of one's own, or those that torchvision fetches."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from starter_kit.errors import StarterKitError, first_line

IMAGENET = "imagenet"
Weights = dict[str, torch.Tensor]
HEADS = ("fc.", "classifier.")


@contextmanager
def fetching(name: str) -> Iterator[None]:
    """Around torchvision's own loading. Raises StarterKitError where the network is not there, or what came
    is damaged."""
    try:
        yield
    except (OSError, RuntimeError) as error:
        raise StarterKitError(
            f"The ImageNet weights of {name} could not be fetched: {first_line(error)}. torchvision keeps "
            f"them in {torch.hub.get_dir()}/checkpoints; without a network, put the file there, or name one "
            "of your own with --set model.weights=FILE."
        ) from None


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


def load_pretrained(network: nn.Module, name: str, weights: Weights, *, source: str) -> None:
    """Put pretrained weights into a headless network; their head is left out.

    A colour stem, (C, 3, k, k), becomes a grey one by summing over red, green and blue, which answers to a
    grey image as the colour stem answers to the same grey in all three.

    Raises StarterKitError where the weights belong to another network.
    """
    expected = network.state_dict()
    fitted = {key: value for key, value in weights.items() if key in expected or not key.startswith(HEADS)}
    for key, value in fitted.items():
        wanted = expected.get(key)
        is_stem = wanted is not None and wanted.ndim == value.ndim == 4 and wanted.shape[1] == 1
        if is_stem and value.shape[1] == 3:
            fitted[key] = value.sum(dim=1, keepdim=True)
    missing = sorted(expected.keys() - fitted.keys())
    unknown = sorted(fitted.keys() - expected.keys())
    reshaped = sorted(
        key for key in expected.keys() & fitted.keys() if expected[key].shape != fitted[key].shape
    )
    for keys, complaint in ((missing, "missing"), (unknown, "unknown"), (reshaped, "of another shape")):
        if keys:
            raise StarterKitError(
                f"The weights {source} are not those of {name}: {len(keys)} tensors are {complaint}, "
                f"first {keys[0]}."
            )
    network.load_state_dict(fitted)
