"""detect looks at every part of a field once, in the images of a release, and merges what it finds."""

import json
import sys

import numpy as np
import polars as pl
import pytest
import xarray as xr
from PIL import Image

from cloud_images.fields import open_fields
from cloud_images.tracks import distance_km
from starter_kit.detect.search import Search, search
from starter_kit.detect.sliding import Windows, half_window_km, merge
from tests.cloud_images.skies import field, sky

TIMES = [np.datetime64("2000-08-01T00", "ns"), np.datetime64("2000-08-01T06", "ns")]
GLOBE = {  # how files count longitudes
    "0 to 360": np.arange(0, 360, 0.5),
    "-180 to 180": np.arange(-180, 180, 0.5),
    "a window over the date line": np.arange(150, 215, 0.5),
    "that window in two parts": np.append(np.arange(-180, -145, 0.5), np.arange(150, 180, 0.5)),
}


def brightness(images, positions):
    """A detector whose answer is known: the middle of the image, 0 to 1, dimmer towards the edge."""
    assert images.dtype == np.uint8
    weight = np.exp(-((np.arange(64) - 32.0)[:, None] ** 2 + (np.arange(64) - 32.0) ** 2) / 8)
    return (images[positions] * weight).sum(axis=(1, 2)) / weight.sum() / 255


def write(path, dataset: xr.Dataset):
    dataset.to_netcdf(path)
    return path


def detections(out):
    return pl.read_csv(out / "detections.csv")


@pytest.mark.parametrize("north_up", [True, False])
@pytest.mark.parametrize("convention", GLOBE)
def test_a_cloud_on_the_date_line_is_one_detection_where_it_is(tmp_path, convention, north_up):
    latitude = np.arange(40, -40.5, -0.5)[:: 1 if north_up else -1]
    file = write(
        tmp_path / "olr.nc",
        sky(TIMES, lambda step: [(15.0, 179.0 + 2 * step)], latitude=latitude, longitude=GLOBE[convention]),
    )
    search(open_fields(file), brightness, Search(threshold=0.3, stride=4), tmp_path / "found", maps=False)
    found = detections(tmp_path / "found")
    assert found["time"].to_list() == ["2000-08-01T00:00:00Z", "2000-08-01T06:00:00Z"]
    assert found["longitude"].is_between(-180, 180, closed="left").all()
    for row, longitude in zip(found.iter_rows(named=True), (179.0, 181.0), strict=True):
        # Within the stride of 2°, half of it either way.
        away = distance_km(row["latitude"], row["longitude"], 15.0, longitude)
        assert away <= 111.2 * np.hypot(1, 1)
        assert row["windows"] >= 1


def test_windows_are_the_images_that_a_release_would_hold(tmp_path):
    latitude, longitude = np.arange(20, -20.25, -0.25), np.arange(100, 140, 0.25)
    dataset = field(latitude=latitude, longitude=longitude, steps=1)
    seen = []

    def look(images, positions):
        seen.append(images[positions].copy())
        return np.zeros(len(positions))

    found = search(
        open_fields(write(tmp_path / "olr.nc", dataset)),
        look,
        Search(threshold=0.5, stride=16),
        tmp_path / "found",
        maps=False,
    )
    images = np.concatenate(seen)
    assert found.windows == len(images)
    olr = dataset["olr"].to_numpy()[0].astype(np.float64)
    grey = np.floor((300 - olr) * 255 / (300 - 85) + 0.5).clip(0, 255).astype(np.uint8)
    corners = [(row, column) for row in range(0, 161 - 63, 16) for column in range(0, 160 - 63, 16)]
    expected = [grey[row : row + 64, column : column + 64] for row, column in corners]
    assert (images == np.stack(expected)).all()


def test_on_a_globe_windows_go_round(tmp_path):
    dataset = field(latitude=np.arange(40, -40.5, -0.5), longitude=np.arange(0, 360, 0.5), steps=1)
    found = search(
        open_fields(write(tmp_path / "olr.nc", dataset)),
        brightness,
        Search(threshold=2, stride=16, max_latitude=1),
        tmp_path / "found",
        maps=False,
    )
    assert found.windows == 720 // 16  # one row of windows, none lost at the seam


def test_windows_with_too_much_missing_are_not_looked_at(tmp_path):
    dataset = sky(
        TIMES[:1], lambda step: [], latitude=np.arange(40, -40.5, -0.5), longitude=np.arange(100, 180, 0.5)
    )
    dataset["olr"][:, :, :80] = np.nan  # the western half
    fields = open_fields(write(tmp_path / "olr.nc", dataset))

    def count(max_missing):
        how = Search(threshold=2, stride=4, max_missing=max_missing)
        return search(fields, brightness, how, tmp_path / f"found{max_missing}", maps=False).windows

    whole_rows = len(range(0, 161 - 63, 4))
    assert count(0.0) == whole_rows * 5  # those that begin at 80, 84, …, 96
    assert count(0.5) == whole_rows * 13  # and those with half of it


def test_poleward_windows_are_not_looked_at(tmp_path):
    dataset = sky(
        TIMES[:1], lambda step: [], latitude=np.arange(60, -60.5, -0.5), longitude=np.arange(100, 180, 0.5)
    )
    seen = search(
        open_fields(write(tmp_path / "olr.nc", dataset)),
        lambda images, positions: np.ones(len(positions)),
        Search(threshold=0.5, stride=4, max_latitude=20, merge_km=1),
        tmp_path / "found",
        maps=False,
    )
    assert max(abs(row["latitude"]) for row in seen.detections) == 20


@pytest.fixture
def scattered():
    rng = np.random.default_rng(5)
    return Windows(rng.uniform(-90, 90, 600), rng.uniform(-180, 180, 600), rng.uniform(0, 1, 600))


def test_hits_lie_apart_and_stand_for_all_others(scattered):
    hits = merge(scattered, threshold=0.4, radius_km=1500)
    between = distance_km(hits.latitude[:, None], hits.longitude[:, None], hits.latitude, hits.longitude)
    assert (between[~np.eye(len(hits), dtype=bool)] > 1500).all()
    called = scattered.score >= 0.4
    away = distance_km(
        scattered.latitude[called][:, None],
        scattered.longitude[called][:, None],
        hits.latitude,
        hits.longitude,
    )
    taken = (away <= 1500) & (hits.score >= scattered.score[called][:, None])
    assert taken.any(axis=1).all()
    assert hits.windows.sum() == called.sum()
    assert (np.diff(hits.score) <= 0).all()


def test_merging_knows_that_the_date_line_is_no_edge():
    windows = Windows(np.array([10.0, 10.0, 10.0]), np.array([179.8, -179.8, 0.0]), np.array([0.7, 0.9, 0.6]))
    hits = merge(windows, threshold=0.5, radius_km=100)
    assert hits.longitude.tolist() == [-179.8, 0.0]
    assert hits.windows.tolist() == [2, 1]


def test_nothing_over_the_threshold_is_no_hit(scattered):
    assert len(merge(scattered, threshold=1.1, radius_km=500)) == 0


def test_half_a_window_is_445_km_at_an_eighth_of_a_degree():
    assert half_window_km((0.125, 0.125)) == pytest.approx(445, abs=1)


@pytest.fixture(scope="module")
def two_files(tmp_path_factory):
    """The same times east and west, overlapping, a cloud in the overlap."""
    folder = tmp_path_factory.mktemp("fields")
    for name, west in (("a", 100), ("b", 140)):
        write(
            folder / f"{name}.nc",
            sky(
                TIMES,
                lambda step: [(10.0, 157.0)],
                latitude=np.arange(40, -40.5, -0.5),
                longitude=np.arange(west, west + 80, 0.5),
            ),
        )
    return folder


def test_what_two_files_show_at_one_time_is_one_detection(two_files, tmp_path):
    found = search(
        open_fields(two_files / "*.nc"), brightness, Search(threshold=0.3, stride=4), tmp_path, maps=False
    )
    assert (len(found.detections), found.fields) == (2, 4)


def test_the_command_writes_maps_geojson_and_csv(two_files, run_folder, shell, tmp_path):
    words = ("--fields", two_files / "*.nc", "--out", tmp_path / "found", "--threshold", 0, "--stride", 32)
    ended = shell("detect", run_folder, *words)
    assert ended.status == 0, ended.err
    table = detections(tmp_path / "found")
    assert f"{len(table):,} detections in 4 fields" in ended.out
    features = json.loads((tmp_path / "found" / "detections.geojson").read_text())
    assert features["type"] == "FeatureCollection"
    assert len(features["features"]) == len(table) > 0
    for feature, row in zip(features["features"], table.iter_rows(named=True), strict=True):
        assert feature["type"] == "Feature"
        assert feature["geometry"]["type"] == "Point"
        assert feature["geometry"]["coordinates"] == pytest.approx([row["longitude"], row["latitude"]])
        assert feature["properties"]["score"] == pytest.approx(row["score"])
        assert feature["properties"]["time"] == row["time"]
    maps = sorted(path.name for path in (tmp_path / "found" / "maps").iterdir())
    assert maps == [f"2000-08-01T0{hour}00-{part}.png" for hour in (0, 6) for part in (1, 2)]
    with Image.open(tmp_path / "found" / "maps" / maps[0]) as picture:
        assert min(picture.size) > 300
    assert not (tmp_path / "found" / "skill.json").exists()


@pytest.mark.parametrize(("spacing", "is_said"), [(0.125, False), (0.5, True), (0.0625, True)])
def test_clouds_of_another_size_than_the_model_knows_are_told(run_folder, shell, tmp_path, spacing, is_said):
    latitude, longitude = 10 + spacing * np.arange(72), 150 + spacing * np.arange(72)
    file = write(tmp_path / "olr.nc", field(latitude=latitude, longitude=longitude, steps=1))
    ended = shell("detect", run_folder, "--fields", file, "--out", tmp_path / "found", "--no-maps")
    assert ended.status == 0, ended.err
    assert (
        f"a point every {spacing:.3g}° × {spacing:.3g}°, images of 2018 every 0.126°" in ended.out
    ) is is_said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--fields", "nowhere/*.nc"), "no file matches nowhere/*.nc"),
        (("--fields", "{a}", "--variable", "sst"), "has no field 'sst'"),
        (("--fields", "{a}", "--tracks", "nowhere.txt"), "no track file nowhere.txt"),
        (("--fields", "{a}", "--max-latitude", 1, "--max-missing", 0, "--stride", 64), "No window could be"),
    ],
)
def test_what_cannot_be_done_is_refused_with_the_reason(
    two_files, run_folder, shell, tmp_path, *, words, said
):
    filled = [str(word).format(a=two_files / "a.nc") for word in words]
    ended = shell("detect", run_folder, *filled, "--out", tmp_path / "found")
    assert ended.status == 1
    assert said in ended.err


def test_what_is_no_run_or_no_folder_is_refused(two_files, run_folder, shell, tmp_path):
    words = ("--fields", two_files / "a.nc", "--out")
    assert "is no run" in shell("detect", tmp_path, *words, tmp_path / "found").err
    (tmp_path / "file").write_text("precious")
    assert "is a file" in shell("detect", run_folder, *words, tmp_path / "file").err


def test_without_the_readers_of_fields_it_says_what_to_install(
    two_files, run_folder, shell, tmp_path, monkeypatch
):
    monkeypatch.delitem(sys.modules, "cloud_images.fields")
    monkeypatch.setitem(sys.modules, "xarray", None)
    ended = shell("detect", run_folder, "--fields", two_files / "a.nc", "--out", tmp_path / "found")
    assert ended.status == 1
    assert "detect needs xarray: pip install 'tamago[fields]'" in ended.err


def test_an_ensemble_looks_at_maps_with_its_own_threshold(two_files, release, run_folder, shell, tmp_path):
    both = tmp_path / "both"
    shell("ensemble", run_folder, run_folder, "--data", release.directory, "--out", both)
    threshold = json.loads((both / "ensemble.json").read_text())["reached"]["threshold"]
    words = ("--fields", two_files / "a.nc", "--out", tmp_path / "found", "--stride", 32, "--no-maps")
    ended = shell("detect", both, *words)
    assert ended.status == 0, ended.err
    assert f"scores from {threshold:.4g} on" in ended.out
    assert not (tmp_path / "found" / "maps").exists()
