"""Lines of name<TAB>0|1 without a header, where the competition asks for them."""

import gzip

import pytest

from tests.scoring.cases import FORM_2018, clean_csv, image_ids, kinds, refusal, validate

LABELS = [0, 1, 1, 0]


def lines(suffix="", labels=LABELS):
    return "".join(
        f"{name}{suffix}\t{label}\n" for name, label in zip(image_ids(len(labels)), labels, strict=True)
    )


@pytest.mark.parametrize(
    "text",
    [
        lines(),
        lines(".tif"),
        lines().replace("0000001\t", "0000001.tif\t"),
        lines().replace("\n", "\r\n"),
        "\ufeff" + lines(".tif"),
        "".join(sorted(lines(".tif").splitlines(keepends=True), reverse=True)),
    ],
)
def test_names_with_or_without_their_suffix(file, text):
    submission = validate(file, text, 4, config=FORM_2018)
    assert submission.predictions.tolist() == LABELS
    assert submission.warnings == []


def test_it_may_be_compressed(file):
    assert validate(file, gzip.compress(lines().encode()), 4, config=FORM_2018).predictions.tolist() == LABELS


def test_a_table_with_a_header_is_read_too(file):
    assert validate(file, clean_csv(4, "image_id,label"), 4, config=FORM_2018).predictions.tolist() == [
        0,
        1,
        0,
        1,
    ]


def test_every_problem_has_its_row_from_one(file):
    text = lines(".tif", [0, 2, 1, 0]) + "test_0000000\t1\ncat.tif\t1\ntest_0000005\t\n"
    problems = refusal(file, text, 7, config=FORM_2018)
    assert {problem.kind: problem.rows for problem in problems} == {
        "label_value": (2,),
        "duplicate_id": (1, 5),
        "unknown_id": (6,),
        "empty_value": (7,),
        "missing_id": (),
    }


@pytest.mark.parametrize(("delimiter", "name"), [(",", "commas"), (";", "semicolons"), (" ", "spaces")])
def test_another_delimiter_is_recognised(file, delimiter, name):
    (problem,) = refusal(file, lines().replace("\t", delimiter), 4, config=FORM_2018)
    assert problem.kind == "delimiter"
    assert name in problem.message


def test_junk_is_refused(file):
    assert kinds(refusal(file, "cat\n", 4, config=FORM_2018)) == {
        "fields": 1,
        "unknown_id": 1,
        "missing_id": 4,
    }
    assert kinds(refusal(file, "", 4, config=FORM_2018)) == {"empty_file": 1}
