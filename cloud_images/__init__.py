"""From fields and cyclone tracks, or a seeded synthetic world, to a release of labelled cloud images."""

from cloud_images.manifest import Manifest
from cloud_images.release import (
    IMAGE_SIZE,
    SHARD_ROWS,
    TRAIN_COLUMNS,
    About,
    ImageSet,
    Release,
    ReleaseError,
    open_release,
    write_release,
)

__all__ = [
    "IMAGE_SIZE",
    "SHARD_ROWS",
    "TRAIN_COLUMNS",
    "About",
    "ImageSet",
    "Manifest",
    "Release",
    "ReleaseError",
    "open_release",
    "write_release",
]
