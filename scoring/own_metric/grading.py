"""Grading with an organizer's own metric: one call for the public part, one for the private part."""

from typing import Any

import numpy as np
import numpy.typing as npt

from scoring.metrics.own import OwnMetric
from scoring.metrics.result import Curve, Result
from scoring.own_metric.sandbox import Run, run_metric
from scoring.own_metric.tables import PartTable, part_tables
from scoring.problems import refuse
from scoring.solution import Solution
from tamago_metric import ParticipantVisibleError

REFUSED_ON_PRIVATE = (
    "The metric cannot score this submission on the private part of the test images. Its reason may tell of"
    " that part, and is shown to the organizers only."
)


def evaluate_parts(config: OwnMetric, solution: Solution, predictions: Any) -> tuple[Result, Result]:
    """Public and private result of predictions: an array or tensor (N,) in slot order.

    Raises InvalidSubmission where the metric raised ParticipantVisibleError, whose message is told of the
    public part alone; MetricFailed, SandboxUnavailable as `run_metric`.
    """
    public, private = part_tables(solution)
    if not isinstance(predictions, np.ndarray):
        predictions = predictions.cpu().numpy()
    try:
        public_run = run_on(config, public, predictions)
    except ParticipantVisibleError as error:
        raise refuse("refused_by_metric", str(error)) from error
    try:
        private_run = run_on(config, private, predictions)
    except ParticipantVisibleError as error:
        raise refuse("refused_by_metric", REFUSED_ON_PRIVATE) from error
    return _result(public_run), _result(private_run)


def run_on(config: OwnMetric, part: PartTable, predictions: npt.NDArray[np.float64]) -> Run:
    file = config.file
    with part.submission_file(config.column, predictions) as submission:
        return run_metric(file.source, part.solution_file, submission, name=file.name, limits=file.limits)


def _result(run: Run) -> Result:
    nothing: dict[str, Any] = dict.fromkeys(("threshold", "tp", "fp", "fn", "tn"))
    returned = run.returned
    return Result(
        returned.score,
        returned.passed_gate,
        returned.precision,
        returned.recall,
        **nothing,
        curve=Curve([], [], []),
        details=dict(returned.numbers) or None,
    )
