"""What a release says about itself: `manifest.json`."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

MANIFEST_NAME = "manifest.json"

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Licence(_Strict):
    name: str
    url: str


class Scale(_Strict):
    """OLR to grey, linear and clipped between the two ends."""

    white: float = 85.0
    """The OLR that becomes 255, in W m⁻² (cold, high cloud tops)."""
    black: float = 300.0
    """The OLR that becomes 0, in W m⁻² (warm, clear sea)."""
    unit: Literal["W m-2"] = "W m-2"


class TrainCounts(_Strict):
    images: int
    positives: int
    negatives: int
    storms: int


class TestCounts(_Strict):
    """Only the number of images: how many of them are positive is part of the answer."""

    __test__ = False  # not a test class, whatever pytest thinks of its name

    images: int


class Counts(_Strict):
    train: TrainCounts
    test: TestCounts


class ReleaseFile(_Strict):
    path: str
    """Relative to the release's folder, with forward slashes."""
    size: int | None
    """Bytes. None where the file is not served: the size of a solution tells how many images are positive."""
    sha256: Sha256
    served: bool
    """Whether participants may have the file."""


class Manifest(_Strict):
    format: Literal["tamago-release-1"] = "tamago-release-1"
    name: str
    version: str
    title: str
    description: str
    licence: Licence
    source: str
    attribution: str
    url: str | None = None
    created: datetime
    scale: Scale = Scale()
    image_size: int = 64
    counts: Counts
    files: list[ReleaseFile]
    extra: dict[str, object] = {}

    def served_files(self) -> list[ReleaseFile]:
        return [file for file in self.files if file.served]
