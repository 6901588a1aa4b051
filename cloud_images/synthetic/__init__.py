"""A seeded synthetic world of tropical clouds: a release like any other, with nothing to download."""

from cloud_images.synthetic.ceiling import ceiling_precision, oracle_scores
from cloud_images.synthetic.generate import synthesize
from cloud_images.synthetic.world import WORLD_VERSION

__all__ = ["WORLD_VERSION", "ceiling_precision", "oracle_scores", "synthesize"]
