"""POD and FAR are counted as documented: fixes found, fixes missed, detections that are no storm."""

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from PIL import Image

from cloud_images.calendars import STANDARD, seconds_of_datetime
from cloud_images.grid import Grid
from cloud_images.tracks import distance_km, read_tracks
from starter_kit.detect.sliding import Hits, Windows, merge
from starter_kit.detect.verification import Sky, judge, pod_interval, skill
from tests.cloud_images.skies import real_file, sky

START = datetime(2000, 8, 1, tzinfo=UTC)
NOW = seconds_of_datetime(START, STANDARD)
GRID = Grid.of(np.arange(40, -40.5, -0.5), np.arange(100, 200, 0.5))
OLR = np.full(GRID.shape, 290.0)


@pytest.fixture
def read(tmp_path):
    """Tracks of storms that stand still for two days around START, each a gale in the second: (id, lat,
    lon, and wind in knots)."""

    def tracks(*storms):
        lines = ["storm_id,time,latitude,longitude,wind_kt"]
        for name, latitude, longitude, wind in storms:
            for hour in range(-24, 30, 6):
                time = START + timedelta(hours=hour)
                lines.append(
                    f"{name},{time:%Y-%m-%dT%H:%M},{latitude},{longitude},{wind if hour >= 0 else 20}"
                )
        file = tmp_path / "tracks.csv"
        file.write_text("\n".join(lines))
        return read_tracks(file)

    return tracks


def hits(*places):
    """(latitude, longitude, score) of detections."""
    columns = np.array(places, np.float64).reshape(-1, 3).T
    return Hits(*columns, windows=np.ones(len(places), np.int64))


def judged(found, tracks, *, olr=OLR, seconds=NOW, distance=400.0, max_latitude=50.0):
    sky = Sky(olr, GRID, max_missing=0.05, max_latitude=max_latitude)
    return judge(found, [sky], tracks, seconds, distance=distance)


def test_hits_misses_and_false_alarms(read):
    tracks = read(("found", 10, 130, 40), ("missed", 10, 160, 40))
    fixes, verdicts = judged(hits((11, 131, 0.9), (-10, 140, 0.8), (20, 165, 0.7)), tracks)
    assert {fix.storm_id: fix.is_hit for fix in fixes} == {"found": True, "missed": False}
    assert verdicts == ["hit", "false alarm", "false alarm"]
    assert verdicts.count("false alarm") == 2
    told = skill(fixes, [0.8, 0.7])
    assert (told.hits, told.misses, told.false_alarms) == (1, 1, 2)
    assert (told.pod, told.far) == (0.5, pytest.approx(2 / 3))


def test_the_distance_decides(read):
    tracks = read(("storm", 10, 130, 40))
    away = distance_km(10.0, 130.0, 12.0, 130.0)
    for distance, verdict in ((away - 0.1, "false alarm"), (away + 0.1, "hit")):
        fixes, verdicts = judged(hits((12, 130, 0.9)), tracks, distance=distance)
        assert (verdicts, fixes[0].is_hit) == ([verdict], verdict == "hit")
        assert fixes[0].distance_km == pytest.approx(away)


def test_two_detections_of_one_storm_are_one_hit_and_no_false_alarm(read):
    fixes, verdicts = judged(hits((10, 131, 0.6), (10, 129, 0.9)), read(("storm", 10, 130, 40)))
    assert verdicts == ["hit", "hit"]
    assert (skill(fixes).hits, skill(fixes).misses) == (1, 0)
    assert fixes[0].score == 0.9


def test_a_detection_over_the_date_line_is_near(read):
    fixes, verdicts = judged(hits((10, -179.5, 0.9)), read(("storm", 10, 179.5, 40)))
    assert verdicts == ["hit"]
    assert fixes[0].distance_km < 120


def test_storms_that_cannot_be_seen_whole_are_not_judged(read):
    tracks = read(("edge", 10, 101, 40), ("outside", 10, -120, 40), ("north", 35, 130, 40))
    fixes, verdicts = judged(hits((10, 101, 0.9)), tracks)
    assert fixes == []
    assert verdicts == ["storm not judged"]
    gaps = OLR.copy()
    gaps[:, 60:] = np.nan
    assert judged(hits(), read(("behind clouds", 10, 160, 40)), olr=gaps)[0] == []
    assert judged(hits(), read(("poleward", 20, 150, 40)), max_latitude=15)[0] == []


def test_what_never_became_a_storm_is_neither_missed_nor_a_false_alarm(read):
    fixes, verdicts = judged(hits((10, 130, 0.9)), read(("depression", 10, 130, 25), ("storm", 10, 160, 40)))
    assert [fix.storm_id for fix in fixes] == ["storm"]
    assert verdicts == ["storm not judged"]


def test_precursors_are_judged_with_their_lead_time(read):
    fixes, _ = judged(hits(), read(("storm", 10, 130, 40)), seconds=NOW - 12 * 3600)
    assert fixes[0].lead_time_hours == 12
    assert not fixes[0].is_hit


def test_when_nobody_kept_tracks_nothing_is_a_false_alarm(read):
    tracks = read(("storm", 10, 130, 40))
    assert judged(hits((0, 150, 0.9)), tracks, seconds=NOW + 10 * 86400) == ([], ["not watched"])


def test_nothing_found_and_nothing_called_is_no_number(read):
    fixes, verdicts = judged(hits(), read(("storm", 10, 130, 40)))
    assert verdicts == []
    assert (skill(fixes).pod, skill(fixes).far) == (0, None)
    assert skill([]).pod is None


def test_a_higher_threshold_gives_what_another_search_would(read):
    tracks = read(("strong", 10, 130, 40), ("weak", 10, 160, 40))
    rng = np.random.default_rng(3)
    windows = Windows(rng.uniform(-20, 20, 400), rng.uniform(120, 180, 400), rng.uniform(0, 1, 400))

    def searched(threshold):
        found = merge(windows, threshold=threshold, radius_km=400)
        fixes, verdicts = judged(found, tracks)
        wrong = found.score[np.array(verdicts) == "false alarm"]
        return fixes, wrong.tolist()

    fixes, wrong = searched(0.2)
    for threshold in (0.2, 0.5, 0.9, 0.99):
        assert skill(fixes, wrong, threshold) == skill(*searched(threshold))


def test_the_interval_of_the_pod_is_over_storms(read):
    storms = [(f"storm{number}", 0, 120 + 8 * number, 40) for number in range(8)]
    fixes, _ = judged(hits(*[(0, 120 + 8 * number, 0.9) for number in range(6)]), read(*storms))
    low, high = pod_interval(fixes)
    assert low < 6 / 8 < high
    assert pod_interval([*fixes, *fixes]) == pytest.approx((low, high))  # no more storms, no more certainty
    assert pod_interval(fixes[:4]) is None  # so few may agree by chance


def test_tracks_of_another_time_are_said_so(run_folder, shell, tmp_path, read):
    read(("storm", 10, 130, 40))
    times = [np.datetime64("2010-01-01", "ns")]
    sky(times, lambda step: [], latitude=GRID.latitude, longitude=GRID.longitude).to_netcdf(
        tmp_path / "olr.nc"
    )
    words = (
        "--fields",
        tmp_path / "olr.nc",
        "--tracks",
        tmp_path / "tracks.csv",
        "--out",
        tmp_path / "found",
    )
    ended = shell("detect", run_folder, *words, "--stride", 16, "--no-maps")
    assert ended.status == 0, ended.err
    assert "do they share times and places?" in ended.out


@pytest.fixture(scope="module")
def typhoon(run_folder, tmp_path_factory):
    """A hardly trained model on the satellite's view of typhoon 200717, with its best track."""
    from tests.starter_kit.command_line import Shell

    fields = real_file("olr/typhoon_200717_olr_0125deg.nc")
    (tracks,) = real_file("tracks").glob("200717*.tsv")
    out = tmp_path_factory.mktemp("found")
    words = ("--fields", fields, "--tracks", tracks, "--out", out, "--stride", 16)
    ended = Shell()("detect", run_folder, *words)
    assert ended.status == 0, ended.err
    return ended.out, out, tracks


@pytest.mark.real_data
def test_real_frames_become_maps(typhoon):
    _, out, _ = typhoon
    maps = sorted((out / "maps").iterdir())
    assert len(maps) == 24
    assert maps[0].name.startswith("2007-10-03T")
    with Image.open(maps[0]) as picture:
        assert np.unique(np.asarray(picture.convert("L"))).size > 100  # clouds, not an empty frame


@pytest.mark.real_data
def test_real_detections_are_counted_against_the_best_track(typhoon):
    printed, out, tracks = typhoon
    told = json.loads((out / "skill.json").read_text())
    found = pl.read_csv(out / "detections.csv")
    storms = pl.read_csv(out / "storms.csv")
    rows = [line.split("\t") for line in tracks.read_text().splitlines()]
    track = {"{:04d}-{:02d}-{:02d}T{:02d}:00:00Z".format(*map(int, row[:4])): row[5:7] for row in rows}
    assert len(storms) == 24
    for row in storms.iter_rows(named=True):
        latitude, longitude = map(float, track[row["time"]])
        here = found.filter(pl.col("time") == row["time"])
        away = distance_km(latitude, longitude, here["latitude"].to_numpy(), here["longitude"].to_numpy())
        assert row["found"] == bool((away <= told["hit_km"]).any())
    assert told["hits"] == storms["found"].sum()
    assert told["pod"] == pytest.approx(storms["found"].mean())
    false = (found["verdict"] == "false alarm").sum()
    assert told["far"] == pytest.approx(false / (false + told["hits"]))
    assert f"POD {told['pod']:.3f}" in printed
    assert told["by_threshold"][-1]["pod"] <= told["by_threshold"][0]["pod"] == told["pod"]
