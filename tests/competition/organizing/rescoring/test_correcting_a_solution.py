"""A corrected solution is for the very same images, and is kept where nothing is served from."""

import hashlib
import io
import resource
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile

from competition.datasets.corrections import correct_solution
from competition.datasets.models import SolutionVersion
from competition.refusal import Refusal
from competition.submissions.models import Rescoring
from tests.competition.organizing.rescoring.conftest import (
    corrected_solution,
    parquet,
    solution_table,
    start,
)

pytestmark = pytest.mark.django_db


def refused(release, file) -> Refusal:
    with pytest.raises(Refusal) as declined:
        correct_solution(user=None, release=release, file=file)
    assert not SolutionVersion.objects.exists()
    assert not list((Path(settings.MEDIA_ROOT)).glob("solutions/**/*.parquet"))
    return declined.value


def test_what_differs_is_told(release):
    table = solution_table(release)
    moved = table.with_columns(
        pl.when(pl.int_range(pl.len()) < 3)
        .then(pl.when(pl.col("split") == "public").then(pl.lit("private")).otherwise(pl.lit("public")))
        .otherwise(pl.col("split"))
        .alias("split"),
        sea=pl.lit("warm"),
    ).drop("latitude")
    changes = correct_solution(user=None, release=release, file=parquet(moved)).changes
    assert changes == {
        "labels": 0,
        "splits": 3,
        "columns_changed": [],
        "columns_added": ["sea"],
        "columns_removed": ["latitude"],
    }


def test_the_order_of_the_rows_is_no_difference(release):
    shuffled = solution_table(release).sample(fraction=1, shuffle=True, seed=3)
    assert refused(release, parquet(shuffled)).code == "same_solution"


def test_it_is_stored_apart_and_its_checksum_kept(release):
    file = corrected_solution(release)
    version = correct_solution(user=None, release=release, file=file)
    stored = Path(version.file.path)
    file.seek(0)
    assert stored.read_bytes() == file.read()
    assert version.sha256 == hashlib.sha256(stored.read_bytes()).hexdigest()
    assert stored.is_relative_to(settings.MEDIA_ROOT)
    assert not stored.is_relative_to(settings.RELEASES_DIR)


def test_missing_images_are_counted_and_named(release):
    table = solution_table(release)
    message = refused(release, parquet(table.sort("image_id")[7:])).message
    assert "7 images" in message
    assert "test_0000000, test_0000001" in message


def test_unknown_images_are_counted_and_named(release):
    table = solution_table(release).with_columns(
        image_id=pl.when(pl.col("image_id") == "test_0000005")
        .then(pl.lit("test_9999999"))
        .otherwise(pl.col("image_id"))
    )
    message = refused(release, parquet(table)).message
    assert "1 image" in message
    assert "test_9999999" in message
    assert "test_0000005" in message


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda table: table.drop("split"), "split"),
        (lambda table: table.with_columns(label=pl.lit(2)), "neither 0 nor 1"),
        (lambda table: table.with_columns(label=pl.lit(0)), "no positive image"),
        (lambda table: table.with_columns(label=pl.lit(1)), "no negative image in the public split"),
        (
            lambda table: table.with_columns(
                label=pl.when(pl.col("split") == "private").then(1).otherwise(pl.col("label"))
            ),
            "no negative image in the private split",
        ),
        (lambda table: pl.concat([table, table[:1]]), "twice"),
        (lambda table: table[:0], "no rows"),
    ],
)
def test_what_is_no_solution_is_refused_with_the_reason(release, change, told):
    assert told in refused(release, parquet(change(solution_table(release)))).message


def test_what_is_no_parquet_is_refused(release):
    file = SimpleUploadedFile("solution.csv", b"image_id,label,split\n")
    assert "solution.csv is not a Parquet file" in refused(release, file).message


def bomb(release, **columns: pa.Array) -> SimpleUploadedFile:
    """The release's solution with more columns, in little more bytes."""
    table = solution_table(release)
    plain = {name: pa.array(table[name].to_list()) for name in ("image_id", "label", "split")}
    file = io.BytesIO()
    pq.write_table(pa.table(plain | columns), file, compression="zstd", store_schema=False)
    assert file.tell() < 2_000_000
    return SimpleUploadedFile("solution.parquet", file.getvalue())


def one_in_every_row(value, images: int, kind: pa.DataType) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array([0] * images, pa.int32()), pa.array([value], kind))


BOMBS = {
    "a long text in every row": lambda n: one_in_every_row("x" * 10_000_000, n, pa.string()),
    "long bytes in every row": lambda n: one_in_every_row(b"x" * 200_000, n, pa.binary(200_000)),
    "a long list in every row": lambda n: pa.array([[0] * 1000] * n),
}


@pytest.mark.parametrize("kind", BOMBS)
def test_a_small_file_that_would_fill_the_memory_is_refused(release, kind):
    file = bomb(release, bomb=BOMBS[kind](len(solution_table(release))))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    declined = refused(release, file)
    assert declined.code == "solution_unreadable"
    assert "bytes in memory" in declined.message or "nested" in declined.message
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # KiB


def test_far_too_many_rows_are_refused_unread(release):
    table = solution_table(release)
    many = pl.concat([table] * (3 + 1000 // len(table)))
    assert "rows, and the test has" in refused(release, parquet(many)).message


def test_a_column_that_is_there_twice_is_refused(release):
    table = solution_table(release)
    names = ["image_id", "label", "split", "basin", "basin"]
    file = io.BytesIO()
    pq.write_table(pa.Table.from_arrays([pa.array(table[name].to_list()) for name in names], names), file)
    content = SimpleUploadedFile("solution.parquet", file.getvalue())
    assert "'basin' is nested, or there twice" in refused(release, content).message


@pytest.mark.parametrize("cut", [0, 3, 11, 1000, -1, -5, -9])
def test_a_damaged_file_is_refused(release, cut):
    whole = parquet(solution_table(release)).read()
    assert refused(release, SimpleUploadedFile("solution.parquet", whole[:cut])).code == "solution_unreadable"


def test_a_refused_rescoring_keeps_no_file(typhoons, entries, release):
    start(typhoons)
    with pytest.raises(Refusal):
        start(typhoons, solution=corrected_solution(release))
    assert not SolutionVersion.objects.exists()
    assert Rescoring.objects.count() == 1
