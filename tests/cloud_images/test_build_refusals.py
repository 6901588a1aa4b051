"""What cannot become a release is refused before anything is written, and says what to do."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cloud_images.__main__ import app
from cloud_images.build import build_release
from cloud_images.choices import Choices
from cloud_images.errors import ReleaseError
from tests.cloud_images.test_build import BORDER, CYCLONES, dataset, inputs  # noqa: F401 - fixtures


@pytest.fixture(scope="module")
def run(tmp_path_factory, inputs):  # noqa: F811
    out = tmp_path_factory.mktemp("refused") / "release"

    def refusal(**options: object) -> str:
        fields, tracks = options.pop("fields", inputs[0]), options.pop("tracks", inputs[1])
        with pytest.raises(ReleaseError) as error:
            build_release(fields, tracks, out=out, **{"test_from": BORDER, **options})
        assert not out.exists()
        assert list(out.parent.iterdir()) == []
        return str(error.value)

    return refusal


@pytest.mark.parametrize(("year", "empty"), [(1999, "train"), (2010, "test")])
def test_a_border_outside_of_the_fields_names_their_range(run, year, empty):
    message = run(test_from=datetime(year, 1, 1, tzinfo=UTC))
    assert f"--test-from {year}-01-01 00:00 leaves {empty} empty" in message
    assert "the fields run from 2001-07-01 00:00 to 2001-08-29 00:00" in message


def test_a_border_before_the_first_or_after_the_last_genesis_names_both(run):
    message = run(test_from=datetime(2001, 8, 28, tzinfo=UTC))
    assert "--test-from 2001-08-28 00:00 leaves test without a cyclone" in message
    assert "the 6 storms in the fields have theirs from 2001-07-04 00:00 to 2001-08-23 00:00" in message
    assert "leaves train without a cyclone" in run(test_from=datetime(2001, 7, 3, tzinfo=UTC))


def test_tracks_of_another_time_or_place_show_both_ranges(run, tmp_path):
    elsewhere = tmp_path / "tracks.csv"
    elsewhere.write_text("storm_id,time,lat,lon,wind_kt\na,1980-01-01,10,150,50\nb,1980-02-01,-15,60,50\n")
    message = run(tracks=elsewhere)
    assert "no cyclone could be cut out of the fields" in message
    assert (
        "fields: 2001-07-01 00:00 to 2001-08-29 00:00, 140 × 240 points, -20 to 49.5° N, 110 to 229.5° E"
        in message
    )
    assert "tracks: 1980-01-01 00:00 to 1980-02-01 00:00, -15 to 10° N, 60 to 150° E" in message
    elsewhere.write_text("storm_id,time,lat,lon,wind_kt\na,2001-07-05,10,10,50\n")
    assert "positive: centre outside of the fields: 1" in run(tracks=elsewhere)


def test_too_few_negatives_say_why(run):
    message = run(choices=Choices(guard_hours=10_000))
    assert "no convective system without a cyclone is left for train" in message
    assert "negative: too near to the border between train and test:" in message
    assert "--guard-hours" in message
    assert "is left for train" in run(choices=Choices(negatives_per_positive=0))
    endless = run(choices=Choices(negatives_per_positive=float("inf"), guard_hours=10_000))
    assert "is left for train" in endless


def test_where_jma_does_not_watch_nothing_is_called_a_negative(run, tmp_path):
    for cyclone in CYCLONES:
        rows = [line.split(",") for line in cyclone.rows()]
        times = [datetime.strptime(row[1], "%Y-%m-%dT%H:%MZ").replace(tzinfo=UTC) for row in rows]
        lines = [
            f"{time:%Y\t%m\t%d\t%H}\t{3 if row[4] == '45' else 2}\t{row[2]}\t{row[3]}\t1000\t0"
            for time, row in zip(times, rows, strict=True)
        ]
        (tmp_path / f"{cyclone.name}.tsv").write_text("\n".join(lines))
    message = run(tracks=tmp_path / "*.tsv")  # all other clouds are east of 180°
    assert "no convective system without a cyclone is left for train" in message
    assert "negative: outside of the area that the tracks cover, or of the latitudes wanted: 1" in message


def test_a_folder_that_is_not_empty_is_refused_before_the_work(tmp_path):
    (tmp_path / "release").mkdir()
    (tmp_path / "release" / "keep").touch()
    with pytest.raises(ReleaseError, match="exists and is not empty"):
        build_release("no such fields", "no such tracks", test_from=BORDER, out=tmp_path / "release")


def test_the_command_builds_and_closes_with_the_account(tmp_path, inputs):  # noqa: F811
    arguments = ["build", "--fields", str(inputs[0]), "--tracks", str(inputs[1]), "--test-from", "2001-07-31"]
    options = [
        "--tracks-format",
        "csv",
        "--negatives-per-positive",
        "1",
        "--title",
        "A small sky",
        "--seed",
        "3",
    ]
    result = CliRunner().invoke(app, [*arguments, *options, "--out", str(tmp_path / "release")])
    assert result.exit_code == 0, result.output
    assert "positive images" in result.output
    assert "not used: negative: beyond the wanted number" in result.output
    assert (tmp_path / "release" / "manifest.json").exists()


def test_the_command_refuses_with_a_sentence(tmp_path, capfd):
    import subprocess
    import sys

    arguments = [
        "--fields",
        "absent*.nc",
        "--tracks",
        "absent.csv",
        "--test-from",
        "2001-07-31",
        "--out",
        "release",
    ]
    done = subprocess.run(
        [sys.executable, "-m", "cloud_images", "build", *arguments],
        cwd=tmp_path, env={"PYTHONPATH": str(Path(__file__).parents[2]), "PATH": ""},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.strip() == "no file matches absent*.nc"
