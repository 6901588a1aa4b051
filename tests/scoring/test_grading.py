"""grade(): the file, the solution and the metric together, and the shape of the result."""

import json
import os
import subprocess
import sys

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import precision_recall_curve

from scoring import ENGINE_VERSION, DeviceError, InvalidSubmission, Solution, grade
from tests.scoring.cases import csv_text, image_ids, random_solution

RESULT = {
    "score",
    "passed_gate",
    "precision",
    "recall",
    "threshold",
    "tp",
    "fp",
    "fn",
    "tn",
    "interval",
    "probability_below_gate",
    "uncertainty",
    "slices",
    "curve",
    "details",
    "roc",
    "reliability",
}


@pytest.fixture
def case(tmp_path):
    rng = np.random.default_rng(3)
    count = 5000
    labels = (rng.random(count) < 0.05).astype(int)
    split = np.where(rng.random(count) < 0.3, "public", "private")
    scores = (rng.normal(size=count) + labels).round(2)
    solution = Solution.from_columns(image_ids=image_ids(count), labels=labels, split=split)
    order = rng.permutation(count)
    path = tmp_path / "submission.csv"
    names = image_ids(count)
    path.write_text(csv_text([(names[i], scores[i]) for i in order]))
    return path, solution, labels, split, scores


def test_both_parts_equal_scikit_learn(case):
    path, solution, labels, split, scores = case
    graded = grade(path, solution, device="cpu")
    for part, result in (("public", graded.public), ("private", graded.private)):
        chosen = split == part
        precision, recall, _ = precision_recall_curve(labels[chosen], scores[chosen])
        assert result.score == max(precision[:-1][recall[:-1] >= 0.79])
        assert result.tp + result.fn == labels[chosen].sum()
        assert result.tp + result.fp + result.fn + result.tn == chosen.sum()


def test_every_format_gives_the_same_grade(case, tmp_path):
    path, solution, *_ = case
    frame = pl.read_csv(path)
    frame.write_parquet(tmp_path / "a.parquet")
    frame.reverse().select("score", "image_id").write_csv(
        tmp_path / "b.csv", include_bom=True, line_terminator="\r\n"
    )
    first = grade(path, solution, device="cpu")
    for name in ("a.parquet", "b.csv"):
        other = grade(tmp_path / name, solution, device="cpu")
        assert (repr(other.public), repr(other.private)) == (repr(first.public), repr(first.private))


def test_the_result_has_the_documented_shape(case):
    path, solution, *_ = case
    printed = json.loads(json.dumps(grade(path, solution, device="cpu").to_dict(), allow_nan=False))
    assert printed.keys() == {"public", "private", "metric", "engine", "device", "seconds", "warnings"}
    for part in ("public", "private"):
        assert printed[part].keys() == RESULT
        assert printed[part]["curve"].keys() == {"precision", "recall", "threshold"}
        assert len(printed[part]["interval"]) == 2
        assert 0 <= printed[part]["probability_below_gate"] <= 1
        for of_others in ("slices", "details", "roc", "reliability"):
            assert printed[part][of_others] is None
    assert printed["metric"]["name"] == "recall_constrained_precision"
    assert printed["metric"]["version"] == 1
    assert printed["metric"]["config"]["recall_floor"] == 0.79
    assert (printed["engine"], printed["device"]) == (ENGINE_VERSION, "cpu")
    seconds = printed["seconds"]
    assert seconds.keys() == {"read", "parse", "metric", "uncertainty", "slices", "total"}
    assert seconds["read"] + seconds["parse"] + seconds["metric"] <= seconds["total"] * 1.01
    assert len(json.dumps(printed)) < 60_000


def test_ids_of_the_positives_are_told_to_nobody(case, tmp_path):
    _, solution, *_ = case
    bad = tmp_path / "bad.csv"
    bad.write_text("image_id,score\ncat,1\n")
    with pytest.raises(InvalidSubmission) as refused:
        grade(bad, solution)
    message = str(refused.value)
    named = [name for name in image_ids(5000) if name in message]
    assert named == image_ids(20)  # in their own order: the labels have no part in it


def test_a_gpu_that_is_not_there_is_said(case):
    import torch

    path, solution, *_ = case
    if torch.cuda.is_available():
        assert repr(grade(path, solution, device="cuda").public) == repr(
            grade(path, solution, device="cpu").public
        )
    else:
        with pytest.raises(DeviceError, match="no CUDA device"):
            grade(path, solution, device="cuda")
        assert grade(path, solution, device="auto").device == "cpu"


def test_an_unknown_device_is_refused(case):
    path, solution, *_ = case
    with pytest.raises(DeviceError, match="'tpu'"):
        grade(path, solution, device="tpu")


def test_grading_a_second_file_does_not_remember_the_first(tmp_path):
    solution = random_solution(500)
    rng = np.random.default_rng(1)
    files = []
    for number in range(3):
        path = tmp_path / f"{number}.csv"
        path.write_text(csv_text(list(zip(image_ids(500), rng.normal(size=500), strict=True))))
        files.append(path)
    first = [repr(grade(path, solution, device="cpu").public) for path in files]
    assert [repr(grade(path, solution, device="cpu").public) for path in files[::-1]] == first[::-1]
    assert len(set(first)) == 3


def test_importing_and_grading_on_the_cpu_need_neither_torch_nor_django(case):
    path, *_ = case
    code = (
        "import sys, scoring; scoring.validate_submission(sys.argv[1], n_rows=5000);"
        "print([name for name in ('torch', 'sklearn', 'django', 'celery', 'polars') if name in sys.modules])"
    )
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, "-c", code, str(path)]
    printed = subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout
    assert printed.strip() == "[]"
