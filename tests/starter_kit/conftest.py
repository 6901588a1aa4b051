"""A small release of the synthetic world, and a model trained on it for a moment."""

from pathlib import Path

import pytest
import torch

from cloud_images import Release, open_release
from cloud_images.synthetic import synthesize
from starter_kit.configuration.reading import Config, load_config
from starter_kit.training.train import train
from tests.starter_kit.command_line import Shell

# Batches this small gain nothing from a second thread, and on a busy machine they wait for it.
torch.set_num_threads(1)

QUICK = ("train.epochs=2", "train.images_per_epoch=256", "train.batch_size=32", "model.width=4")


@pytest.fixture(scope="session")
def quick() -> Config:
    """The baseline, made small."""
    return load_config("baseline", QUICK)


@pytest.fixture(scope="session")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    """4,096 training and 1,024 test images, about 1 in 32 positive; with the solution."""
    directory = tmp_path_factory.mktemp("world") / "release"
    synthesize(directory, train=4096, test=1024, seed=3)
    return open_release(directory)


@pytest.fixture(scope="session")
def run_folder(release: Release, quick: Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained model. Read it only."""
    folder = tmp_path_factory.mktemp("runs") / "first"
    train(release, quick, folder)
    return folder


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """The command line of somebody whose home is empty."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    for name in ("TAMAGO_URL", "TAMAGO_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    return Shell()
