"""The benchmark compares like with like; its speed is for `make bench`, not for a test."""

import json
import subprocess
import sys

import polars as pl
import pytest

import scoring.image_ids
from scoring import Solution, benchmark, grade
from scoring.benchmark import case, ordinary


@pytest.fixture(scope="module")
def report():
    command = [sys.executable, "-m", "scoring", "benchmark", "--rows", "20000", "--repeats", "2", "--json"]
    done = subprocess.run([*command, "--device", "cpu"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_report_has_every_way_its_ratio_and_the_floor(report):
    assert report["results_equal"] is True
    assert report["rows"] == 20000
    assert report["cores"] >= 1
    assert [way["name"] for way in report["ways"]] == ["pandas, merge", "pandas, sort_values", "this engine"]
    for way in report["ways"]:
        assert len(way["seconds"]) == 2
        assert way["median_seconds"] > 0
        assert way["median_cpu_seconds"] > 0
        assert way["rows_per_second"] == pytest.approx(20000 / way["median_seconds"])
        assert way["ratio"] == pytest.approx(way["median_seconds"] / report["ways"][-1]["median_seconds"])
        assert way["peak_mebibytes"] is None or way["peak_mebibytes"] >= 0
    assert report["stages"].keys() >= {"read", "parse", "metric", "total"}
    assert report["floor_seconds"] > 0
    assert report["versions"]["pandas"]
    assert report["compiled"] is (scoring.image_ids.put_rows is not None)


def test_the_report_has_every_kind_of_file(report):
    assert [file["name"] for file in report["files"]] == list(case.FILES)
    for file in report["files"]:
        assert file["median_seconds"] >= file["stages"]["read"] + file["stages"]["parse"]
        assert file["file_bytes"] > 20000 * 8
        assert file["floor_seconds"] > 0


def test_the_report_says_that_resampling_is_extrapolated(report):
    drawn = report["bootstrap"]
    assert drawn["replicates"] == 1000
    assert drawn["stages"]["uncertainty"] > 0
    resampling = drawn["resampling"]
    assert resampling["replicates_run"] == 2
    fastest = min(way["median_seconds"] for way in report["ways"][:2])
    assert resampling["extrapolated_seconds"] == pytest.approx(
        fastest + 1000 * resampling["seconds_per_replicate"]
    )
    assert drawn["ratio"] == pytest.approx(resampling["extrapolated_seconds"] / drawn["median_seconds"])


def test_different_numbers_stop_it(monkeypatch):
    monkeypatch.setitem(ordinary.ORDINARY, "pandas, merge", lambda _: lambda: ((1.0,) * 3, (1.0,) * 3))
    with pytest.raises(benchmark.Unequal, match=r"pandas, sort_values finds"):
        benchmark.run(rows=1000, repeats=1, device="cpu")


def test_different_draws_stop_it(monkeypatch):
    monkeypatch.setattr(ordinary, "resample", lambda part, draw: 0.5)
    with pytest.raises(benchmark.Unequal, match="in draw 0 of public, scikit-learn"):
        benchmark.run(rows=1000, repeats=1, device="cpu")


def test_the_case_is_like_a_release(tmp_path):
    case.write_case(tmp_path, rows=50_000, seed=4)
    table = pl.read_parquet(tmp_path / case.SOLUTION)
    positives = table.filter(label=1)
    assert len(positives) / len(table) == pytest.approx(0.031, abs=0.001)
    assert table.filter(split="public").height / len(table) == pytest.approx(0.3, abs=0.05)
    storms = positives.group_by("storm_id").agg(pl.len(), pl.col("split").n_unique())
    assert storms["len"].median() == pytest.approx(75, abs=10)
    assert storms["split"].max() == 1  # no storm in both parts
    assert table.filter(label=0)["storm_id"].null_count() == len(table) - len(positives)
    assert table["time"].dtype == pl.Datetime("ms", "UTC")
    solution = Solution.load(tmp_path / case.SOLUTION)
    found = [grade(tmp_path / file, solution, replicates=0).private for file in case.FILES.values()]
    assert all(each == found[0] for each in found)
    assert 0.1 < found[0].precision < 0.5
