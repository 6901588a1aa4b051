"""A release built from a small sky that is known to the last cloud."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import xarray as xr

from cloud_images.build import Build, build_release
from cloud_images.choices import Choices
from cloud_images.tracks import distance_km
from cloud_images.verify import verify_release
from tests.cloud_images.skies import cloud, hours, sky

START = datetime(2001, 7, 1, tzinfo=UTC)
DAYS = 60
BORDER = datetime(2001, 7, 31, tzinfo=UTC)
LATITUDE, LONGITUDE = np.arange(-20, 50, 0.5), np.arange(110, 230, 0.5)  # across the date line
PACKED = {"dtype": "int16", "scale_factor": 0.01, "add_offset": 200.0, "_FillValue": -32768}
DECOYS = [(12.0, 205.0), (25.0, 207.0), (5.0, 205.5)]


@dataclass(frozen=True)
class Cyclone:
    """One day's drift is 2° west and 1° north; a tropical storm from its third day on."""

    name: str
    first_day: int
    days: int = 5
    strong_from: float = 2.0

    def at(self, day: float) -> tuple[float, float] | None:
        age = day - self.first_day
        return (10.0 + age, 160.0 - 2 * age) if 0 <= age <= self.days else None

    def rows(self) -> list[str]:
        """Fixes every six hours."""
        lines = []
        for quarter in range(4 * self.days + 1):
            day = self.first_day + quarter / 4
            latitude, longitude = self.at(day)
            wind = 45 if quarter / 4 >= self.strong_from else 25
            lines.append(
                f"{self.name},{START + timedelta(days=day):%Y-%m-%dT%H:%MZ},{latitude},{longitude},{wind}"
            )
        return lines


CYCLONES = tuple(Cyclone(f"c{number}", 10 * number + 1) for number in range(6))


def write_tracks(folder: Path, cyclones: tuple[Cyclone, ...] = CYCLONES) -> Path:
    path = folder / "tracks.csv"
    path.write_text(
        "\n".join(["storm_id,time,lat,lon,wind_kt", *(row for c in cyclones for row in c.rows())])
    )
    return path


def clouds(step: int, cyclones: tuple[Cyclone, ...] = CYCLONES) -> list[tuple[float, float]]:
    return [*filter(None, (cyclone.at(step) for cyclone in cyclones)), *DECOYS[: 1 + step % 3]]


def daily_sky(cyclones: tuple[Cyclone, ...] = CYCLONES) -> xr.Dataset:
    times = hours(START.replace(tzinfo=None), DAYS, 24)
    return sky(times, lambda step: clouds(step, cyclones), latitude=LATITUDE, longitude=LONGITUDE)


@pytest.fixture(scope="module")
def dataset() -> xr.Dataset:
    return daily_sky()


@pytest.fixture(scope="module")
def inputs(tmp_path_factory, dataset) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("inputs")
    dataset.to_netcdf(folder / "olr.nc")
    return folder / "olr.nc", write_tracks(folder)


@pytest.fixture(scope="module")
def built(tmp_path_factory, inputs) -> Build:
    return build_release(*inputs, test_from=BORDER, out=tmp_path_factory.mktemp("out") / "release", seed=5)


def sides(built: Build) -> list[tuple[pl.DataFrame, np.ndarray]]:
    """Tables and images of train and of test."""
    release = built.release
    solution = pl.read_parquet(release.directory / "solution.parquet")
    return [(release.train_table(), release.train_images[:]), (solution, release.test_images[:])]


def test_the_release_is_sound(built):
    assert verify_release(built.release.directory) == []


def test_every_day_of_every_cyclone_is_a_positive_on_the_side_of_its_genesis(built):
    for (table, _), cyclones in zip(sides(built), (CYCLONES[:3], CYCLONES[3:]), strict=True):
        found = table.filter(pl.col("label") == 1).select(
            "storm_id", "time", "latitude", "longitude", "lead_time_hours"
        )
        expected = {
            (
                cyclone.name,
                START + timedelta(days=day),
                *cyclone.at(day),
                24 * (cyclone.first_day + 2.0 - day),
            )
            for cyclone in cyclones
            for day in range(cyclone.first_day, cyclone.first_day + cyclone.days + 1)
        }
        assert len(found) == len(expected)
        for storm, time, latitude, longitude, lead in found.rows():
            assert (storm, time, round(latitude, 6), round(longitude, 6), lead) in expected


def test_negatives_are_the_other_clouds_far_from_every_cyclone(built):
    for table, _ in sides(built):
        negatives = table.filter(pl.col("label") == 0)
        assert len(negatives) > 20
        assert (
            negatives["storm_id"].null_count() == negatives["lead_time_hours"].null_count() == len(negatives)
        )
        for time, latitude, longitude in negatives.select("time", "latitude", "longitude").rows():
            day = (time - START).days
            to_decoys = [distance_km(latitude, longitude, *decoy) for decoy in DECOYS[: 1 + day % 3]]
            assert min(to_decoys) < 500  # moved off the centre at random, by 0.75° in each direction
            for cyclone in CYCLONES:
                for quarter in range(-4, 5):
                    place = cyclone.at(day + quarter / 4)
                    assert place is None or distance_km(latitude, longitude, *place) > 2500


def test_images_show_the_field_around_their_position_north_up(built, dataset):
    olr = dataset["olr"].to_numpy()
    for table, images in sides(built):
        for row, (time, latitude, longitude) in enumerate(
            table.select("time", "latitude", "longitude").rows()
        ):
            step = (time - START).days
            south = int(np.abs(LATITUDE - latitude).argmin())
            west = int(np.abs((LONGITUDE - longitude + 180) % 360 - 180).argmin())
            # Row 32 from the top is the centre: 32 rows lie north of it, 31 south. The file runs northward.
            patch = olr[step, south - 31 : south + 33, west - 32 : west + 32][::-1].astype(np.float64)
            assert (images[row] == np.floor((300 - patch) * 255 / 215 + 0.5).clip(0, 255)).all()


def test_public_and_private_are_both_there(built):
    solution = sides(built)[1][0]
    assert set(solution["split"]) == {"public", "private"}
    assert built.notes == ()


def test_the_summary_counts_what_was_used_and_dropped(built):
    assert built.used["storms"] == (3, 3)
    assert built.used["positive images"] == (18, 18)
    assert built.used["  of these before genesis"] == (6, 6)
    assert built.used["negative images"] == tuple(
        len(table.filter(pl.col("label") == 0)) for table, _ in sides(built)
    )
    assert built.dropped["negative: too near to the border between train and test"] > 0
    assert built.dropped["negative: too near to a cyclone"] >= 36
    assert built.summary().row_count == len(built.used) + len(built.dropped)


def test_negatives_keep_off_the_border_between_train_and_test(built):
    for table, _ in sides(built):
        hours_off = (table.filter(pl.col("label") == 0)["time"] - BORDER).dt.total_hours().abs()
        assert hours_off.min() >= 72


def test_the_same_seed_gives_the_same_release_and_another_seed_another(tmp_path, inputs, built):
    again = build_release(*inputs, test_from=BORDER, out=tmp_path / "again", seed=5)
    other = build_release(*inputs, test_from=BORDER, out=tmp_path / "other", seed=6)
    for (table, images), (same_table, same_images) in zip(sides(built), sides(again), strict=True):
        assert table.equals(same_table)
        assert (images == same_images).all()
    assert not sides(built)[0][0].equals(sides(other)[0][0])


def to_west(dataset: xr.Dataset) -> xr.Dataset:
    return dataset.assign_coords(lon=((dataset["lon"] + 180) % 360 - 180).assign_attrs(dataset["lon"].attrs))


def to_kelvin(dataset: xr.Dataset) -> xr.Dataset:
    """The brightness temperature whose OLR is the dataset's: the inverse of the formula, by its quadratic."""
    flux_temperature = (dataset["olr"].astype("float64") / 5.670374419e-8) ** 0.25
    kelvin = (1.228 - np.sqrt(1.228**2 - 4 * 1.106e-3 * flux_temperature)) / (2 * 1.106e-3)
    return dataset.drop_vars("olr").assign(
        tb=kelvin.assign_attrs(units="K", standard_name="toa_brightness_temperature")
    )


def to_celsius(dataset: xr.Dataset) -> xr.Dataset:
    dataset = to_kelvin(dataset)
    dataset["tb"] = (dataset["tb"] - 273.15).assign_attrs(units="degC")
    return dataset


@pytest.mark.parametrize(
    ("store", "encoding"),
    [
        (lambda dataset: dataset.isel(lat=slice(None, None, -1)), {}),
        (to_west, {}),
        (lambda dataset: to_west(dataset).sortby("lon"), {}),
        (lambda dataset: dataset.isel(lon=slice(None, None, -1)), {}),
        (lambda dataset: dataset, {"olr": PACKED}),
        (to_kelvin, {}),
        (to_celsius, {}),
        (lambda dataset: dataset.rename(olr="rlut", lat="latitude", lon="longitude", time="valid_time"), {}),
        (lambda dataset: dataset.transpose("lon", "time", "lat"), {}),
    ],
    ids=[
        "north first",
        "-180 to 180",
        "in two parts",
        "east first",
        "packed",
        "K",
        "degC",
        "names",
        "transposed",
    ],
)
def test_the_same_sky_gives_the_same_release_however_it_is_stored(tmp_path, dataset, built, store, encoding):
    stored = store(dataset)
    stored.to_netcdf(tmp_path / "olr.nc", encoding=encoding)
    again = build_release(
        tmp_path / "olr.nc", write_tracks(tmp_path), test_from=BORDER, out=tmp_path / "release", seed=5
    )
    columns = ["label", "storm_id", "time", "latitude", "longitude", "lead_time_hours", "basin"]
    # Packing moves a minimum here and there, and with it the random numbers of the negatives.
    compared = positives if "olr" in encoding else sides
    for (table, images), (same_table, same_images) in zip(compared(built), compared(again), strict=True):
        order, same_order = (one.with_row_index().sort(columns)["index"] for one in (table, same_table))
        assert table[order].select(columns).equals(same_table[same_order].select(columns))
        difference = np.abs(images[order].astype(int) - same_images[same_order])
        assert difference.max() <= 1  # where OLR lies on the border of two greys
        assert difference.mean() < 0.02


def positives(built: Build) -> list[tuple[pl.DataFrame, np.ndarray]]:
    chosen = [(table["label"] == 1).to_numpy() for table, _ in sides(built)]
    return [
        (table.filter(rows), images[rows]) for rows, (table, images) in zip(chosen, sides(built), strict=True)
    ]


@pytest.mark.filterwarnings("ignore")
def test_files_by_the_day_and_zarr_give_the_same_release(tmp_path, dataset, built):
    for step in range(0, DAYS, 7):  # neighbours share a day
        dataset.isel(time=slice(step, step + 8)).to_netcdf(tmp_path / f"{step:02d}.nc")
    dataset.to_zarr(tmp_path / "olr.zarr")
    tracks = write_tracks(tmp_path)
    by_day = build_release(str(tmp_path / "*.nc"), tracks, test_from=BORDER, out=tmp_path / "by_day", seed=5)
    zarr = build_release(tmp_path / "olr.zarr", tracks, test_from=BORDER, out=tmp_path / "zarr", seed=5)
    for other in (by_day, zarr):
        for (table, images), (same_table, same_images) in zip(sides(built), sides(other), strict=True):
            assert table.equals(same_table)
            assert (images == same_images).all()
    assert by_day.dropped["field: the same time and grid as in another file"] == 8


def rebuilt(
    folder: Path,
    cyclones: tuple[Cyclone, ...],
    change: Callable[[xr.Dataset], xr.Dataset] = lambda dataset: dataset,
    **options: object,
) -> Build:
    change(daily_sky(cyclones)).to_netcdf(folder / "olr.nc")
    tracks = write_tracks(folder, cyclones)
    return build_release(
        folder / "olr.nc", tracks, out=folder / "release", **{"test_from": BORDER, **options}
    )


def test_a_storm_across_the_border_is_wholly_on_the_side_of_its_genesis_and_no_negatives_beside_it(tmp_path):
    early = Cyclone("early", 27, days=8)  # genesis on day 29, lives until day 35
    late = Cyclone("late", 25, days=9, strong_from=6)  # genesis on day 31, seen from day 25
    tables = [table for table, _ in sides(rebuilt(tmp_path, (*CYCLONES[:2], early, late, *CYCLONES[4:])))]
    positives = [set(table["storm_id"].drop_nulls()) for table in tables]
    assert positives == [{"c0", "c1", "early"}, {"late", "c4", "c5"}]
    days = [(table.filter(pl.col("label") == 0)["time"] - START).dt.total_days() for table in tables]
    assert days[0].max() < 25 - 3  # before the first sight of the test's storm, and the guard
    assert days[1].min() >= 35 + 3


def test_storms_that_never_grew_up_are_left_out_and_avoided(tmp_path):
    weak = Cyclone("weak", 8, strong_from=99)
    built = rebuilt(tmp_path, (*CYCLONES, weak))
    assert built.dropped["storm: never a tropical storm"] == 1
    for table, _ in sides(built):
        assert "weak" not in table["storm_id"].to_list()
        near = table.filter((pl.col("label") == 0) & (pl.col("longitude") > 0))
        assert len(near) == 0  # all decoys are east of the date line


def test_a_cloud_that_becomes_a_cyclone_within_a_day_is_no_negative(tmp_path):
    def foreshadow(dataset: xr.Dataset) -> xr.Dataset:
        spot = cloud(LATITUDE, LONGITUDE, (11.0, 159.0))
        dataset["olr"][10] -= 150 * spot.astype("float32")  # the 11th of July; c1 begins a day later
        return dataset

    built = rebuilt(tmp_path, CYCLONES, foreshadow)
    in_the_west = (pl.col("label") == 0) & (pl.col("longitude") > 0)
    assert len(sides(built)[0][0].filter(in_the_west)) == 0
    built.release.directory.rename(tmp_path / "with a day's distance")
    built = rebuilt(tmp_path, CYCLONES, foreshadow, choices=Choices(negative_hours=23))
    assert sides(built)[0][0].filter(in_the_west)["time"].to_list() == [START + timedelta(days=10)]


def test_windows_that_overlap_show_each_cloud_once(tmp_path, dataset, built):
    dataset.sel(lon=slice(110, 226)).to_netcdf(tmp_path / "west.nc")
    dataset.sel(lon=slice(126, 230)).to_netcdf(tmp_path / "east.nc")
    fields = [tmp_path / "west.nc", tmp_path / "east.nc"]
    windows = build_release(fields, write_tracks(tmp_path), test_from=BORDER, out=tmp_path / "release")
    for (table, images), (same_table, same_images) in zip(positives(built), positives(windows), strict=True):
        order, same_order = (one.with_row_index().sort("time")["index"] for one in (table, same_table))
        assert table[order]["time"].equals(same_table[same_order]["time"])
        assert (images[order] == same_images[same_order]).all()
    for table, _ in sides(windows):
        for (_,), at_one_time in table.filter(pl.col("label") == 0).group_by("time"):
            places = at_one_time.select("latitude", "longitude").to_numpy()
            apart = np.abs(places[:, None] - places).max(axis=2)
            assert (apart[~np.eye(len(places), dtype=bool)] >= 16).all()


def test_without_strength_the_first_fix_is_genesis(tmp_path, inputs):
    text = "\n".join(line.rsplit(",", 1)[0] for line in inputs[1].read_text().splitlines())
    (tmp_path / "tracks.csv").write_text(text)
    built = build_release(inputs[0], tmp_path / "tracks.csv", test_from=BORDER, out=tmp_path / "release")
    assert built.notes == ("6 storms come without strength: their first fix counts as genesis",)
    leads = sides(built)[0][0]["lead_time_hours"].drop_nulls()
    assert sorted(set(leads)) == [-120, -96, -72, -48, -24, 0]


def test_fields_between_track_times_are_met_by_interpolation(tmp_path, dataset):
    shifted = dataset.assign_coords(time=dataset["time"] + np.timedelta64(3 * 60 + 30, "m"))
    shifted.to_netcdf(tmp_path / "olr.nc")
    built = build_release(
        tmp_path / "olr.nc", write_tracks(tmp_path), test_from=BORDER, out=tmp_path / "release"
    )
    row = sides(built)[0][0].filter(storm_id="c0").sort("time").row(0, named=True)
    age = 3.5 / 24
    assert row["time"] == START + timedelta(days=1, hours=3.5)
    assert row["lead_time_hours"] == 48 - 3.5
    assert row["latitude"] == pytest.approx(10 + age, abs=1e-3)
    assert row["longitude"] == pytest.approx(160 - 2 * age, abs=1e-3)


def test_gaps_in_a_track_are_not_bridged(tmp_path, inputs):
    lines = [
        line for line in inputs[1].read_text().splitlines() if not line.startswith("c0") or "T00" in line
    ]
    (tmp_path / "tracks.csv").write_text("\n".join(lines))
    with xr.open_dataset(inputs[0]) as dataset:
        dataset.assign_coords(time=dataset["time"] + np.timedelta64(3, "h")).to_netcdf(tmp_path / "olr.nc")
    built = build_release(
        tmp_path / "olr.nc", tmp_path / "tracks.csv", test_from=BORDER, out=tmp_path / "release"
    )
    assert "c0" not in sides(built)[0][0]["storm_id"].to_list()
    assert built.dropped["positive: between fixes too far apart in time"] == 5


def test_small_gaps_in_a_patch_are_filled_and_large_ones_drop_it(tmp_path):
    def damage(dataset: xr.Dataset) -> xr.Dataset:
        olr = dataset["olr"]
        around_c0 = {"lat": slice(5, 15), "lon": slice(150, 160)}
        olr.loc[{"time": "2001-07-02", **around_c0}] = np.nan  # 21 × 21 of 4096: 11 %
        olr.loc[{"time": "2001-07-03", "lat": slice(5, 8), "lon": slice(150, 160)}] = np.nan  # 3.6 %
        return dataset

    built = rebuilt(tmp_path, CYCLONES, damage)
    table, images = sides(built)[0]
    assert built.dropped["positive: too many missing pixels"] == 1
    first = table.with_row_index().filter(storm_id="c0").sort("time").row(0, named=True)
    assert first["time"] == START + timedelta(days=2)
    image = images[
        first["index"]
    ]  # its centre is at 11° N, 158° E, so 8° N is row 38 and 150° E is column 16
    assert (image[38:41, 24:30] == image[37, 24:30]).all()
    assert (image[42:45, 24:30] == image[45, 24:30]).all()


def test_patches_over_the_edge_are_counted(tmp_path):
    built = rebuilt(tmp_path, CYCLONES, lambda dataset: dataset.sel(lat=slice(-4.5, 50)))
    # A patch reaches 31 rows, 15.5°, southward: the first day's, around 10° N, does not fit.
    assert built.dropped["positive: patch over the edge of the fields"] == 6
    assert built.used["positive images"] == (15, 15)


def test_centres_outside_of_the_fields_are_counted(tmp_path):
    far_west = Cyclone("far", 20, days=30)  # from 160° E to 100° E
    built = rebuilt(tmp_path, (*CYCLONES, far_west))
    assert built.dropped["positive: centre outside of the fields"] == 5  # 26 to 30 days old, beyond 110° E
    assert built.dropped["positive: patch over the edge of the fields"] == 8  # within 16° of it


def test_at_most_the_wanted_number_of_negatives_is_kept(tmp_path, inputs):
    choices = Choices(negatives_per_positive=0.5)
    built = build_release(*inputs, test_from=BORDER, out=tmp_path / "release", choices=choices)
    assert built.used["negative images"] == (9, 9)
    assert built.dropped["negative: beyond the wanted number for each positive"] > 0


def test_what_the_release_says_of_itself_can_be_given(tmp_path, inputs):
    about = {
        "title": "Two storms",
        "licence": "CC BY 4.0",
        "licence_url": "https://creativecommons.org/licenses/by/4.0/",
    }
    built = build_release(*inputs, test_from=BORDER, out=tmp_path / "release", about=about)
    manifest = built.release.manifest
    assert (manifest.title, manifest.licence.name, manifest.name) == ("Two storms", "CC BY 4.0", "release")
    assert "olr.nc" in manifest.source
    assert "tracks.csv" in manifest.source


def test_a_test_of_one_storm_is_all_private_and_said_so(tmp_path):
    built = rebuilt(tmp_path, CYCLONES[:4])
    assert set(sides(built)[1][0]["split"]) == {"private"}
    assert "nothing is left for a public score" in built.notes[0]
    assert verify_release(built.release.directory) == []
