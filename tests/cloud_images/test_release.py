"""Writing a release and opening it."""

import errno
import json
import os
import pickle
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import mlcroissant
import numpy as np
import polars as pl
import pytest

import cloud_images.shards
from cloud_images import About, ImageSet, ReleaseError, open_release, write_release
from cloud_images.shards import HEADER_BYTES, ShardedImages

ABOUT = About(
    name="tiny",
    version="1.0.0",
    title="Tiny",
    description="For tests.",
    licence="CC0-1.0",
    licence_url="https://creativecommons.org/publicdomain/zero/1.0/",
    source="made up",
    attribution="nobody",
)


def image_set(*, first_day: datetime, storms: str, negatives: int = 40, fixes: int = 4) -> ImageSet:
    """One image of each row, whose every point holds the row's number."""
    days = [first_day + timedelta(days=day) for day in range(negatives)]
    rows = [
        {"label": 1, "storm_id": storm, "time": days[3 * number % negatives], "lead_time_hours": 6.0 * fix}
        for number, storm in enumerate(storms.split())
        for fix in range(fixes)
    ]
    rows += [{"label": 0, "storm_id": None, "time": day, "lead_time_hours": None} for day in days]
    table = pl.DataFrame(rows, infer_schema_length=None).with_columns(
        latitude=10.0, longitude=-179.5, basin=pl.lit("ENP")
    )
    return ImageSet(table, batches_of(len(table)))


def batches_of(rows: int):
    order = np.random.default_rng(0).permutation(rows)
    return [(some, numbered_images(some)) for some in np.array_split(order, 3)]


def numbered_images(rows) -> np.ndarray:
    return np.broadcast_to(np.asarray(rows, np.uint8)[:, None, None], (len(rows), 64, 64))


@pytest.fixture
def train() -> ImageSet:
    return image_set(first_day=datetime(1999, 1, 1, tzinfo=UTC), storms="A B C")


@pytest.fixture
def test() -> ImageSet:
    return image_set(first_day=datetime(2000, 1, 1, tzinfo=UTC), storms="D E F G", negatives=60)


def test_every_image_keeps_its_label_and_metadata_through_the_shuffle(tmp_path, train, test):
    release = write_release(tmp_path / "r", train=train, test=test, about=ABOUT, seed=1)

    for images, table, given in (
        (release.train_images, release.train_table(), train.table),
        (release.test_images, release.solution_table(), test.table),
    ):
        original = np.array([image[0, 0] for image in images])
        assert sorted(original) == list(range(len(given)))
        assert list(original) != list(range(len(given)))
        for name in ("label", "storm_id", "lead_time_hours", "basin"):
            assert table[name].to_list() == given[name].gather(original).to_list()
        assert table["time"].to_list() == given["time"].gather(original).to_list()


def test_ids_are_positions_and_the_public_tables_tell_no_more_than_they_may(tmp_path, train, test):
    release = write_release(tmp_path / "r", train=train, test=test, about=ABOUT, seed=1)

    header, first, *_ = (tmp_path / "r" / "train.csv").read_text().splitlines()
    assert header == "image_id,label,storm_id,time,latitude,longitude,lead_time_hours,basin"
    assert first.startswith("train_0000000,")
    assert (tmp_path / "r" / "test.csv").read_text().splitlines()[:2] == ["image_id", "test_0000000"]
    sample = (tmp_path / "r" / "sample_submission.csv").read_text().splitlines()
    assert sample[:2] == ["image_id,score", "test_0000000,0.0"]
    assert list(release.test_ids()) == release.solution_table()["image_id"].to_list()
    manifest = json.loads((tmp_path / "r" / "manifest.json").read_text())
    assert manifest["counts"]["test"] == {"images": len(test.table)}
    solution = next(file for file in manifest["files"] if file["path"] == "solution.parquet")
    assert solution["served"] is False
    assert solution["size"] is None


def test_negatives_have_neither_storm_nor_lead_time(tmp_path, train, test):
    release = write_release(tmp_path / "r", train=train, test=test, about=ABOUT, seed=1)

    negative = release.train_table().filter(label=0)
    assert negative["storm_id"].null_count() == len(negative)
    assert negative["lead_time_hours"].null_count() == len(negative)
    line = next(line for line in (tmp_path / "r" / "train.csv").read_text().splitlines() if ",0,," in line)
    assert line.endswith(",10.0,-179.5,,ENP")


def test_a_label_competition_gets_a_sample_of_labels(tmp_path, train, test):
    write_release(tmp_path / "r", train=train, test=test, about=ABOUT, seed=1, prediction="label")

    sample = (tmp_path / "r" / "sample_submission.csv").read_text().splitlines()
    assert sample[:2] == ["image_id,label", "test_0000000,0"]


def test_the_same_seed_writes_the_same_bytes_and_another_seed_others(tmp_path, train, test):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        write_release(tmp_path / name, train=train, test=test, about=ABOUT, seed=seed)

    def read(name, file):
        return (tmp_path / name / file).read_bytes()

    for file in ("train.csv", "test/images-00000.npy", "train/images-00000.npy", "solution.parquet"):
        assert read("a", file) == read("b", file)
        assert read("a", file) != read("c", file)


def test_who_knows_the_seed_alone_cannot_undo_the_shuffle(tmp_path, train, test):
    moved = replace(test, table=test.table.with_columns(latitude=11.0))
    one = write_release(tmp_path / "a", train=train, test=test, about=ABOUT, seed=1)
    other = write_release(tmp_path / "b", train=train, test=moved, about=ABOUT, seed=1)

    assert [image[0, 0] for image in one.test_images] != [image[0, 0] for image in other.test_images]


def test_every_image_begins_on_a_page_of_its_own(tmp_path, train, test):
    release = write_release(tmp_path / "r", train=train, test=test, about=ABOUT, seed=1)

    raw = (tmp_path / "r" / "train" / "images-00000.npy").read_bytes()
    assert HEADER_BYTES % 4096 == 0
    assert raw[HEADER_BYTES : HEADER_BYTES + 4096] == release.train_images[0].tobytes()
    assert np.array_equal(np.load(tmp_path / "r" / "train" / "images-00000.npy"), release.train_images[:])


def test_the_croissant_description_is_valid_and_its_records_can_be_read(tmp_path, train, test):
    release = write_release(tmp_path / "r", train=train, test=test, about=ABOUT, seed=1)

    dataset = mlcroissant.Dataset(tmp_path / "r" / "croissant.json")
    assert dataset.metadata.ctx.issues.report() == ""
    first = next(iter(dataset.records("train")))
    assert first["train/image_id"] == b"train_0000000"
    assert first["train/label"] == release.train_table()["label"][0]
    assert "solution" not in (tmp_path / "r" / "croissant.json").read_text()


def test_images_are_read_across_shards_by_number_slice_and_array(tmp_path, monkeypatch, train, test):
    monkeypatch.setattr(cloud_images.shards, "SHARD_ROWS", 16)
    release = write_release(tmp_path / "r", train=train, test=test, about=ABOUT, seed=1)
    images = release.train_images
    everything = np.concatenate([np.load(p) for p in sorted((tmp_path / "r" / "train").glob("*.npy"))])

    assert len(list((tmp_path / "r" / "train").iterdir())) == 4
    assert images.shape == everything.shape == (52, 64, 64)
    assert np.array_equal(images[17], everything[17])
    assert np.array_equal(images[-1], everything[-1])
    assert np.array_equal(images[10:40:7], everything[10:40:7])
    some = np.array([51, 0, 16, 15, 16, -1])
    assert np.array_equal(images[some], everything[some])
    mask = everything[:, 0, 0] % 2 == 0
    assert np.array_equal(images[mask], everything[mask])
    assert images[[]].shape == (0, 64, 64)
    assert np.array_equal(np.stack(list(images)), everything)
    assert np.array_equal(pickle.loads(pickle.dumps(images))[30], everything[30])
    with pytest.raises(IndexError):
        images[52]
    with pytest.raises(IndexError, match="boolean index"):
        images[np.ones(3, bool)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"label": pl.lit(2)}, "label that is neither 0 nor 1 in 52 rows"),
        ({"storm_id": pl.lit(None, pl.String)}, "positive label without storm_id in 12 rows, first row 0"),
        ({"storm_id": pl.lit("X")}, "negative label with a storm_id in 40 rows, first row 12"),
        ({"lead_time_hours": pl.lit(1.0)}, "negative label with lead_time_hours"),
        ({"lead_time_hours": pl.lit(None, pl.Float64)}, "positive label without lead_time_hours"),
        ({"longitude": pl.lit(180.0)}, "longitude outside -180 to 180"),
        ({"latitude": pl.lit(float("nan"))}, "latitude outside"),
        ({"time": pl.lit(None, pl.Datetime("ms", "UTC"))}, "no time"),
        ({"time": pl.col("time").dt.replace_time_zone(None)}, "no time zone"),
        ({"basin": pl.lit(None, pl.String)}, "no basin"),
        ({"latitude": pl.lit("north")}, "unusable value"),
        ({"storm_id": pl.col("storm_id").replace("A", "D")}, "1 storms lie in both train and test, first D"),
    ],
)
def test_a_table_that_contradicts_itself_is_refused(tmp_path, train, test, change, message):
    with pytest.raises(ReleaseError, match=message):
        write_release(
            tmp_path / "r",
            train=replace(train, table=train.table.with_columns(**change)),
            test=test,
            about=ABOUT,
            seed=1,
        )
    assert list(tmp_path.iterdir()) == []


def test_a_table_without_positives_or_columns_is_refused(tmp_path, train, test):
    for table, message in (
        (train.table.filter(label=0), "label 0 alone"),
        (train.table.drop("basin", "time"), "lacks the columns time, basin"),
    ):
        with pytest.raises(ReleaseError, match=message):
            write_release(tmp_path / "r", train=replace(train, table=table), test=test, about=ABOUT, seed=1)


@pytest.mark.parametrize(
    ("batches", "message"),
    [
        ([(np.arange(51), numbered_images(range(51)))], "leave out 1 rows of the table, first row 51"),
        ([(np.arange(53), numbered_images(range(53)))], "bring row 52 of a table of 52 rows"),
        ([(np.arange(52), numbered_images(range(52)))] * 2, "each row comes once"),
        ([(np.zeros(52, int), numbered_images(range(52)))], "each row comes once"),
        ([(np.arange(52), numbered_images(range(52)).astype(float))], "must be uint8"),
        ([(np.arange(52), numbered_images(range(52))[:, :32])], "must be uint8"),
    ],
)
def test_batches_out_of_step_with_the_table_are_refused_and_leave_nothing(
    tmp_path, train, test, batches, message
):
    with pytest.raises(ReleaseError, match=message):
        write_release(tmp_path / "r", train=replace(train, batches=batches), test=test, about=ABOUT, seed=1)
    assert list(tmp_path.iterdir()) == []


def test_an_occupied_folder_is_left_alone_and_an_empty_one_is_used(tmp_path, train, test):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").write_text("precious")
    with pytest.raises(ReleaseError, match="exists and is not empty"):
        write_release(tmp_path / "full", train=train, test=test, about=ABOUT, seed=1)
    with pytest.raises(ReleaseError, match="exists and is a file"):
        write_release(tmp_path / "full" / "thesis.tex", train=train, test=test, about=ABOUT, seed=1)
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["thesis.tex"]

    (tmp_path / "empty").mkdir()
    write_release(tmp_path / "empty", train=train, test=test, about=ABOUT, seed=1)
    assert (tmp_path / "empty" / "manifest.json").is_file()


def test_a_release_can_be_read_by_other_users_of_the_machine(tmp_path, train, test):
    before = os.umask(0o022)
    try:
        write_release(tmp_path / "r", train=train, test=test, about=ABOUT, seed=1)
    finally:
        os.umask(before)
    assert (tmp_path / "r").stat().st_mode & 0o777 == 0o755
    assert all(path.stat().st_mode & 0o444 == 0o444 for path in (tmp_path / "r").rglob("*"))


def test_a_disk_that_is_too_small_is_told_before_and_one_that_fills_up_when_it_does(
    tmp_path, monkeypatch, train, test
):
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=1000))
        with pytest.raises(ReleaseError, match=r"No space: .* needs 0.00 GB and the disk has"):
            write_release(tmp_path / "r", train=train, test=test, about=ABOUT, seed=1)

    def no_space(file, offset, size):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", no_space)
    with pytest.raises(ReleaseError, match="No space left on device"):
        write_release(tmp_path / "r", train=train, test=test, about=ABOUT, seed=1)
    assert list(tmp_path.iterdir()) == []


def test_progress_reaches_the_total_of_every_stage(tmp_path, train, test):
    told = {}
    write_release(
        tmp_path / "r",
        train=train,
        test=test,
        about=ABOUT,
        seed=1,
        on_progress=lambda stage, done, total: told.update({stage: (done, total)}),
    )
    assert told["train images"] == (52, 52)
    assert told["test images"] == (76, 76)
    assert told["checksums"][0] == told["checksums"][1] > 0


def test_a_folder_that_is_no_release_is_refused(tmp_path, release_copy):
    with pytest.raises(ReleaseError, match=r"is no release: it has no manifest.json"):
        open_release(tmp_path / "nowhere")
    (tmp_path / "manifest.json").write_text("{}")
    with pytest.raises(ReleaseError, match="is no manifest of a release"):
        open_release(tmp_path)
    (release_copy.directory / "test" / "images-00000.npy").unlink()
    with pytest.raises(ReleaseError, match=r"images-00000.npy is missing"):
        _ = release_copy.test_images


def test_images_of_another_shape_are_refused(tmp_path):
    np.save(tmp_path / "images-00000.npy", np.zeros((3, 32, 32), np.uint8))
    with pytest.raises(ReleaseError, match=r"shards are uint8 \(rows, 64, 64\)"):
        ShardedImages([tmp_path / "images-00000.npy"])
    (tmp_path / "images-00000.npy").write_bytes(b"no array")
    with pytest.raises(ReleaseError, match=r"no readable .npy file"):
        ShardedImages([tmp_path / "images-00000.npy"])
