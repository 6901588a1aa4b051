"""A training that is killed goes on, and ends as if nothing had happened."""

import os
import signal
import subprocess
import sys
import time

import pytest
import torch
from safetensors.torch import load_file

from starter_kit.configuration.reading import load_config
from starter_kit.errors import StarterKitError
from starter_kit.run_folder import finished_metrics
from starter_kit.training.train import train
from tests.starter_kit.conftest import QUICK

# Everything that has a state: a multiplier, an average, mined negatives, dropout, augmentation.
METHODS = (
    *QUICK, "train.epochs=4", "train.images_per_epoch=512", "loss.name=precision_at_recall",
    "train.ema_decay=0.95", "sampler.name=hard_negatives", "sampler.first_mining=1", "sampler.mine_every=5",
    "augment.mixup=0.2", "augment.cutout_pixels=16", "augment.shift_pixels=2", "train.clip_norm=1.0",
)  # fmt: skip


def killed_after_an_epoch(release, run, knobs) -> None:
    """Train in a process of its own, and kill it in the middle of an epoch."""
    settings = [word for knob in knobs for word in ("--set", knob)]
    command = [sys.executable, "-m", "starter_kit", "train", "--data", release.directory, "--out", run]
    quiet = {**os.environ, "OMP_NUM_THREADS": "1"}  # as the other side of the comparison
    training = subprocess.Popen([*command, *settings], stdout=subprocess.PIPE, text=True, env=quiet)
    try:
        assert training.stdout is not None
        for line in training.stdout:
            if line.startswith("epoch 2"):
                break
        time.sleep(0.1)  # into the third
        training.send_signal(signal.SIGKILL)
    finally:
        training.kill()
        training.wait()
    assert training.returncode == -signal.SIGKILL


@pytest.mark.parametrize("path", ["batch", "image"])
def test_a_killed_training_resumes_to_the_same_weights_bit_for_bit(release, shell, tmp_path, path):
    run, knobs = tmp_path / "run", (*METHODS, f"augment.path={path}", "train.selection=within_error")
    killed_after_an_epoch(release, run, knobs)
    assert finished_metrics(run) is None
    settings = [word for knob in knobs for word in ("--set", knob)]
    ended = shell("train", "--data", release.directory, "--out", run, "--resume", *settings)
    assert ended.status == 0, ended.err
    assert "Going on after epoch" in ended.out
    assert finished_metrics(run) is not None
    assert sorted(file.name for file in run.iterdir()) == ["config.json", "metrics.json", "model.safetensors"]

    train(release, load_config("baseline", knobs), tmp_path / "whole")
    whole, resumed = (load_file(folder / "model.safetensors") for folder in (tmp_path / "whole", run))
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    before, after = (finished_metrics(folder) for folder in (tmp_path / "whole", run))
    assert [entry.loss for entry in before.history] == [entry.loss for entry in after.history]
    assert [entry.precision for entry in before.history] == [entry.precision for entry in after.history]


def test_a_finished_training_is_left_as_it_is(release, quick, tmp_path, capsys):
    train(release, quick, tmp_path / "run")
    before = (tmp_path / "run" / "model.safetensors").read_bytes()
    train(release, quick, tmp_path / "run", resume=True)
    assert "is finished: precision" in capsys.readouterr().out
    assert (tmp_path / "run" / "model.safetensors").read_bytes() == before


def test_a_finished_training_of_other_knobs_is_not_taken_for_this_one(release, run_folder, quick):
    config = load_config("baseline", [*QUICK, "loss.name=focal"])
    with pytest.raises(StarterKitError, match=r"other knobs, loss\.name"):
        train(release, config, run_folder, resume=True)


def test_where_nothing_was_begun_resuming_begins(release, quick, tmp_path):
    assert train(release, quick, tmp_path / "run", resume=True).finished


@pytest.fixture
def stopped(release, tmp_path, monkeypatch):
    """A run with one epoch of two."""
    from starter_kit.training import train as train_module

    once = train_module.train_one_epoch
    calls = []

    def interrupted(*arguments, **named):
        if calls:
            raise KeyboardInterrupt
        calls.append(1)
        return once(*arguments, **named)

    monkeypatch.setattr(train_module, "train_one_epoch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train(release, load_config("baseline", QUICK), tmp_path / "run")
    monkeypatch.undo()
    return tmp_path / "run"


def test_resuming_with_other_knobs_is_refused_by_name(release, stopped):
    config = load_config("baseline", [*QUICK, "train.learning_rate=0.01", "model.dropout=0.1"])
    with pytest.raises(StarterKitError, match=r"other knobs, model\.dropout, train\.learning_rate"):
        train(release, config, stopped, resume=True)


def test_an_unfinished_run_is_not_overwritten_unasked_and_resume_is_named(release, quick, stopped):
    with pytest.raises(StarterKitError, match=r"exists already\. --resume goes on"):
        train(release, quick, stopped)


def test_a_damaged_checkpoint_is_refused(release, quick, stopped):
    (stopped / "checkpoint.pt").write_bytes(b"junk")
    with pytest.raises(StarterKitError, match=r"checkpoint\.pt cannot be read.*--overwrite"):
        train(release, quick, stopped, resume=True)
