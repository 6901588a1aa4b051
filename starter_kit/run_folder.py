"""A trained model on disk: the folder that `train` writes and `predict` reads.

model.safetensors  the weights of the epoch that is kept
config.json        every knob, as it was
metrics.json       what validation said, epoch by epoch
checkpoint.pt      while training: all that a killed training needs to go on
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from starter_kit.atomic_file import written_whole
from starter_kit.configuration.reading import parse_config
from starter_kit.configuration.sections import Config
from starter_kit.errors import StarterKitError, did_you_mean, first_line
from starter_kit.networks.classifier import CycloneClassifier, build_model

WEIGHTS, CONFIG, METRICS = "model.safetensors", "config.json", "metrics.json"
CHECKPOINT = "checkpoint.pt"


class EpochMetrics(BaseModel):
    """What one epoch gave. Losses are means per image; precision and threshold are at the recall floor;
    standard_error is the precision's, over storms drawn anew."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    epoch: int
    loss: float
    validation_loss: float
    precision: float
    recall: float
    threshold: float
    standard_error: float = 0.0
    seconds: float
    images_per_second: float


class RunMetrics(BaseModel):
    """The epoch that is kept (`best`), all epochs so far, and what they were measured on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    release: str
    release_version: str
    recall_floor: float
    device: str
    torch: str
    seconds: float
    best: EpochMetrics
    history: list[EpochMetrics]
    finished: bool = False


@dataclass(frozen=True)
class Run:
    """A trained model with the configuration and the measurements that belong to it."""

    directory: Path
    config: Config
    metrics: RunMetrics
    model: CycloneClassifier


def prepare_run_folder(directory: Path, *, overwrite: bool) -> None:
    """Make the folder. Raises StarterKitError where something is in it that would be lost."""
    try:
        if directory.exists() and (not directory.is_dir() or any(directory.iterdir())) and not overwrite:
            unfinished = " --resume goes on with it." if (directory / CHECKPOINT).exists() else ""
            raise StarterKitError(
                f"{directory} exists already.{unfinished} Choose another name for --out, or add --overwrite "
                "to replace the run in it."
            )
        directory.mkdir(parents=True, exist_ok=True)
        for name in (WEIGHTS, CONFIG, METRICS, CHECKPOINT):
            (directory / name).unlink(missing_ok=True)
    except OSError as error:
        raise StarterKitError(f"The run folder {directory} cannot be made: {error.strerror}.") from None


def save_checkpoint(directory: Path, state: dict[str, Any]) -> None:
    """Write all that a killed training needs, whole or not at all: the one before stays until then."""
    with written_whole(directory / CHECKPOINT) as draft:
        torch.save(state, draft)


def read_state(path: Path, *, remedy: str) -> dict[str, Any] | None:
    """What `torch.save` left there, on the CPU; None where there is no such file.

    Raises StarterKitError, which ends with `remedy`, where it is damaged.
    """
    if not path.exists():
        return None
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # noqa: BLE001 - a damaged pickle raises whatever its bytes happen to say
        raise StarterKitError(f"{path} cannot be read ({type(error).__name__}). {remedy}") from None


def load_checkpoint(directory: Path, config: Config, release: str) -> dict[str, Any] | None:
    """The state of a training that was stopped, None where there is none to go on with.

    Raises StarterKitError where it was another training: other knobs, or another release.
    """
    path = directory / CHECKPOINT
    state = read_state(path, remedy="Start anew with --overwrite.")
    if state is None:
        return None
    _refuse_other_knobs(parse_config(state["config"], str(path)), config, directory)
    if state["release"] != release:
        raise StarterKitError(
            f"{directory} was begun on the release {state['release']}, and --data holds {release}."
        )
    return state


def finished_metrics(directory: Path, config: Config | None = None) -> RunMetrics | None:
    """What a training that has come to its end measured; None before. Raises StarterKitError where it was not
    a training of `config`."""
    try:
        metrics = RunMetrics.model_validate_json((directory / METRICS).read_bytes())
        knobs = (directory / CONFIG).read_text(encoding="utf-8")
    except (OSError, ValidationError):
        return None
    if not metrics.finished:
        return None
    if config is not None:
        _refuse_other_knobs(parse_config(knobs, str(directory / CONFIG)), config, directory)
    return metrics


def _refuse_other_knobs(before: Config, now: Config, directory: Path) -> None:
    then = before.model_dump()
    changed = [
        f"{section}.{knob}"
        for section, knobs in now.model_dump().items()
        for knob, value in knobs.items()
        if value != then[section][knob]
    ]
    if changed:
        raise StarterKitError(
            f"{directory} was begun with other knobs, {', '.join(changed)}: going on would be neither "
            "training. Give the same --config and --set as then, or start anew with --overwrite."
        )


def save_run(directory: Path, model: CycloneClassifier, config: Config) -> None:
    """Write weights and configuration, each file whole or not at all."""
    weights = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    with written_whole(directory / WEIGHTS) as draft:
        save_file(weights, draft)
    with written_whole(directory / CONFIG) as draft:
        draft.write_text(config.model_dump_json(indent=1) + "\n", encoding="utf-8")


def save_metrics(directory: Path, metrics: RunMetrics) -> None:
    with written_whole(directory / METRICS) as draft:
        draft.write_text(metrics.model_dump_json(indent=1) + "\n", encoding="utf-8")


def load_run(directory: str | Path, device: torch.device) -> Run:
    """Read a run and put its model on the device, ready to predict. Raises StarterKitError for anything
    else."""
    directory = Path(directory)
    try:
        config = parse_config((directory / CONFIG).read_text(encoding="utf-8"), str(directory / CONFIG))
        metrics = RunMetrics.model_validate_json((directory / METRICS).read_bytes())
        weights = load_file(directory / WEIGHTS)
    except (FileNotFoundError, NotADirectoryError) as error:
        near = did_you_mean(directory, CONFIG)
        raise StarterKitError(
            f"{directory} is no run: {error.filename or WEIGHTS} is missing.{near} `python -m starter_kit "
            "train` makes one; where it was stopped before its first epoch ended, nothing was kept."
        ) from None
    except (OSError, ValidationError, SafetensorError, UnicodeDecodeError) as error:
        raise StarterKitError(f"The run {directory} cannot be read: {first_line(error)}") from None
    # The weights follow below; the pretrained file that they started from need not be there any more.
    fresh = config.model.model_copy(update={"weights": None})
    model = build_model(fresh, channels_last=config.train.channels_last)
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise StarterKitError(
            f"The weights in {directory} do not fit its config.json: {first_line(error)}"
        ) from None
    return Run(directory, config, metrics, model.to(device).eval())


def describe(metrics: RunMetrics) -> str:
    """The best epoch in one sentence."""
    best = metrics.best
    return (
        f"precision {best.precision:.3f} at recall {best.recall:.3f} (threshold {best.threshold:.4f}) "
        f"on validation, epoch {best.epoch} of {len(metrics.history)}"
    )
