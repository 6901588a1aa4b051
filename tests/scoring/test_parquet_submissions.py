"""Parquet in the types that people's tools write."""

from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scoring import InvalidSubmission, validate_submission
from tests.scoring.cases import LABELS, image_ids, kinds, refusal, validate

NAMES = image_ids(4)


def parquet(columns, path, **options):
    table = columns if isinstance(columns, pa.Table) else pa.table(columns)
    pq.write_table(table, path, **options)
    return path.read_bytes()


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (pa.array([0.5, -1, 2, 3], pa.float64()), [0.5, -1, 2, 3]),
        (pa.array([0.1, -1, 2, 3], pa.float32()), [float(np.float32(0.1)), -1, 2, 3]),
        (pa.array(np.array([0.5, -1, 2, 3], np.float16)), [0.5, -1, 2, 3]),
        (pa.array([1, 0, -7, 4], pa.int64()), [1, 0, -7, 4]),
        (pa.array([1, 0, 2**64 - 1, 4], pa.uint64()), [1, 0, 2.0**64, 4]),
        (pa.array([1, 0, 2, 3], pa.int8()), [1, 0, 2, 3]),
        (pa.array([2**53 + 1, 0, 2, 3], pa.int64()), [2.0**53, 0, 2, 3]),
        (pa.array([Decimal("0.1"), Decimal("-1"), Decimal("2"), Decimal("3")]), [0.1, -1, 2, 3]),
        (pa.array([0.5, -1, 2, 3]).dictionary_encode(), [0.5, -1, 2, 3]),
    ],
)
def test_scores_of_any_number_type_become_float64(file, tmp_path, values, expected):
    content = parquet({"image_id": NAMES, "score": values}, tmp_path / "p")
    submission = validate(file, content, 4, filename="mine.parquet")
    assert submission.predictions.tolist() == expected
    assert submission.predictions.dtype == np.float64
    assert submission.warnings == []


@pytest.mark.parametrize(
    "kind",
    [
        pa.string(),
        pa.large_string(),
        pa.string_view(),
        pa.binary(),
        pa.large_binary(),
        pa.binary(12),
        pa.dictionary(pa.int8(), pa.string()),
        pa.dictionary(pa.int32(), pa.large_string()),
    ],
)
@pytest.mark.parametrize(
    "options", [{}, {"use_dictionary": False}, {"row_group_size": 3}, {"store_schema": False}]
)
def test_ids_of_any_text_type(file, tmp_path, kind, options):
    order = [2, 0, 3, 1]
    ids = pa.array([NAMES[i] for i in order]).cast(kind)
    content = parquet({"score": pa.array(order, pa.int32()), "image_id": ids}, tmp_path / "p", **options)
    assert validate(file, content, 4).predictions.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("kind", [pa.bool_(), pa.int8(), pa.uint64(), pa.float32()])
def test_labels_of_any_type_that_holds_0_and_1(file, tmp_path, kind):
    content = parquet({"image_id": NAMES, "label": pa.array([0, 1, 1, 0]).cast(kind)}, tmp_path / "p")
    assert validate(file, content, 4, config=LABELS).predictions.tolist() == [0, 1, 1, 0]


def test_what_pandas_and_polars_write(file, tmp_path):
    frame = pd.DataFrame({"image_id": NAMES, "score": [0, 1, 2, 3]})
    for written in (frame, frame.set_index("image_id"), frame.astype({"image_id": "category"})):
        written.to_parquet(tmp_path / "pandas")
        assert validate(file, (tmp_path / "pandas").read_bytes(), 4).predictions.tolist() == [0, 1, 2, 3]
    for kind in (pl.String, pl.Categorical, pl.Enum(NAMES)):
        pl.from_pandas(frame).with_columns(pl.col("image_id").cast(kind)).write_parquet(tmp_path / "polars")
        assert validate(file, (tmp_path / "polars").read_bytes(), 4).predictions.tolist() == [0, 1, 2, 3]


def test_many_row_groups_and_batches(file, tmp_path):
    count = 100_000
    order = np.random.default_rng(0).permutation(count)
    ids = pa.array(np.array(image_ids(count))[order])
    content = parquet({"image_id": ids, "score": order.astype(float)}, tmp_path / "p", row_group_size=7_000)
    assert (validate(file, content, count).predictions == np.arange(count)).all()


def test_extra_columns_even_nested_ones_are_ignored_with_a_warning(file, tmp_path):
    columns = {"image_id": NAMES, "score": [0.0] * 4, "all": [[1, 2]] * 4, "image_id.x": [{"score": 1}] * 4}
    submission = validate(file, parquet(columns, tmp_path / "p"), 4)
    assert submission.warnings == ["extra columns are ignored: all, image_id.x"]


def test_rows_are_counted_from_one(file, tmp_path):
    ids = pa.array(["test_0000000", "cat", "test_0000000", None, "test_0000002", "test_0000003"])
    scores = pa.array([0.0, 1.0, 2.0, 3.0, None, np.nan])
    problems = refusal(file, parquet({"image_id": ids, "score": scores}, tmp_path / "p"), 5)
    assert {problem.kind: problem.rows for problem in problems} == {
        "unknown_id": (4,),
        "duplicate_id": (1, 3),
        "empty_value": (5,),
        "nan_value": (6,),
        "missing_id": (),
    }
    assert problems[0].rows == (2,)
    assert problems[1].message == "row 4: the id is empty"


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        (
            {"id": NAMES, "score": [0.0] * 4},
            '"image_id" is missing: expected the columns image_id, score, found id, score',
        ),
        ({"image_id": NAMES, "label": [0] * 4}, '"score" is missing'),
        ({"image_id": [0, 1, 2, 3], "score": [0.0] * 4}, '"image_id" has the type int64; it must be text'),
        ({"image_id": NAMES, "score": ["0.5"] * 4}, '"score" has the type string; it must hold numbers'),
        ({"image_id": NAMES, "score": [True] * 4}, '"score" has the type bool'),
        ({"image_id": NAMES, "score": [[0.5]] * 4}, '"score" has the type list'),
        ({"image_id": NAMES, "score": [{"x": 1}] * 4}, '"score" has the type struct'),
        ({"image_id": [[name] for name in NAMES], "score": [0.0] * 4}, '"image_id" has the type list'),
        ({"image_id": NAMES, "score": pa.nulls(4)}, '"score" has the type null'),
        (
            {"image_id": NAMES, "score": pa.array([0] * 4, pa.timestamp("s"))},
            '"score" has the type timestamp',
        ),
        (pa.table([NAMES, [0.0] * 4, [1.0] * 4], ["image_id", "score", "score"]), "appears more than once"),
    ],
)
def test_wrong_columns_and_types(file, tmp_path, columns, words):
    problems = refusal(file, parquet(columns, tmp_path / "p"), 4)
    assert kinds(problems) == {"columns": 1}
    assert words in problems[0].message


def test_a_file_without_rows(file, tmp_path):
    content = parquet(
        {"image_id": pa.array([], pa.string()), "score": pa.array([], pa.float64())}, tmp_path / "p"
    )
    assert kinds(refusal(file, content, 4)) == {"empty_file": 1}


def test_ids_that_are_not_utf_8(file, tmp_path):
    content = parquet({"image_id": pa.array([b"\xff" * 12] * 4), "score": [0.0] * 4}, tmp_path / "p")
    assert kinds(refusal(file, content, 4)).keys() <= {"damaged", "unknown_id", "missing_id", "encoding"}


def test_a_file_cut_short(file, tmp_path):
    content = parquet({"image_id": NAMES, "score": [0.0] * 4}, tmp_path / "p")
    (problem,) = refusal(file, content[:-30], 4)
    assert problem.kind == "damaged"
    assert "ends too early" in problem.message


def test_a_file_whose_footer_lies(file, tmp_path):
    content = parquet({"image_id": NAMES, "score": [0.0] * 4}, tmp_path / "p")
    for length in (b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\0\0\0", b"\x01\0\0\0"):
        assert kinds(refusal(file, content[:-8] + length + b"PAR1", 4)) == {"damaged": 1}


def test_an_infinite_score_and_a_decimal_one_out_of_range(file, tmp_path):
    content = parquet({"image_id": NAMES, "score": [np.inf, -np.inf, 0, 0]}, tmp_path / "p")
    assert kinds(refusal(file, content, 4)) == {"infinite_value": 2}


@pytest.mark.parametrize(
    "content",
    [b"not a table\nat, all\n", bytes(range(256)), b"\xff\xfe\xfd\n"],
    ids=["text", "bytes", "Latin"],
)
def test_a_file_that_only_the_name_calls_parquet_is_none(tmp_path, content):
    path = tmp_path / "submission.parquet"
    path.write_bytes(content)
    with pytest.raises(InvalidSubmission) as refused:
        validate_submission(path, n_rows=3)
    assert [problem.kind for problem in refused.value.problems] == ["format"]
    assert 'the name "submission.parquet" says Parquet, and the file is none' in str(refused.value)


def test_a_table_of_text_with_the_name_of_a_parquet_file_is_told_its_own_mistakes(tmp_path):
    path = tmp_path / "submission.parquet"
    path.write_text("image_id,score\ntest_0000000,nan\n")
    with pytest.raises(InvalidSubmission, match="row 2: the score is"):
        validate_submission(path, n_rows=1)
