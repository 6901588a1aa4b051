"""Every format of tracks comes out as the same kind of storms; values are those one reads in the files."""

from datetime import UTC, datetime
from pathlib import Path

import netCDF4
import numpy as np
import pytest

from cloud_images.calendars import datetime_of_seconds
from cloud_images.tracks import Storm, Tracks, read_tracks
from tests.cloud_images.skies import real_file

JMA_TEXT = """\
66666 1512  003 0013 1512 0 6               HALOLA              20150819        \r
15071218 002 2 126 1797 1007     000                                            \r
15071300 002 7 127 1807  990     050     00000 0000 90070 0070                  \r
15071306 002 6 128 1810  990     045                                            \r
66666 5101  001 0001 5101 0 6              GEORGIA              19901225        \r
51021906 002 3 050 1500 1000     035                                            \r
"""


def when(storm: Storm, fix: int) -> datetime:
    return datetime_of_seconds(storm.seconds[fix], "standard")


def genesis(storm: Storm) -> datetime | None:
    return None if storm.genesis is None else datetime_of_seconds(storm.genesis, "standard")


def place(storm: Storm, fix: int) -> tuple[float, float]:
    return round(float(storm.latitude[fix]), 4), round(float(storm.longitude[fix]), 4)


def by_id(tracks: Tracks) -> dict[str, Storm]:
    return {storm.storm_id: storm for storm in tracks.storms}


def written(folder: Path, text: str, name: str = "tracks.csv") -> Path:
    path = folder / name
    path.write_text(text, newline="")
    return path


@pytest.mark.real_data
def test_jma_fixed_width_text():
    tracks = read_tracks(real_file("tracks/jma_bst_2015_2021.txt"))
    storms = by_id(tracks)
    assert len(storms) == 169
    assert len(tracks.seconds) == 6323 - 169
    mekkhala = storms["201501"]
    assert len(mekkhala.seconds) == 32
    assert (when(mekkhala, 0), place(mekkhala, 0)) == (datetime(2015, 1, 13, 0, tzinfo=UTC), (8.7, 142.9))
    assert genesis(mekkhala) == datetime(2015, 1, 13, 12, tzinfo=UTC)
    halola = storms["201512"]  # entered the area as a storm of 50 kt, at 180.7° E
    at = [place(halola, fix) for fix in range(len(halola.seconds))].index((12.6, -179.3))
    assert genesis(halola) == when(halola, at) == datetime(2015, 7, 12, 18, tzinfo=UTC)
    last = tracks.storms[-1]
    assert (when(last, -1), place(last, -1)) == (datetime(2021, 7, 31, 6, tzinfo=UTC), (40.9, 133.9))


@pytest.mark.real_data
def test_jma_hourly_tables():
    storms = by_id(read_tracks(real_file("tracks/198702_jma_best_track_hourly.tsv").parent / "*_hourly.tsv"))
    assert {name: len(storm.seconds) for name, storm in storms.items()} == {"198702": 163, "200717": 139}
    assert (when(storms["198702"], 0), place(storms["198702"], 1)) == (
        datetime(1987, 4, 9, 18, tzinfo=UTC),
        (7.1296, 144.8757),
    )
    assert genesis(storms["198702"]) == datetime(1987, 4, 11, 6, tzinfo=UTC)
    assert genesis(storms["200717"]) == datetime(2007, 10, 5, 0, tzinfo=UTC)
    assert place(storms["200717"], -1) == (47.9, 172.7)
    assert set(storms["200717"].basin) == {"WNP"}


@pytest.mark.real_data
def test_ibtracs_netcdf():
    tracks = read_tracks(real_file("tracks/ibtracs_v04r00_2_storms.nc"))
    imogen, unnamed = tracks.storms
    assert (imogen.storm_id, unnamed.storm_id) == ("2021001S14136", "2021005S10101")
    assert (len(imogen.seconds), len(unnamed.seconds)) == (27, 45)
    assert (when(imogen, 0), place(imogen, 0)) == (datetime(2021, 1, 1, tzinfo=UTC), (-13.81, 136.4))
    assert (when(imogen, -1), place(imogen, -1)) == (datetime(2021, 1, 4, 6, tzinfo=UTC), (-17.9, 142.7))
    assert genesis(imogen) == datetime(
        2021, 1, 3, 6, tzinfo=UTC
    )  # 35 kt by the Bureau; 35 kt at 00 UTC by the US
    assert genesis(unnamed) == datetime(2021, 1, 9, 18, tzinfo=UTC)
    assert (set(imogen.basin), set(unnamed.basin)) == ({"SPO"}, {"SIO"})
    assert not imogen.spur


@pytest.mark.real_data
def test_ibtracs_csv_gives_the_same_as_its_netcdf(tmp_path):
    path = real_file("tracks/ibtracs_v04r00_2_storms.nc")
    columns = ("sid", "iso_time", "nature", "lat", "lon", "wmo_wind", "basin", "track_type", "usa_wind")
    lines = [",".join(columns).upper(), " , , ,degrees_north,degrees_east,kts, , ,kts"]
    with netCDF4.Dataset(path) as file:
        for storm in range(2):
            for fix in range(file["numobs"][storm]):
                values = [
                    str(netCDF4.chartostring(file[name][storm]))
                    if name in ("sid", "track_type")
                    else str(netCDF4.chartostring(file[name][storm, fix]))
                    if name in ("iso_time", "nature", "basin")
                    else " " if np.ma.is_masked(file[name][storm, fix]) else f"{file[name][storm, fix]:.7g}"
                    for name in columns
                ]  # fmt: skip
                lines.append(",".join(values))
    from_csv = read_tracks(written(tmp_path, "\n".join(lines) + "\n"))
    for one, other in zip(from_csv.storms, read_tracks(path).storms, strict=True):
        assert one.storm_id == other.storm_id
        assert (one.seconds == other.seconds).all()
        assert np.allclose(one.latitude, other.latitude, atol=1e-4)
        assert np.allclose(one.longitude, other.longitude, atol=1e-4)
        assert (one.basin == other.basin).all()
        assert one.genesis == other.genesis


def test_ibtracs_takes_the_american_wind_where_no_agency_of_the_wmo_gives_any_and_knows_spurs(tmp_path):
    text = """SID,BASIN,ISO_TIME,NATURE,LAT,LON,WMO_WIND,TRACK_TYPE,USA_WIND
 , , , ,degrees_north,degrees_east,kts, ,kts
A,NA,2000-09-01 00:00:00,ET,30,-60, ,main,50
A,NA,2000-09-01 06:00:00,TS,31,-61, ,main,40
B,SA,2000-09-02 00:00:00,TS,-10,-30,30,spur-other,60
B,SA,2000-09-02 06:00:00,TS,-10,-31,,spur-other,60
"""
    a, b = read_tracks(written(tmp_path, text)).storms
    assert genesis(a) == datetime(2000, 9, 1, 6, tzinfo=UTC)  # not while it was extratropical
    assert (a.spur, set(a.basin)) == (False, {"NAT"})
    assert (b.spur, b.strength_known, b.genesis) == (True, True, None)


@pytest.mark.real_data
def test_tempestextremes_text():
    tracks = read_tracks(real_file("tracks/tempestextremes_sample.txt"))
    assert [len(storm.seconds) for storm in tracks.storms] == [33, 51, 19, 18, 35, 16, 11, 27]
    first, second, third = tracks.storms[:3]
    assert (when(first, 0), place(first, 0)) == (datetime(1999, 9, 10, tzinfo=UTC), (18.0, -57.5))
    assert genesis(first) == when(first, 0)  # 19.2 m/s
    assert genesis(second) == datetime(1999, 9, 11, 12, tzinfo=UTC)
    assert (first.basin[0], third.basin[0]) == ("NAT", "WNP")
    assert place(tracks.storms[-1], -1) == (24.0, 117.5)


def test_tempestextremes_on_an_unstructured_grid_or_without_wind(tmp_path):
    text = (
        "start\t2\t2000\t2\t30\t18\n\t17\t120.5\t-10.25\t2000\t2\t30\t18\n\t18\t121.0\t-10.5\t2000\t3\t1\t0\n"
    )
    (storm,) = read_tracks(written(tmp_path, text, "tracks.txt"), calendar="360_day").storms
    assert np.diff(storm.seconds).tolist() == [6 * 3600]
    assert place(storm, 0) == (-10.25, 120.5)
    assert not storm.strength_known


def test_jma_text_of_the_fifties_and_grade_seven(tmp_path):
    halola, georgia = read_tracks(written(tmp_path, JMA_TEXT, "bst.txt")).storms
    assert (halola.storm_id, georgia.storm_id) == ("201512", "195101")
    assert genesis(halola) == datetime(2015, 7, 13, tzinfo=UTC)  # grade 7 with 50 kt
    assert halola.longitude.tolist() == pytest.approx([179.7, -179.3, -179.0])


@pytest.mark.parametrize(
    ("header", "rows", "begins"),
    [
        (
            "storm_id,time,lat,lon,wind_kt",
            ["{},2000-01-01T00:00:00Z,10,170,33", "{},2000-01-01T06:00:00Z,11,171,34"],
            1,
        ),
        (
            "track_id;ISO_TIME;Latitude;Longitude;wind_ms",
            ["{};2000010100;10;170;17.4", "{};2000010106;11;171;17.5"],
            1,
        ),
        ("id,year,month,day,hour,lat,lon,class", ["{},2000,1,1,0,10,170,td", "{},2000,1,1,6,11,171,TS"], 1),
        (
            "storm,datetime,lat,lon,class,wind_kt",
            ["{},2000-01-01,10,170,PRE,99", "{},2000-01-01 06:00,11,171,TC,"],
            1,
        ),
        (
            "track_id, year, month, day, hour, i, j, lon, lat, slp, wind",
            ["{}, 2000, 1, 1, 0, 3, 4, 170, 10, 1e5, 18", "{}, 2000, 1, 1, 6, 3, 4, 171, 11, 1e5, 18"],
            0,
        ),
    ],
    ids=["knots", "metres per second", "class", "class before wind", "TempestExtremes"],
)
def test_plain_csv_in_many_dresses(tmp_path, header, rows, begins):
    lines = [header, *(row.format(storm) for row in rows for storm in ("a", "b"))]
    tracks = read_tracks(written(tmp_path, "\ufeff" + "\r\n".join(lines) + "\r\n"))
    assert [storm.storm_id for storm in tracks.storms] == ["a", "b"]
    for storm in tracks.storms:
        assert (place(storm, 0), place(storm, 1)) == ((10.0, 170.0), (11.0, 171.0))
        assert (when(storm, 1) - when(storm, 0)).total_seconds() == 6 * 3600
        assert storm.genesis == storm.seconds[begins]
    assert tracks.notes == ()


def test_a_wind_without_unit_counts_as_knots_and_is_remarked(tmp_path):
    tracks = read_tracks(written(tmp_path, "storm_id,time,lat,lon,wind\na,2000-01-01,10,170,34\n"))
    assert tracks.storms[0].genesis == tracks.storms[0].seconds[0]
    assert tracks.notes == ("tracks.csv: column 'wind' names no unit and was read as knots",)


def test_csv_may_name_basins_and_leave_the_strength_unknown(tmp_path):
    text = (
        "storm_id,time,lat,lon,basin\na,2000-01-01,10,-60,NA\na,2000-01-02,11,-61,\nb,2000-01-01,-10,170,\n"
    )
    a, b = read_tracks(written(tmp_path, text)).storms
    assert (a.basin.tolist(), b.basin.tolist()) == (["NAT", "NAT"], ["SPO"])
    assert (a.strength_known, a.genesis) == (False, None)


def test_rows_in_any_order_and_repeated_rows_are_put_straight(tmp_path):
    text = "storm_id,time,lat,lon\na,2000-01-02,11,171\na,2000-01-01,10,170\na,2000-01-02,11,171\n"
    (storm,) = read_tracks(written(tmp_path, text)).storms
    assert storm.latitude.tolist() == [10, 11]


def test_longitudes_of_both_conventions_agree(tmp_path):
    text = "storm_id,time,lat,lon\na,2000-01-01,10,190\na,2000-01-02,10,-170\na,2000-01-03,10,180\n"
    (storm,) = read_tracks(written(tmp_path, text)).storms
    assert storm.longitude.tolist() == [-170, -170, -180]


def test_several_files_are_read_together(tmp_path):
    a = written(tmp_path, "storm_id,time,lat,lon\na,2000-01-01,10,170\n", "a.csv")
    b = written(tmp_path, JMA_TEXT, "b.txt")
    tracks = read_tracks([a, b])
    assert [storm.storm_id for storm in tracks.storms] == ["a", "201512", "195101"]
    assert tracks.areas == ()  # the plain CSV claims the whole world
    assert (np.diff(tracks.seconds) >= 0).all()
