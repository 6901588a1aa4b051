"""What can go wrong at a newcomer's desk ends in a sentence that says what to do, never in a traceback."""

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.starter_kit.local_site import TOKEN, LocalSite, problem

QUICK = ("--set", "train.epochs=1", "--set", "train.images_per_epoch=256", "--set", "model.width=4")
MEBIBYTE = 2**20


def typed(*words, environment=None, limits=()):
    """A command in a process of its own, under limits of the system: (resource, bytes)."""

    def limit():
        for kind, most in limits:
            resource.setrlimit(kind, (most, most))

    return subprocess.run(
        [sys.executable, "-m", "starter_kit", *map(str, words)],
        env=os.environ | {"OMP_NUM_THREADS": "1"} | (environment or {}),
        preexec_fn=limit,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def told(ended):
    """The one line on standard error; nothing of Python's own."""
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr, ended.stderr
    (line,) = ended.stderr.splitlines()
    assert line.startswith("Error: ")
    return line


@pytest.fixture
def wrong(tmp_path):
    """A folder that is neither a release nor a run."""
    (tmp_path / "wrong").mkdir()
    return tmp_path / "wrong"


@pytest.mark.parametrize(
    "command",
    [
        "train --data WRONG --out NEW",
        "predict RUN --data WRONG --out NEW.csv",
        "ensemble RUN RUN --data WRONG --out NEW",
        "evaluate RUN --data WRONG",
        "explain RUN --data WRONG --out NEW",
        "ablation --data WRONG --out NEW --scale tiny --row baseline",
    ],
)
def test_a_folder_without_a_release_is_said_by_every_command(shell, wrong, run_folder, tmp_path, command):
    places = {"WRONG": wrong, "RUN": run_folder, "NEW": tmp_path / "new", "NEW.csv": tmp_path / "new.csv"}
    ended = shell(*(places.get(word, word) for word in command.split()))
    assert ended.status == 1
    assert f"Error: {wrong} is no release: it has no manifest.json." in ended.err


@pytest.mark.parametrize(
    "command",
    [
        "predict WRONG --data DATA --out NEW.csv",
        "ensemble WRONG WRONG --data DATA --out NEW",
        "evaluate WRONG --data DATA",
        "explain WRONG --data DATA --out NEW",
        "detect WRONG --fields none.nc --out NEW",
    ],
)
def test_a_folder_without_a_model_is_said_by_every_command(shell, wrong, release, tmp_path, command):
    places = {
        "WRONG": wrong,
        "DATA": release.directory,
        "NEW": tmp_path / "new",
        "NEW.csv": tmp_path / "new.csv",
    }
    ended = shell(*(places.get(word, word) for word in command.split()))
    assert ended.status == 1
    assert f"Error: {wrong} is no run" in ended.err
    assert "`python -m starter_kit train` makes one" in ended.err


def test_a_folder_beside_the_right_one_names_the_right_one(shell, release, run_folder, tmp_path):
    beside = shell("train", "--data", release.directory / "train", "--out", tmp_path / "new")
    assert f"Did you mean {release.directory}?" in beside.err
    above = shell("evaluate", run_folder.parent, "--data", release.directory)
    assert f"Did you mean {run_folder}?" in above.err


@pytest.mark.parametrize(
    "command",
    ["competitions", "join typhoons --accept-rules", "download typhoons --out new", "leaderboard typhoons"],
)
def test_without_a_login_every_command_of_the_site_says_how_to(shell, command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ended = shell(*command.split())
    assert ended.status == 1
    assert "No site is known yet. `python -m starter_kit login URL`" in ended.err
    assert not any(path.name != "home" for path in tmp_path.iterdir())


def test_an_address_without_a_token_says_how_to_get_one(shell, monkeypatch):
    monkeypatch.setenv("TAMAGO_URL", "http://127.0.0.1:9")
    ended = shell("competitions")
    assert ended.status == 1
    assert "No token for http://127.0.0.1:9 is known. `python -m starter_kit login URL`" in ended.err


def test_a_refused_token_says_how_to_replace_it(shell, monkeypatch):
    with LocalSite() as site:
        monkeypatch.setenv("TAMAGO_URL", site.url)
        monkeypatch.setenv("TAMAGO_TOKEN", "tmg_revoked")
        ended = shell("competitions")
    assert ended.status == 1
    assert "Send a valid API token. `python -m starter_kit login URL`" in ended.err


def test_no_network_asks_for_address_and_network(shell, monkeypatch):
    monkeypatch.setattr("starter_kit.site.client.FIRST_PAUSE", 0.0)
    monkeypatch.setenv("TAMAGO_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("TAMAGO_TOKEN", TOKEN)
    ended = shell("competitions")
    assert ended.status == 1
    assert "http://127.0.0.1:9 cannot be reached" in ended.err
    assert "the network there?" in ended.err


def test_a_gpu_that_is_not_there_names_the_way_without(release, run_folder, tmp_path):
    hidden = {"CUDA_VISIBLE_DEVICES": ""}
    out = tmp_path / "s.csv"
    words = ("predict", run_folder, "--data", release.directory, "--out", out, "--device", "cuda")
    line = told(typed(*words, environment=hidden))
    assert "A CUDA GPU was asked for" in line
    assert "--device auto" in line
    assert not out.exists()


def test_a_batch_too_large_for_the_memory_names_a_smaller_one(release, tmp_path):
    words = ("train", "--data", release.directory, "--out", tmp_path / "run")
    large = ("--set", "train.batch_size=4096", "--set", "model.width=64", "--set", "train.device=cpu")
    line = told(typed(*words, *large, limits=[(resource.RLIMIT_AS, 5000 * MEBIBYTE)]))
    assert "Out of memory on cpu at 4096 images per batch. Try --set train.batch_size=2048" in line


def test_a_disk_that_is_full_while_training_says_how_to_go_on(release, tmp_path):
    run = tmp_path / "run"
    words = ("train", "--data", release.directory, "--out", run, *QUICK)
    line = told(typed(*words, limits=[(resource.RLIMIT_FSIZE, 10_000)]))
    assert f"{run / 'model.safetensors'} could not be written. The disk is full" in line
    assert "train with --resume" in line
    assert not list(run.glob(".*")), "the unfinished file is gone"
    ended = typed(*words, "--resume")
    assert ended.returncode == 0, ended.stderr


def test_a_disk_that_is_full_at_the_checkpoint_says_so_too(release, tmp_path):
    """torch.save fails with an error of its own."""
    words = ("train", "--data", release.directory, "--out", tmp_path / "run", *QUICK)
    line = told(typed(*words, limits=[(resource.RLIMIT_FSIZE, 40_000)]))
    assert f"{tmp_path / 'run' / 'checkpoint.pt'} could not be written. The disk is full" in line


def test_a_disk_that_is_full_while_downloading_goes_on_later(tmp_path):
    content = bytes(300_000)
    with LocalSite({"train/images-00000.npy": content}) as site:
        known = {"TAMAGO_URL": site.url, "TAMAGO_TOKEN": TOKEN}
        words = ("download", "typhoons", "--out", tmp_path / "data")
        line = told(typed(*words, environment=known, limits=[(resource.RLIMIT_FSIZE, 100_000)]))
        assert "images-00000.npy cannot be written: The disk is full" in line
        ended = typed(*words, environment=known)
        assert ended.returncode == 0, ended.stderr
        assert site.ranges[-1] == "bytes=100000-"
    assert (tmp_path / "data/train/images-00000.npy").read_bytes() == content


def test_a_submission_for_which_the_disk_has_no_room_is_not_left_half_written(release, run_folder, tmp_path):
    out = tmp_path / "s.csv"
    words = ("predict", run_folder, "--data", release.directory, "--out", out)
    line = told(typed(*words, limits=[(resource.RLIMIT_FSIZE, 5_000)]))
    assert f"{out} could not be written. The disk is full" in line
    assert not list(tmp_path.iterdir())


def interrupted(words: list[object], when: str, environment: dict[str, str] | None = None):
    """A command that gets a Ctrl-C as soon as it has printed `when`."""
    process = subprocess.Popen(
        [sys.executable, "-m", "starter_kit", *map(str, words)],
        env=os.environ | {"OMP_NUM_THREADS": "1"} | (environment or {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    printed = ""
    for line in process.stdout:
        printed += line
        if when in line:
            process.send_signal(signal.SIGINT)
            break
    printed += process.stdout.read()
    return process.wait(timeout=60), printed


def test_ctrl_c_while_training_keeps_the_best_epoch(release, tmp_path):
    run = tmp_path / "run"
    many = ("--set", "train.epochs=500", *QUICK[2:])
    status, printed = interrupted(
        ["train", "--data", release.directory, "--out", run, *many], "epoch   1/500"
    )
    assert status == 130, printed
    assert "Traceback" not in printed
    assert f"Stopped by you; kept in {run}" in printed
    assert "--resume goes on" in printed


def test_ctrl_c_while_downloading_goes_on_later(tmp_path):
    with LocalSite({"train/images-00000.npy": bytes(300_000)}) as site:
        site.faults.answers = [problem(503, "busy", "Later.")] * 9  # so that the command waits
        known = os.environ | {"TAMAGO_URL": site.url, "TAMAGO_TOKEN": TOKEN}
        words = ["download", "typhoons", "--out", str(tmp_path / "data")]
        process = subprocess.Popen(
            [sys.executable, "-m", "starter_kit", *words],
            env=known,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        while not site.requests:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        printed, _ = process.communicate(timeout=60)
    assert process.returncode == 130, printed
    assert "Traceback" not in printed
    assert "The same command goes on" in printed


def test_a_mistake_of_the_kit_itself_is_not_explained_away(shell, monkeypatch, release, tmp_path: Path):
    def broken(*arguments):
        raise KeyError("a mistake")

    monkeypatch.setattr("starter_kit.images.data.open_release", broken)
    with pytest.raises(KeyError):
        shell("train", "--data", release.directory, "--out", tmp_path / "new")
