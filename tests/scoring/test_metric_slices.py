"""Slices: recall, precision and score by basin, lead time, season or any column, and which columns may be."""

import json
import re
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scoring import MetricConfig, Solution, SolutionError, grade
from scoring.metrics.slices import check_columns
from tests.scoring.cases import csv_text, image_ids
from tests.scoring.hard_cases import result_of

COUNT = 1200


@pytest.fixture(scope="module")
def world():
    """Labels, probabilities and the columns of a release, with storms; a few basins are unknown."""
    rng = np.random.default_rng(8)
    labels = (rng.random(COUNT) < 0.3).astype(int)
    storm = [f"storm{rng.integers(40):02d}" if label else None for label in labels]
    start = datetime(2000, 1, 15, tzinfo=UTC)
    return {
        "labels": labels,
        "values": np.round(np.clip(0.3 * labels + rng.random(COUNT) * 0.7, 0, 1), 2),
        "split": np.where(rng.random(COUNT) < 0.5, "public", "private"),
        "storm_id": storm,
        "basin": [None if rng.random() < 0.02 else str(rng.choice(["WNP", "ENP", "NAT"])) for _ in labels],
        "time": [start + timedelta(days=int(rng.integers(0, 700))) for _ in labels],
        "latitude": rng.uniform(-30, 30, COUNT),
        "lead_time_hours": [float(rng.integers(-60, 60)) if label else None for label in labels],
    }


@pytest.fixture(scope="module")
def solution(world):
    columns = {name: world[name] for name in ("storm_id", "basin", "time", "latitude", "lead_time_hours")}
    return Solution.from_columns(
        image_ids=image_ids(COUNT), labels=world["labels"], split=world["split"], **columns
    )


@pytest.fixture
def graded(world, solution, tmp_path):
    def run(**fields):
        metric = MetricConfig.model_validate({"replicates": 200, **fields})
        values = np.round(world["values"]) if metric.prediction == "label" else world["values"]
        path = tmp_path / "submission.csv"
        header = f"image_id,{metric.column}"
        path.write_text(csv_text(list(zip(image_ids(COUNT), values, strict=True)), header))
        return grade(path, solution, metric, device="cpu")

    return run


def chosen(world, part, values_of, value):
    return np.array([s == part and v == value for s, v in zip(world["split"], values_of, strict=True)])


def season(time):
    return {12: "DJF", 1: "DJF", 2: "DJF", 3: "MAM", 4: "MAM", 5: "MAM"}.get(
        time.month, "JJA" if time.month < 9 else "SON"
    )


@pytest.mark.parametrize("part", ["public", "private"])
@pytest.mark.parametrize("column", ["basin", "season", "hemisphere"])
def test_a_slice_counts_the_images_of_its_value_at_the_threshold_of_the_whole_part(
    world, graded, column, part
):
    result = getattr(graded(slices=[column], recall_floor=0.6), part)
    values_of = {
        "basin": world["basin"],
        "season": [season(time) for time in world["time"]],
        "hemisphere": ["north" if latitude >= 0 else "south" for latitude in world["latitude"]],
    }[column]
    entries = result.slices[column]
    names = [entry["value"] for entry in entries]
    assert set(names) == {value for value, s in zip(values_of, world["split"], strict=True) if s == part}
    assert [name for name in names if name is not None] == sorted(name for name in names if name)
    assert None not in names[:-1]  # what is not known comes last
    for entry in entries:
        rows = chosen(world, part, values_of, entry["value"])
        labels, called = world["labels"][rows], world["values"][rows] >= result.threshold
        assert (entry["positives"], entry["negatives"]) == (labels.sum(), (1 - labels).sum())
        assert (entry["tp"], entry["fp"]) == (labels[called].sum(), (1 - labels)[called].sum())
        assert entry["recall"] == entry["tp"] / entry["positives"]
        assert entry["precision"] == entry["score"] == entry["tp"] / (entry["tp"] + entry["fp"])
    for count in ("tp", "fp"):
        assert sum(entry[count] for entry in entries) == getattr(result, count)


def test_lead_time_is_in_days_and_has_recall_alone(world, graded):
    result = graded(slices=["lead_time_day"], recall_floor=0.6).public
    entries = result.slices["lead_time_day"]
    assert [entry["value"] for entry in entries] == [-3, -2, -1, 0, 1, 2]
    for entry in entries:
        low = 24 * entry["value"]
        rows = np.array(
            [
                s == "public" and h is not None and low <= h < low + 24
                for s, h in zip(world["split"], world["lead_time_hours"], strict=True)
            ]
        )
        assert entry["positives"] == rows.sum()
        assert entry["recall"] == np.mean(world["values"][rows] >= result.threshold)
        assert (entry["negatives"], entry["fp"], entry["precision"], entry["score"]) == (None,) * 4
        low, high = entry["recall_interval"]
        assert low <= entry["recall"] <= high
        assert entry["interval"] is None


@pytest.mark.parametrize("fields", [{"metric": "hss"}, {"metric": "csi", "prediction": "label"}])
def test_the_score_of_a_slice_is_the_metrics_own_on_it(world, graded, fields):
    result = graded(**fields, slices=["basin"]).private
    threshold = 1.0 if result.threshold is None else result.threshold
    values = np.round(world["values"]) if result.threshold is None else world["values"]
    for entry in result.slices["basin"]:
        rows = chosen(world, "private", world["basin"], entry["value"])
        called = (values[rows] >= threshold).astype(int)
        alone = result_of(fields["metric"], world["labels"][rows], called, prediction="label")
        assert entry["score"] == alone.score
        low, high = entry["interval"]
        assert low <= entry["score"] <= high


@pytest.mark.parametrize("metric", ["roc_auc", "average_precision", "brier", "log_loss"])
def test_a_metric_without_threshold_is_evaluated_on_the_slice_alone(world, graded, metric):
    result = graded(metric=metric, slices=["season", "lead_time_day"]).private
    for entry in result.slices["season"]:
        rows = chosen(world, "private", [season(time) for time in world["time"]], entry["value"])
        assert entry["score"] == result_of(metric, world["labels"][rows], world["values"][rows]).score
        low, high = entry["interval"]
        assert low < entry["score"] < high
        assert (entry["recall"], entry["tp"]) == (None, None)
    assert all(entry["score"] is None for entry in result.slices["lead_time_day"])


def test_slices_are_json(graded):
    slices = graded(slices=["basin", "lead_time_day"]).public.slices
    assert json.loads(json.dumps(slices, allow_nan=False)).keys() == slices.keys()
    assert slices["basin"][0].keys() == {
        "value",
        "positives",
        "negatives",
        "tp",
        "fp",
        "recall",
        "precision",
        "score",
        "interval",
        "recall_interval",
    }


def small(metric=None, **columns):
    """Four images of either part, graded with the columns as slices."""
    labels, split = [1, 1, 0, 0] * 2, ["public"] * 4 + ["private"] * 4
    solution = Solution.from_columns(image_ids=image_ids(8), labels=labels, split=split, **columns)
    fields = {"metric": "roc_auc", "slices": list(columns)} | (metric or {})
    return solution, MetricConfig.model_validate(fields)


def run(tmp_path, solution, metric, values=(4, 3, 2, 1) * 2):
    path = tmp_path / "submission.csv"
    path.write_text(csv_text(list(zip(image_ids(8), values, strict=True)), f"image_id,{metric.column}"))
    return grade(path, solution, metric, device="cpu").public.slices


@pytest.mark.parametrize("metric", ["roc_auc", "hss", "f_beta", "recall_constrained_precision"])
def test_slices_of_one_class_say_what_they_can(tmp_path, metric):
    solution, config = small({"metric": metric}, kind=["a", "a", "b", "b"] * 2)
    only_positives, only_negatives = run(tmp_path, solution, config)["kind"]
    assert (only_positives["positives"], only_positives["negatives"]) == (2, 0)
    assert (only_negatives["positives"], only_negatives["negatives"]) == (0, 2)
    assert only_negatives["score"] is None
    assert only_negatives["recall"] is None
    if metric in {"roc_auc", "hss"}:
        assert only_positives["score"] is None
    else:
        assert only_positives["score"] == 1.0
    if metric != "roc_auc":
        assert only_positives["recall"] == 1.0
        assert only_negatives["precision"] is None  # nothing is called


def test_any_column_can_be_a_slice_and_its_values_stay_what_they_are(tmp_path):
    solution, config = small(
        year=[1999, 2000] * 4, land=[True, False] * 4, level=[0.5, 1.5] * 4, day=[date(2001, 2, 3)] * 8
    )
    slices = run(tmp_path, solution, config)
    assert {column: [entry["value"] for entry in entries] for column, entries in slices.items()} == {
        "year": [1999, 2000],
        "land": [False, True],
        "level": [0.5, 1.5],
        "day": ["2001-02-03"],
    }


def test_a_column_of_the_solution_goes_before_a_derived_one(tmp_path):
    solution, config = small({"slices": ["season"]}, season=["wet", "dry"] * 4, time=["2001-02-03"] * 8)
    assert [entry["value"] for entry in run(tmp_path, solution, config)["season"]] == ["dry", "wet"]


def test_seasons_of_times_as_text_with_a_zone(tmp_path):
    solution, config = small(
        {"slices": ["season"]}, time=["2001-02-03T00:00:00Z", "2001-07-03T09:00:00Z"] * 4
    )
    slices = run(tmp_path, solution, config)
    assert [entry["value"] for entry in slices["season"]] == ["DJF", "JJA"]


def test_infinity_is_a_value_that_json_can_name(tmp_path):
    solution, config = small({"slices": ["level"]}, level=[np.inf, 0.5, -np.inf, np.nan] * 2)
    slices = run(tmp_path, solution, config)
    assert [entry["value"] for entry in slices["level"]] == ["-inf", 0.5, "inf", None]
    json.dumps(slices, allow_nan=False)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([[1]] * 8, "list<"),
        ([timedelta(hours=3)] * 8, "duration[us]"),
        ([b"\xff"] * 8, "binary"),
    ],
)
def test_a_column_of_other_things_than_text_numbers_and_dates_is_refused(tmp_path, values, kind):
    solution, config = small({"slices": ["thing"]}, thing=pa.array(values))
    message = f"slice thing: must hold text, numbers or dates, its type is {kind}"
    with pytest.raises(SolutionError, match=re.escape(message)):
        run(tmp_path, solution, config)
    with pytest.raises(SolutionError, match=re.escape(message)):
        check_columns(config, saved(solution, tmp_path))


def test_one_storm_alone_has_no_interval(tmp_path):
    solution, config = small(
        {"metric": "csi", "slices": ["kind"], "replicates": 50},
        kind=["a", "b", "a", "b"] * 2,
        storm_id=["x", "y", None, None] * 2,
    )
    for entry in run(tmp_path, solution, config)["kind"]:
        assert (entry["interval"], entry["recall_interval"]) == (None, None)


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ("ocean", "slice ocean: the solution has no such column; it has kind, number, time, and season can"),
        ("lead_time_day", "slice lead_time_day is derived from the column lead_time_hours, which the"),
        ("number", "slice number: the column has 120 values; a slice is for at most 50"),
    ],
)
def test_a_column_that_cannot_be_sliced_is_refused_in_words(tmp_path, column, message):
    count = 120
    solution = Solution.from_columns(
        image_ids=image_ids(count),
        labels=[1, 0] * (count // 2),
        split=["public", "public", "private", "private"] * (count // 4),
        kind=["a"] * count,
        number=list(range(count)),
        time=["2001-02-03"] * count,
    )
    metric = MetricConfig.model_validate({"slices": [column]})
    path = tmp_path / "submission.csv"
    path.write_text(csv_text([(name, 1.0) for name in image_ids(count)]))
    with pytest.raises(SolutionError, match=re.escape(message)):
        grade(path, solution, metric, device="cpu")
    with pytest.raises(SolutionError, match=re.escape(message)):
        check_columns(metric, saved(solution, tmp_path))


def test_a_file_tells_whether_it_can_be_sliced(solution, tmp_path):
    metric = MetricConfig.model_validate({"slices": ["basin", "lead_time_day", "season", "hemisphere"]})
    check_columns(metric, saved(solution, tmp_path))
    with pytest.raises(SolutionError, match="slice label: the solution has no such column"):
        check_columns(MetricConfig.model_validate({"slices": ["label"]}), saved(solution, tmp_path))
    (tmp_path / "text.parquet").write_text("no table")
    with pytest.raises(SolutionError, match="is not a Parquet file"):
        check_columns(metric, tmp_path / "text.parquet")


def saved(solution, folder):
    path = folder / "solution.parquet"
    pq.write_table(solution.columns.append_column("label", pa.array(solution.labels)), path)
    return path
