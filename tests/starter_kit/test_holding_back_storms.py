"""Validation shares no storm, and no days of negatives, with training."""

import shutil
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from starter_kit.configuration.sections import ValidationConfig
from starter_kit.errors import StarterKitError
from starter_kit.images.data import assign_folds, load_training_data, open_data


def storms_of(data, positions):
    return {data.storms[position] for position in positions} - {None}


def days_of_negatives(table, positions, data):
    days = table["time"].dt.epoch("d").to_numpy()
    return set(days[positions][data.labels[positions] == 0])


def test_a_label_that_is_none_is_refused(release, tmp_path):
    folder = shutil.copytree(release.directory, tmp_path / "damaged")
    table = folder / "train.csv"
    table.write_text(table.read_text().replace(",0,", ",7,", 1))
    with pytest.raises(StarterKitError, match="a label that is neither 0 nor 1 in 1 rows"):
        load_training_data(open_data(folder), ValidationConfig())


def test_no_storm_lies_on_both_sides(release):
    data = load_training_data(release, ValidationConfig())
    training, validation = storms_of(data, data.training), storms_of(data, data.validation)
    assert training
    assert validation
    assert not training & validation


def test_no_day_of_negatives_lies_on_both_sides(release):
    data = load_training_data(release, ValidationConfig())
    table = release.train_table()
    sides = [days_of_negatives(table, positions, data) for positions in (data.training, data.validation)]
    assert all(sides)
    assert not sides[0] & sides[1]


def test_each_image_is_held_back_by_exactly_one_fold(release):
    held_back = [
        load_training_data(release, ValidationConfig(folds=3, fold=fold)).validation for fold in range(3)
    ]
    assert sorted(np.concatenate(held_back)) == list(range(len(release.train_images)))


def test_both_classes_are_on_both_sides(release):
    data = load_training_data(release, ValidationConfig())
    for positions in (data.training, data.validation):
        assert set(data.labels[positions]) == {0, 1}


def test_another_seed_holds_back_other_storms(release):
    first, second = (load_training_data(release, ValidationConfig(seed=seed)) for seed in (0, 1))
    assert storms_of(first, first.validation) != storms_of(second, second.validation)


def test_too_few_storms_are_refused_with_a_way_out():
    start = datetime(2000, 1, 1, tzinfo=UTC)
    rows = 100
    table = pl.DataFrame(
        {
            "label": np.array([1] * 10 + [0] * 90, np.uint8),
            "storm_id": [f"storm{row % 3}" for row in range(10)] + [None] * 90,
            "time": [start + timedelta(days=3 * row) for row in range(rows)],
        }
    )
    with pytest.raises(StarterKitError, match=r"3 storms, too few for 5 folds.*validation\.folds=3"):
        assign_folds(table, ValidationConfig())
    one = table.with_columns(storm_id=pl.when(label=1).then(pl.lit("storm0")))
    with pytest.raises(StarterKitError, match=r"1 storms, too few for 5 folds: a larger release\.$"):
        assign_folds(one, ValidationConfig())  # no number of folds would do


def test_a_folder_that_is_no_release_is_refused_with_what_to_do(tmp_path):
    with pytest.raises(StarterKitError, match=r"no release.*download COMPETITION"):
        open_data(tmp_path)


def test_by_year_no_storm_and_no_year_of_negatives_lies_on_both_sides(release):
    """The small world is one year long, so each month becomes a year; storms reach over their ends."""
    table = release.train_table()
    month = table["time"].dt.month()
    table = table.with_columns(time=pl.Series([datetime(2000 + m, 1, 1, tzinfo=UTC) for m in month]))
    sides = assign_folds(table, ValidationConfig(by="year", folds=3)) == 0
    storms = [set(table["storm_id"].filter(pl.Series(side)).drop_nulls()) for side in (sides, ~sides)]
    negative, years = (table["label"] == 0).to_numpy(), table["time"].dt.year().to_numpy()
    for values in (storms, [set(years[side & negative]) for side in (sides, ~sides)]):
        assert all(values)
        assert not values[0] & values[1]


def test_a_storm_over_new_year_stays_with_its_first_year():
    table = pl.DataFrame(
        {
            "label": np.array([1, 1, 1, 0, 0], np.uint8),
            "storm_id": ["a", "a", "b", None, None],
            "time": [
                datetime(2001, 1, 1, tzinfo=UTC),
                datetime(2000, 12, 31, tzinfo=UTC),
                datetime(2001, 8, 1, tzinfo=UTC),
                datetime(2000, 3, 1, tzinfo=UTC),
                datetime(2001, 3, 1, tzinfo=UTC),
            ],
        }
    )
    folds = assign_folds(table, ValidationConfig(by="year", folds=2))
    assert folds[0] == folds[1] == folds[3]
    assert folds[2] == folds[4] != folds[0]


def test_too_few_years_are_refused():
    table = pl.DataFrame(
        {"label": np.array([1, 0], np.uint8), "storm_id": ["a", None], "time": [datetime(2000, 1, 1)] * 2}  # noqa: DTZ001
    )
    with pytest.raises(StarterKitError, match=r"1 years, too few for 5 folds"):
        assign_folds(table, ValidationConfig(by="year"))
