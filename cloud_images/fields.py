"""Open gridded OLR or infrared brightness temperature, and read it one time step at a time, as OLR.

Files are opened lazily by xarray: a time step is read when it is asked for, so memory holds one field however
large the files are.
"""

import re
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from glob import glob
from pathlib import Path

import numpy as np
import xarray as xr

from cloud_images.calendars import seconds_of_times, show_time
from cloud_images.errors import ReleaseError
from cloud_images.grid import Grid
from cloud_images.scale import olr_of_brightness_temperature
from cloud_images.shards import IMAGE_SIZE

# Names in use, in lower case: CMIP (rlut), NICAM (sa_lwu_toa), CESM (flut), NCEP (ulwrftoa), ECMWF.
OLR_NAMES = {
    "olr", "rlut", "sa_lwu_toa", "ss_lwu_toa", "lwu_toa", "flut", "ulwrftoa", "outgoing_longwave_radiation",
    "toa_outgoing_longwave_flux", "ttr", "tnlw", "mtnlwrf", "avg_tnlwrf",
}  # fmt: skip
OLR_STANDARD_NAMES = {"toa_outgoing_longwave_flux", "toa_net_upward_longwave_flux"}
# ECMWF counts fluxes as positive downward: what leaves is negative.
DOWNWARD_NAMES = {"ttr", "tnlw", "mtnlwrf", "avg_tnlwrf"}
# GridSat's irwin_cdr stands beside other channels with the same standard name: the name decides.
TEMPERATURE_NAMES = {"tb", "tbb", "bt", "irwin_cdr", "brightness_temperature", "ir_brightness_temperature"}
TEMPERATURE_STANDARD_NAMES = {
    "toa_brightness_temperature", "brightness_temperature", "toa_brightness_temperature_of_standard_scene",
}  # fmt: skip

# Units without spaces, dots, stars, carets and underscores, in lower case.
FLUX_UNITS = {
    "wm-2", "w/m2", "watt/m2", "watts/m2", "wattm-2", "wattsm-2", "wattspermetersquared",
    "wattspersquaremeter", "wattpersquaremeter", "wattspersquaremetre", "wperm2", "js-1m-2", "jm-2s-1",
}  # fmt: skip
ENERGY_UNITS = {"jm-2", "j/m2", "joule/m2", "joulesm-2", "joules/m2"}
KELVIN_UNITS = {"k", "kelvin", "kelvins", "degk", "degreek", "degreesk", "degreekelvin", "degreeskelvin"}
CELSIUS_UNITS = {"c", "°c", "degc", "celsius", "degreec", "degreesc", "degreecelsius", "degreescelsius"}

POSSIBLE_OLR = (20.0, 500.0)
"""W m⁻². Values outside (packing noise, stray fill values) count as missing."""


@dataclass(frozen=True)
class Frame:
    """One field at one time."""

    seconds: float
    """On `Fields.calendar`."""
    source: int
    """Which of `Fields.sources` holds it."""
    at: tuple[tuple[str, int], ...]
    """Its place on the source's dimensions of time."""


@dataclass(frozen=True)
class Source:
    """One file, and how its variable becomes OLR on a north-up grid."""

    path: Path
    variable: str
    latitude_dimension: str
    longitude_dimension: str
    grid: Grid
    quantity: str
    """`olr`, `kelvin` or `celsius`."""
    sign: float
    """−1 where the file counts downward fluxes as positive."""


class Fields:
    """Fields of OLR from one file or many, in order of time.

    Attributes: `sources`; `frames` (ordered by time, then file); `calendar`; `spacing` (degrees between
    rows and between columns, the same in all files); `duplicates` (frames left out since another file has
    the same time on the same grid).
    """

    def __init__(self, sources: list[Source], frames: list[Frame], calendar: str) -> None:
        self.sources = sources
        self.calendar = calendar
        self.spacing = sources[0].grid.spacing
        self.frames, self.duplicates = _without_duplicates(frames, sources)
        self._plausible = False
        self._opened: OrderedDict[int, xr.Dataset] = OrderedDict()

    def read(self, frame: Frame) -> np.ndarray:
        """OLR in W m⁻², float (rows, columns) in the order of the source's `grid`; NaN where missing.

        Raises ReleaseError where the file is damaged there, or where most values of the first field cannot
        be OLR: then units or sign are not what the file says.
        """
        source = self.sources[frame.source]
        field = self._open(frame.source)[source.variable].isel(dict(frame.at)).squeeze(drop=True)
        try:
            values = field.transpose(source.latitude_dimension, source.longitude_dimension).to_numpy()
        except (OSError, RuntimeError, ValueError) as error:  # netCDF4, and Zarr's codecs
            raise ReleaseError(
                f"{source.path}: {source.variable} at {show_time(frame.seconds, self.calendar)} cannot be "
                f"read: {error}. The file is damaged, or was not copied whole"
            ) from error
        values = values[source.grid.rows][:, source.grid.columns]
        if not np.issubdtype(values.dtype, np.floating):
            values = values.astype(np.float32)
        olr = _olr(values, source)
        lowest, highest = POSSIBLE_OLR
        with np.errstate(invalid="ignore"):
            possible = (olr >= lowest) & (olr <= highest)
        mostly_possible = 2 * np.count_nonzero(possible) >= np.count_nonzero(np.isfinite(values))
        if not mostly_possible and not self._plausible:
            raise ReleaseError(
                f"{source.path}: {source.variable} at {show_time(frame.seconds, self.calendar)} is mostly "
                f"no OLR: its values, {np.nanmin(values):g} to {np.nanmax(values):g}, are not within "
                f"{lowest:g} to {highest:g} W m-2 once converted. Are its units or its sign what the file "
                "says? (--units overrides the file's)"
            )
        self._plausible = True  # from here on, a field of nonsense is a fault of that field alone
        return np.where(possible, olr, np.nan)

    def _open(self, number: int) -> xr.Dataset:
        """The source's file; a few stay open, since the next frame often is in the same one."""
        if number not in self._opened:
            self._opened[number] = _open_dataset(self.sources[number].path)
            if len(self._opened) > 8:
                _, stale = self._opened.popitem(last=False)
                stale.close()
        self._opened.move_to_end(number)
        return self._opened[number]


def open_fields(
    fields: Path | str | Sequence[Path | str], *, variable: str | None = None, units: str | None = None
) -> Fields:
    """Open NetCDF, Zarr or GRIB files with CF metadata: a path, a pattern such as `olr/*.nc`, or a list.

    variable: its name, where a file holds several candidates. units: what the values are in, where the
    file does not say or is wrong. Raises ReleaseError, naming the file, where there is no such variable,
    no dates, no regular latitude-longitude grid of at least 64 × 64 points, no known unit, or where files
    differ in calendar or grid spacing.
    """
    sources: list[Source] = []
    frames: list[Frame] = []
    calendars: dict[str, Path] = {}
    for path in _field_paths(fields):
        with _open_dataset(path) as dataset:
            array = _choose_variable(dataset, path, variable)
            seconds, calendar, at = _times(array, dataset, path)
            source = _describe(array, dataset, path, units)
        calendars.setdefault(calendar, path)
        frames += [Frame(time, len(sources), place) for time, place in zip(seconds.tolist(), at, strict=True)]
        sources.append(source)
    if len(calendars) > 1:
        (one, first), (other, second) = list(calendars.items())[:2]
        raise ReleaseError(
            f"calendars differ: {first} is on {one}, {second} on {other}; build one release each"
        )
    _refuse_different_spacing(sources)
    return Fields(sources, frames, next(iter(calendars)))


def _field_paths(fields: Path | str | Sequence[Path | str]) -> list[Path]:
    given = [fields] if isinstance(fields, Path | str) else list(fields)
    paths: list[Path] = []
    for item in given:
        exact = Path(item).expanduser()
        pattern = str(exact)
        found = [exact] if exact.exists() else sorted(map(Path, glob(pattern, recursive=True)))  # noqa: PTH207
        if not found:
            raise ReleaseError(f"no file matches {item}")
        paths += found
    for path in paths:
        if path.is_dir() and not _is_zarr(path):
            raise ReleaseError(f"{path} is a folder, and no Zarr store; name its files, such as {path}/*.nc")
    return list(dict.fromkeys(paths))


def _is_zarr(path: Path) -> bool:
    return any((path / name).exists() for name in ("zarr.json", ".zgroup", ".zmetadata"))


def _open_dataset(path: Path) -> xr.Dataset:
    grib = path.suffix.lower() in {".grib", ".grib2", ".grb", ".grb2", ".gb2"}
    engine = "cfgrib" if grib else "zarr" if path.is_dir() else "netcdf4"
    if grib and engine not in xr.backends.list_engines():
        raise ReleaseError(f"{path}: reading GRIB needs cfgrib; install it with pip install 'tamago[grib]'")
    # An index file beside the data would write into a folder that may be read-only.
    options: dict = {"backend_kwargs": {"indexpath": ""}} if grib else {}
    try:
        return xr.open_dataset(path, engine=engine, decode_timedelta=False, **options)
    except (OSError, ValueError, KeyError) as error:
        kind = {"netcdf4": "NetCDF", "zarr": "Zarr", "cfgrib": "GRIB"}[engine]
        raise ReleaseError(f"{path}: cannot be read as {kind}: {error}") from error


def _choose_variable(dataset: xr.Dataset, path: Path, variable: str | None) -> xr.DataArray:
    """The named variable; else the only OLR; else the only brightness temperature, names before CF names."""
    arrays = {str(name): array for name, array in dataset.data_vars.items() if array.ndim >= 2}
    if variable is not None:
        if variable not in arrays:
            raise ReleaseError(f"{path}: has no field {variable!r}; it holds {_listed(arrays)}")
        return arrays[variable]

    def standard_name(array: xr.DataArray) -> str:
        return str(array.attrs.get("standard_name", "")).lower()

    candidates = [
        [n for n, a in arrays.items() if n.lower() in OLR_NAMES or standard_name(a) in OLR_STANDARD_NAMES],
        [n for n in arrays if n.lower() in TEMPERATURE_NAMES],
        [n for n, a in arrays.items() if standard_name(a) in TEMPERATURE_STANDARD_NAMES],
    ]
    found = next((names for names in candidates if names), [])
    if not found:
        raise ReleaseError(
            f"{path}: no variable is named or described as OLR or brightness temperature; it holds "
            f"{_listed(arrays)}. Name the one to use with --variable"
        )
    if len(found) > 1:
        raise ReleaseError(f"{path}: {', '.join(found)} could each be meant; choose one with --variable")
    return arrays[found[0]]


def _listed(names: dict[str, xr.DataArray]) -> str:
    shown = ", ".join(list(names)[:8]) or "no fields"
    return shown + (f" and {len(names) - 8} more" if len(names) > 8 else "")


def _times(array: xr.DataArray, dataset: xr.Dataset, path: Path) -> tuple[np.ndarray, str, list[tuple]]:
    """Seconds (N,) of the array's times, their calendar, and the place of each on the array's dimensions."""
    dated = {
        str(name): coordinate
        for name, coordinate in dataset.variables.items()
        if set(coordinate.dims) <= set(array.dims) and _is_dates(coordinate)
    }
    # One date may also stand for the whole file, such as when it was made.
    most = max((coordinate.size for coordinate in dated.values()), default=0)
    dated = {name: coordinate for name, coordinate in dated.items() if coordinate.size == most}
    # valid_time is when a forecast holds; time may then be when it was made.
    preferred = [
        "valid_time",
        *(n for n, c in dated.items() if c.attrs.get("standard_name") == "time"),
        "time",
    ]
    name = next((name for name in preferred if name in dated), next(iter(dated), None))
    if name is None:
        axes = ", ".join(map(str, array.dims))
        raise ReleaseError(
            f"{path}: {array.name} has no dates (its dimensions are {axes}). Tracks need a date and hour for "
            "each field: a time coordinate with units such as 'hours since 1980-01-01'"
        )
    coordinate = dated[name]
    try:
        seconds, calendar = seconds_of_times(np.atleast_1d(coordinate.to_numpy()).ravel())
    except ValueError as error:
        raise ReleaseError(f"{path}: {name}: {error}") from None
    if np.isnan(seconds).any():
        raise ReleaseError(f"{path}: {name} has a missing date at position {int(np.isnan(seconds).argmax())}")
    places = np.ndindex(*coordinate.shape)
    dimensions = [str(dimension) for dimension in coordinate.dims]
    seconds = np.rint(seconds)  # dates stored as fractions of days come back a few microseconds off
    return seconds, calendar, [tuple(zip(dimensions, place, strict=True)) for place in places]


def _is_dates(coordinate: xr.Variable) -> bool:
    if np.issubdtype(coordinate.dtype, np.datetime64):
        return coordinate.size > 0
    return (
        coordinate.dtype == object
        and coordinate.size > 0
        and hasattr(coordinate.to_numpy().flat[0], "calendar")
    )


def _time_dimensions(dataset: xr.Dataset) -> set[str]:
    dated = filter(_is_dates, dataset.variables.values())
    return {str(dimension) for coordinate in dated for dimension in coordinate.dims}


def _describe(array: xr.DataArray, dataset: xr.Dataset, path: Path, units: str | None) -> Source:
    latitude, longitude = _coordinates(array, dataset, path)
    try:
        grid = Grid.of(latitude[1], longitude[1])
    except ValueError as error:
        raise ReleaseError(f"{path}: the grid is not regular: {error}. Regrid it first") from None
    if min(grid.shape) < IMAGE_SIZE:
        raise ReleaseError(
            f"{path}: its grid ({grid}) is smaller than an image of {IMAGE_SIZE} × {IMAGE_SIZE}"
        )
    for dimension in set(array.dims) - {latitude[0], longitude[0]} - _time_dimensions(dataset):
        if array.sizes[dimension] > 1:
            message = f"{array.name} has {array.sizes[dimension]} values along {dimension}; select one first"
            raise ReleaseError(f"{path}: {message}")
    name = str(array.name)
    quantity = _quantity(array, path, units)
    sign = -1.0 if name.lower() in DOWNWARD_NAMES else 1.0
    return Source(path, name, latitude[0], longitude[0], grid, quantity, sign)


def _coordinates(
    array: xr.DataArray, dataset: xr.Dataset, path: Path
) -> tuple[tuple[str, np.ndarray], tuple[str, np.ndarray]]:
    """(dimension, values) of latitude and of longitude, each along one dimension of the array."""
    found = {}
    times = _time_dimensions(dataset)
    for axis, names, units in (
        ("latitude", {"latitude", "lat", "nav_lat", "ylat"}, {"degrees_north", "degree_north", "degreen"}),
        ("longitude", {"longitude", "lon", "nav_lon", "xlon"}, {"degrees_east", "degree_east", "degreee"}),
    ):
        matching = [
            coordinate
            for name, coordinate in dataset.variables.items()
            if set(coordinate.dims) <= set(array.dims) - times
            and coordinate.ndim in (1, 2)
            and (
                coordinate.attrs.get("standard_name") == axis
                or str(name).lower() in names
                or str(coordinate.attrs.get("units", "")).lower() in units
            )
            # A rotated pole's or a projection's own axes are no latitudes.
            and not str(coordinate.attrs.get("standard_name", axis)).startswith(("grid_", "projection_"))
        ]
        if not matching:
            raise ReleaseError(
                f"{path}: {array.name} has no {axis} along any of its dimensions "
                f"({', '.join(map(str, array.dims))}). Projections and unstructured grids must first be "
                "regridded to latitude and longitude (for example with cdo remapbil)"
            )
        found[axis] = min(matching, key=lambda coordinate: coordinate.ndim)  # 1-D before 2-D
    latitude = _along_one_dimension(found["latitude"], "latitude", path)
    longitude = _along_one_dimension(found["longitude"], "longitude", path)
    if latitude[0] == longitude[0]:
        raise ReleaseError(
            f"{path}: latitude and longitude share the dimension {latitude[0]}: this is a list of points, no "
            "regular grid. Regrid it first (for example with cdo remapbil)"
        )
    return latitude, longitude


def _along_one_dimension(coordinate: xr.Variable, axis: str, path: Path) -> tuple[str, np.ndarray]:
    """A coordinate as one dimension and its values; a 2-D one passes where it varies along only one."""
    values = coordinate.to_numpy().astype(np.float64)
    if values.ndim == 1:
        return str(coordinate.dims[0]), values
    for along in (0, 1):
        line = np.take(values, 0, axis=1 - along)
        step = abs(line[-1] - line[0]) / max(len(line) - 1, 1)
        if np.abs(values - np.expand_dims(line, 1 - along)).max() < 0.01 * step:
            return str(coordinate.dims[along]), line
    raise ReleaseError(
        f"{path}: its {axis} varies along both {coordinate.dims[0]} and {coordinate.dims[1]}: the grid is "
        "curvilinear. Regrid it first to regular latitude and longitude (for example with cdo remapbil)"
    )


def _quantity(array: xr.DataArray, path: Path, units: str | None) -> str:
    stated = units if units is not None else array.attrs.get("units")
    if stated is None:
        raise ReleaseError(f"{path}: {array.name} states no units; say them with --units, 'W m-2' or 'K'")
    spelled = re.sub(r"[\s.*^_]|⋅|·", "", str(stated).lower()).replace("⁻", "-").replace("²", "2")
    spelled = spelled.replace("−", "-")
    if spelled in FLUX_UNITS:
        return "olr"
    if spelled in KELVIN_UNITS:
        return "kelvin"
    if spelled in CELSIUS_UNITS:
        return "celsius"
    if spelled in ENERGY_UNITS:
        raise ReleaseError(
            f"{path}: {array.name} is in {stated}: energy accumulated since some hour, which the file does "
            "not say. Divide it by the seconds of accumulation, and turn its sign where downward counts as "
            "positive (ERA5's hourly ttr: OLR = -ttr / 3600), or take the mean rate, in W m-2, instead"
        )
    raise ReleaseError(
        f"{path}: {array.name} is in {str(stated)!r}, which is no known unit of OLR (W m-2) or of brightness "
        "temperature (K, degC); say the right one with --units"
    )


def _olr(values: np.ndarray, source: Source) -> np.ndarray:
    if source.quantity == "olr":
        return values * source.sign if source.sign < 0 else values
    kelvin = values + 273.15 if source.quantity == "celsius" else values
    # No infrared window is colder or warmer; a stray value beyond could come back as possible OLR.
    with np.errstate(invalid="ignore"):
        kelvin = np.where((kelvin > 100) & (kelvin < 400), kelvin, np.nan)
    return olr_of_brightness_temperature(kelvin)


def _without_duplicates(frames: list[Frame], sources: list[Source]) -> tuple[list[Frame], int]:
    """Frames in order of time; of several at one time on the same grid, the first file's alone."""
    kept: list[Frame] = []
    at_this_time: list[Frame] = []
    for frame in sorted(frames, key=lambda frame: (frame.seconds, frame.source)):
        if at_this_time and at_this_time[0].seconds != frame.seconds:
            at_this_time = []
        grid = sources[frame.source].grid
        if any(grid.same_as(sources[other.source].grid) for other in at_this_time):
            continue
        at_this_time.append(frame)
        kept.append(frame)
    return kept, len(frames) - len(kept)


def _refuse_different_spacing(sources: list[Source]) -> None:
    first = sources[0]
    for source in sources:
        if not np.allclose(source.grid.spacing, first.grid.spacing, rtol=0.01, atol=0):
            described = [
                f"{s.path} ({s.grid.spacing[0]:.4g}° × {s.grid.spacing[1]:.4g}°)" for s in (first, source)
            ]
            raise ReleaseError(
                f"grids differ in spacing: {' and '.join(described)}; images would show clouds at two "
                "scales. Build one release from each, or regrid"
            )
