"""The solution in memory, and what is refused before anybody is scored with it."""

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from scoring import Solution, SolutionError
from tests.scoring.cases import image_ids, write_solution

LABELS = [0, 1, 0, 1, 1, 0]
SPLIT = ["private", "private", "public", "public", "private", "public"]


def test_slots_are_grouped_by_split_and_label(tmp_path):
    storms = [None, "a", None, "b", "c", None]
    solution = Solution.load(write_solution(tmp_path / "solution.parquet", LABELS, SPLIT, storm_id=storms))
    assert len(solution) == 6
    assert solution.bounds == (0, 1, 3, 5, 6)
    assert [solution.ids.place(name) for name in image_ids(6)] == [5, 3, 1, 0, 4, 2]
    assert solution.labels.tolist() == [1, 0, 0, 1, 1, 0]
    assert solution.split.tolist() == ["public"] * 3 + ["private"] * 3
    assert solution.columns["storm_id"].to_pylist() == ["b", None, None, "a", "c", None]


def test_a_prediction_goes_to_its_part():
    solution = Solution.from_columns(image_ids=image_ids(6), labels=LABELS, split=SPLIT)
    predictions = np.empty(6)
    predictions[[solution.ids.place(name) for name in image_ids(6)]] = range(6)
    public, private = solution.parts(predictions)
    assert (public.positives.tolist(), public.negatives.tolist()) == ([3], [2, 5])
    assert (private.positives.tolist(), private.negatives.tolist()) == ([1, 4], [0])


@pytest.mark.parametrize("kind", [pl.Int64, pl.Float64, pl.Boolean, pl.Int8])
@pytest.mark.parametrize("split_kind", [pl.String, pl.Categorical, pl.Enum(["public", "private"])])
def test_labels_and_split_in_the_types_that_tools_write(tmp_path, kind, split_kind):
    frame = pl.DataFrame({"image_id": image_ids(6), "label": LABELS, "split": SPLIT})
    frame.with_columns(pl.col("label").cast(kind), pl.col("split").cast(split_kind)).write_parquet(
        tmp_path / "s"
    )
    assert Solution.load(tmp_path / "s").bounds == (0, 1, 3, 5, 6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"label": [0, 1, 0, 1, 2, 0]}, "column label: '2.0' is neither 0 nor 1; 1 such rows: 5"),
        ({"label": [0, 1, 0, 1, None, 0]}, "column label: 'nan' is neither 0 nor 1; 1 such rows: 5"),
        ({"label": ["0", "1", "0", "1", "1", "0"]}, "column label: must hold the numbers 0 and 1"),
        (
            {"split": ["private"] * 3 + ["test"] * 3},
            "column split: 'test' is neither public nor private; 3 such rows: 4, 5, 6",
        ),
        ({"split": [*SPLIT[:5], None]}, "column split: 'None' is neither public nor private; 1 such rows: 6"),
        ({"split": [0, 1, 0, 1, 0, 1]}, "column split: '0' is neither"),
        ({"label": [0] * 6}, "no positive image in the public split"),
        ({"label": [0, 0, 0, 1, 0, 0]}, "no positive image in the private split"),
        ({"split": ["public"] * 6}, "no positive image in the private split"),
        ({"image_id": [*image_ids(5), "test_0000002"]}, r'"test_0000002" appears twice \(entries 3 and 6\)'),
        ({"image_id": [*image_ids(5), None]}, r"an image id is empty \(entry 6\)"),
    ],
)
def test_a_bad_solution_is_refused_with_its_rows(tmp_path, change, message):
    columns = {"image_id": image_ids(6), "label": LABELS, "split": SPLIT} | change
    pl.DataFrame(columns).write_parquet(tmp_path / "s")
    with pytest.raises(SolutionError, match=message):
        Solution.load(tmp_path / "s")


def test_missing_columns_are_named(tmp_path):
    pl.DataFrame({"image_id": image_ids(6), "labels": LABELS}).write_parquet(tmp_path / "s")
    with pytest.raises(
        SolutionError, match="each of the columns image_id, label, split once; it has image_id, labels"
    ):
        Solution.load(tmp_path / "s")


def test_numbers_are_no_times():
    with pytest.raises(SolutionError, match=r"column time: must hold times such as .*, its type is int64"):
        Solution.from_columns(image_ids=image_ids(6), labels=LABELS, split=SPLIT, time=range(6))


def test_a_column_of_lists_makes_no_storms():
    solution = Solution.from_columns(
        image_ids=image_ids(6), labels=LABELS, split=SPLIT, storm_id=pa.array([[1]] * 6)
    )
    with pytest.raises(SolutionError, match="column storm_id of the solution: must hold text, numbers or"):
        solution.clusters("storm_id", 10)


def test_a_table_without_rows_is_refused():
    table = pa.table(
        {"image_id": pa.array([], pa.string()), "label": pa.array([], pa.int8()), "split": pa.nulls(0)}
    )
    with pytest.raises(SolutionError, match="has no rows"):
        Solution.from_table(table)


def test_a_file_that_is_not_parquet_is_refused(tmp_path):
    (tmp_path / "s").write_text("image_id,label,split\n")
    with pytest.raises(SolutionError, match="not a Parquet file"):
        Solution.load(tmp_path / "s")
    with pytest.raises(FileNotFoundError):
        Solution.load(tmp_path / "none")
