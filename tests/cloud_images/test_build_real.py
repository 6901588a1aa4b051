"""A release from satellite frames of two typhoons and their best tracks, checked against the raw files."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import netCDF4
import numpy as np
import polars as pl
import pytest

from cloud_images.build import Build, build_release
from cloud_images.errors import ReleaseError
from cloud_images.verify import verify_release
from tests.cloud_images.skies import real_file

pytestmark = pytest.mark.real_data

EPOCH = datetime(1980, 1, 1, tzinfo=UTC)  # "hours since 1980-01-01" in both files
# The first line of class 3, 4 or 5 in each track file.
GENESIS = {"198702": datetime(1987, 4, 11, 6, tzinfo=UTC), "200717": datetime(2007, 10, 5, 0, tzinfo=UTC)}
STORM_OF_SIDE = {"train": "198702", "test": "200717"}


@pytest.fixture(scope="module")
def folder() -> Path:
    return real_file("README.md").parent


@pytest.fixture(scope="module")
def built(folder, tmp_path_factory) -> Build:
    return build_release(
        str(folder / "olr/typhoon_*_olr_0125deg.nc"),
        str(folder / "tracks/*_jma_best_track_hourly.tsv"),
        test_from=datetime(2000, 1, 1, tzinfo=UTC),
        out=tmp_path_factory.mktemp("real") / "typhoons",
        seed=1,
    )


def side(built: Build, name: str) -> tuple[pl.DataFrame, np.ndarray]:
    if name == "train":
        return built.release.train_table(), built.release.train_images[:]
    return pl.read_parquet(built.release.directory / "solution.parquet"), built.release.test_images[:]


def raw_frames(folder: Path, storm: str) -> dict[datetime, tuple[float, float, np.ma.MaskedArray]]:
    """Time → the storm's own latitude and longitude as the file has them, and the OLR."""
    with netCDF4.Dataset(folder / f"olr/typhoon_{storm}_olr_0125deg.nc") as file:
        times = [EPOCH + timedelta(hours=float(hour)) for hour in file["time"][:]]
        return {
            time: (float(file["tc_lat"][i]), float(file["tc_lon"][i]), file["olr"][i])
            for i, time in enumerate(times)
        }


def raw_track(folder: Path, storm: str) -> dict[datetime, tuple[float, float]]:
    lines = (folder / f"tracks/{storm}_jma_best_track_hourly.tsv").read_text().splitlines()
    rows = [line.split("\t") for line in lines]
    return {datetime(*map(int, row[:4]), tzinfo=UTC): (float(row[5]), float(row[6])) for row in rows}


@pytest.mark.parametrize("name", ["train", "test"])
def test_every_frame_has_its_typhoon_where_the_best_track_says(built, folder, name):
    storm = STORM_OF_SIDE[name]
    frames, track = raw_frames(folder, storm), raw_track(folder, storm)
    table, _ = side(built, name)
    found = table.filter(pl.col("label") == 1).sort("time")
    assert found["time"].to_list() == sorted(frames)
    assert set(found["storm_id"]) == {storm}
    assert set(found["basin"]) == {"WNP"}
    for time, latitude, longitude, lead in found.select(
        "time", "latitude", "longitude", "lead_time_hours"
    ).rows():
        assert (latitude, longitude) == pytest.approx(track[time], abs=1e-9)
        assert (latitude, longitude) == pytest.approx(
            frames[time][:2], abs=1e-4
        )  # as the frames' maker had it
        assert lead == (GENESIS[storm] - time).total_seconds() / 3600


@pytest.mark.parametrize(("name", "south", "west"), [("train", -3.0, 115.0), ("test", 9.0, 134.0)])
def test_every_image_is_the_raw_field_around_its_position(built, folder, name, south, west):
    frames = raw_frames(folder, STORM_OF_SIDE[name])
    table, images = side(built, name)
    for row, (time, latitude, longitude) in enumerate(table.select("time", "latitude", "longitude").rows()):
        olr = frames[time][2]
        i, j = round((latitude - south) / 0.125), round((longitude - west) % 360 / 0.125)
        patch = olr[i - 31 : i + 33, j - 32 : j + 32][::-1]  # the file runs northward, the image southward
        assert patch.shape == (64, 64)
        grey = np.floor((300 - patch.astype(np.float64)) * 255 / (300 - 85) + 0.5).clip(0, 255)
        measured = ~np.ma.getmaskarray(patch)
        assert measured.mean() >= 0.95
        assert (images[row][measured] == grey.data[measured]).all()


@pytest.mark.parametrize("name", ["train", "test"])
def test_negatives_are_cold_clouds_far_from_the_typhoon(built, folder, name):
    frames = raw_frames(folder, STORM_OF_SIDE[name])
    table, images = side(built, name)
    negatives = table.with_row_index().filter(pl.col("label") == 0)
    assert len(negatives) >= 10
    for row, time, latitude, longitude in negatives.select("index", "time", "latitude", "longitude").rows():
        storm_latitude, storm_longitude, _ = frames[time]
        east = (longitude - storm_longitude) * np.cos(np.radians((latitude + storm_latitude) / 2))
        assert np.hypot(latitude - storm_latitude, east) * 111.2 > 600
        assert 0 <= latitude <= 50
        assert 100 <= longitude % 360 <= 180  # JMA knows of no cyclones beyond
        assert images[row][16:48, 16:48].max() > 95  # OLR under 220 W m⁻² somewhere near the centre


def test_the_release_is_sound_and_says_that_one_storm_cannot_be_divided(built):
    assert verify_release(built.release.directory) == []
    assert built.used["storms"] == (1, 1)
    assert built.used["positive images"] == (26, 24)
    assert built.used["  of these before genesis"] == (4, 8)
    assert "all of it is private" in built.notes[0]


def test_brightness_temperature_gives_the_same_images_but_for_packing(built, folder, tmp_path):
    again = build_release(
        str(folder / "olr/typhoon_*_olr_0125deg.nc"),
        str(folder / "tracks/*_jma_best_track_hourly.tsv"),
        test_from=datetime(2000, 1, 1, tzinfo=UTC),
        out=tmp_path / "typhoons",
        variable="tb",
        seed=1,
    )
    for name in ("train", "test"):
        (table, images), (same_table, same_images) = side(built, name), side(again, name)
        rows, same_rows = (
            one.with_row_index().filter(pl.col("label") == 1).sort("time")["index"]
            for one in (table, same_table)
        )
        difference = np.abs(images[rows].astype(int) - same_images[same_rows])
        assert difference.max() <= 1
        assert difference.mean() < 0.05


def test_other_real_tracks_do_not_overlap_and_say_so(folder, tmp_path):
    with pytest.raises(ReleaseError, match=r"tracks: 2015-01-13 00:00 to 2021-07-31 06:00"):
        build_release(
            str(folder / "olr/typhoon_*_olr_0125deg.nc"),
            folder / "tracks/jma_bst_2015_2021.txt",
            test_from=datetime(2000, 1, 1, tzinfo=UTC),
            out=tmp_path / "release",
        )
