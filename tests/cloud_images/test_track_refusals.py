"""Unreadable tracks are refused with file, line and column."""

from pathlib import Path

import pytest

from cloud_images.errors import ReleaseError
from cloud_images.tracks import read_tracks
from tests.cloud_images.test_track_formats import JMA_TEXT, written

CSV = "storm_id,time,lat,lon,wind_kt\n"
YMD = "storm_id,year,month,day,lat,lon\n"
JMA = "66666 1512  001 0013 1512 0 6               HALOLA              20150819\n"
HOURLY = "2007\t10\t03\t{hour}\t{grade}\t{lat}\t146.7\t1008\t0\t0\n"
TEMPEST = "start\t1\t1999\t9\t10\t0\n"
IBTRACS = "SID,ISO_TIME,NATURE,LAT,LON,BASIN,WMO_WIND\n , , ,degrees_north,degrees_east, ,kts\n"


def refusal(folder: Path, text: str, **options: str) -> str:
    path = written(folder, text, "tracks.txt")
    with pytest.raises(ReleaseError) as error:
        read_tracks(path, **options)
    return str(error.value).replace(str(folder), "")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        # CSV
        (
            CSV + "a,2000-01-01,10,170,30\na,2000-01-02,north,170,30\n",
            "line 3, column 'lat': 'north' is not a number",
        ),
        (CSV + "a,2000-01-01,,170,30\n", "line 2, column 'lat': nothing is not a number"),
        (CSV + "a,2000-01-01,10,170,strong\n", "line 2, column 'wind_kt': 'strong' is not a number"),
        (
            CSV + "a,1 January 2000,10,170,30\n",
            "line 2, column 'time': '1 January 2000' is not a time such as",
        ),
        (
            CSV + "a,2000-01-01T00:00+09:00,10,170,30\n",
            "line 2, column 'time': '2000-01-01T00:00+09:00' is not UTC",
        ),
        (CSV + "a,2000-02-30,10,170,30\n", "line 2: 2000-02-30 is no date of the calendar standard"),
        (CSV + "a,2000-01-01T25,10,170,30\n", "line 2, column 'time of day': 25 is outside of 0 to 24 hours"),
        (CSV + "a,2000-01-01,95,170,30\n", "line 2, column 'latitude': 95 is outside of -90 to 90 degrees"),
        (
            CSV + "a,2000-01-01,10,1700,30\n",
            "line 2, column 'longitude': 1700 is outside of -180 to 360 degrees",
        ),
        (CSV + "a,2000-01-01,nan,170,30\n", "line 2, column 'latitude': nan is outside"),
        (CSV + ",2000-01-01,10,170,30\n", "line 2, column 'storm_id': is empty"),
        (
            CSV + "a,2000-01-01,10,170,30\na,2000-01-01,12,170,30\n",
            "storm a stands at two places at the same time",
        ),
        (CSV + "a,2000-01-01,10,170,30,extra\n", "cannot be read as CSV"),
        (CSV + 'a,2000-01-01,10,170,30\n"a,2000-01-01,10,170,30\n' * 9, "as many columns as the header?"),
        (YMD + "a,nan,1,1,10,170\n", "line 2, column 'year': 'nan' is not a whole number"),
        (YMD + "a,2000,1.5,1,10,170\n", "line 2, column 'month': '1.5' is not a whole number"),
        (YMD + "a,2000,1,1e30,10,170\n", "line 2, column 'day': '1e30' is not a whole number"),
        (YMD + "a,99999999,1,1,10,170\n", "line 2: 99999999-01-01 is no date of the calendar standard"),
        (YMD + "a,-5,1,1,10,170\n", "line 2: -5-01-01 is no date of the calendar standard"),
        (CSV, "holds no track"),
        ("storm_id,lat,lon\na,10,170\n", "line 1: has no column for the time (one of time, iso_time"),
        (
            "time,lat,lon\n2000-01-01,10,170\n",
            "line 1: has no column for the storm id (one of storm_id, track_id",
        ),
        (
            "storm_id,time,lat,lon,class\na,2000-01-01,1,2,ZZ\n",
            "line 2, column 'class': 'ZZ' is no known class",
        ),
        ("storm_id,time,lat,lat ,lon\n", "line 1: two columns have the same name"),
        # JMA
        (JMA + "15071218 002 2 1x6 1797 1007     000\n", "line 2, column 'latitude': '1x6' is not a number"),
        (JMA + "15071a18 002 2 126 1797 1007     000\n", "line 2, column 'time': '1a' is not a whole number"),
        (
            JMA + "15071218 002 0 126 1797 1007     000\n",
            "line 2, column 'grade': 0 is no grade of JMA (1 to 9)",
        ),
        (JMA, "line 1: the header promises 1 fixes, but 0 follow"),
        (JMA_TEXT.replace(" 003 ", " 002 "), "line 1: the header promises 2 fixes, but at least 3 follow"),
        (JMA_TEXT.replace(" 003 ", " 004 "), "line 1: the header promises 4 fixes, but 3 follow"),
        # JMA, hourly
        (HOURLY.format(hour="00", grade=3, lat="x"), "line 1, column 'latitude': 'x' is not a number"),
        (HOURLY.format(hour="00", grade=0, lat=19), "line 1, column 'grade': 0 is no grade of JMA"),
        (
            HOURLY.format(hour="00", grade=3, lat=19) + "2007\t10\n",
            "line 2: has 2 columns by tabs, at least 9",
        ),
        # TempestExtremes
        (TEMPEST, "line 1: the header promises 1 fixes, but 0 follow"),
        (TEMPEST + "\t1\t2\t302.5\t18.0\t1999\t9\n", "line 2: has 6 columns, at least 8 are needed"),
        (
            TEMPEST + "\t1\t2\t302.5\t18.0\t19\t1e5\t1999\t9\t10\t0\n",
            "19 and 100000, are not sea-level pressure and",
        ),
        # IBTrACS
        (IBTRACS + "A,2000-01-01 00:00:00,TS,1,x,NA,30\n", "line 3, column 'lon': 'x' is not a number"),
        (IBTRACS + "A,yesterday,TS,1,2,NA,30\n", "line 3, column 'iso_time': 'yesterday' is not a time"),
        # none of them
        ("hello\n", "the format of the tracks is not recognised; name it, one of jma,"),
        ("", "the format of the tracks is not recognised"),
    ],
)
def test_the_place_of_the_fault_is_named(tmp_path, text, message):
    assert message in refusal(tmp_path, text)
    assert "/tracks.txt" in refusal(tmp_path, text)


def test_a_date_must_be_in_the_calendar_of_the_fields(tmp_path):
    message = refusal(tmp_path, CSV + "a,2000-02-29,10,170,30\n", calendar="noleap")
    assert "line 2: 2000-02-29 is no date of the calendar noleap of the fields" in message


def test_binary_junk_is_no_text(tmp_path):
    (tmp_path / "tracks.txt").write_bytes(b"66666 \xff\xfe\x00")
    with pytest.raises(ReleaseError, match=r"tracks\.txt: is not a text file"):
        read_tracks(tmp_path / "tracks.txt")


def test_netcdf_that_is_not_ibtracs_says_what_it_lacks(tmp_path):
    netCDF4 = pytest.importorskip("netCDF4")
    netCDF4.Dataset(tmp_path / "tracks.nc", "w").close()
    with pytest.raises(ReleaseError, match="is not IBTrACS v4 NetCDF: it lacks sid, iso_time"):
        read_tracks(tmp_path / "tracks.nc")


def test_a_named_format_is_taken_at_its_word(tmp_path):
    message = refusal(tmp_path, CSV + "a,2000-01-01,10,170,30\n", tracks_format="jma")
    assert "line 1: a fix stands before the first header line" in message
    assert "unknown track format 'shapefile'; known are auto" in refusal(
        tmp_path, CSV, tracks_format="shapefile"
    )


def test_no_file_and_a_folder_are_refused(tmp_path):
    with pytest.raises(ReleaseError, match="no track file"):
        read_tracks(tmp_path / "absent.csv")
    with pytest.raises(ReleaseError, match="is a folder; name a track file"):
        read_tracks(tmp_path)


def test_a_storm_stands_in_one_file_only(tmp_path):
    text = CSV + "a,2000-01-01,10,170,30\n"
    one, two = written(tmp_path, text, "1.csv"), written(tmp_path, text, "2.csv")
    with pytest.raises(ReleaseError, match=r"storm a stands in both .*1\.csv and .*2\.csv"):
        read_tracks([one, two])
