"""Grading with an organizer's own metric: what it is given, and what comes of it."""

import json
import re
import time
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError
from typer.testing import CliRunner

from scoring import InvalidSubmission, MetricConfig, Solution, grade
from scoring.__main__ import app
from scoring.grading import grade_predictions
from scoring.metrics import MetricFile, OwnMetric
from scoring.own_metric import MetricFailed, SourceError, read_source

ROWS = 400
GUIDE = Path(__file__).resolve().parents[2] / "docs" / "organizers" / "own-metric.md"


@pytest.fixture(scope="module")
def columns() -> dict:
    random = np.random.default_rng(0)
    return {
        "image_ids": [f"test_{number:07d}" for number in random.permutation(ROWS)],
        "labels": (random.random(ROWS) < 0.1).astype(int),
        "split": np.where(random.random(ROWS) < 0.3, "public", "private"),
        "basin": random.choice(["WP", "EP"], ROWS),
        "lead_time_hours": random.integers(0, 100, ROWS),
        "storm_id": [f"s{number % 7}" for number in range(ROWS)],
    }


@pytest.fixture(scope="module")
def solution(columns) -> Solution:
    return Solution.from_columns(**columns)


@pytest.fixture(scope="module")
def submission(columns, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("submission") / "scores.csv"
    scores = columns["labels"] + np.random.default_rng(1).normal(0, 0.5, ROWS)
    lines = [f"{name},{score!r}" for name, score in zip(columns["image_ids"], scores.tolist(), strict=True)]
    path.write_text("\n".join(["image_id,score", *lines]))
    return path


def own(source: str, **fields) -> OwnMetric:
    file = MetricFile(source)
    return OwnMetric(**{"name": "Hits", "sha256": file.sha256} | fields).with_file(file)


LOOKS = """
import json

def score(solution, submission):
    print(json.dumps({
        "columns": [list(solution.columns), list(submission.columns)],
        "types": [str(solution.label.dtype), str(submission[submission.columns[1]].dtype)],
        "ids": solution.image_id.tolist(),
        "same": bool((solution.image_id == submission.image_id).all()),
        "index": solution.index.tolist() == submission.index.tolist() == list(range(len(solution))),
    }))
    submission["mine"] = 1
    solution.loc[0, "label"] = 7
    raise SystemExit
"""


@pytest.mark.parametrize(("prediction", "kind"), [("score", "float64"), ("label", "int64")])
def test_it_is_given_one_part_in_the_order_of_ids(columns, solution, prediction, kind):
    labels = np.zeros((1, ROWS))
    with pytest.raises(MetricFailed) as failed:
        grade_predictions(labels, solution, own(LOOKS, prediction=prediction))
    seen = json.loads(failed.value.printed)
    public = [
        name for name, split in zip(columns["image_ids"], columns["split"], strict=True) if split == "public"
    ]
    assert seen["ids"] == sorted(public)
    assert seen["columns"] == [
        ["image_id", "label", "basin", "lead_time_hours", "storm_id"],
        ["image_id", prediction],
    ]
    assert seen["types"] == ["int64", kind]
    assert seen["same"]
    assert seen["index"]


MEAN = """
def score(solution, submission):
    return {"score": (solution.label * submission.score).mean(), "images": len(solution), "recall": 0.5}
"""


def test_it_gives_what_the_same_lines_give_in_pandas(columns, solution, submission):
    import pandas as pd

    graded = grade(submission, solution, own(MEAN), device="cpu")
    table = pd.read_csv(submission).assign(label=columns["labels"], split=columns["split"])
    for part, result in (("public", graded.public), ("private", graded.private)):
        rows = table[table.split == part].sort_values("image_id")
        assert result.score == (rows.label * rows.score).mean()
        assert result.details == {"images": len(rows)}
        assert (result.recall, result.passed_gate, result.interval) == (0.5, True, None)
    json.dumps(graded.to_dict(), allow_nan=False)
    assert graded.metric["config"]["sha256"] == MetricFile(MEAN).sha256


ORDINARY = """
import datetime, json, math, tempfile, zoneinfo
import numpy as np, pandas as pd, pyarrow as pa, pyarrow.compute as pc
import scipy.special, scipy.stats, sklearn.metrics

def score(solution, submission):
    tokyo = zoneinfo.ZoneInfo("Asia/Tokyo")
    labels, scores = solution["label"], submission["score"]
    table = solution.merge(submission, on="image_id").sort_values(["score", "image_id"], ascending=False)
    table["place"] = table.score.rank()
    table["season"] = table.basin.str.lower().astype("category")
    by_basin = table.groupby("season", observed=True).agg(hits=("label", "sum"), best=("score", "max"))
    pivot = table.pivot_table(index="basin", columns="label", values="score", aggfunc="median")
    features = np.random.default_rng(0).normal(size=(300, 300))
    with tempfile.NamedTemporaryFile("w+") as file:
        table.to_csv(file.name)
        again = pd.read_csv(file.name)
    return {
        "score": sklearn.metrics.roc_auc_score(labels, scores),
        "ap": sklearn.metrics.average_precision_score(labels, scores),
        "f1": sklearn.metrics.f1_score(labels, scores > scores.mean()),
        "loss": sklearn.metrics.log_loss(labels, scipy.special.expit(scores)),
        "tau": scipy.stats.kendalltau(labels, scores).statistic,
        "linear algebra": np.linalg.svd(features @ features.T)[1][0],
        "hits": by_basin.hits.sum(), "cells": pivot.size, "rows": len(again),
        "hour": datetime.datetime(2020, 1, 1, tzinfo=tokyo).utcoffset().seconds / 3600,
        "places": pc.count_distinct(pc.utf8_upper(pa.array(table.basin))).as_py(),
    }
"""


def test_an_ordinary_metric_finds_what_it_needs(solution, submission):
    graded = grade(submission, solution, own(ORDINARY))
    assert graded.public.details["hour"] == 9
    assert graded.private.details["places"] == 2
    assert 0.5 < graded.private.score <= 1


def test_it_gives_the_same_each_time(solution, submission):
    of_a_set = """
def score(solution, submission):
    return sum(hash(name) % 1000 / 7 for name in set(solution.storm_id)) + float(str(hash("x"))[-3:])
"""
    scores = {grade(submission, solution, own(of_a_set)).private.score for _ in range(3)}
    assert len(scores) == 1


def test_a_participant_visible_error_is_a_problem_of_the_submission(solution, submission):
    raising = (
        'from tamago_metric import ParticipantVisibleError as E\ndef score(a, b):\n    raise E("Too flat.")'
    )
    with pytest.raises(InvalidSubmission) as invalid:
        grade(submission, solution, own(raising))
    assert [(each.kind, each.message) for each in invalid.value.problems] == [
        ("refused_by_metric", "Too flat.")
    ]
    assert invalid.value.summary


def test_the_private_part_s_reason_is_not_the_participant_s(columns, solution, submission):
    public = int((np.array(columns["split"]) == "public").sum())
    raising = f"""
from tamago_metric import ParticipantVisibleError
def score(solution, submission):
    if len(solution) != {public}:
        raise ParticipantVisibleError("test_0000001 is a storm")
    return 1"""
    with pytest.raises(InvalidSubmission) as invalid:
        grade(submission, solution, own(raising))
    assert "is a storm" not in str(invalid.value)
    assert "is a storm" in str(invalid.value.__cause__)


def test_the_configuration_names_its_file():
    config = MetricConfig.model_validate(
        {"metric": "own", "name": "Hits", "sha256": "0" * 64, "better": "lower"}
    )
    assert not config.higher_is_better
    with pytest.raises(LookupError, match="is needed"):
        _ = config.file
    with pytest.raises(ValueError, match="the configuration names 0000"):
        config.with_file(MetricFile(MEAN))
    assert MetricConfig.model_validate(config.model_dump(mode="json")) == config


@pytest.mark.parametrize("field", [{"replicates": 10}, {"slices": ["basin"]}, {"cluster_by": "storm_id"}])
def test_what_would_need_a_thousand_calls_is_refused(field):
    with pytest.raises(ValidationError, match="no replicates, clusters or slices"):
        own(MEAN, **field)


@pytest.fixture(scope="module")
def solution_file(columns, tmp_path_factory) -> Path:
    import polars as pl

    path = tmp_path_factory.mktemp("release") / "solution.parquet"
    renamed = {"image_ids": "image_id", "labels": "label"}
    pl.DataFrame({renamed.get(name, name): values for name, values in columns.items()}).write_parquet(path)
    return path


def test_the_guide_s_example_works_as_it_stands(solution_file, tmp_path):
    metric = tmp_path / "lead_time.py"
    metric.write_text(re.search(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)[1])
    arguments = ["try-metric", str(metric), "--solution", str(solution_file), "--json"]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    trial = json.loads(done.stdout)
    assert trial["usable"]
    assert {each["outcome"] for each in trial["tries"] if each["answer"] == "constant"} == {"refused"}
    assert all(each["peak_memory"] > 50_000_000 for each in trial["tries"] if each["outcome"] == "returned")


def test_the_command_line_grades_with_a_file(submission, solution, solution_file, tmp_path):
    metric = tmp_path / "mean.py"
    metric.write_text(MEAN)
    config = tmp_path / "metric.json"
    config.write_text('{"metric": "own", "name": "Mean", "better": "lower"}')
    files = ["--metric-file", str(metric), "--solution", str(solution_file), "--config", str(config)]
    done = CliRunner().invoke(app, ["grade", str(submission), *files, "--json"])
    assert done.exit_code == 0, done.output
    graded = json.loads(done.stdout)
    assert graded["public"]["score"] == grade(submission, solution, own(MEAN)).public.score
    assert graded["metric"]["config"]["better"] == "lower"
    table = CliRunner().invoke(app, ["grade", str(submission), *files])
    assert table.exit_code == 0, table.output


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("def score(a):\n    return 1", "line 1: `score` must take two arguments"),
        ("def score(a, b):\n    return 1 / 0", "ZeroDivisionError"),
    ],
)
def test_the_command_line_tells_what_is_wrong_with_a_file(source, told, solution_file, tmp_path):
    metric = tmp_path / "metric.py"
    metric.write_text(source)
    done = CliRunner().invoke(app, ["try-metric", str(metric), "--solution", str(solution_file)])
    assert done.exit_code == 1
    assert told in done.output


def test_the_command_line_shows_names_and_sentences_as_they_are(submission, solution_file, tmp_path):
    """Square brackets are no markup of a terminal's colours."""
    metric = tmp_path / "metric.py"
    metric.write_text(
        "from tamago_metric import ParticipantVisibleError\n"
        "def score(solution, submission):\n"
        "    if submission['score'].nunique() < 2: raise ParticipantVisibleError('[/red]')\n"
        "    return {'score': 1, '[/b] [x]': 2}\n"
    )
    tried = CliRunner().invoke(app, ["try-metric", str(metric), "--solution", str(solution_file)])
    assert tried.exit_code == 0, tried.output
    assert "refused: [/red]" in tried.output
    graded = CliRunner().invoke(
        app,
        ["grade", str(submission), "--metric-file", str(metric), "--solution", str(solution_file)],
    )
    assert graded.exit_code == 0, graded.output
    assert "[/b] [x]" in graded.output


def nested_finally(functions: int) -> str:
    """Each `finally` is compiled twice, and so are those inside it."""
    lines, depth = ["def score(solution, submission):", " return 1"], 0
    for _ in range(functions):
        lines.append(f"{' ' * depth}def f():")
        depth += 1
        for _ in range(18):
            lines += [f"{' ' * depth}try:", f"{' ' * depth} pass", f"{' ' * depth}finally:"]
            depth += 1
    return "\n".join([*lines, f"{' ' * depth}pass"])


def test_a_file_on_which_the_compiler_never_ends_is_refused():
    began = time.monotonic()
    with pytest.raises(SourceError, match="Python cannot compile the file"):
        read_source(nested_finally(4).encode())
    assert time.monotonic() - began < 45


def test_warnings_of_the_compiler_are_not_written_into_the_site_s_log(capfd):
    source = "def score(solution, submission):\n    return 1\n" + "1 is 1\n" * 10_000
    assert read_source(source.encode()) == source
    assert capfd.readouterr() == ("", "")
