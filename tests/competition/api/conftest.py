"""Programs that call the API."""

from typing import Any

import numpy as np
import polars as pl
import pytest
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from competition.accounts.models import User
from competition.accounts.tokens import create_token
from competition.contests.models import Competition
from competition.datasets.models import Release
from competition.datasets.registration import register_release
from competition.submissions.evaluate import evaluate

ROOT = "/api/v1"
HERE = f"{ROOT}/competitions/typhoons"


class Program:
    """Calls the API with a user's token, or with none. Answers are responses with `.json()`."""

    def __init__(self, user: User | None = None) -> None:
        self.client = Client(enforce_csrf_checks=True, raise_request_exception=False)
        self.headers = {"Authorization": f"Bearer {create_token(user=user, name='test')[1]}"} if user else {}

    def get(self, path: str, **headers: str):
        return self.client.get(path, headers=self.headers | headers)

    def post(self, path: str, body: dict | None = None, **headers: str):
        return self.client.post(
            path, body or {}, content_type="application/json", headers=self.headers | headers
        )

    def put(self, path: str, body: Any):
        return self.client.put(path, body, content_type="application/json", headers=self.headers)

    def submit(self, file: SimpleUploadedFile, message: str = "", path: str = f"{HERE}/submissions"):
        return self.client.post(path, {"file": file, "message": message}, headers=self.headers)


@pytest.fixture(autouse=True)
def fresh(settings, tmp_path) -> None:
    """No counts of earlier requests; uploads in a folder of their own."""
    cache.clear()
    settings.MEDIA_ROOT = tmp_path / "media"


@pytest.fixture
def data(typhoons, release_folder) -> Release:
    return register_release(competition=typhoons, folder=release_folder.name, verify=False)


@pytest.fixture
def anybody(db) -> Program:
    return Program()


@pytest.fixture
def alices(alice) -> Program:
    return Program(alice)


@pytest.fixture
def bobs(bob) -> Program:
    return Program(bob)


@pytest.fixture
def carols(carol) -> Program:
    return Program(carol)


@pytest.fixture
def daves(dave) -> Program:
    return Program(dave)


@pytest.fixture
def organizers(organizer) -> Program:
    return Program(organizer)


def predictions(release: Release, *, noise: float = 0.5, seed: int = 0) -> SimpleUploadedFile:
    """Scores that follow the solution, blurred by `noise`: 0 is perfect."""
    solution = pl.read_parquet(release.solution_path)
    scores = solution["label"].to_numpy() + np.random.default_rng(seed).normal(0, noise, len(solution))
    table = pl.DataFrame({"image_id": solution["image_id"], "score": scores})
    return SimpleUploadedFile("try.csv", table.write_csv().encode())


def score_all(competition: Competition) -> None:
    """What a worker does, here and now."""
    for submission in competition.submissions.pending():
        evaluate(submission.pk, worker="test")


def close(competition: Competition) -> None:
    competition.closes_at = competition.opens_at + (competition.closes_at - competition.opens_at) / 4
    competition.save()


def is_problem(response, status: int, code: str) -> dict:
    """The problem of a response; fails where it is none, or another one."""
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/problem+json"
    said = response.json()
    assert said["code"] == code, said
    assert said["status"] == status
    assert said["type"] == f"urn:tamago:{code}"
    assert said["title"]
    assert said["detail"]
    return said
