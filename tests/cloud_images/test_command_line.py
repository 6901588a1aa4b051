"""`python -m cloud_images`, typed as an organizer types it."""

import json
import os
import pty
import shutil
import subprocess
import sys

import pytest
from PIL import Image


def run(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "cloud_images", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def refused(*words: object) -> str:
    """The one line of a refusal: exit status 2, no traceback, nothing on standard output."""
    done = run(*words)
    assert done.returncode == 2
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    return line


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("typed") / "release"
    done = run("synthesize", "--train", 96, "--test", 64, "--seed", 5, "--out", folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{folder}: 96 training images (3 positives of 2 storms) and 64 test images.\n"
    assert done.stderr == ""
    return folder


def test_a_release_is_made_verified_and_looked_at(folder, tmp_path):
    done = run("verify", folder)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{folder} is sound.\n", "")
    done = run("preview", folder, "--out", tmp_path / "sheet.png")
    assert done.returncode == 0
    assert Image.open(tmp_path / "sheet.png").format == "PNG"


def test_without_a_seed_one_is_drawn_and_told_to_the_organizer(tmp_path):
    first, second = (
        run("synthesize", "--train", 64, "--test", 64, "--out", tmp_path / name) for name in "ab"
    )
    assert first.stdout.startswith("Seed ")
    assert first.stdout.splitlines()[0] != second.stdout.splitlines()[0]
    seed = first.stdout.split()[1].rstrip(":")
    run("synthesize", "--train", 64, "--test", 64, "--seed", seed, "--out", tmp_path / "again")
    assert (tmp_path / "a" / "train.csv").read_bytes() == (tmp_path / "again" / "train.csv").read_bytes()


def test_problems_stand_on_lines_of_their_own_and_give_status_1(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "r")
    (tmp_path / "r" / "test.csv").unlink()
    (tmp_path / "r" / "extra").write_text("")
    done = run("verify", tmp_path / "r")
    assert done.returncode == 1
    assert done.stdout.splitlines() == ["test.csv: is missing", "extra: is not in the manifest"]
    assert done.stderr == f"{tmp_path / 'r'} has 2 problems.\n"


def test_a_participants_copy_is_sound_and_what_was_not_checked_is_said(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "r")
    (tmp_path / "r" / "solution.parquet").unlink()
    done = run("verify", tmp_path / "r")
    assert done.returncode == 0
    assert done.stdout == f"{tmp_path / 'r'} is sound.\n"
    assert done.stderr.startswith("Not checked: solution.parquet: is not here")


def test_refusals_are_one_line_and_status_2(folder, tmp_path):
    assert "exists and is not empty" in refused("synthesize", "--train", 64, "--test", 64, "--out", folder)
    assert "too few" in refused("synthesize", "--train", 1, "--test", -1, "--out", tmp_path / "r")
    assert "is no release" in refused("verify", tmp_path)
    assert "is no release" in refused("preview", tmp_path / "none", "--out", tmp_path / "x.png")
    assert "cannot be written" in refused("preview", folder, "--out", tmp_path / "none" / "x.png")
    assert "is no release" in refused("export", tmp_path, "--out", tmp_path / "x")
    assert "is no export" in refused("import", tmp_path, "--out", tmp_path / "x")
    (tmp_path / "file").write_text("")
    inside_a_file = tmp_path / "file" / "r"
    assert f"{tmp_path / 'file'}: File exists" in refused(
        "synthesize", "--train", 64, "--test", 64, "--out", inside_a_file
    )


@pytest.mark.parametrize("command", ["build", "preview", "import"])
def test_a_negative_seed_is_refused(folder, tmp_path, command):
    inputs = ("--fields", "a.nc", "--tracks", "a.csv", "--test-from", "2000-01-01")
    done = run(command, *(inputs if command == "build" else [folder]), "--out", tmp_path / "x", "--seed=-1")
    assert done.returncode == 2
    assert "'--seed'" in done.stderr
    assert "Traceback" not in done.stderr


def test_more_images_than_the_disk_holds_are_refused_at_once(tmp_path):
    line = refused("synthesize", "--train", 10**9, "--test", 64, "--seed", 0, "--out", tmp_path / "r")
    assert "No space" in line
    assert list(tmp_path.iterdir()) == []


def test_an_export_goes_there_and_back(folder, tmp_path):
    for layout in ("png", "tiff"):
        files, again = tmp_path / layout, tmp_path / f"{layout}-again"
        done = run("export", folder, "--layout", layout, "--with-solution", "--out", files)
        assert (done.returncode, done.stdout) == (0, f"{files}\n")
        assert run("import", files, "--out", again).returncode == 0
        assert (again / "test" / "images-00000.npy").read_bytes() == (
            folder / "test" / "images-00000.npy"
        ).read_bytes()
        assert run("verify", again).returncode == 0


def test_the_benchmark_measures_drawing_and_reading():
    done = run("benchmark", "--images", 1000, "--json")
    told = json.loads(done.stdout)
    assert told["drawn_per_second"] > 0
    speed = {reading["name"]: reading["images_per_second"] for reading in told["readings"]}
    assert list(speed) == ["npy memory map", "PNG in a stored zip", "PNG files", "TIFF files"]
    assert speed["npy memory map"] > 3 * speed["PNG files"]


def test_a_person_at_a_terminal_sees_progress(tmp_path):
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "cloud_images", "synthesize"]
    words = ["--train", "9000", "--test", "64", "--seed", "1", "--out", str(tmp_path / "r")]
    with subprocess.Popen([*command, *words], stderr=theirs, stdout=subprocess.DEVNULL) as process:
        os.close(theirs)
        shown = b""
        while True:
            try:
                chunk = os.read(ours, 4096)
            except OSError:
                break
            if not chunk:
                break
            shown += chunk
    os.close(ours)
    assert process.returncode == 0
    assert b"train images" in shown
    assert b"9000/9000" in shown
