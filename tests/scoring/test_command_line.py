"""python -m scoring as a person types it: what it prints, where, and its exit status."""

import json
import os
import subprocess
import sys

import pytest

from scoring import Solution, grade
from tests.scoring.cases import clean_csv, csv_text, image_ids, write_solution

LABELS = [1, 0, 1, 0, 0, 1, 0, 0]
SPLIT = ["public"] * 4 + ["private"] * 4
SCORES = [5.0, 2.0, 4.0, 1.0, 3.0, 6.0, 0.5, -1.0]


def run(*arguments):
    command = [sys.executable, "-m", "scoring", *map(str, arguments)]
    environment = os.environ | {"COLUMNS": "120", "CUDA_VISIBLE_DEVICES": ""}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


@pytest.fixture
def solution(tmp_path):
    return write_solution(tmp_path / "solution.parquet", LABELS, SPLIT)


@pytest.fixture
def submission(tmp_path):
    path = tmp_path / "submission.csv"
    path.write_text(csv_text(list(zip(image_ids(8), SCORES, strict=True))))
    return path


@pytest.fixture
def sample(tmp_path):
    path = tmp_path / "sample_submission.csv"
    path.write_text(clean_csv(8))
    return path


@pytest.fixture
def broken(tmp_path):
    path = tmp_path / "broken.csv"
    path.write_text(csv_text([(name, "nan") for name in image_ids(8)]))
    return path


def test_grade_prints_a_table(submission, solution):
    done = run("grade", submission, "--solution", solution)
    assert done.returncode == 0
    assert done.stderr == ""
    for word in (
        "Precision at a recall floor",
        "public",
        "private",
        "1.00000",
        "true positives",
        "ms on cpu",
    ):
        assert word in done.stdout


def test_grade_prints_json_that_is_the_librarys_result(submission, solution):
    done = run("grade", submission, "--solution", solution, "--json", "--device", "cpu")
    printed = json.loads(done.stdout)
    expected = grade(submission, Solution.load(solution), device="cpu").to_dict()
    assert done.returncode == 0
    assert printed.pop("seconds").keys() == expected.pop("seconds").keys()
    assert printed == json.loads(json.dumps(expected))


def score_row(printed):
    return next(line for line in printed.splitlines() if line.startswith("│ score"))


def test_grade_takes_a_configuration(submission, solution, tmp_path):
    config = tmp_path / "metric.json"
    config.write_text(
        '{"metric": "recall_constrained_precision", "threshold": "submitted", "recall_floor": 1.0}'
    )
    printed = json.loads(
        run("grade", submission, "--solution", solution, "--config", config, "--json").stdout
    )
    assert printed["public"]["threshold"] == 0
    assert printed["metric"]["config"]["recall_floor"] == 1.0
    done = run("grade", submission, "--solution", solution, "--config", config)
    assert "below the gate" not in score_row(done.stdout)


def test_an_entry_below_the_gate_is_said_to_be(solution, tmp_path):
    config = tmp_path / "metric.json"
    config.write_text('{"prediction": "label"}')
    labels = tmp_path / "labels.csv"
    labels.write_text(csv_text([(name, 0) for name in image_ids(8)], "image_id,label"))
    done = run("grade", labels, "--solution", solution, "--config", config)
    assert done.returncode == 0
    assert score_row(done.stdout).count("below the gate") == 2


def test_an_invalid_submission_has_status_2_and_a_line_for_each_problem(broken, solution):
    done = run("grade", broken, "--solution", solution)
    assert (done.returncode, done.stdout) == (2, "")
    first, *lines = done.stderr.splitlines()
    assert first == "invalid submission: 8 values that are NaN"
    assert len(lines) == 8
    assert lines[0] == 'row 2: the score is "nan"; every image needs a number'


def test_an_invalid_submission_in_json(broken, solution):
    done = run("grade", broken, "--solution", solution, "--json")
    printed = json.loads(done.stdout)
    assert done.returncode == 2
    assert printed["valid"] is False
    assert printed["problems"][0] == {
        "kind": "nan_value",
        "message": 'row 2: the score is "nan"; every image needs a number',
        "rows": [2],
        "total": 8,
    }


@pytest.mark.parametrize(
    ("columns", "config", "words"),
    [
        ({"storm_id": list("abcdefgh")}, {}, "draws of storms below the gate"),
        ({}, {}, "draws of images below the gate"),
        ({"voyage": list("abcdefgh")}, {"cluster_by": "voyage"}, "draws of groups by voyage below the gate"),
    ],
)
def test_grade_says_what_is_drawn(submission, tmp_path, columns, config, words):
    solution = write_solution(tmp_path / "drawn.parquet", [*LABELS[:3], 1, 1, 1, 0, 0], SPLIT, **columns)
    (tmp_path / "metric.json").write_text(json.dumps(config))
    done = run("grade", submission, "--solution", solution, "--config", tmp_path / "metric.json")
    assert words in done.stdout, done.stderr


def test_grade_names_the_columns_where_it_lacks_the_one_of_the_clusters(submission, tmp_path):
    solution = write_solution(tmp_path / "drawn.parquet", LABELS, SPLIT, storm_id=list("abcdefgh"))
    (tmp_path / "metric.json").write_text('{"cluster_by": "strom_id"}')
    done = run("grade", submission, "--solution", solution, "--config", tmp_path / "metric.json")
    assert done.returncode == 1
    assert done.stderr.startswith(
        "error: cluster_by strom_id: the solution has no such column; it has storm_id"
    )


def test_validate_accepts(submission, sample):
    done = run("validate", submission, "--ids", sample)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{submission}: valid, 8 predictions\n"


def test_validate_shows_warnings(submission, sample):
    submission.write_text(submission.read_text().replace("\n", ",x\n"))
    done = run("validate", submission, "--ids", sample)
    assert done.returncode == 0
    assert done.stderr == "warning: extra columns are ignored: x\n"


def test_validate_refuses_with_status_2(broken, sample):
    done = run("validate", broken, "--ids", sample)
    assert done.returncode == 2
    assert "row 9:" in done.stderr


def test_validate_asks_for_what_the_sample_asks_for(submission, sample):
    sample.write_text(clean_csv(8, "image_id,label"))
    done = run("validate", submission, "--ids", sample)
    assert done.returncode == 2
    assert 'the column "label" is missing' in done.stderr


def test_validate_takes_the_ids_of_a_solution(submission, solution):
    done = run("validate", submission, "--ids", solution)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{submission}: valid, 8 predictions\n"


@pytest.mark.parametrize("content", [b"PAR1 and no more", b"\x00\x01\x02" * 40])
def test_validate_refuses_ids_that_are_no_table_without_printing_them(submission, tmp_path, content):
    ids = tmp_path / "ids.parquet"
    ids.write_bytes(content)
    done = run("validate", submission, "--ids", ids)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {ids} is no sample submission")
    assert done.stderr.rstrip().isprintable()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["grade", "none.csv", "--solution", "{solution}"], "none.csv: No such file"),
        (["grade", "{submission}", "--solution", "none.parquet"], "none.parquet: No such file"),
        (["grade", "{submission}", "--solution", "{submission}"], "not a Parquet file"),
        (
            ["grade", "{submission}", "--solution", "{solution}", "--config", "none.json"],
            "none.json: No such file",
        ),
        (
            ["grade", "{submission}", "--solution", "{solution}", "--config", "{submission}"],
            "no metric configuration",
        ),
        (["grade", "{submission}", "--solution", "{solution}", "--device", "cuda"], "no CUDA device"),
        (["grade", ".", "--solution", "{solution}"], "Is a directory"),
        (["validate", "{submission}", "--ids", "none.csv"], "none.csv: No such file"),
    ],
)
def test_anything_else_has_status_1_and_says_why(arguments, words, submission, solution):
    done = run(*(argument.format(submission=submission, solution=solution) for argument in arguments))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: ")
    assert words in done.stderr
    assert "Traceback" not in done.stderr
