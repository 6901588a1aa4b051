"""`observe …` as a person types it: frames of two real typhoons, translations, the comparison."""

import json

import numpy as np
import polars as pl
import pytest
from PIL import Image

from cloud_images import open_release
from cloud_images.scale import olr_to_grey
from starter_kit.configuration.reading import load_config
from starter_kit.observation.patches import Observations, open_observations, save_observations
from tests.cloud_images.skies import real_file
from tests.starter_kit.command_line import Shell
from tests.starter_kit.observed_images import observations

THREE = np.zeros((3, 64, 64), np.uint8)
QUICK = ("--networks", 1, "--steps", 2, "--gan-steps", 2, "--gan-width", 2, "--gan-batch", 2)


@pytest.fixture(scope="module")
def typhoons(tmp_path_factory) -> tuple[Observations, str]:
    """The frames of both typhoons, cut, and what the command said."""
    folder, out = real_file("README.md").parent, tmp_path_factory.mktemp("observed") / "frames"
    words = ("--fields", folder / "olr/typhoon_*.nc", "--tracks", folder / "tracks/*.tsv", "--out", out)
    ended = Shell()("observe", "frames", *words)
    assert ended.status == 0, ended.err
    return open_observations(out), ended.out


@pytest.fixture
def observed(release, tmp_path):
    """A folder of observed images that need no satellite."""
    save_observations(observations(release), tmp_path / "observed")
    return tmp_path / "observed"


@pytest.fixture
def compared(shell, release, observed, tmp_path):
    """`observe compare` of the release and the observed images, with more words."""

    def run(*words):
        where = ("--data", release.directory, "--observed", observed, "--out", tmp_path / "gap")
        return shell("observe", "compare", *words, *where, *QUICK)

    return run


@pytest.mark.real_data
def test_real_frames_give_images_of_every_kind_in_both_episodes(typhoons):
    images, said = typhoons
    assert "50 frames, 2 episodes of weather: 50 images of 2 storms" in said
    kinds = images.table.group_by("episode", "kind").len().sort("episode", "kind")
    assert kinds["kind"].to_list() == ["storm", "system", "window"] * 2
    assert kinds["len"].min() > 10
    assert set(images.table.filter(pl.col("kind") == "window")["label"].to_list()) == {None}
    years = images.table.group_by("episode").agg(pl.col("time").dt.year().unique()).sort("episode")
    assert years["time"].to_list() == [[1987], [2007]]


@pytest.mark.real_data
def test_a_real_image_is_its_brightness_temperature_through_ohrings_formula(typhoons):
    import xarray as xr

    images, _ = typhoons
    with xr.open_dataset(real_file("olr/typhoon_200717_olr_0125deg.nc")) as frames:
        frame = frames.sel(time="2007-10-06T06:00")
        north_up = frame.tb.sortby("lat", ascending=False)
        row = int(np.abs(north_up.lat.values - frame.tc_lat.item()).argmin())
        column = int(np.abs(north_up.lon.values - frame.tc_lon.item()).argmin())
        kelvin = north_up.values[row - 32 : row + 32, column - 32 : column + 32].astype(np.float64)
    olr = 5.670374419e-8 * (kelvin * (1.228 - 1.106e-3 * kelvin)) ** 4
    when = pl.col("time") == pl.lit("2007-10-06T06:00:00Z").str.to_datetime(time_unit="ms", time_zone="UTC")
    (at,) = images.table.with_row_index().filter(when, pl.col("kind") == "storm")["index"].to_list()
    difference = images.images[at].astype(int) - olr_to_grey(olr)
    assert np.abs(difference).max() <= 2  # the files pack both in 16 bits


@pytest.mark.real_data
def test_observed_storms_know_their_genesis(typhoons):
    table = typhoons[0].table.filter(pl.col("storm_id") == "200717", pl.col("kind") == "storm").sort("time")
    assert table["lead_time_hours"].to_list() == [float(hours) for hours in range(48, -96, -6)]


@pytest.mark.real_data
def test_real_typhoons_are_compared_with_the_simulation(typhoons, release, run_folder, tmp_path):
    save_observations(typhoons[0], tmp_path / "frames")
    words = ("--data", release.directory, "--observed", tmp_path / "frames", "--out", tmp_path / "gap")
    ended = Shell()("observe", "compare", run_folder, *words, *QUICK, "--method", "histogram")
    assert ended.status == 0, ended.err
    told = json.loads((tmp_path / "gap/observation.json").read_text())
    assert [half["storms"] for half in told["about"]["halves"]] == [["198702"], ["200717"]]
    as_it_is, matched = told["gap"]
    assert matched["distances"]["olr"] != as_it_is["distances"]["olr"]
    assert 0 < told["skill"][0]["auc"]["value"] < 1


def test_comparing_writes_tables_numbers_and_a_picture(compared, run_folder, tmp_path):
    ended = compared(run_folder)
    assert ended.status == 0, ended.err
    assert "| CycleGAN |" in ended.out
    gap, skill = (pl.read_csv(tmp_path / f"gap/{name}.csv") for name in ("gap", "skill"))
    assert gap["translation"].to_list() == ["none", "histogram", "fourier", "cyclegan"]
    assert skill["observed_seen"].to_list() == ["none", "histogram", "fourier", "cyclegan"]
    assert gap.select(pl.col("auc").is_between(0, 1).all()).item()
    with Image.open(tmp_path / "gap/gallery.png") as picture:
        assert np.unique(np.asarray(picture.convert("L"))).size > 100


def test_retraining_trains_on_translated_images_and_with_lent_style(compared, release, run_folder, tmp_path):
    out = tmp_path / "gap"
    ended = compared(run_folder, "--retrain", "--method", "histogram", "--method", "fourier")
    assert ended.status == 0, ended.err
    skill = pl.read_csv(out / "skill.csv")
    assert skill["trained_on"].to_list() == ["none", "none", "none", "histogram", "fourier"]
    world = open_release(out / "half-0/histogram-world")
    assert not np.array_equal(world.train_images[:100], release.train_images[:100])
    config = json.loads((out / "half-1/fourier-run/config.json").read_text())
    assert config["augment"]["style"] == str(out / "half-1/styles")
    lent = open_observations(out / "half-1/styles")
    assert set(lent.table["storm_id"].drop_nulls()) == {"storm 0"}  # nothing of the half that it is judged on


def test_a_learned_translation_translates_a_release(shell, release, observed, tmp_path):
    where = ("--data", release.directory, "--out")
    learned = shell("observe", "learn", "histogram", "--observed", observed, *where, tmp_path / "bridge")
    assert learned.status == 0, learned.err
    translated = shell("observe", "translate", tmp_path / "bridge", *where, tmp_path / "world")
    assert translated.status == 0, translated.err
    assert len(open_release(tmp_path / "world").train_images) == len(release.train_images)


def test_style_is_one_line_of_a_configuration(release, observed):
    import torch

    from starter_kit.images.batch_augment import build_batch_augmentation

    scale = release.manifest.scale
    images, labels = torch.from_numpy(release.train_images[:64]), torch.zeros(64)
    plain = ("augment.flips=false", "augment.rotations=false")
    without = build_batch_augmentation(load_config("baseline", plain).augment, scale, 0)(images, labels)[0]
    config = load_config("baseline", [*plain, f"augment.style={observed}", "augment.style_share=1"]).augment
    lent = build_batch_augmentation(config, scale, 0)(images, labels)[0]
    assert torch.equal(without, images)
    assert (lent != images).flatten(1).any(dim=1).all()
    assert torch.equal(lent, build_batch_augmentation(config, scale, 0)(images, labels)[0])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "images.npy").unlink(), "holds no observed images: images.npy is missing"),
        (lambda folder: (folder / "images.csv").unlink(), "holds no observed images: images.csv is missing"),
        (lambda folder: (folder / "images.npy").write_bytes(b"x"), "cannot be read"),
        (lambda folder: np.save(folder / "images.npy", THREE), "need uint8 (60, 64, 64)"),
        (lambda folder: (folder / "images.csv").write_text("kind\nstorm\n"), "has no column label"),
    ],
)  # fmt: skip
def test_a_folder_that_holds_no_observed_images_is_refused(compared, observed, damage, message):
    damage(observed)
    ended = compared()
    assert ended.status == 1
    assert message in ended.err


def test_a_time_that_is_none_is_refused(compared, observed):
    table = (observed / "images.csv").read_text().replace("2001-08-01T00:00:00Z", "soon")
    (observed / "images.csv").write_text(table)
    assert "has a time that is not like" in compared().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--retrain",), "no RUN was given"),
        (("--method", "magic"), "There is no translation “magic”; known are histogram, fourier, cyclegan"),
    ],
)
def test_what_cannot_be_compared_is_refused(compared, words, message):
    ended = compared(*words)
    assert ended.status == 1
    assert message in ended.err


def test_frames_that_are_not_there_are_refused(shell, tmp_path):
    ended = shell(
        "observe", "frames", "--fields", tmp_path / "*.nc", "--tracks", "bst.txt", "--out", tmp_path / "out"
    )
    assert ended.status == 1
    assert "no file matches" in ended.err


@pytest.mark.real_data
def test_frames_of_another_time_than_the_tracks_are_refused(shell, tmp_path):
    frames, tracks = real_file("olr/typhoon_200717_olr_0125deg.nc"), real_file("tracks")
    (other,) = tracks.glob("198702*.tsv")
    ended = shell("observe", "frames", "--fields", frames, "--tracks", other, "--out", tmp_path / "out")
    assert ended.status == 1
    assert "The frames run from 2007-10-03" in ended.err
    assert "the tracks run from 1987-" in ended.err


def test_a_file_in_place_of_a_folder_is_refused(shell, tmp_path):
    (tmp_path / "taken").write_text("")
    ended = shell("observe", "frames", "--fields", "*.nc", "--tracks", "bst.txt", "--out", tmp_path / "taken")
    assert ended.status == 1
    assert "is a file; --out takes a folder" in ended.err
