"""The benchmark compares like with like; its speed is for `make bench`, not for a test."""

import json
import subprocess
import sys

import pytest

from scoring import benchmark


def test_the_report_has_every_way_its_ratio_and_the_floor():
    command = [sys.executable, "-m", "scoring", "benchmark", "--rows", "20000", "--repeats", "2", "--json"]
    done = subprocess.run([*command, "--device", "cpu"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["results_equal"] is True
    assert report["rows"] == 20000
    assert [way["name"] for way in report["ways"]] == ["pandas, merge", "pandas, sort_values", "this engine"]
    for way in report["ways"]:
        assert len(way["seconds"]) == 2
        assert way["median_seconds"] > 0
        assert way["rows_per_second"] == pytest.approx(20000 / way["median_seconds"])
        assert way["ratio"] == pytest.approx(way["median_seconds"] / report["ways"][-1]["median_seconds"])
        assert way["peak_mebibytes"] is None or way["peak_mebibytes"] >= 0
    assert report["stages"].keys() == {"read", "parse", "metric", "total"}
    assert report["floor_seconds"] > 0
    assert report["versions"]["pandas"]


def test_different_numbers_stop_it(monkeypatch):
    def prepare(directory, _device):
        return lambda: ((1.0, 1.0, 1.0), (1.0, 1.0, 1.0))

    monkeypatch.setitem(benchmark.ORDINARY, "pandas, merge", prepare)
    with pytest.raises(benchmark.Unequal, match=r"pandas, sort_values finds"):
        benchmark.run(rows=1000, repeats=1, device="cpu")
