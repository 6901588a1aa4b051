"""The classifier: images as a release holds them in, one logit out."""

import torch
from torch import nn

from starter_kit.configuration.sections import ModelConfig
from starter_kit.networks.backbones import build_network
from starter_kit.networks.pretrained import IMAGENET, load_pretrained, read_weights

# Mean and spread of the synthetic world's grey values, as shares of 255: inputs near zero mean and unit
# variance let the first layer learn at once. Any release of the same OLR scale is close.
GREY_MEAN, GREY_SPREAD = 0.32, 0.24


class CycloneClassifier(nn.Module):
    """Images as the release holds them, uint8 (B, 64, 64), to logits, float (B,): higher is more
    cyclone-like.

    The grey values are normalised inside, so that nobody does it twice or forgets it.
    """

    def __init__(self, network: nn.Sequential, *, channels_last: bool = True) -> None:
        super().__init__()
        self.network = network  # backbone: float (B, 1, 64, 64) -> (B, F); head: -> float (B, 1)
        self.layout = torch.channels_last if channels_last else torch.contiguous_format
        self.to(memory_format=self.layout)  # type: ignore[call-overload]

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        grey = images.unsqueeze(1).float() / 255  # (B, 1, 64, 64) in 0 … 1
        grey = (grey - GREY_MEAN) / GREY_SPREAD
        backbone, head = self.network
        features = backbone(grey.contiguous(memory_format=self.layout))  # (B, F)
        # The sum that is the score is made in float32, whatever the convolutions compute in: bfloat16 has 8
        # binary digits, and a million images would share a few hundred scores.
        with torch.autocast(images.device.type, enabled=False):
            return head(features.float()).squeeze(1)  # (B,)


def build_model(config: ModelConfig, *, channels_last: bool = True) -> CycloneClassifier:
    """The configured network with fresh weights (from torch's random state), or pretrained ones.

    Raises StarterKitError where weights cannot be read or fetched, or belong to another network.
    """
    from_imagenet = config.weights is not None and str(config.weights) == IMAGENET
    backbone, features = build_network(config, from_imagenet=from_imagenet)
    if config.weights is not None and not from_imagenet:
        load_pretrained(backbone, config.name, read_weights(config.weights), source=str(config.weights))
    head = nn.Sequential(nn.Dropout(config.dropout), nn.Linear(features, 1))
    return CycloneClassifier(nn.Sequential(backbone, head), channels_last=channels_last)
