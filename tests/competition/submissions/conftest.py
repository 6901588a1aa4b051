"""A competition with data, and files to submit to it."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from competition.contests.models import Competition
from competition.datasets.models import Release
from competition.submissions.models import Submission
from competition.submissions.receive import receive_submission


@pytest.fixture(autouse=True)
def media(settings, tmp_path) -> Path:
    """Where the uploads of one test lie."""
    settings.MEDIA_ROOT = tmp_path / "media"
    return settings.MEDIA_ROOT


@pytest.fixture
def release(typhoons, release_folder) -> Release:
    from cloud_images.release import open_release

    manifest = open_release(release_folder).manifest.model_dump(mode="json")
    return Release.objects.create(
        competition=typhoons,
        folder=release_folder.name,
        name=manifest["name"],
        version=manifest["version"],
        manifest=manifest,
    )


def submission_file(release: Release, *, noise: float = 0.5, seed: int = 0, name: str = "try.csv"):
    """Scores that follow the solution, blurred by `noise`: 0 is perfect, the larger the worse."""
    solution = pl.read_parquet(release.solution_path)
    scores = solution["label"].to_numpy() + np.random.default_rng(seed).normal(0, noise, len(solution))
    table = pl.DataFrame({"image_id": solution["image_id"], "score": scores})
    return SimpleUploadedFile(name, table.sample(fraction=1, shuffle=True, seed=seed).write_csv().encode())


def submit(user, competition: Competition, **file) -> Submission:
    release = competition.releases.get(is_current=True)
    return receive_submission(user=user, competition=competition, file=submission_file(release, **file))
