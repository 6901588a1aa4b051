"""Runs all ways alternately, checks that their numbers are equal, and reports their times and memory."""

import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import pyarrow as pa

from scoring import image_ids
from scoring.benchmark import case, ordinary
from scoring.grading import Device, choose_device, grade
from scoring.metrics import RecallConstrainedPrecision, Result
from scoring.solution import Solution
from scoring.submission_file import validate_submission
from scoring.tally import Part

OURS = "this engine"
# Draws whose scores are compared with those of scikit-learn on the resampled images.
DRAWS_COMPARED = 3
PACKAGES = ("numpy", "pandas", "polars", "pyarrow", "scikit-learn", "torch")


class Unequal(Exception):  # noqa: N818 - it says what the results are
    """Two ways of scoring found different numbers, so that their times mean nothing."""


@dataclass
class Times:
    """One way of scoring one file. seconds: of every run; cpu_seconds: of all threads together, which a busy
    machine changes less; stages: of every run, by stage; peak_mebibytes: beyond the imports, the solution
    included; None where it was not measured."""

    name: str
    seconds: list[float] = field(default_factory=list)
    cpu_seconds: list[float] = field(default_factory=list)
    stages: dict[str, list[float]] = field(default_factory=dict)
    peak_mebibytes: float | None = None

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    def to_dict(self, rows: int) -> dict[str, Any]:
        return {
            "name": self.name,
            "seconds": self.seconds,
            "median_seconds": self.median,
            "median_cpu_seconds": statistics.median(self.cpu_seconds),
            "rows_per_second": rows / self.median,
            "stages": {stage: statistics.median(times) for stage, times in self.stages.items()},
            "peak_mebibytes": self.peak_mebibytes,
        }


@dataclass
class FileTimes:
    """This engine on one file, without replicates. floor: reading the file's bytes alone."""

    file_bytes: int
    ours: Times
    floor: Times

    def to_dict(self, rows: int) -> dict[str, Any]:
        return self.ours.to_dict(rows) | {"file_bytes": self.file_bytes, "floor_seconds": self.floor.median}


@dataclass
class Bootstrap:
    """The first file with its uncertainty. resampling: one draw of both parts with scikit-learn."""

    replicates: int
    ours: Times
    resampling: Times

    def to_dict(self, rows: int, fastest: float) -> dict[str, Any]:
        """fastest: seconds of the fastest ordinary way, to which its draws are added."""
        extrapolated = fastest + self.replicates * self.resampling.median
        return self.ours.to_dict(rows) | {
            "replicates": self.replicates,
            "ratio": extrapolated / self.ours.median,
            "resampling": {
                "name": self.resampling.name,
                "replicates_run": len(self.resampling.seconds),
                "seconds_per_replicate": self.resampling.median,
                "extrapolated_seconds": extrapolated,
            },
        }


@dataclass
class Report:
    """What the benchmark found. ways: the ordinary ones on the first file; files: this engine on each."""

    rows: int
    device: str
    ways: list[Times]
    files: list[FileTimes]
    bootstrap: Bootstrap

    def to_dict(self) -> dict[str, Any]:
        """What ``python -m scoring benchmark --json`` prints; docs/scoring-speed.md describes it."""
        first = self.files[0]
        ways = [
            way.to_dict(self.rows) | {"name": name, "ratio": way.median / first.ours.median}
            for name, way in [*((way.name, way) for way in self.ways), (OURS, first.ours)]
        ]
        main = first.to_dict(self.rows)
        return {
            "rows": self.rows,
            "device": self.device,
            "cores": pa.cpu_count(),
            "compiled": image_ids.put_rows is not None,
            "versions": {name: metadata.version(name) for name in PACKAGES},
            "results_equal": True,
            "file_bytes": main["file_bytes"],
            "floor_seconds": main["floor_seconds"],
            "stages": main["stages"],
            "ways": ways,
            "files": [file.to_dict(self.rows) for file in self.files],
            "bootstrap": self.bootstrap.to_dict(self.rows, min(way.median for way in self.ways)),
        }


def run(
    *,
    rows: int = 1_120_000,
    repeats: int = 5,
    replicates: int = 1000,
    device: Device = "auto",
    seed: int = 1,
) -> Report:
    """Measures everything `repeats` times in turn, after a first run that warms up and compares the numbers.

    Raises Unequal where two ways find different numbers, DeviceError for ``cuda`` without a GPU.
    """
    chosen: Device = "cuda" if choose_device(device) == "cuda" else "cpu"
    with tempfile.TemporaryDirectory(prefix="benchmark-") as temporary:
        directory = Path(temporary)
        case.write_case(directory, rows=rows, seed=seed)
        solution = Solution.load(directory / case.SOLUTION)
        scorers = {name: prepare(directory) for name, prepare in ordinary.ORDINARY.items()}
        _compare(directory, solution, scorers, chosen, replicates)
        ways = [Times(name) for name in scorers]
        files = [
            FileTimes((directory / file).stat().st_size, Times(name), Times("reading the bytes alone"))
            for name, file in case.FILES.items()
        ]
        drawn = Times(f"{OURS} with {replicates:,} replicates")
        bootstrap = Bootstrap(replicates, drawn, Times("resampling with scikit-learn"))
        parts = _parts(directory, solution, replicates)
        for repeat in range(repeats):
            for way in ways:
                with _stopwatch(way):
                    scorers[way.name]()
            for file, times in zip(case.FILES.values(), files, strict=True):
                if times.ours.name == case.PARQUET_UNKNOWN:
                    solution.ids.known_orders.clear()
                with _stopwatch(times.floor):
                    (directory / file).read_bytes()
                _time_grade(times.ours, directory / file, solution, chosen, 0)
            _time_grade(drawn, directory / case.SHUFFLED_CSV, solution, chosen, replicates)
            with _stopwatch(bootstrap.resampling):
                for part in parts:
                    ordinary.resample(part, repeat % replicates)
        if chosen == "cpu":
            for way in ways:
                way.peak_mebibytes = _peak_memory(way.name, directory, 0)
            files[0].ours.peak_mebibytes = _peak_memory(OURS, directory, 0)
            drawn.peak_mebibytes = _peak_memory(OURS, directory, replicates)
        return Report(rows, chosen, ways, files, bootstrap)


def _compare(
    directory: Path,
    solution: Solution,
    scorers: dict[str, Callable[[], ordinary.Numbers]],
    device: Device,
    replicates: int,
) -> None:
    """All ways and files must give the same numbers, and the first draws the same scores, to the last bit."""
    found: dict[str, Any] = {name: score() for name, score in scorers.items()}
    for name, file in case.FILES.items():
        graded = grade(directory / file, solution, device=device, replicates=0)
        found[f"{OURS}, {name}"] = _numbers(graded.public), _numbers(graded.private)
    first = next(iter(found))
    for name, numbers in found.items():
        if numbers != found[first]:
            raise Unequal(f"{name} finds {numbers}, {first} finds {found[first]}")
    graded = grade(directory / case.SHUFFLED_CSV, solution, device=device, replicates=replicates)
    parts = _parts(directory, solution, replicates)
    for split, part in zip(("public", "private"), parts, strict=True):
        for draw in range(min(DRAWS_COMPARED, replicates)):
            expected, drawn = ordinary.resample(part, draw), float(graded.replicates[split][draw])
            if drawn != expected:
                raise Unequal(f"{OURS} finds {drawn} in draw {draw} of {split}, scikit-learn {expected}")


def _parts(directory: Path, solution: Solution, replicates: int) -> tuple[Part, Part]:
    """Public and private part of the entry, in memory, with the draws of their clusters."""
    predictions = validate_submission(directory / case.SHUFFLED_CSV, ids=solution.ids).predictions
    clusters = solution.clusters(RecallConstrainedPrecision().cluster_by, replicates)
    return solution.parts(predictions, clusters)


def _time_grade(times: Times, file: Path, solution: Solution, device: Device, replicates: int) -> None:
    with _stopwatch(times):
        graded = grade(file, solution, device=device, replicates=replicates)
    for stage, seconds in graded.seconds.items():
        times.stages.setdefault(stage, []).append(seconds)


def _numbers(result: Result) -> tuple[float | None, float | None, float | None]:
    return result.precision, result.recall, result.threshold


@contextmanager
def _stopwatch(times: Times) -> Iterator[None]:
    started, cpu_started = time.perf_counter(), time.process_time()
    yield
    times.seconds.append(time.perf_counter() - started)
    times.cpu_seconds.append(time.process_time() - cpu_started)


def _peak_memory(name: str, directory: Path, replicates: int) -> float | None:
    """MiB that loading the solution and one scoring add to a fresh process; None where /proc cannot tell."""
    if not Path("/proc/self/status").exists():
        return None
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=_measure_peak, args=(name, directory, replicates, sender))
    child.start()
    sender.close()
    peak = receiver.recv()
    child.join()
    return peak


def _measure_peak(name: str, directory: Path, replicates: int, sender: Any) -> None:
    before = _status("VmRSS")
    if name == OURS:
        solution = Solution.load(directory / case.SOLUTION)
        grade(directory / case.SHUFFLED_CSV, solution, device="cpu", replicates=replicates)
    else:
        ordinary.ORDINARY[name](directory)()
    sender.send(max(0, _status("VmHWM") - before) / 1024)


def _status(entry: str) -> int:
    """A number of kibibytes in /proc/self/status. Unlike getrusage's, its peak starts afresh at exec."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(entry))
