"""A competition with scored entries of two teams, to be scored again."""

import io
from pathlib import Path

import polars as pl
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from competition.contests.models import Competition
from competition.datasets.models import Release
from competition.organizing.rescoring.rescore import rescore
from competition.organizing.rescoring.start import start_rescoring
from competition.submissions.evaluate import evaluate
from competition.submissions.models import Rescoring, Score, Submission
from tests.competition.submissions.conftest import media, release, submit

__all__ = ["media", "release"]

STRICTER = {
    "metric": "recall_constrained_precision",
    "prediction": "score",
    "recall_floor": 0.95,
    "digits": 5,
}


def scored(user, competition: Competition, **file) -> Submission:
    submission = submit(user, competition, **file)
    evaluate(submission.pk, worker="test")
    submission.refresh_from_db()
    return submission


@pytest.fixture
def entries(team, other_team, alice, dave, release) -> list[Submission]:
    """Two of Team Alice, one of Team Dave."""
    typhoons = release.competition
    return [
        scored(alice, typhoons, noise=0.4, seed=1),
        scored(alice, typhoons, noise=0.8, seed=2),
        scored(dave, typhoons, noise=0.5, seed=3),
    ]


def start(competition: Competition, user=None, **changes) -> Rescoring:
    changes.setdefault("reason", "A storm was labelled wrongly.")
    return start_rescoring(user=user, competition=competition, **changes)


def work(rescoring: Rescoring) -> Rescoring:
    """As workers do, until there is nothing to do."""
    while rescore(rescoring.pk, worker="test"):
        pass
    rescoring.refresh_from_db()
    return rescoring


def new_scores(rescoring: Rescoring) -> dict[Submission, Score]:
    scores = Score.with_unpublished.filter(rescoring=rescoring).select_related("submission")
    return {score.submission: score for score in scores}


def corrected_solution(release: Release, *, flipped: int = 40, **columns) -> SimpleUploadedFile:
    """The release's solution with the labels of the first `flipped` negatives turned."""
    table = pl.read_parquet(release.directory / "solution.parquet")
    row = pl.int_range(pl.len())
    negatives = table.with_row_index().filter(pl.col("label") == 0)["index"][:flipped]
    turned = pl.when(row.is_in(negatives.implode())).then(1).otherwise(pl.col("label"))
    return parquet(table.with_columns(turned.cast(table["label"].dtype).alias("label"), **columns))


def parquet(table: pl.DataFrame, name: str = "solution.parquet") -> SimpleUploadedFile:
    buffer = io.BytesIO()
    table.write_parquet(buffer)
    return SimpleUploadedFile(name, buffer.getvalue())


def solution_table(release: Release) -> pl.DataFrame:
    return pl.read_parquet(Path(release.directory) / "solution.parquet")
