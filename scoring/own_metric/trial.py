"""Trying a metric before anybody is scored with it: on answers of which one knows how good they are."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from scoring.metrics.own import OwnMetric
from scoring.own_metric.failures import MetricFailed
from scoring.own_metric.grading import run_on
from scoring.own_metric.sandbox import Run
from scoring.own_metric.tables import part_tables
from scoring.solution import SPLITS, Solution
from tamago_metric import ParticipantVisibleError

SEED = 0


@dataclass(frozen=True)
class Try:
    """One call. outcome: ``returned``, ``refused`` (by ParticipantVisibleError) or ``failed``.

    result: what was returned (`Returned.to_dict`). message: why nothing was, in a line. report: of a failure,
    traceback and output. seconds: on the clock; cpu_seconds: of the processor; peak_memory: bytes; all three
    None where the call did not return.
    """

    answer: str
    part: str
    outcome: str
    result: dict[str, Any] | None = None
    message: str = ""
    report: str = ""
    printed: str = ""
    seconds: float | None = None
    cpu_seconds: float | None = None
    peak_memory: int | None = None

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Trial:
    """tries: each answer on each part. problems: why the metric cannot be used. remarks: what is odd."""

    tries: list[Try]
    problems: list[str]
    remarks: list[str]

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "usable": not self.problems}


def try_metric(config: OwnMetric, solution: Solution) -> Trial:
    """Call the metric on a perfect, a random, a constant and a reversed answer to the solution.

    It is usable if no call failed, and the perfect answer was scored. Raises SandboxUnavailable.
    """
    tries = []
    for answer, predictions in _answers(solution, config.prediction).items():
        for split, part in zip(SPLITS, part_tables(solution), strict=True):
            tries.append(_try(answer, split, partial(run_on, config, part, predictions)))
            if tries[-1].outcome == "failed":  # the others would fail as well, and take as long
                return Trial(tries, [f"It failed on the {answer} answer: {tries[-1].message}"], [])
    return Trial(tries, _problems(tries), _remarks(tries, config))


def _answers(solution: Solution, prediction: str) -> dict[str, npt.NDArray[np.float64]]:
    """By what they are: predictions (N,) in slot order."""
    labels = solution.labels.astype(np.float64)
    random = np.random.default_rng(SEED).random(len(labels))
    if prediction == "label":
        random = (random < 0.5).astype(np.float64)
    return {"perfect": labels, "random": random, "constant": np.ones_like(labels), "reversed": 1 - labels}


def _try(answer: str, split: str, call: Callable[[], Run]) -> Try:
    try:
        run = call()
    except ParticipantVisibleError as error:
        return Try(answer, split, "refused", message=str(error))
    except MetricFailed as error:
        return Try(
            answer, split, "failed", message=error.reason, report=error.report(), printed=error.printed
        )
    return Try(
        answer,
        split,
        "returned",
        result=run.returned.to_dict(),
        printed=run.printed,
        seconds=run.seconds,
        cpu_seconds=run.cpu_seconds,
        peak_memory=run.peak_memory,
    )


def _problems(tries: list[Try]) -> list[str]:
    return [
        f"It refuses the perfect answer on the {each.part} part: {each.message}"
        for each in tries
        if each.answer == "perfect" and each.outcome == "refused"
    ]


def _remarks(tries: list[Try], config: OwnMetric) -> list[str]:
    """For the organizer's eyes: a metric may be meant so."""
    remarks = []
    sign = 1 if config.higher_is_better else -1
    for split in SPLITS:
        scores = {each.answer: each.result["score"] for each in tries if each.part == split and each.result}
        perfect = scores.get("perfect")
        if perfect is None:
            if "perfect" in scores:
                remarks.append(f"On the {split} part the perfect answer does not pass the gate.")
            continue
        for answer in ("random", "constant", "reversed"):
            other = scores.get(answer)
            if other is not None and sign * other >= sign * perfect:
                remarks.append(
                    f"On the {split} part the {answer} answer ({other:g}) is as good as the perfect one"
                    f" ({perfect:g}) or better: is {config.better} really better?"
                )
    return remarks
