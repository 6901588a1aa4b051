"""The benchmark: ours against the ordinary ways of scoring, alternately in one run, with equal results.

The ordinary ways are those of a competition's first scoring script: pandas ``read_csv``, then a merge on the
id or a sort by it, then scikit-learn's ``precision_recall_curve`` on each split.
"""

import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from scoring.grading import Device, choose_device, grade
from scoring.metrics import RecallConstrainedPrecision, Result
from scoring.solution import Solution

POSITIVE_FRACTION = 0.031
PUBLIC_FRACTION = 0.3
# Positives score this many standard deviations higher: a precision of about 0.24 at the floor, as a mediocre
# network has.
SEPARATION = 2.2
SUBMISSION, SOLUTION = "submission.csv", "solution.parquet"

Numbers = tuple[tuple[float, float, float], tuple[float, float, float]]


@dataclass(frozen=True)
class Way:
    """One way of scoring. seconds: of every run; peak_mebibytes: beyond the imports, solution included."""

    name: str
    seconds: list[float]
    peak_mebibytes: float | None

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)


@dataclass(frozen=True)
class Report:
    """What the benchmark found. stages: medians of ours; floor_seconds: reading the file's bytes alone."""

    rows: int
    file_bytes: int
    device: str
    versions: dict[str, str]
    ways: list[Way]
    stages: dict[str, float]
    floor_seconds: float

    @property
    def ours(self) -> Way:
        return self.ways[-1]

    def to_dict(self) -> dict[str, Any]:
        ways = [
            asdict(way)
            | {
                "median_seconds": way.median,
                "rows_per_second": self.rows / way.median,
                "ratio": way.median / self.ours.median,
            }
            for way in self.ways
        ]
        return asdict(self) | {"ways": ways, "results_equal": True}


class Unequal(Exception):  # noqa: N818 - it says what the results are
    """Two ways gave different numbers: no timing means anything then."""


def run(*, rows: int = 1_120_000, repeats: int = 5, device: Device = "auto", seed: int = 0) -> Report:
    """Runs all ways `repeats` times alternately on one synthetic case, after one run each to warm up.

    Raises Unequal where their numbers differ in any bit, ImportError without pandas or scikit-learn.
    """
    chosen = choose_device(device)
    with tempfile.TemporaryDirectory(prefix="scoring-benchmark-") as temporary:
        directory = Path(temporary)
        write_case(directory, rows=rows, seed=seed)
        submission = directory / SUBMISSION
        stages: dict[str, list[float]] = {}
        contestants = {
            **{name: prepare(directory, chosen) for name, prepare in ORDINARY.items()},
            "this engine": prepare_ours(directory, chosen, stages),
        }
        expected = None
        for name, score in contestants.items():
            numbers = score()
            expected = expected or numbers
            if numbers != expected:
                raise Unequal(f"{name} finds {numbers}, {next(iter(contestants))} finds {expected}")
        stages.clear()
        seconds: dict[str, list[float]] = {name: [] for name in contestants}
        floor: list[float] = []
        for _ in range(repeats):
            for name, score in contestants.items():
                with _stopwatch(seconds[name]):
                    score()
            with _stopwatch(floor):
                submission.read_bytes()
        ways = [Way(name, times, _peak_memory(name, directory, chosen)) for name, times in seconds.items()]
        return Report(
            rows=rows,
            file_bytes=submission.stat().st_size,
            device=chosen,
            versions={
                name: metadata.version(name) for name in ("pandas", "scikit-learn", "numpy", "pyarrow")
            },
            ways=ways,
            stages={stage: statistics.median(times) for stage, times in stages.items()},
            floor_seconds=statistics.median(floor),
        )


def write_case(directory: Path, *, rows: int, seed: int) -> None:
    """A solution and a submission in shuffled order: 3.1 % positives, 30 % public, normal scores."""
    rng = np.random.default_rng(seed)
    labels = (rng.random(rows) < POSITIVE_FRACTION).astype(np.uint8)
    public = rng.random(rows) < PUBLIC_FRACTION
    for part in (public, ~public):
        labels[np.flatnonzero(part)[:1]] = 1
    scores = rng.normal(size=rows) + SEPARATION * labels
    ids = np.array([f"test_{number:07d}" for number in range(rows)])
    order = rng.permutation(rows)
    pl.DataFrame(
        {"image_id": ids, "label": labels, "split": np.where(public, "public", "private")}
    ).write_parquet(directory / SOLUTION)
    pl.DataFrame({"image_id": ids[order], "score": scores[order]}).write_csv(directory / SUBMISSION)


def prepare_ours(
    directory: Path, device: str, stages: dict[str, list[float]] | None = None
) -> Callable[[], Numbers]:
    solution = Solution.load(directory / SOLUTION)
    config = RecallConstrainedPrecision()

    def score() -> Numbers:
        graded = grade(directory / SUBMISSION, solution, config, device="cuda" if device == "cuda" else "cpu")
        for stage, seconds in graded.seconds.items():
            if stages is not None:
                stages.setdefault(stage, []).append(seconds)
        return _numbers(graded.public), _numbers(graded.private)

    return score


def prepare_merge(directory: Path, _device: str) -> Callable[[], Numbers]:
    import pandas as pd  # noqa: PLC0415 - an extra, for tests and this benchmark alone

    solution = pd.read_parquet(directory / SOLUTION)

    def score() -> Numbers:
        merged = solution.merge(pd.read_csv(directory / SUBMISSION), on="image_id")
        return _by_scikit_learn(merged["label"], merged["score"], merged["split"])

    return score


def prepare_sort(directory: Path, _device: str) -> Callable[[], Numbers]:
    import pandas as pd  # noqa: PLC0415 - an extra, for tests and this benchmark alone

    solution = pd.read_parquet(directory / SOLUTION).sort_values("image_id", ignore_index=True)

    def score() -> Numbers:
        submission = pd.read_csv(directory / SUBMISSION).sort_values("image_id", ignore_index=True)
        if not submission["image_id"].equals(solution["image_id"]):
            raise ValueError("the ids differ")
        return _by_scikit_learn(solution["label"], submission["score"], solution["split"])

    return score


ORDINARY = {
    "pandas, merge": prepare_merge,
    "pandas, sort_values": prepare_sort,
}


def _by_scikit_learn(labels: Any, scores: Any, split: Any) -> Numbers:
    from sklearn.metrics import precision_recall_curve  # noqa: PLC0415 - an extra, as pandas

    floor = RecallConstrainedPrecision().recall_floor
    found = []
    for part in ("public", "private"):
        chosen = split == part
        precision, recall, thresholds = precision_recall_curve(labels[chosen], scores[chosen])
        # the last point, of recall 0, has no threshold
        best = np.argmax(np.where(recall[:-1] >= floor, precision[:-1], -1))
        found.append((float(precision[best]), float(recall[best]), float(thresholds[best])))
    return found[0], found[1]


def _numbers(result: Result) -> tuple[float, float, float]:
    assert result.threshold is not None
    return result.precision, result.recall, result.threshold


@contextmanager
def _stopwatch(times: list[float]) -> Iterator[None]:
    started = time.perf_counter()
    yield
    times.append(time.perf_counter() - started)


def _peak_memory(name: str, directory: Path, device: str) -> float | None:
    """MiB that loading the solution and one scoring add to a fresh process; None where /proc cannot tell."""
    if not Path("/proc/self/status").exists():
        return None
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=_measure_peak, args=(name, directory, device, sender))
    child.start()
    sender.close()
    peak = receiver.recv()
    child.join()
    return peak


def _measure_peak(name: str, directory: Path, device: str, sender: Any) -> None:
    if name in ORDINARY:  # so that importing is not measured
        import pandas as pd  # noqa: F401, PLC0415
        import sklearn.metrics  # noqa: F401, PLC0415
    before = _status("VmRSS")
    score = ORDINARY.get(name, prepare_ours)(directory, device)
    score()
    sender.send(max(0, _status("VmHWM") - before) / 1024)


def _status(entry: str) -> int:
    """A number of kibibytes in /proc/self/status. Unlike getrusage's, its peak starts afresh at exec."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(entry))
