"""Training learns, repeats itself, keeps the best, and fails helpfully."""

import json
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from starter_kit.configuration.reading import load_config
from starter_kit.errors import StarterKitError
from starter_kit.images.data import load_training_data
from starter_kit.inference.predict import predict_logits
from starter_kit.networks.classifier import build_model
from starter_kit.run_folder import load_run
from starter_kit.training import train as train_module
from starter_kit.training.launch import start_fabric
from starter_kit.training.losses import ConfiguredLoss, bce
from starter_kit.training.train import (
    epoch_size,
    evaluate,
    train,
    train_one_epoch,
    training_batches,
    warmup_then_cosine,
)
from tests.starter_kit.conftest import QUICK

CPU = torch.device("cpu")


def one_epoch(data, config, drawn, *, steps_at_once=32):
    """Train from scratch on `drawn`; returns the model and the mean loss."""
    torch.manual_seed(0)
    model = build_model(config.model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.005)
    loss = steps(model, optimizer, data, drawn, ConfiguredLoss(config.loss), batch_size=steps_at_once)
    return model, loss


def steps(model, optimizer, data, drawn, loss, *, batch_size, **named):
    """`train_one_epoch` without augmentation and schedule."""
    fabric = start_fabric(load_config().train)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1.0)
    model, optimizer = fabric.setup(model, optimizer)
    batches = training_batches(
        fabric,
        data.images,
        data.labels,
        drawn,
        vary_each=lambda images: images,
        vary_batch=lambda images, labels: (images, labels),
        batch_size=batch_size,
    )
    return train_one_epoch(fabric, model, batches, loss=loss, optimizer=optimizer, schedule=schedule, **named)


@pytest.fixture(scope="module")
def data(release, quick):
    return load_training_data(release, quick.validation)


@pytest.fixture(scope="module")
def balanced_batch(data):
    positives = data.training[data.labels[data.training] == 1][:32]
    negatives = data.training[data.labels[data.training] == 0][:32]
    return np.concatenate([positives, negatives])


@pytest.mark.parametrize("loss", ["bce", "weighted_bce", "focal", "asymmetric", "precision_at_recall"])
def test_a_step_lowers_the_loss_on_its_own_batch(data, balanced_batch, loss):
    config = load_config("baseline", [*QUICK, f"loss.name={loss}", "model.dropout=0.0"])
    _, before = one_epoch(data, config, balanced_batch, steps_at_once=64)
    _, twice = one_epoch(data, config, np.tile(balanced_batch, 2), steps_at_once=64)
    assert 2 * twice - before < before  # the second step's loss alone


def test_a_batch_makes_one_step(data, quick, balanced_batch):
    counted = []

    class Counting(torch.optim.SGD):
        def step(self, closure=None):
            counted.append(1)
            return super().step(closure)

    model = build_model(quick.model)
    optimizer = Counting(model.parameters(), lr=0.1)
    steps(model, optimizer, data, balanced_batch, bce, batch_size=24)
    assert len(counted) == 3  # 24 + 24 + 16 images


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(release, run_folder, quick, tmp_path):
    first = load_file(run_folder / "model.safetensors")
    train(release, quick, tmp_path / "again")
    again = load_file(tmp_path / "again" / "model.safetensors")
    assert all(torch.equal(first[name], again[name]) for name in first)

    train(release, load_config("baseline", [*QUICK, "train.seed=1"]), tmp_path / "other")
    other = load_file(tmp_path / "other" / "model.safetensors")
    assert not torch.equal(first["network.0.0.0.weight"], other["network.0.0.0.weight"])


def test_a_run_comes_back_as_it_was(release, quick, run_folder, data):
    run = load_run(run_folder, CPU)
    assert run.config == quick
    loss, result = evaluate(run.model, data, quick.metric.recall_floor)
    best = run.metrics.best
    assert loss == pytest.approx(best.validation_loss, rel=1e-6)
    assert (result.precision, result.threshold) == pytest.approx((best.precision, best.threshold))


def test_the_best_epoch_is_kept(run_folder):
    metrics = load_run(run_folder, CPU).metrics
    assert [entry.epoch for entry in metrics.history] == [1, 2]
    assert metrics.best.precision == max(entry.precision for entry in metrics.history)


def test_validation_reaches_the_recall_floor(run_folder):
    metrics = load_run(run_folder, CPU).metrics
    assert all(entry.recall >= metrics.recall_floor for entry in metrics.history)


def test_training_sees_no_validation_image(release, quick, data, tmp_path, monkeypatch):
    seen = []

    def recording(config, scale, seed):
        return lambda images: (seen.append(images.copy()), images)[1]

    monkeypatch.setattr(train_module, "build_augmentation", recording)
    train(release, quick, tmp_path / "run")
    trained_on = {image.tobytes() for batch in seen for image in batch}
    held_back = {data.images[position].tobytes() for position in data.validation}
    assert len(trained_on) > 100
    assert not trained_on & held_back


def test_each_epoch_says_loss_precision_and_threshold(release, shell, tmp_path):
    settings = [word for knob in QUICK for word in ("--set", knob)]
    ended = shell("train", "--data", release.directory, "--out", tmp_path / "run", *settings)
    assert ended.status == 0, ended.err
    epochs = [line for line in ended.out.splitlines() if line.startswith("epoch ")]
    assert len(epochs) == 2
    for line in epochs:
        for word in ("loss ", "precision ", "at recall 0.79", "threshold ", "images/s"):
            assert word in line
    assert "none of them in training" in ended.out
    assert json.loads((tmp_path / "run" / "metrics.json").read_text())["release"] == release.manifest.name


def test_ctrl_c_keeps_the_best_so_far_and_says_so(release, tmp_path):
    run = tmp_path / "run"
    settings = [word for knob in (*QUICK, "train.epochs=100000") for word in ("--set", knob)]
    command = [sys.executable, "-m", "starter_kit", "train", "--data", release.directory, "--out", run]
    training = subprocess.Popen([*command, *settings], stdout=subprocess.PIPE, text=True)
    try:
        deadline = time.monotonic() + 120
        while not (run / "metrics.json").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        training.send_signal(signal.SIGINT)
        out, _ = training.communicate(timeout=60)
    finally:
        training.kill()
    assert training.returncode == 130
    assert f"Stopped by you; kept in {run}: precision 0." in out
    metrics = load_run(run, CPU).metrics
    assert metrics.best in metrics.history


def test_ctrl_c_before_the_first_epoch_says_that_nothing_is_kept(
    release, quick, tmp_path, monkeypatch, capsys
):
    def interrupted(*arguments, **named):
        raise KeyboardInterrupt

    monkeypatch.setattr(train_module, "train_one_epoch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train(release, quick, tmp_path / "run")
    assert "nothing is kept" in capsys.readouterr().out
    with pytest.raises(StarterKitError, match="stopped before its first epoch"):
        load_run(tmp_path / "run", CPU)


@pytest.mark.parametrize(
    "error",
    [torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("[enforce fail] not enough memory: 9 GB")],
)
def test_too_little_memory_says_what_to_make_smaller(release, quick, tmp_path, monkeypatch, error):
    def exhausted(*arguments, **named):
        raise error

    monkeypatch.setattr(train_module, "train_one_epoch", exhausted)
    with pytest.raises(StarterKitError, match=r"train\.batch_size=16.*model\.width"):
        train(release, quick, tmp_path / "run")


def test_another_error_is_not_taken_for_one_of_memory(release, quick, tmp_path, monkeypatch):
    def broken(*arguments, **named):
        raise RuntimeError("a bug")

    monkeypatch.setattr(train_module, "train_one_epoch", broken)
    with pytest.raises(RuntimeError, match="a bug"):
        train(release, quick, tmp_path / "run")


def test_a_training_that_diverges_says_what_to_make_smaller(release, tmp_path):
    config = load_config("baseline", [*QUICK, "train.epochs=1", "train.learning_rate=1e30"])
    with pytest.raises(StarterKitError, match=r"diverged.*smaller train\.learning_rate"):
        train(release, config, tmp_path / "run")


def test_a_run_is_not_overwritten_unasked(release, run_folder, quick):
    before = (run_folder / "model.safetensors").read_bytes()
    with pytest.raises(StarterKitError, match=r"exists already.*--overwrite"):
        train(release, quick, run_folder)
    assert (run_folder / "model.safetensors").read_bytes() == before


def test_overwriting_replaces_the_run(release, quick, tmp_path):
    for seed in (0, 1):
        config = load_config("baseline", [*QUICK, "train.epochs=1", f"train.seed={seed}"])
        train(release, config, tmp_path / "run", overwrite=True)
    assert load_run(tmp_path / "run", CPU).config.train.seed == 1


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_missing_gpu_is_said_before_anything_is_written(release, tmp_path):
    with pytest.raises(StarterKitError, match="CUDA GPU was asked for"):
        train(release, load_config("baseline", ["train.device=cuda"]), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_wrong_folder_is_said_with_what_to_do(shell, tmp_path):
    ended = shell("train", "--data", tmp_path, "--out", tmp_path / "run")
    assert ended.status == 1
    assert "is no release" in ended.err
    assert "download" in ended.err


def test_a_damaged_run_is_refused(run_folder, tmp_path):
    for name in ("config.json", "metrics.json", "model.safetensors"):
        broken = tmp_path / name.replace(".", "-")
        broken.mkdir()
        for file in run_folder.iterdir():
            (broken / file.name).write_bytes(file.read_bytes())
        (broken / name).write_bytes((run_folder / name).read_bytes()[:40])
        with pytest.raises(StarterKitError, match=str(broken)):
            load_run(broken, CPU)


def test_the_weights_must_fit_the_configuration(run_folder, tmp_path):
    for file in run_folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    config = load_config("baseline", [*QUICK, "model.width=5"])
    (tmp_path / "config.json").write_text(config.model_dump_json())
    with pytest.raises(StarterKitError, match="do not fit"):
        load_run(tmp_path, CPU)


def test_predicting_leaves_nothing_behind_in_the_model(run_folder, data):
    model = load_run(run_folder, CPU).model
    before = {name: value.clone() for name, value in model.state_dict().items()}
    predict_logits(model, data.images, data.validation[:10])
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_the_learning_rate_rises_then_falls_to_zero():
    factor = warmup_then_cosine(100, 0.1)
    values = [factor(step) for step in range(101)]
    assert values[9] == values[10] == 1.0
    assert values[:10] == sorted(values[:10])
    assert values[10:] == sorted(values[10:], reverse=True)
    assert values[0] > 0
    assert values[100] == pytest.approx(0)


@pytest.mark.parametrize(
    ("wanted", "available", "size"), [(1000, 5000, 992), (None, 5000, 4992), (None, 20, 20)]
)
def test_an_epoch_has_whole_batches(wanted, available, size):
    knobs = load_config().train.model_copy(update={"images_per_epoch": wanted, "batch_size": 32})
    assert epoch_size(knobs, available) == size
