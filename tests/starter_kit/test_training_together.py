"""Two processes train one model (torchrun, gloo), and end with what one process would have got."""

import json
import os
import socket
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file

from starter_kit.configuration.reading import load_config
from starter_kit.errors import StarterKitError
from starter_kit.training.launch import arithmetic, start_fabric
from starter_kit.training.train import train
from tests.starter_kit.conftest import QUICK

# Batch norm sees half a batch in each process, and dropout has chances of its own in each: without them the
# two processes compute what one does.
KNOBS = (*QUICK, "model.name=convnext_tiny", "model.early_downsampling=true", "model.dropout=0.0",
         "validation.folds=10", "train.epochs=1", "train.images_per_epoch=64", "train.learning_rate=1e-4",
         "augment.flips=false", "augment.rotations=false", "loss.name=precision_at_recall")  # fmt: skip


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def together(release, out, knobs):
    settings = [word for knob in knobs for word in ("--set", knob)]
    command = [
        sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2",
        "--master-addr", "127.0.0.1", "--master-port", str(free_port()),
        "-m", "starter_kit", "train", "--data", release.directory, "--out", out, *settings,
    ]  # fmt: skip
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=300)


@pytest.mark.slow
def test_two_processes_get_what_one_gets(release, tmp_path, monkeypatch):
    ended = together(release, tmp_path / "two", KNOBS)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.count("epoch 1/1") == 1  # one of them speaks
    assert "2 processes" in ended.stdout
    one = train(release, load_config("baseline", KNOBS), tmp_path / "one")
    two = json.loads((tmp_path / "two" / "metrics.json").read_text())
    assert two["best"]["loss"] == pytest.approx(one.best.loss, rel=1e-3)
    assert two["best"]["validation_loss"] == pytest.approx(one.best.validation_loss, rel=1e-2)
    alone, shared = (load_file(tmp_path / name / "model.safetensors") for name in ("one", "two"))
    start = load_config("baseline", KNOBS)
    from starter_kit.device import seed_everything
    from starter_kit.networks.classifier import build_model

    seed_everything(start.train.seed)
    fresh = build_model(start.model).state_dict()
    name = "network.1.1.weight"
    moved = (alone[name] - fresh[name]).norm()
    assert moved > 0
    assert (alone[name] - shared[name]).norm() < 0.05 * moved


def test_a_batch_that_the_processes_cannot_share_is_refused(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "3")
    with pytest.raises(StarterKitError, match=r"batch_size=128 is shared by 3 processes"):
        start_fabric(load_config().train)


def test_float16_without_cuda_is_refused_with_what_to_do():
    with pytest.raises(StarterKitError, match=r"float16 needs a CUDA GPU.*bfloat16"):
        arithmetic("float16", torch.device("cpu"))


def test_auto_is_float32_on_a_cpu():
    assert arithmetic("auto", torch.device("cpu")) == "float32"


def test_bfloat16_trains_on_a_cpu(release, tmp_path):
    config = load_config("baseline", [*QUICK, "train.epochs=1", "train.precision=bfloat16"])
    half = train(release, config, tmp_path / "half").best
    full = train(release, load_config("baseline", [*QUICK, "train.epochs=1"]), tmp_path / "full").best
    assert half.loss == pytest.approx(full.loss, rel=0.02)
    assert half.loss != full.loss
