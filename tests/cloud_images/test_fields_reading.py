"""Fields come out as OLR in W m⁻², north up and from west to east, however the file stores them."""

import tracemalloc
from pathlib import Path

import cftime
import numpy as np
import pytest
import xarray as xr

from cloud_images.fields import open_fields
from cloud_images.scale import olr_of_brightness_temperature
from tests.cloud_images.skies import field, real_file

LATITUDE = np.arange(-20, 20, 0.5)
LONGITUDE = np.arange(120, 160, 0.5)


def only_frame(path: Path, **options: str) -> np.ndarray:
    fields = open_fields(path, **options)
    return fields.read(fields.frames[0])


def expected(latitude: np.ndarray = LATITUDE, longitude: np.ndarray = LONGITUDE) -> np.ndarray:
    return 100 + np.sort(latitude)[::-1, None] + (longitude % 360) / 4


def stored(dataset: xr.Dataset, folder: Path, **encoding: object) -> Path:
    path = folder / "olr.nc"
    dataset.to_netcdf(path, encoding={"olr": encoding} if encoding else None)
    return path


@pytest.mark.parametrize("latitude", [LATITUDE, LATITUDE[::-1]], ids=["ascending", "descending"])
def test_images_are_north_up_whichever_way_the_file_runs(tmp_path, latitude):
    path = stored(field(latitude=latitude, longitude=LONGITUDE), tmp_path)
    assert np.allclose(only_frame(path), expected())


def test_columns_run_eastward_across_the_date_line(tmp_path):
    longitude = (np.arange(160, 200, 0.5) + 180) % 360 - 180
    fields = open_fields(stored(field(latitude=LATITUDE, longitude=longitude), tmp_path))
    assert np.allclose(fields.read(fields.frames[0]), expected(longitude=longitude))
    assert str(fields.sources[0].grid).endswith("160 to 199.5° E")


def test_packed_integers_are_unpacked_and_fill_values_are_missing(tmp_path):
    dataset = field(latitude=LATITUDE, longitude=LONGITUDE)
    dataset["olr"][0, 3, 4] = np.nan
    path = stored(dataset, tmp_path, dtype="int16", scale_factor=0.02, add_offset=200.0, _FillValue=-32768)
    found = only_frame(path)
    assert np.isnan(found[len(LATITUDE) - 1 - 3, 4])
    assert np.count_nonzero(np.isnan(found)) == 1
    assert np.nanmax(np.abs(found - expected())) <= 0.0101


def test_impossible_values_are_missing(tmp_path):
    dataset = field(latitude=LATITUDE, longitude=LONGITUDE)
    dataset["olr"][0, 0, :4] = [-999.0, 1e20, 0.0, np.inf]
    found = only_frame(stored(dataset, tmp_path))
    assert np.isnan(found[-1, :4]).all()
    assert np.count_nonzero(np.isnan(found)) == 4


@pytest.mark.parametrize(
    "units", ["W m-2", "W m**-2", "W/m2", "W/m^2", "watt/m^2", "W m⁻²", "W.m-2", "Watts m^-2"]
)
def test_fluxes_are_known_however_their_unit_is_spelled(tmp_path, units):
    dataset = field(latitude=LATITUDE, longitude=LONGITUDE)
    dataset["olr"].attrs["units"] = units
    assert np.allclose(only_frame(stored(dataset, tmp_path)), expected())


@pytest.mark.parametrize(
    ("name", "attributes"),
    [
        ("rlut", {"units": "W m-2"}),
        ("OLR", {"units": "W m-2"}),
        ("sa_lwu_toa", {"units": "W/m2"}),
        ("x", {"units": "W m-2", "standard_name": "toa_outgoing_longwave_flux"}),
    ],
)
def test_olr_is_known_by_name_or_standard_name(tmp_path, name, attributes):
    dataset = field(latitude=LATITUDE, longitude=LONGITUDE).rename(olr=name)
    dataset[name].attrs = attributes
    dataset.to_netcdf(tmp_path / "olr.nc")
    assert np.allclose(only_frame(tmp_path / "olr.nc"), expected())


@pytest.mark.parametrize(
    ("name", "attributes", "kelvin_at_zero"),
    [
        ("tb", {"units": "K"}, 0.0),
        ("Tb", {"units": "kelvin"}, 0.0),
        ("irwin_cdr", {"units": "kelvin", "standard_name": "toa_brightness_temperature"}, 0.0),
        ("t", {"units": "degC", "standard_name": "toa_brightness_temperature"}, 273.15),
        ("brightness_temperature", {"units": "Celsius"}, 273.15),
    ],
)
def test_brightness_temperature_is_converted_by_the_published_formula(
    tmp_path, name, attributes, kelvin_at_zero
):
    dataset = field(latitude=LATITUDE, longitude=LONGITUDE).rename(olr=name)
    kelvin = dataset[name].astype("float64") + 100  # 217 to 260 K
    dataset[name] = (kelvin - kelvin_at_zero).assign_attrs(attributes)
    dataset.to_netcdf(tmp_path / "tb.nc")
    assert np.allclose(only_frame(tmp_path / "tb.nc"), olr_of_brightness_temperature(expected() + 100))


def test_a_flux_counted_downward_changes_its_sign(tmp_path):
    dataset = field(latitude=LATITUDE, longitude=LONGITUDE).rename(olr="avg_tnlwrf")
    dataset["avg_tnlwrf"] = (-dataset["avg_tnlwrf"]).assign_attrs(units="W m**-2")
    dataset.to_netcdf(tmp_path / "era5.nc")
    assert np.allclose(only_frame(tmp_path / "era5.nc"), expected())


def test_olr_goes_before_brightness_temperature_unless_another_is_named(tmp_path):
    dataset = field(latitude=LATITUDE, longitude=LONGITUDE)
    dataset["tb"] = (("time", "lat", "lon"), np.full(dataset["olr"].shape, 250.0), {"units": "K"})
    path = stored(dataset, tmp_path)
    assert open_fields(path).sources[0].variable == "olr"
    assert np.allclose(only_frame(path, variable="tb"), olr_of_brightness_temperature(np.array(250.0)))


def test_gridsat_has_other_channels_beside_the_infrared_window(tmp_path):
    dataset = field(latitude=LATITUDE, longitude=LONGITUDE).rename(olr="irwin_cdr")
    channel = {"units": "kelvin", "standard_name": "toa_brightness_temperature"}
    dataset["irwin_cdr"] = (dataset["irwin_cdr"] * 0 + 280).assign_attrs(channel)
    dataset["irwvp"] = (dataset["irwin_cdr"] * 0 + 240).assign_attrs(channel)
    dataset.to_netcdf(
        tmp_path / "gridsat.nc",
        encoding={
            "irwin_cdr": {"dtype": "int16", "scale_factor": 0.01, "add_offset": 200.0, "_FillValue": -31999}
        },
    )
    assert open_fields(tmp_path / "gridsat.nc").sources[0].variable == "irwin_cdr"


@pytest.mark.parametrize(
    "names", [("latitude", "longitude", "valid_time"), ("nav_lat", "nav_lon", "time_counter")]
)
def test_coordinates_go_by_other_names(tmp_path, names):
    dataset = field(latitude=LATITUDE, longitude=LONGITUDE).rename(
        dict(zip(("lat", "lon", "time"), names, strict=True))
    )
    for name in names:
        dataset[name].attrs = {}
    path = stored(dataset, tmp_path)
    assert np.allclose(only_frame(path), expected())
    assert len(open_fields(path).frames) == 2


def test_coordinates_in_two_dimensions_pass_where_the_grid_is_regular(tmp_path):
    dataset = field(latitude=LATITUDE, longitude=LONGITUDE).rename_dims(lat="y", lon="x")
    latitude, longitude = np.meshgrid(LATITUDE, LONGITUDE, indexing="ij")
    dataset = dataset.drop_vars(["lat", "lon"]).assign_coords(
        nav_lat=(("y", "x"), latitude), nav_lon=(("y", "x"), longitude)
    )
    assert np.allclose(only_frame(stored(dataset, tmp_path)), expected())


def test_the_position_of_a_storm_along_time_is_no_coordinate_of_the_field(tmp_path):
    dataset = field(latitude=LATITUDE, longitude=LONGITUDE)
    dataset["tc_lat"] = ("time", [10.0, 11.0], {"units": "degrees_north"})
    assert np.allclose(only_frame(stored(dataset, tmp_path)), expected())


def test_a_level_of_one_and_a_single_time_are_no_obstacle(tmp_path):
    dataset = field(latitude=LATITUDE, longitude=LONGITUDE).expand_dims(level=[1000.0], axis=1)
    dataset = dataset.isel(time=0)
    fields = open_fields(stored(dataset, tmp_path))
    assert [frame.seconds for frame in fields.frames] == [946684800.0]
    assert np.allclose(fields.read(fields.frames[0]), expected())


def test_a_forecast_holds_at_its_valid_time(tmp_path):
    dataset = field(latitude=LATITUDE, longitude=LONGITUDE, steps=4)
    values = dataset["olr"].to_numpy().reshape(2, 2, len(LATITUDE), len(LONGITUDE)).copy()
    values += np.arange(4).reshape(2, 2, 1, 1)
    start = np.array(["2000-01-01T00", "2000-01-01T12"], "datetime64[ns]")
    step = np.array([0, 6], "timedelta64[h]").astype("timedelta64[ns]")
    forecast = xr.Dataset(
        {"olr": (("time", "step", "lat", "lon"), values, {"units": "W m-2"})},
        {
            "time": start,
            "step": [0.0, 6.0],
            "valid_time": (("time", "step"), start[:, None] + step),
            "lat": LATITUDE,
            "lon": LONGITUDE,
        },
    )
    fields = open_fields(stored(forecast, tmp_path))
    assert np.diff([frame.seconds for frame in fields.frames]).tolist() == [6 * 3600.0] * 3
    for number, frame in enumerate(fields.frames):
        assert np.allclose(fields.read(frame), expected() + number)


@pytest.mark.parametrize(("calendar", "hours"), [("noleap", 24), ("360_day", 72), ("standard", 48)])
def test_model_calendars_keep_their_own_days(tmp_path, calendar, hours):
    dataset = field(latitude=LATITUDE, longitude=LONGITUDE)
    dates = [cftime.datetime(2000, 2, 28, calendar=calendar), cftime.datetime(2000, 3, 1, calendar=calendar)]
    dataset = dataset.assign_coords(time=("time", dates))
    fields = open_fields(stored(dataset, tmp_path))
    assert fields.calendar == calendar
    assert fields.frames[1].seconds - fields.frames[0].seconds == hours * 3600


def test_times_rounded_by_their_storage_come_back_to_the_second(tmp_path):
    dataset = field(latitude=LATITUDE, longitude=LONGITUDE)
    dataset["time"].encoding = {"units": "days since 1858-11-17", "dtype": "float64"}
    dataset["time"] = dataset["time"] + np.array([9_999, -9_999], "timedelta64[ns]")
    fields = open_fields(stored(dataset, tmp_path))
    assert [frame.seconds for frame in fields.frames] == [946684800.0, 946706400.0]


def test_files_of_a_pattern_are_joined_in_order_of_time_and_repeated_times_are_left_out(tmp_path):
    dataset = field(latitude=LATITUDE, longitude=LONGITUDE, steps=6)
    dataset.isel(time=slice(3, 6)).to_netcdf(tmp_path / "a.nc")
    dataset.isel(time=slice(0, 4)).to_netcdf(tmp_path / "b.nc")
    fields = open_fields(str(tmp_path / "*.nc"))
    assert np.diff([frame.seconds for frame in fields.frames]).tolist() == [6 * 3600.0] * 5
    assert fields.duplicates == 1


def test_different_windows_at_one_time_are_both_kept(tmp_path):
    field(latitude=LATITUDE, longitude=LONGITUDE).to_netcdf(tmp_path / "a.nc")
    field(latitude=LATITUDE, longitude=LONGITUDE + 30).to_netcdf(tmp_path / "b.nc")
    fields = open_fields([tmp_path / "a.nc", tmp_path / "b.nc"])
    assert (len(fields.frames), fields.duplicates) == (4, 0)


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.filterwarnings("ignore")
def test_zarr_is_read_like_netcdf(tmp_path, zarr_format):
    field(latitude=LATITUDE, longitude=LONGITUDE).to_zarr(tmp_path / "olr.zarr", zarr_format=zarr_format)
    assert np.allclose(only_frame(tmp_path / "olr.zarr"), expected())


@pytest.mark.parametrize("kind", ["NETCDF3_CLASSIC", "NETCDF3_64BIT", "NETCDF4_CLASSIC"])
def test_all_kinds_of_netcdf_are_read(tmp_path, kind):
    field(latitude=LATITUDE, longitude=LONGITUDE).to_netcdf(tmp_path / "olr.nc", format=kind)
    assert np.allclose(only_frame(tmp_path / "olr.nc"), expected())


def test_more_files_than_stay_open_are_read_in_any_order(tmp_path):
    dataset = field(latitude=LATITUDE, longitude=LONGITUDE, steps=12)
    for step in range(12):
        (dataset.isel(time=[step]) + step).assign_attrs().to_netcdf(tmp_path / f"{step:02d}.nc")
    for path in tmp_path.glob("*.nc"):
        with xr.open_dataset(path) as reopened:
            assert reopened.sizes["time"] == 1
    fields = open_fields(str(tmp_path / "*.nc"), units="W m-2")
    for number in [11, 0, 5, 11, 1, 10, 2, 9, 3, 8, 4, 7, 6, 0]:
        assert np.allclose(fields.read(fields.frames[number]), expected() + number)


def test_one_time_step_is_in_memory_however_long_the_file(tmp_path):
    latitude, longitude = np.arange(-45, 45, 0.25), np.arange(0, 180, 0.25)
    dataset = field(latitude=latitude, longitude=longitude, steps=60)  # 62 MB as float32
    path = stored(dataset, tmp_path, zlib=True, complevel=1, chunksizes=(1, len(latitude), len(longitude)))
    del dataset
    tracemalloc.start()
    fields = open_fields(path)
    for frame in fields.frames:
        fields.read(frame)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 12 * len(latitude) * len(longitude) * 8  # a dozen fields' worth, not sixty


@pytest.mark.real_data
def test_the_satellite_frames_open_as_they_are():
    fields = open_fields(str(real_file("olr/typhoon_198702_olr_0125deg.nc").parent / "typhoon_*.nc"))
    assert len(fields.frames) == 26 + 24
    assert fields.spacing == pytest.approx((0.125, 0.125))
    assert [source.variable for source in fields.sources] == ["olr", "olr"]
    assert [source.grid.shape for source in fields.sources] == [(225, 337), (393, 409)]


def test_grib_is_read_where_its_reader_is_installed(tmp_path):
    pytest.importorskip("cfgrib", reason="needs the extra `grib`")
    eccodes = pytest.importorskip("eccodes")
    latitude, longitude = np.arange(40, -40.1, -1), np.arange(0, 360.0)
    keys = {
        "Ni": 360, "Nj": 81, "iDirectionIncrementInDegrees": 1, "jDirectionIncrementInDegrees": 1,
        "latitudeOfFirstGridPointInDegrees": 40, "latitudeOfLastGridPointInDegrees": -40,
        "longitudeOfFirstGridPointInDegrees": 0, "longitudeOfLastGridPointInDegrees": 359,
        "dataDate": 20000101, "shortName": "avg_tnlwrf",
    }  # fmt: skip
    value = expected(latitude, longitude)
    with (tmp_path / "olr.grib2").open("wb") as file:
        for hour in (0, 600):
            message = eccodes.codes_grib_new_from_samples("regular_ll_sfc_grib2")
            for key, setting in {**keys, "dataTime": hour}.items():
                eccodes.codes_set(message, key, setting)
            eccodes.codes_set_values(message, -value.ravel())
            eccodes.codes_write(message, file)
            eccodes.codes_release(message)
    fields = open_fields(tmp_path / "olr.grib2")
    assert [frame.seconds for frame in fields.frames] == [946684800.0, 946706400.0]
    assert np.allclose(fields.read(fields.frames[1]), value, atol=0.01)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["olr.grib2"]  # no index left beside it
