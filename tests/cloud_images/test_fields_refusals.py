"""Files that cannot become images are refused, and told why."""

from pathlib import Path

import cftime
import numpy as np
import pytest
import xarray as xr

from cloud_images.errors import ReleaseError
from cloud_images.fields import open_fields
from tests.cloud_images.skies import field, real_file

LATITUDE = np.arange(-20, 20, 0.5)
LONGITUDE = np.arange(120, 160, 0.5)


@pytest.fixture
def dataset() -> xr.Dataset:
    return field(latitude=LATITUDE, longitude=LONGITUDE)


def read_first(path: Path, **options: str) -> np.ndarray:
    fields = open_fields(path, **options)
    return fields.read(fields.frames[0])


def refusal(dataset: xr.Dataset, folder: Path, **options: str) -> str:
    path = folder / "fields.nc"
    dataset.to_netcdf(path)
    with pytest.raises(ReleaseError) as error:
        read_first(path, **options)
    assert str(path) in str(error.value)
    return str(error.value)


@pytest.mark.real_data
def test_a_climatology_has_no_dates():
    with pytest.raises(ReleaseError, match=r"olr has no dates \(its dimensions are dayofyear, lat, lon\)"):
        open_fields(real_file("olr/noaa_olr_daily_climatology.nc"))


def test_fields_without_dates_are_refused(tmp_path, dataset):
    message = refusal(dataset.assign_coords(time=[0, 1]), tmp_path)
    assert "olr has no dates (its dimensions are time, lat, lon)" in message
    assert "hours since" in message


def test_times_that_cannot_be_decoded_are_refused(tmp_path, dataset):
    dataset = dataset.assign_coords(time=("time", [20000101.0, 20000101.25], {"units": "day as %Y%m%d.%f"}))
    assert "has no dates" in refusal(dataset, tmp_path) or "decode" in refusal(dataset, tmp_path)


def test_a_missing_date_is_refused(tmp_path, dataset):
    dataset["time"].encoding["_FillValue"] = -1
    dataset = dataset.assign_coords(time=np.array(["2000-01-01", "NaT"], "datetime64[ns]"))
    assert "time has a missing date at position 1" in refusal(dataset, tmp_path)


def test_a_file_without_olr_says_what_it_holds_and_how_to_name_it(tmp_path, dataset):
    message = refusal(
        dataset.rename(olr="psl").assign(psl=lambda d: d.psl.assign_attrs(standard_name="")), tmp_path
    )
    assert "no variable is named or described as OLR or brightness temperature; it holds psl" in message
    assert "--variable" in message


def test_clear_sky_olr_is_not_olr(tmp_path, dataset):
    dataset = dataset.rename(olr="rlutcs")
    dataset["rlutcs"].attrs["standard_name"] = "toa_outgoing_longwave_flux_assuming_clear_sky"
    assert "no variable" in refusal(dataset, tmp_path)


def test_two_candidates_ask_for_a_choice(tmp_path, dataset):
    dataset["rlut"] = dataset["olr"]
    assert "olr, rlut could each be meant; choose one with --variable" in refusal(dataset, tmp_path)


def test_a_named_variable_must_exist(tmp_path, dataset):
    assert "has no field 'tb'; it holds olr" in refusal(dataset, tmp_path, variable="tb")


@pytest.mark.parametrize(
    ("units", "message"),
    [
        (None, "olr states no units; say them with --units"),
        ("1", "olr is in '1', which is no known unit"),
        ("J m**-2", "OLR = -ttr / 3600"),
    ],
)
def test_units_must_be_known(tmp_path, dataset, units, message):
    if units is None:
        del dataset["olr"].attrs["units"]
    else:
        dataset["olr"].attrs["units"] = units
    assert message in refusal(dataset, tmp_path)


def test_missing_units_can_be_said(tmp_path, dataset):
    del dataset["olr"].attrs["units"]
    dataset.to_netcdf(tmp_path / "fields.nc")
    fields = open_fields(tmp_path / "fields.nc", units="W m-2")
    assert 90 < fields.read(fields.frames[0]).mean() < 150


def test_a_field_of_the_wrong_sign_is_refused(tmp_path, dataset):
    dataset["olr"] = (-dataset["olr"]).assign_attrs(dataset["olr"].attrs)
    message = refusal(dataset, tmp_path)
    assert "olr at 2000-01-01 00:00 is mostly no OLR: its values, -159.375 to -110, are" in message
    assert "Are its units or its sign what the file says?" in message


def test_celsius_called_kelvin_is_refused(tmp_path, dataset):
    dataset["olr"] = (dataset["olr"] - 150).assign_attrs(units="K")
    assert "mostly no OLR" in refusal(dataset, tmp_path)


def test_an_irregular_grid_is_refused(tmp_path):
    latitude = np.degrees(np.arcsin(np.linspace(-0.9, 0.9, 80)))
    message = refusal(field(latitude=latitude, longitude=LONGITUDE), tmp_path)
    assert "the grid is not regular: latitudes are not evenly spaced" in message


def test_a_curvilinear_grid_is_refused(tmp_path, dataset):
    latitude, longitude = np.meshgrid(LATITUDE, LONGITUDE, indexing="ij")
    dataset = dataset.rename_dims(lat="y", lon="x").drop_vars(["lat", "lon"])
    dataset = dataset.assign_coords(
        lat=(("y", "x"), latitude + longitude / 10), lon=(("y", "x"), longitude - latitude / 10)
    )
    assert "its latitude varies along both y and x: the grid is curvilinear" in refusal(dataset, tmp_path)


def test_a_list_of_points_is_no_grid(tmp_path, dataset):
    latitude, longitude = np.meshgrid(LATITUDE, LONGITUDE, indexing="ij")
    values = dataset["olr"].to_numpy().reshape(2, -1)
    cells = xr.Dataset(
        {"olr": (("time", "cell"), values, dataset["olr"].attrs)},
        {"time": dataset["time"], "lat": ("cell", latitude.ravel()), "lon": ("cell", longitude.ravel())},
    )
    assert "latitude and longitude share the dimension cell" in refusal(cells, tmp_path)


def test_a_projection_without_latitudes_is_refused(tmp_path, dataset):
    dataset = dataset.rename(lat="y", lon="x")
    dataset["y"].attrs = {"standard_name": "projection_y_coordinate", "units": "m"}
    dataset["x"].attrs = {"standard_name": "projection_x_coordinate", "units": "m"}
    assert "olr has no latitude along any of its dimensions (time, y, x)" in refusal(dataset, tmp_path)


def test_a_grid_smaller_than_an_image_is_refused(tmp_path):
    message = refusal(field(latitude=LATITUDE[:40], longitude=LONGITUDE), tmp_path)
    assert "its grid (40 × 80 points, -20 to -0.5° N, 120 to 159.5° E) is smaller than an image" in message


def test_several_levels_ask_for_one(tmp_path, dataset):
    dataset = dataset.expand_dims(member=[1, 2, 3])
    assert "olr has 3 values along member; select one first" in refusal(dataset, tmp_path)


def test_calendars_must_agree(tmp_path, dataset):
    dataset.to_netcdf(tmp_path / "a.nc")
    dates = [cftime.DatetimeNoLeap(2000, 1, 1), cftime.DatetimeNoLeap(2000, 1, 2)]
    dataset.assign_coords(time=dates).to_netcdf(tmp_path / "b.nc")
    with pytest.raises(ReleaseError, match=r"a\.nc is on standard, .*b\.nc on noleap"):
        open_fields(str(tmp_path / "*.nc"))


def test_grids_must_show_clouds_at_one_scale(tmp_path, dataset):
    dataset.to_netcdf(tmp_path / "a.nc")
    field(latitude=LATITUDE / 2, longitude=LONGITUDE).to_netcdf(tmp_path / "b.nc")
    with pytest.raises(ReleaseError, match=r"a\.nc \(0\.5° × 0\.5°\) and .*b\.nc \(0\.25° × 0\.5°\)"):
        open_fields(str(tmp_path / "*.nc"))


def test_nothing_to_read_is_said(tmp_path):
    with pytest.raises(ReleaseError, match=r"no file matches .*/\*\.nc"):
        open_fields(str(tmp_path / "*.nc"))
    with pytest.raises(ReleaseError, match=r"is a folder, and no Zarr store"):
        open_fields(tmp_path)


def test_a_file_of_another_kind_is_refused(tmp_path):
    (tmp_path / "fields.nc").write_text("not a field")
    with pytest.raises(ReleaseError, match=r"fields\.nc: cannot be read as NetCDF"):
        open_fields(tmp_path / "fields.nc")


@pytest.mark.parametrize("kind", ["netcdf", "zarr"])
def test_a_damaged_field_is_named_with_its_time(tmp_path, dataset, kind):
    path = tmp_path / f"olr.{kind}"
    packed = {"chunks" if kind == "zarr" else "chunksizes": (1, *dataset["olr"].shape[1:])}
    if kind == "zarr":
        dataset.to_zarr(path, encoding={"olr": packed})
        (path / "olr" / "c" / "0" / "0" / "0").write_bytes(b"junk" * 100)
    else:
        dataset.to_netcdf(path, encoding={"olr": {**packed, "zlib": True}})
        whole = path.read_bytes()
        start = whole.index(b"\x78\x5e")  # a zlib stream at netCDF4's default level
        path.write_bytes(whole[: start + 20] + b"junk" * 10 + whole[start + 60 :])
    with pytest.raises(ReleaseError, match=rf"olr\.{kind}: olr at 2.* cannot be read: .* is damaged"):
        read_first(path)


def test_grib_without_its_reader_names_the_extra(tmp_path):
    if "cfgrib" in xr.backends.list_engines():
        pytest.skip("cfgrib is installed")
    (tmp_path / "fields.grib2").write_bytes(b"GRIB")
    with pytest.raises(
        ReleaseError, match=r"reading GRIB needs cfgrib; install it with pip install 'tamago\[grib\]'"
    ):
        open_fields(tmp_path / "fields.grib2")
