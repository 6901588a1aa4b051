"""The synthetic world: what it promises of every release."""

import os
import re
import subprocess
import sys
from itertools import chain
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from cloud_images import ReleaseError
from cloud_images.basins import BASINS, basin_of
from cloud_images.synthetic import WORLD_VERSION, synthesize
from cloud_images.verify import verify_release

FILES = (
    "train.csv",
    "test.csv",
    "sample_submission.csv",
    "solution.parquet",
    "train/images-00000.npy",
    "test/images-00000.npy",
)


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    """Large enough for several years, basins and blocks of rendering."""
    return synthesize(tmp_path_factory.mktemp("world") / "r", train=12_000, test=9_000, seed=3)


@pytest.fixture(scope="module")
def everything(release) -> pl.DataFrame:
    train = release.train_table().with_columns(split=pl.lit("train"))
    return pl.concat([train, release.solution_table().select(train.columns)])


def test_there_are_exactly_as_many_images_as_asked_for_and_one_in_32_is_a_storm(release):
    assert release.train_images.shape == (12_000, 64, 64)
    assert release.test_images.shape == (9_000, 64, 64)
    assert release.manifest.counts.train.positives == release.train_table()["label"].sum() == 375
    assert release.solution_table()["label"].sum() == 281
    assert release.manifest.extra["world_version"] == WORLD_VERSION
    assert verify_release(release.directory) == []


@pytest.mark.parametrize(("train", "test"), [(64, 64), (32, 100), (100, 64), (33, 65)])
def test_the_smallest_worlds_are_sound_and_have_a_positive_everywhere(tmp_path, train, test):
    for seed in range(2):
        release = synthesize(tmp_path / str(seed), train=train, test=test, seed=seed)
        assert verify_release(release.directory) == []
        assert (len(release.train_images), len(release.test_images)) == (train, test)
        positives = release.solution_table().filter(label=1)
        assert set(positives["split"]) == {"public", "private"}


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"train": 0, "test": 64, "seed": 0}, "too few"),
        ({"train": -5, "test": 64, "seed": 0}, "too few"),
        ({"train": 64, "test": 63, "seed": 0}, "at least 32 training and 64 test images"),
        ({"train": 64, "test": 64, "seed": -1}, "seed is -1"),
        ({"train": 64, "test": 64, "seed": 0, "workers": 0}, "0 workers"),
    ],
)
def test_senseless_numbers_are_refused_before_anything_is_written(tmp_path, numbers, message):
    with pytest.raises(ReleaseError, match=message):
        synthesize(tmp_path / "r", **numbers)
    assert list(tmp_path.iterdir()) == []


def test_the_same_seed_gives_the_same_bytes_in_another_process_with_other_threads(release, tmp_path):
    # Two blocks of rendering for each side, so that two workers have something to share.
    code = (
        "from cloud_images.synthetic import synthesize\n"
        "if __name__ == '__main__':\n"
        f"    synthesize({str(tmp_path / 'r')!r}, train=12_000, test=9_000, seed=3, workers=2)\n"
    )
    (tmp_path / "draw.py").write_text(code)
    environment = {**os.environ, "OMP_NUM_THREADS": "2", "POLARS_MAX_THREADS": "1", "PYTHONHASHSEED": "5"}
    subprocess.run([sys.executable, tmp_path / "draw.py"], check=True, env=environment, cwd=Path.cwd())
    for name in FILES:
        assert (tmp_path / "r" / name).read_bytes() == (release.directory / name).read_bytes(), name


def test_another_seed_draws_another_world(tmp_path):
    one, other = (synthesize(tmp_path / str(seed), train=64, test=64, seed=seed) for seed in (4, 5))
    assert not np.array_equal(one.train_images[:], other.train_images[:])
    assert one.train_table()["time"].to_list() != other.train_table()["time"].to_list()


def test_nothing_that_participants_get_tells_the_seed(tmp_path):
    seed = 8_675_309_424_242
    release = synthesize(tmp_path / "r", train=64, test=64, seed=seed)
    for file in release.manifest.served_files():
        assert str(seed).encode() not in (release.directory / file.path).read_bytes()
    assert str(seed) not in (release.directory / "manifest.json").read_text()


def test_storms_have_several_fixes_six_hours_apart_and_one_genesis(everything):
    storms = everything.filter(label=1).with_columns(
        genesis=pl.col("time") + pl.duration(hours=pl.col("lead_time_hours").cast(int))
    )
    by_storm = storms.group_by("storm_id").agg(
        pl.len(),
        pl.col("genesis").n_unique().alias("geneses"),
        pl.col("time").n_unique().alias("times"),
        pl.col("basin").n_unique().alias("basins"),
    )
    assert by_storm["len"].median() >= 6
    assert (by_storm["geneses"] == 1).all()
    assert (by_storm["basins"] == 1).all()
    assert (by_storm["times"] == by_storm["len"]).all()
    assert set(everything["time"].dt.hour()) == {0, 6, 12, 18}
    assert storms["lead_time_hours"].max() <= 7 * 24
    before = (storms["lead_time_hours"] > 0).mean()
    assert before == pytest.approx(0.47, abs=0.07)


def test_consecutive_fixes_of_a_storm_lie_near_each_other(everything):
    storms = everything.filter(label=1).sort("storm_id", "time")
    steps = storms.with_columns(
        hours=pl.col("time").diff().over("storm_id").dt.total_hours(),
        north=pl.col("latitude").diff().over("storm_id").abs(),
        east=((pl.col("longitude").diff().over("storm_id") + 180) % 360 - 180).abs(),
    ).drop_nulls("hours")
    assert (steps["north"] <= 0.04 * steps["hours"] + 0.02).all()
    assert (steps["east"] <= 0.12 * steps["hours"] + 0.02).all()


def test_train_and_test_are_different_years_and_storms(release):
    train, test = release.train_table(), release.solution_table()
    assert train["time"].dt.year().max() < test["time"].dt.year().min() == 2000
    assert not set(train["storm_id"].drop_nulls()) & set(test["storm_id"].drop_nulls())
    pattern = re.compile(r"(WNP|ENP|NAT|NIO|SIO|SPO)-(1999|2000)-\d{2}")
    for storm in pl.concat([train["storm_id"], test["storm_id"]]).drop_nulls():
        assert pattern.fullmatch(storm)


def test_storms_keep_to_the_seasons_of_their_basins(everything):
    storms = everything.filter(label=1)
    north = storms.filter(pl.col("latitude") > 0)
    assert north["time"].dt.month().is_between(5, 12).mean() > 0.85
    south = storms.filter(pl.col("latitude") < 0)
    assert (south["time"].dt.month().is_in([11, 12, 1, 2, 3, 4, 5])).mean() > 0.9


def test_negatives_have_a_time_and_a_place_and_the_basin_of_that_place(everything):
    negatives = everything.filter(label=0)
    assert negatives.select("time", "latitude", "longitude", "basin").null_count().sum_horizontal()[0] == 0
    expected = basin_of(negatives["latitude"].to_numpy(), negatives["longitude"].to_numpy())
    assert negatives["basin"].to_list() == list(expected)
    assert set(negatives["basin"]) == set(BASINS)


def test_position_tells_nothing_about_the_label(release):
    for label in (release.train_table()["label"].to_numpy(), release.solution_table()["label"].to_numpy()):
        place = np.flatnonzero(label) / len(label)
        # Kolmogorov-Smirnov distance from the uniform distribution; 1.63 / sqrt(n) is its 1 % point.
        n = len(place)
        distance = np.abs(np.sort(place) - (np.arange(n) + 0.5) / n).max()
        assert distance < 1.63 / np.sqrt(n)


def test_positions_tell_nothing_about_time_or_neighbours(release):
    for table in (release.train_table(), release.solution_table()):
        time = table["time"].dt.timestamp("ms").to_numpy().astype(float)
        assert abs(np.corrcoef(time[1:], time[:-1])[0, 1]) < 0.04
        assert abs(np.corrcoef(time, np.arange(len(time)))[0, 1]) < 0.04


def test_no_image_is_blank_or_comes_twice(release):
    seen = set()
    for image in chain(release.train_images, release.test_images):
        assert np.ptp(image) > 5
        seen.add(image.tobytes())
    assert len(seen) == 21_000
