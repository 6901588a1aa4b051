"""A release whose images are translated: everything that reads a release then works on it as on any other."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np

from cloud_images import Release, ReleaseError, open_release
from cloud_images.release import (
    SOLUTION_NAME,
    About,
    folder_when_complete,
    refuse_occupied,
    release_bytes,
    write_manifest,
)
from cloud_images.shards import ShardWriter
from starter_kit.errors import StarterKitError
from starter_kit.observation.translation import Translation

TABLES = ("train.csv", "test.csv", "sample_submission.csv", SOLUTION_NAME)
AT_ONCE = 2048


def translate_release(
    release: Release,
    translation: Translation,
    out: Path,
    *,
    title: str,
    on_progress: Callable[[int], None] | None = None,
) -> Release:
    """Write a release with the same tables, in the same order, and every image as if it were observed.

    on_progress(images done). Raises StarterKitError where `out` is in use, or the disk is full.
    """
    manifest, sides = release.manifest, (("train", release.train_images), ("test", release.test_images))
    try:
        refuse_occupied(out)
        with folder_when_complete(out, room=release_bytes(*(len(images) for _, images in sides))) as draft:
            done = 0
            for side, images in sides:
                with ShardWriter(draft / side, len(images)) as writer:
                    for first in range(0, len(images), AT_ONCE):
                        rows = np.arange(first, min(first + AT_ONCE, len(images)))
                        writer.write(rows, translation.translate(images[rows], "observed", seed=done))
                        done += len(rows)
                        if on_progress:
                            on_progress(len(rows))
            for name in TABLES:
                if (release.directory / name).exists():
                    shutil.copyfile(release.directory / name, draft / name)
            about = About(
                name=out.name,
                version=manifest.version,
                title=title,
                description=manifest.description,
                licence=manifest.licence.name,
                licence_url=manifest.licence.url,
                source=f"{manifest.source} Translated from {manifest.name} {manifest.version}.",
                attribution=manifest.attribution,
                url=manifest.url,
                extra=dict(manifest.extra),
            )
            counts = manifest.counts
            write_manifest(draft, about=about, counts=counts, on_progress=lambda *_: None)
        return open_release(out)
    except ReleaseError as error:
        raise StarterKitError(str(error)) from None
