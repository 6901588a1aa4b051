"""evaluate gives the platform's own numbers."""

import json

import numpy as np
import polars as pl
import pytest

from scoring import MetricConfig, Solution, grade
from starter_kit.inference.evaluate import precision_at_recall
from starter_kit.run_folder import load_run
from starter_kit.training.train import train


@pytest.fixture
def submission(release, run_folder, shell, tmp_path):
    file = tmp_path / "s.csv"
    shell("predict", run_folder, "--data", release.directory, "--out", file)
    return file


def test_a_run_is_measured_on_its_validation_storms(release, run_folder, shell):
    ended = shell("evaluate", run_folder, "--data", release.directory, "--json")
    assert ended.status == 0, ended.err
    result = json.loads(ended.out)["validation"]
    best = load_run(run_folder, "cpu").metrics.best
    assert (result["precision"], result["threshold"]) == pytest.approx((best.precision, best.threshold))


def test_a_submission_gets_the_platforms_numbers(release, submission, shell):
    ended = shell("evaluate", submission, "--solution", release.solution_path, "--json")
    graded = grade(submission, Solution.load(release.solution_path)).to_dict()
    assert json.loads(ended.out) == {"public": graded["public"], "private": graded["private"]}


def test_the_competitions_metric_can_be_given(release, submission, shell, tmp_path):
    (tmp_path / "metric.json").write_text('{"recall_floor": 0.3}')
    words = ("evaluate", submission, "--solution", release.solution_path, "--json")
    ended = shell(*words, "--config", tmp_path / "metric.json")
    config = MetricConfig.model_validate({"recall_floor": 0.3})
    expected = grade(submission, Solution.load(release.solution_path), config).public.score
    assert json.loads(ended.out)["public"]["score"] == expected


@pytest.mark.parametrize(
    "name", ["precision_constrained_recall", "roc_auc", "partial_auc", "ets", "far", "brier", "log_loss"]
)
def test_any_metric_can_be_given_for_a_submission_and_for_models(
    release, run_folder, submission, shell, tmp_path, *, name
):
    config = tmp_path / "metric.json"
    config.write_text(json.dumps({"metric": name, "replicates": 50, "slices": ["basin"]}))
    words = ("evaluate", submission, "--solution", release.solution_path, "--config", config)
    printed = json.loads(shell(*words, "--json").out)
    metric = MetricConfig.model_validate_json(config.read_bytes())
    expected = grade(submission, Solution.load(release.solution_path), metric).public
    assert printed["public"]["score"] == expected.score
    assert "score" in shell(*words).out
    models = shell("evaluate", run_folder, "--data", release.directory, "--config", config, "--json")
    assert models.status == 0, models.err
    low, high = metric.range
    score = json.loads(models.out)["validation"]["score"]
    assert score is None or low <= score <= high


def test_models_are_not_judged_as_labels(release, run_folder, shell, tmp_path):
    config = tmp_path / "metric.json"
    config.write_text('{"metric": "csi", "prediction": "label"}')
    ended = shell("evaluate", run_folder, "--data", release.directory, "--config", config)
    assert ended.status == 1
    assert "judges labels, and models give scores" in ended.err.replace("\n", " ")


def test_the_table_shows_score_and_recall(release, submission, shell):
    out = shell("evaluate", submission, "--solution", release.solution_path).out
    for word in ("public", "private", "score", "recall", "threshold"):
        assert word in out


def test_an_invalid_submission_lists_its_problems(release, submission, shell):
    rows = submission.read_text().splitlines()
    submission.write_text("\n".join(rows[:-2]) + "\n")
    ended = shell("evaluate", submission, "--solution", release.solution_path)
    assert ended.status == 2
    assert "test_0001023" in ended.err


def test_runs_that_held_back_different_storms_are_not_mixed(release, run_folder, shell, quick, tmp_path):
    other = quick.model_copy(
        update={"validation": quick.validation.model_copy(update={"fold": 1}), "train": quick.train}
    )
    train(release, other, tmp_path / "other")
    ended = shell("evaluate", run_folder, tmp_path / "other", "--data", release.directory)
    assert ended.status == 1
    assert "held back different storms" in ended.err


def test_the_number_while_training_is_the_platforms(release, tmp_path):
    solution = Solution.load(release.solution_path)
    scores = np.random.default_rng(0).integers(0, 40, len(solution)) / 40
    pl.DataFrame({"image_id": release.test_ids(), "score": scores}).write_csv(tmp_path / "s.csv")
    public = release.solution_table()["split"].to_numpy() == "public"
    labels = release.solution_table()["label"].to_numpy()
    ours = precision_at_recall(scores[public], labels[public], 0.79)
    theirs = grade(tmp_path / "s.csv", solution).public
    assert (ours.precision, ours.recall, ours.threshold) == (
        theirs.precision,
        theirs.recall,
        theirs.threshold,
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["{run}"], "needs --data DIR"),
        (["{run}", "{run}", "--solution", "{solution}"], "takes one submission file"),
        (["{csv}", "--solution", "{nowhere}"], "nowhere"),
        (["{csv}", "--solution", "{solution}", "--config", "{csv}"], "is no metric's configuration"),
    ],
)
def test_a_wrong_call_says_what_is_missing(release, submission, shell, words, said):
    places = {"run": "some/run", "solution": release.solution_path, "csv": submission, "nowhere": "nowhere"}
    ended = shell("evaluate", *(word.format(**places) for word in words))
    assert ended.status == 1
    assert said in ended.err
