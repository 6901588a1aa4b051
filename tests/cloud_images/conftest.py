import shutil
from pathlib import Path

import pytest

from cloud_images import Release, open_release
from cloud_images.synthetic import synthesize


@pytest.fixture(scope="session")
def synthetic_release(tmp_path_factory) -> Release:
    """A small release of the synthetic world; read it only."""
    return synthesize(tmp_path_factory.mktemp("synthetic") / "release", train=640, test=640, seed=7)


@pytest.fixture
def release_copy(synthetic_release: Release, tmp_path: Path) -> Release:
    """The same, to be damaged."""
    shutil.copytree(synthetic_release.directory, tmp_path / "release")
    return open_release(tmp_path / "release")
