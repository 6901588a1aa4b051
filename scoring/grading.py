"""Grading: from a submission file to the public and the private result."""

import ctypes
import sys
import time
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from scoring.advice import advise
from scoring.clustering import clusters_of
from scoring.metrics import MetricConfig, OwnMetric, RecallConstrainedPrecision, Result
from scoring.metrics.slices import slice_results, slicings
from scoring.own_metric.grading import evaluate_parts
from scoring.resampling import one_thread
from scoring.solution import Solution
from scoring.submission_file import Limits, validate_submission
from scoring.tally import Part, part_of
from scoring.uncertainty import summarise

# Raised when the same file could get another result for a reason that is not in a metric's version.
ENGINE_VERSION = "3"

Device = Literal["auto", "cpu", "cuda"]


class DeviceError(Exception):
    """The device asked for is not at hand."""


@dataclass(frozen=True)
class Grade:
    """public, private: the results. seconds: per stage, and their ``total``. device: ``cpu`` or ``cuda``.

    replicates: for ``public`` and ``private``, what each bootstrap draw would rank the entry by: (R,)
    float64, a passing entry's score, recall − 1 below the gate; empty where nothing was drawn. It is what
    `scoring.uncertainty` compares and makes tie bands of, and no part of `to_dict`.
    """

    public: Result
    private: Result
    config: MetricConfig
    device: str
    seconds: dict[str, float]
    warnings: list[str]
    engine: str = ENGINE_VERSION
    replicates: dict[str, npt.NDArray[np.float64]] = field(default_factory=dict, repr=False, compare=False)

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
    replicates: int | None = None,
) -> Grade:
    """Reads, validates and scores a submission. Both devices give the same result to the last bit.

    replicates: bootstrap draws, instead of the configuration's number.
    Raises InvalidSubmission for the participant's mistakes, DeviceError for ``cuda`` without a GPU.
    """
    config = config or RecallConstrainedPrecision()
    chosen = choose_device(device)
    started = time.perf_counter()
    submission = validate_submission(path, ids=solution.ids, config=config, limits=limits, filename=filename)
    graded = _grade(_on_device(submission.predictions, chosen), solution, config, chosen, replicates)
    seconds = submission.seconds | graded.seconds | {"total": time.perf_counter() - started}
    return replace(graded, seconds=seconds, warnings=submission.warnings)


def grade_predictions(
    predictions: npt.ArrayLike,
    solution: Solution,
    config: MetricConfig | None = None,
    *,
    device: Device = "auto",
    replicates: int | None = None,
) -> list[Grade]:
    """Grades many entries whose files were read before: predictions (K, N) float64, in slot order as
    `validate_submission` returns them. The grades are those of `grade`, to the last bit.

    The columns go to the device in one piece. Raises ValueError for another shape or values that are not
    finite.
    """
    config = config or RecallConstrainedPrecision()
    stacked = np.ascontiguousarray(predictions, np.float64)
    if stacked.ndim != 2 or stacked.shape[1] != len(solution):
        raise ValueError(f"predictions {stacked.shape} must be (entries, {len(solution)})")
    if not np.isfinite(stacked).all():
        raise ValueError("predictions must be finite")
    chosen = choose_device(device)
    return [_grade(column, solution, config, chosen, replicates) for column in _on_device(stacked, chosen)]


def _grade(
    predictions: Any, solution: Solution, config: MetricConfig, device: str, replicates: int | None
) -> Grade:
    """predictions: (N,) in slot order, on the device."""
    started = time.perf_counter()
    if isinstance(config, OwnMetric):
        public, private = evaluate_parts(config, solution, predictions)
        elapsed = time.perf_counter() - started
        return Grade(public, private, config, device, {"metric": elapsed, "total": elapsed}, [])
    public_part, private_part = resident_parts(predictions, solution, config, replicates)
    public = config.evaluate(public_part)
    private = config.evaluate(private_part, public=public)
    scored = time.perf_counter()
    public, public_draws = _with_uncertainty(config, public_part, public, None)
    private, private_draws = _with_uncertainty(config, private_part, private, public)
    drawn_at = time.perf_counter()
    if config.slices:
        by_public, by_private = slicings(config, solution)
        with one_thread():
            public = replace(public, slices=slice_results(config, public_part, public, by_public))
            private = replace(private, slices=slice_results(config, private_part, private, by_private))
    done = time.perf_counter()
    seconds = {
        "metric": scored - started,
        "uncertainty": drawn_at - scored,
        "slices": done - drawn_at,
        "total": done - started,
    }
    drawn = {"public": public_draws, "private": private_draws}
    return Grade(public, private, config, device, seconds, [], replicates=drawn)


def resident_parts(
    predictions: Any, solution: Solution, config: MetricConfig, replicates: int | None = None
) -> tuple[Part, Part]:
    """Public and private part with the draws that the solution keeps; predictions: (N,) in slot order."""
    count = config.replicates if replicates is None else replicates
    clusters = solution.clusters(config.cluster_by, count) if count else None
    return solution.parts(predictions, clusters)


def _with_uncertainty(
    config: MetricConfig, part: Part, result: Result, public: Result | None
) -> tuple[Result, npt.NDArray[np.float64]]:
    """The result with what the bootstrap tells, and what each draw would rank it by."""
    nothing = np.empty(0)
    if part.clusters is None or not part.clusters.can_vary:
        return result, nothing
    with one_thread():
        drawn = config.replicate(part, result, public=public)
    if drawn is None:
        return result, nothing
    ranked = drawn.values if drawn.ranked is None else drawn.ranked
    told = summarise(drawn, part.clusters)
    if isinstance(config, RecallConstrainedPrecision) and config.prediction == "score":
        best = drawn.values if config.threshold == "per_split" else None
        told["uncertainty"]["advice"] = advise(part, config, best_drawn=best).without_threshold()
    return replace(result, **told), ranked


def evaluate(
    labels: npt.ArrayLike,
    predictions: npt.ArrayLike,
    config: MetricConfig | None = None,
    *,
    clusters: Any = None,
    times: Any = None,
    replicates: int | None = None,
    device: Device = "auto",
) -> Result:
    """The platform's number for predictions in memory: labels (N,) of 0 and 1, predictions (N,) finite.

    clusters: (N,) storm ids (null for images of none), times: (N,) datetimes. With either, the result
    carries its uncertainty, from `replicates` draws (the configuration's number).
    Raises ValueError for other shapes or values, and where the metric is not defined.
    """
    config = config or RecallConstrainedPrecision()
    if config.prediction == "label" and not np.isin(predictions, (0, 1)).all():
        raise ValueError("with prediction: label, predictions must be 0 or 1")
    part, positive = part_of(labels, predictions)
    chosen = choose_device(device)
    part = Part(_on_device(part.positives, chosen), _on_device(part.negatives, chosen))
    count = config.replicates if replicates is None else replicates
    if count and (clusters is not None or times is not None):
        part = replace(part, clusters=clusters_of(positive, clusters, times, count, config.cluster_by))
    result = config.evaluate(part)
    return _with_uncertainty(config, part, result, None)[0]


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
