"""The frozen sample of the synthetic world: what version it is, and how to freeze the next one.

`python -m tests.cloud_images.frozen_world` writes it anew, after WORLD_VERSION was raised.
"""

import tempfile
from pathlib import Path

import numpy as np

from cloud_images.synthetic import WORLD_VERSION, synthesize

PATH = Path(__file__).with_name("frozen_world.npz")


def sample() -> dict[str, np.ndarray]:
    """The labels of a small world and its images as means of 8 by 8 points, of train and test."""
    with tempfile.TemporaryDirectory() as folder:
        release = synthesize(Path(folder) / "r", train=256, test=128, seed=20_180_731)
        images = np.concatenate([release.train_images[:], release.test_images[:]])
        labels = [release.train_table()["label"].to_numpy(), release.solution_table()["label"].to_numpy()]
    return {
        "version": np.array(WORLD_VERSION),
        "labels": np.concatenate(labels),
        # Means, since another processor may round a point to the next grey.
        "means": images.reshape(-1, 8, 8, 8, 8).mean(axis=(2, 4)).round().astype(np.uint8),
    }


if __name__ == "__main__":
    np.savez_compressed(PATH, **sample())
