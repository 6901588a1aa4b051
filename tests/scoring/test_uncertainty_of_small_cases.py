"""What is resampled, and what happens where there is little to resample."""

import datetime as dt

import numpy as np
import polars as pl
import pytest

from scoring import (
    MetricConfig,
    Solution,
    SolutionError,
    advise_threshold,
    evaluate,
    grade,
    grade_predictions,
)
from scoring.clustering import group_by_time, group_by_value, to_arrow
from scoring.resampling import MAX_CLUSTERS
from tests.scoring.cases import csv_text, image_ids

COUNT = 600


def solution(**columns) -> Solution:
    """Every third image positive, every second public; a column that is None is left out."""
    number = np.arange(COUNT)
    data = {
        "storm_id": [f"S{each // 30}" if each % 6 < 2 else None for each in number],
        "time": np.datetime64("2020-01-01", "ms") + number.astype("timedelta64[D]"),
    } | columns
    return Solution.from_columns(
        image_ids=image_ids(COUNT),
        labels=(number % 6 < 2).astype(int),
        split=np.where(number % 2 == 0, "public", "private"),
        **{name: values for name, values in data.items() if values is not None},
    )


def graded(of: Solution, **config):
    scores = np.random.default_rng(0).normal(size=COUNT) + of.labels
    return grade_predictions(scores[None], of, MetricConfig.model_validate(config), device="cpu")[0]


def test_positives_are_drawn_by_storm_and_negatives_by_thirty_days():
    told = graded(solution()).private.uncertainty["clusters"]
    assert told["positives"]["by"] == "storm_id"
    assert told["positives"]["count"] == 20
    assert told["negatives"]["by"] == "30 days"
    assert told["negatives"]["count"] == pytest.approx(20, abs=1)


def test_without_a_time_negatives_are_drawn_singly():
    told = graded(solution(time=None)).private.uncertainty["clusters"]
    assert (told["negatives"]["by"], told["negatives"]["count"]) == ("image", 200)


@pytest.mark.parametrize(
    ("storms", "config"),
    [({}, {"cluster_by": None}), ({"storm_id": None}, {}), ({"storm_id": [""] * COUNT}, {})],
)
def test_without_the_column_of_storms_positives_are_drawn_singly(storms, config):
    told = graded(solution(**storms), **config).private.uncertainty["clusters"]
    assert (told["positives"]["by"], told["positives"]["count"]) == ("image", 100)


@pytest.mark.parametrize("name", ["strom_id", "label"])
def test_a_column_of_clusters_that_the_solution_lacks_is_refused(name):
    with pytest.raises(SolutionError, match=f"cluster_by {name}: .* no such column; it has storm_id, time"):
        graded(solution(), cluster_by=name)


@pytest.mark.parametrize("count", [-1, 10_001])
def test_so_many_draws_are_refused(tmp_path, count):
    of = solution()
    path = tmp_path / "submission.csv"
    path.write_text(csv_text(list(zip(image_ids(COUNT), np.arange(COUNT), strict=True))))
    for refused in (
        lambda: grade(path, of, device="cpu", replicates=count),
        lambda: evaluate([1, 0], [0.5, 0.1], clusters=["a", "b"], replicates=count),
        lambda: advise_threshold([1, 0], [0.5, 0.1], replicates=count),
    ):
        with pytest.raises(ValueError, match=f"replicates is {count:,}; it must be from 0 to 10,000"):
            refused()
    with pytest.raises(ValueError, match="replicates"):
        MetricConfig.model_validate({"replicates": count})


def test_another_column_may_name_the_clusters():
    told = graded(
        solution(voyage=[f"v{each % 7}" for each in range(COUNT)]), cluster_by="voyage"
    ).private.uncertainty["clusters"]
    assert (told["positives"]["by"], told["positives"]["count"]) == ("voyage", 7)


def test_a_single_storm_tells_nothing_about_others():
    result = graded(solution(storm_id=["S1"] * COUNT)).private
    assert result.score is not None
    assert (result.interval, result.probability_below_gate, result.uncertainty) == (None, None, None)


def test_no_replicates_no_uncertainty():
    done = graded(solution(), replicates=0)
    assert (done.private.interval, done.private.probability_below_gate) == (None, None)
    assert [len(draws) for draws in done.replicates.values()] == [0, 0]


def test_the_number_of_draws_may_be_given_with_the_call(tmp_path):
    of = solution()
    path = tmp_path / "submission.csv"
    rng = np.random.default_rng(1)
    path.write_text(csv_text(list(zip(image_ids(COUNT), rng.normal(size=COUNT), strict=True))))
    normal, many, none = (grade(path, of, device="cpu", replicates=count) for count in (None, 2500, 0))
    assert [len(done.replicates["private"]) for done in (normal, many, none)] == [1000, 2500, 0]
    assert many.public.uncertainty["replicates"] == 2500
    assert many.replicates["public"][:1000].tolist() == normal.replicates["public"].tolist()
    assert many.private.score == none.private.score
    assert "replicates" not in many.to_dict()


def test_a_part_without_negatives_has_a_precision_of_one_in_every_draw():
    result = evaluate([1] * 8, np.arange(8.0), clusters=list("aabbccdd"), replicates=50)
    assert result.interval == (1.0, 1.0)
    assert result.uncertainty["clusters"]["negatives"]["count"] == 0


def test_an_entry_below_the_gate_has_an_interval_of_what_its_precision_is():
    rng = np.random.default_rng(2)
    labels = np.repeat([1, 0], [300, 900])
    called = (rng.random(1200) < np.where(labels, 0.6, 0.1)).astype(int)
    storms = [f"S{number // 10}" for number in range(1200)]
    config = MetricConfig.model_validate({"prediction": "label"})
    result = evaluate(labels, called, config, clusters=storms)
    assert result.score is None
    low, high = result.interval
    assert low < result.precision < high
    assert result.probability_below_gate == 1.0
    assert "advice" not in result.uncertainty


def test_in_memory_there_is_uncertainty_where_clusters_or_times_are_given():
    rng = np.random.default_rng(3)
    labels, scores = np.repeat([1, 0], [60, 300]), rng.normal(size=360)
    storms = [*(f"S{number // 6}" for number in range(60)), *[None] * 300]
    times = np.datetime64("2021-06-01", "ms") + np.arange(360).astype("timedelta64[D]")
    assert evaluate(labels, scores).interval is None
    assert evaluate(labels, scores, clusters=storms, replicates=0).interval is None
    result = evaluate(labels, scores, clusters=storms, times=times)
    assert result.uncertainty["clusters"]["positives"]["count"] == 10
    assert result.uncertainty["clusters"]["negatives"]["by"] == "20 days"
    with pytest.raises(ValueError, match=r"clusters \(2,\) must have one value for each of 360 labels"):
        evaluate(labels, scores, clusters=["a", "b"])
    with pytest.raises(ValueError, match="must hold times"):
        evaluate(labels, scores, times=["noon"] * 360)


@pytest.mark.parametrize(
    ("days", "by", "count"),
    [
        (900, "30 days", 30),
        (300, "20 days", 15),
        (225, "15 days", 15),
        (200, "10 days", 20),
        (80, "5 days", 16),
        (60, "2 days", 30),
        (25, "1 day", 25),
        (7, "1 day", 7),
        (1, "image", 24),
    ],
)
def test_blocks_are_shortened_until_there_are_fifteen(days, by, count):
    hours = np.arange(days * 24) if days > 1 else np.arange(24)
    grouping = group_by_time(
        to_arrow(np.datetime64("1970-01-01", "ms") + hours.astype("timedelta64[h]")), len(hours)
    )
    assert (grouping.by, grouping.count) == (by, count)


def test_times_of_every_kind_make_the_same_blocks():
    dates = [dt.date(2019, 1, 1) + dt.timedelta(days=day) for day in range(200)]
    moments = [dt.datetime(day.year, day.month, day.day, 6, tzinfo=dt.UTC) for day in dates]
    kinds = [
        to_arrow(dates),
        to_arrow(moments),
        to_arrow([each.replace(tzinfo=None) for each in moments]),
        to_arrow([each.strftime("%Y-%m-%dT%H:%M:%S") for each in moments]),
        to_arrow([each.strftime("%Y-%m-%dT%H:%M:%SZ") for each in moments]),
        to_arrow([each.strftime("%Y-%m-%dT%H:%M:%S+00:00") for each in moments]),
        to_arrow(pl.Series([f"{each:%Y-%m-%dT%H:%M:%SZ}" for each in moments])),
        to_arrow(pl.Series(moments)),
    ]
    groupings = [group_by_time(kind, 200) for kind in kinds]
    for grouping in groupings:
        assert grouping.cluster.tolist() == groupings[0].cluster.tolist()
        assert grouping.count == 21


def test_images_without_a_storm_or_a_time_are_drawn_singly():
    storms = group_by_value(to_arrow(["b", None, "a", "", "b", None]), 6, "storm")
    assert storms.count == 5
    assert storms.cluster[0] == storms.cluster[4] == 1  # in the order of their names
    assert len(set(storms.cluster.tolist())) == 5
    numbers = group_by_value(to_arrow(np.array([2.0, np.nan, np.nan, 2.0])), 4, "storm")
    assert numbers.count == 3
    times = [dt.datetime(2020, 1, 1, tzinfo=dt.UTC) + dt.timedelta(days=day) for day in range(200)]
    with_gaps = group_by_time(to_arrow([None, *times, None]), 202)
    assert with_gaps.count == 21 + 2


def test_the_order_of_the_solutions_rows_does_not_change_the_draws():
    number = np.arange(COUNT)
    data = {
        "image_id": image_ids(COUNT),
        "label": (number % 6 < 2).astype(int),
        "split": np.where(number % 2 == 0, "public", "private"),
        "storm_id": [f"S{each // 30}" if each % 6 < 2 else None for each in number],
        "time": np.datetime64("2020-01-01", "ms") + number.astype("timedelta64[D]"),
    }
    table = pl.DataFrame(data)
    scores = pl.Series(np.random.default_rng(0).normal(size=COUNT) + data["label"])
    found = []
    for rows in (
        table.with_columns(score=scores),
        table.with_columns(score=scores).sample(COUNT, shuffle=True, seed=5),
    ):
        of = Solution.from_table(rows.to_arrow())
        slots = np.concatenate(
            [
                rows.filter((pl.col("split") == split) & (pl.col("label") == label))["score"].to_numpy()
                for split in ("public", "private")
                for label in (1, 0)
            ]
        )
        done = grade_predictions(slots[None], of, device="cpu")[0]
        found.append([done.replicates[part].tolist() for part in ("public", "private")])
    assert found[0] == found[1]


def test_more_clusters_than_are_kept_are_put_together_without_bias():
    rng = np.random.default_rng(5)
    count = 40_000
    labels = np.repeat([1, 0], [count // 4, count - count // 4])
    scores = rng.normal(size=count) + labels
    result = evaluate(labels, scores, clusters=[f"S{number}" for number in range(count)])
    assert result.uncertainty["clusters"]["positives"]["count"] == MAX_CLUSTERS
    # of independent images, the standard error of recall is that of a binomial share
    recall = result.uncertainty["recall"]["quantiles"]
    spread = (recall["0.975"] - recall["0.025"]) / (2 * 1.96)
    assert spread == pytest.approx(np.sqrt(0.79 * 0.21 / 10_000), rel=0.1)


def test_a_column_of_times_that_are_none_is_refused_when_the_solution_is_loaded():
    with pytest.raises(SolutionError, match=r"column time: must hold times such as 2018-08-01T06:00:00"):
        solution(time=["yesterday"] * COUNT)


def test_the_clusters_are_made_once_for_all_entries():
    of = solution()
    first, second = of.clusters("storm_id", 100), of.clusters("storm_id", 100)
    assert first is second
    assert first[0].positive_weights is second[0].positive_weights
    assert of.clusters("storm_id", 200) is not first
    assert of.clusters(None, 100) is not first


def test_the_two_parts_are_drawn_from_different_random_numbers():
    public, private = solution().clusters("storm_id", 50)
    assert public.positives.count == private.positives.count
    assert not np.array_equal(public.positive_weights, private.positive_weights)
