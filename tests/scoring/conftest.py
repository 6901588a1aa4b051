from pathlib import Path

import pytest


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where a test puts its submission; a name that promises nothing about the format."""
    return tmp_path / "submission"
