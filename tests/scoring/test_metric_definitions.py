"""One definition of every metric: in the documentation, on the command line, and as data."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from scoring import METRICS, MetricConfig
from scoring.metrics.definition import FAMILIES, define, definitions, to_markdown
from tests.scoring.cases import csv_text, image_ids, write_solution

DOCUMENT = Path(__file__).parents[2] / "docs" / "metrics.md"


def scoring(*arguments: object) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "scoring", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env={"COLUMNS": "160", "PATH": "/usr/bin:/bin"},
        cwd=DOCUMENT.parents[1],
    )


def test_the_documentation_is_what_the_docstrings_say():
    written = DOCUMENT.read_text(encoding="utf-8")
    assert written == to_markdown(), "run: python -m scoring metrics --markdown > docs/metrics.md"


def test_every_metric_is_defined_and_says_what_it_needs():
    found = definitions()
    assert {each.name for each in found} == METRICS.keys()
    assert [each.family for each in found] == sorted((each.family for each in found), key=FAMILIES.index)
    for each in found:
        assert each.summary == each.text.split("\n\n")[0]
        assert "Source:" in each.text
        if each.name != "own":
            assert each.low < each.high
            assert each.direction.removesuffix(" is better").capitalize() + " is better" in each.text
            assert any(word in each.text for word in ("refused", "undefined"))  # where a class is missing
        for parameter in each.parameters:
            assert parameter.description, f"{each.name}.{parameter.name}"
            assert "|" not in parameter.description.replace("0|1", "")


def test_parameters_tell_their_bounds_and_choices():
    parameters = {each.name: each for each in define(METRICS["partial_auc"]).parameters}
    assert parameters["recall_above"].values == "number, at least 0, below 1"
    assert parameters["curve"].choices == ("precision_recall", "roc")
    assert parameters["curve"].default == "precision_recall"
    floor = define(METRICS["precision_constrained_recall"]).parameters[0]
    assert (floor.name, floor.values) == ("threshold", "`per_split`, `from_public`, `submitted`")


@pytest.mark.parametrize("name", sorted(METRICS.keys() - {"own"}))
def test_the_default_parameters_make_a_metric(name):
    each = define(METRICS[name])
    fields = {parameter.name: parameter.default for parameter in each.parameters}
    assert MetricConfig.model_validate({"metric": name, **fields}) == MetricConfig.model_validate(
        {"metric": name}
    )


def test_the_command_line_lists_all_and_tells_of_one():
    listed = scoring("metrics")
    assert listed.returncode == 0
    assert all(name in listed.stdout for name in METRICS)
    told = scoring("metrics", "ets")
    assert "Gilbert" in told.stdout
    assert "higher is better" in told.stdout


def test_the_command_line_prints_json():
    everything = json.loads(scoring("metrics", "--json").stdout)
    assert [each["name"] for each in everything] == [each.name for each in definitions()]
    one = json.loads(scoring("metrics", "brier", "--json").stdout)
    assert one == json.loads(json.dumps(define(METRICS["brier"]).to_dict()))
    assert (one["low"], one["high"], one["higher_is_better"]) == (0.0, 1.0, False)


def test_an_unknown_metric_is_refused_with_the_names_of_all():
    refused = scoring("metrics", "accuracy")
    assert refused.returncode == 1
    assert refused.stderr.startswith("error: there is no metric 'accuracy': they are ")


@pytest.mark.parametrize("name", ["roc_auc", "brier", "far", "precision_constrained_recall", "mcc"])
def test_a_grade_of_any_metric_prints(tmp_path, name):
    labels = [1, 0, 1, 0, 1, 0, 1, 0]
    solution = write_solution(
        tmp_path / "solution.parquet",
        labels,
        ["public"] * 4 + ["private"] * 4,
        basin=["WNP", "WNP", "ENP", "ENP"] * 2,
    )
    submission = tmp_path / "submission.csv"
    submission.write_text(csv_text(list(zip(image_ids(8), [0.9, 0.1, 0.8, 0.3] * 2, strict=True))))
    config = tmp_path / "metric.json"
    config.write_text(json.dumps({"metric": name, "slices": ["basin"]}))
    printed = scoring("grade", submission, "--solution", solution, "--config", config)
    assert printed.returncode == 0, printed.stderr
    assert METRICS[name].title in printed.stdout
    assert "public, by basin" in printed.stdout
    assert "None" not in printed.stdout
