"""Grading: from a submission file to the public and the private result."""

import ctypes
import sys
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from scoring.metrics import MetricConfig, RecallConstrainedPrecision, Result
from scoring.solution import Solution
from scoring.submission_file import Limits, validate_submission
from scoring.tally import Part

# Raised when the same file could get another result for a reason that is not in a metric's version.
ENGINE_VERSION = "1"

Device = Literal["auto", "cpu", "cuda"]


class DeviceError(Exception):
    """The device asked for is not at hand."""


@dataclass(frozen=True)
class Grade:
    """public, private: the results. seconds: per stage, and their ``total``. device: ``cpu`` or ``cuda``."""

    public: Result
    private: Result
    config: MetricConfig
    device: str
    seconds: dict[str, float]
    warnings: list[str]
    engine: str = ENGINE_VERSION

    @property
    def metric(self) -> dict[str, Any]:
        """Name and version of the metric, and what it was configured with."""
        return {
            "name": self.config.metric,
            "version": self.config.version,
            "config": self.config.model_dump(mode="json"),
        }

    def to_dict(self) -> dict[str, Any]:
        """What ``python -m scoring grade --json`` prints."""
        return {
            "public": self.public.to_dict(),
            "private": self.private.to_dict(),
            "metric": self.metric,
            "engine": self.engine,
            "device": self.device,
            "seconds": self.seconds,
            "warnings": self.warnings,
        }


def grade(
    path: str | Path,
    solution: Solution,
    config: MetricConfig | None = None,
    *,
    device: Device = "auto",
    limits: Limits | None = None,
    filename: str | None = None,
) -> Grade:
    """Reads, validates and scores a submission. Both devices give the same result to the last bit.

    Raises InvalidSubmission for the participant's mistakes, DeviceError for ``cuda`` without a GPU.
    """
    config = config or RecallConstrainedPrecision()
    chosen = choose_device(device)
    started = time.perf_counter()
    submission = validate_submission(path, ids=solution.ids, config=config, limits=limits, filename=filename)
    read = time.perf_counter()
    public_part, private_part = solution.parts(_on_device(submission.predictions, chosen))
    public = config.evaluate(public_part)
    private = config.evaluate(private_part, public=public)
    done = time.perf_counter()
    seconds = submission.seconds | {"metric": done - read, "total": done - started}
    return Grade(public, private, config, chosen, seconds, submission.warnings)


def evaluate(
    labels: npt.ArrayLike,
    predictions: npt.ArrayLike,
    config: MetricConfig | None = None,
    *,
    device: Device = "auto",
) -> Result:
    """The platform's number for predictions in memory: labels (N,) of 0 and 1, predictions (N,) finite.

    Raises ValueError for other shapes or values, and where the metric is not defined.
    """
    labels = np.asarray(labels)
    values = np.asarray(predictions, np.float64)
    config = config or RecallConstrainedPrecision()
    if labels.ndim != 1 or labels.shape != values.shape:
        raise ValueError(f"labels {labels.shape} and predictions {values.shape} must be rows of one length")
    if not np.isin(labels, (0, 1)).all():
        raise ValueError("labels must be 0 or 1")
    if not np.isfinite(values).all():
        raise ValueError("predictions must be finite")
    if config.prediction == "label" and not np.isin(values, (0, 1)).all():
        raise ValueError("with prediction: label, predictions must be 0 or 1")
    chosen = choose_device(device)
    groups = (_on_device(values[labels == label], chosen) for label in (1, 0))
    return config.evaluate(Part(*groups))


def choose_device(device: Device) -> str:
    """``cpu`` or ``cuda``; ``auto`` takes a GPU where torch is installed and finds one."""
    if device not in ("auto", "cpu", "cuda"):
        raise DeviceError(f"unknown device {device!r}: it is auto, cpu or cuda")
    if device == "cpu" or (device == "auto" and not (_has_nvidia_driver() and find_spec("torch"))):
        return "cpu"
    import torch  # noqa: PLC0415 - seconds to import, and not needed on the CPU

    if torch.cuda.is_available():
        return "cuda"
    if device == "cuda":
        raise DeviceError("no CUDA device was found: use --device cpu (the result is the same)")
    return "cpu"


def _has_nvidia_driver() -> bool:
    """Asked before torch, whose import alone takes longer than scoring."""
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    return True


def _on_device(values: npt.NDArray[np.float64], device: str) -> Any:
    if device == "cpu":
        return values
    import torch  # noqa: PLC0415 - as above

    return torch.from_numpy(values).to(device)
