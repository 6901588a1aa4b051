"""The formats of cyclone tracks: `READERS` by name, and `detect_format`."""

import re
from collections.abc import Callable
from pathlib import Path

from cloud_images.track_formats.fixes import Area, TrackFile, refuse
from cloud_images.track_formats.ibtracs import read_ibtracs_csv, read_ibtracs_netcdf
from cloud_images.track_formats.jma import read_jma, read_jma_hourly
from cloud_images.track_formats.plain_csv import COLUMN_NAMES, read_csv
from cloud_images.track_formats.tempestextremes import read_tempestextremes

__all__ = ["READERS", "Area", "TrackFile", "detect_format", "refuse"]

READERS: dict[str, Callable[[Path], TrackFile]] = {
    "jma": read_jma,
    "jma-hourly": read_jma_hourly,
    "ibtracs-netcdf": read_ibtracs_netcdf,
    "ibtracs-csv": read_ibtracs_csv,
    "tempestextremes": read_tempestextremes,
    "csv": read_csv,
}


def detect_format(path: Path) -> str:
    """The name in `READERS` of a track file's format, from its first bytes; ReleaseError if it is unknown."""
    with path.open("rb") as file:
        start = file.read(65536)
    if start.startswith((b"\x89HDF", b"CDF")):
        return "ibtracs-netcdf"
    first = next((line for line in start.decode("utf-8-sig", "replace").splitlines() if line.strip()), "")
    if first.startswith("66666"):
        return "jma"
    if first.split()[:1] == ["start"]:
        return "tempestextremes"
    if re.match(r"\d{4}\t\d{1,2}\t\d{1,2}\t\d{1,2}\t\d\t", first):
        return "jma-hourly"
    columns = {name.strip().lower() for name in re.split(r"[,;\t]", first)}
    if {"sid", "iso_time", "nature", "wmo_wind"} <= columns:
        return "ibtracs-csv"
    if columns & set(COLUMN_NAMES["latitude"]) and columns & set(COLUMN_NAMES["longitude"]):
        return "csv"
    raise refuse(
        path, 1, None, f"the format of the tracks is not recognised; name it, one of {', '.join(READERS)}"
    )
