"""The adviser against its definition, on files, and on the command line."""

import collections
import dataclasses
import json

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from scoring import MetricConfig, advise_threshold
from scoring.__main__ import app
from scoring.advice import advise, round_up
from scoring.resampling import Grouping, draw_weights
from scoring.uncertainty import expanded_tail
from tests.scoring.cases import csv_text, image_ids, write_solution
from tests.scoring.storms import at, normal_case
from tests.scoring.test_command_line import run

METRIC = MetricConfig.model_validate({"recall_floor": 0.7})


@pytest.fixture
def case():
    return normal_case(storms=30, replicates=300)


def fresh_risk(case, threshold, floor=0.7):
    """From every image's weight: the share of the draws from draws in which recall is under the floor."""
    weights = draw_weights(30, case.replicates, stream=0, rounds=2)[:, case.storm].astype(int)
    recalls = (weights * (case.positives >= threshold)).sum(axis=1) / weights.sum(axis=1)
    return np.mean(recalls < floor)


def freedom(storm):
    """Satterthwaite's, of a sum of squares that weigh as the squared sizes of the storms."""
    weights = [count**2 for count in collections.Counter(storm.tolist()).values()]
    return sum(weights) ** 2 / sum(weight**2 for weight in weights) - 1


def test_storms_of_unequal_size_leave_fewer_degrees_of_freedom():
    equal, unequal = np.repeat(np.arange(10), 6), np.repeat(np.arange(10), [15, *[5] * 9])
    assert Grouping.of(equal, "storm").freedom == pytest.approx(9)
    assert Grouping.of(unequal, "storm").freedom == pytest.approx(freedom(unequal))
    assert freedom(unequal) < 4
    assert expanded_tail(0.05, 10, 3) < expanded_tail(0.05, 10, 9) == expanded_tail(0.05, 10) < 0.05


@pytest.mark.parametrize("risk", [0.01, 0.05, 0.3])
def test_it_is_the_highest_threshold_whose_risk_is_small_enough(case, risk):
    advice = advise(case.part, METRIC, risk)
    aim = expanded_tail(risk, case.part.clusters.positives.effective, freedom(case.storm))
    safe = [each for each in np.unique(case.positives) if fresh_risk(case, each) <= aim]
    assert advice.threshold == max(safe)
    assert advice.probability_below_gate == fresh_risk(case, advice.threshold) <= aim < risk


def test_what_it_says_of_its_threshold_is_so(case):
    advice = advise(case.part, METRIC)
    labels = np.repeat([1, 0], [len(case.positives), len(case.negatives)])
    scores = np.concatenate([case.positives, case.negatives])
    best = METRIC.evaluate(case.part)
    assert (advice.precision, advice.recall) == at(labels, scores, advice.threshold)
    assert advice.called_fraction == np.mean(scores >= advice.threshold)
    assert (advice.best_precision, advice.best_probability_below_gate) == (
        best.score,
        fresh_risk(case, best.threshold),
    )
    assert advice.cost == best.score - advice.precision > 0
    low, high = advice.cost_interval
    assert low < advice.cost < high
    assert advice.best_probability_below_gate > 0.3


def test_from_arrays_it_is_the_same(case):
    labels = np.repeat([1, 0], [len(case.positives), len(case.negatives)])
    scores = np.concatenate([case.positives, case.negatives])
    names = [*(f"S{storm:03d}" for storm in case.storm), *[None] * len(case.negatives)]
    advice = advise_threshold(labels, scores, clusters=names, config=METRIC, replicates=300)
    expected = advise(case.part, METRIC)
    assert advice.threshold == expected.threshold
    assert advice.probability_below_gate == expected.probability_below_gate


def test_a_smaller_risk_is_a_lower_threshold_and_a_higher_cost(case):
    advices = [advise(case.part, METRIC, risk) for risk in (0.4, 0.2, 0.05, 0.01, 0.001)]
    thresholds = [advice.threshold for advice in advices]
    assert thresholds == sorted(thresholds, reverse=True)
    assert thresholds[0] > thresholds[-1]


def test_an_entry_that_tells_nothing_is_advised_to_call_everything():
    advice = advise_threshold(
        np.repeat([1, 0], [40, 100]), np.zeros(140), clusters=[f"S{number // 4}" for number in range(140)]
    )
    assert (advice.threshold, advice.called_fraction, advice.recall) == (0.0, 1.0, 1.0)
    assert (advice.probability_below_gate, advice.cost) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"clusters": ["one"] * 8}, "of a single storm"),
        ({"replicates": 0}, "replicates must not be 0"),
        ({"max_gate_risk": 0}, "max_gate_risk is 0; it must lie between 0 and 1"),
        ({"config": MetricConfig.model_validate({"prediction": "label"})}, "labels have no threshold"),
        ({"clusters": ["a"]}, "one value for each of 8 labels"),
        ({"times": ["never"] * 8}, "must hold times"),
    ],
)
def test_what_it_cannot_advise_on_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        advise_threshold([1, 1, 1, 1, 0, 0, 0, 0], np.arange(8.0), **change)


def test_what_may_be_told_before_the_close_has_no_threshold(case):
    advice = advise(case.part, METRIC)
    told = advice.without_threshold()
    assert "threshold" not in told
    assert advice.threshold not in told.values()
    assert told["called_percent"] >= 100 * advice.called_fraction
    assert told["called_percent"] == pytest.approx(100 * advice.called_fraction, rel=0.01)


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (11.2991, 11.3),
        (0.07131, 0.0714),
        (7.13, 7.13),
        (7.130001, 7.14),
        (99.95, 100.0),
        (3e-5, 3e-5),
        (100.0, 100.0),
    ],
)
def test_rounding_is_never_down(number, shown):
    assert round_up(number) == shown


@pytest.fixture
def files(case, tmp_path):
    """train.csv of all images, and scores of some of them in another order."""
    positives, count = len(case.positives), len(case.positives) + len(case.negatives)
    names = [f"train_{number:07d}" for number in range(count)]
    days = np.concatenate([np.zeros(positives, int), 5 * case.block])
    labels = pl.DataFrame(
        {
            "image_id": names,
            "label": np.repeat([1, 0], [positives, count - positives]),
            "storm_id": [*(f"S{storm:03d}" for storm in case.storm), *[None] * (count - positives)],
            "time": np.datetime64("2001-01-01", "ms") + days.astype("timedelta64[D]"),
        }
    )
    scores = pl.DataFrame({"image_id": names, "score": np.concatenate([case.positives, case.negatives])})
    some = scores.sample(fraction=0.8, shuffle=True, seed=1)
    labels.write_csv(tmp_path / "train.csv")
    labels.write_parquet(tmp_path / "train.parquet")
    some.write_csv(tmp_path / "held_back.csv")
    (tmp_path / "metric.json").write_text('{"recall_floor": 0.7, "replicates": 300}')
    expected = advise_threshold(
        *(
            some.join(labels, on="image_id", maintain_order="left")[name].to_numpy()
            for name in ("label", "score")
        ),
        clusters=some.join(labels, on="image_id", maintain_order="left")["storm_id"],
        times=some.join(labels, on="image_id", maintain_order="left")["time"],
        config=METRIC,
        replicates=300,
    )
    return tmp_path, expected


def test_the_command_line_reads_labels_beside_predictions(files):
    folder, expected = files
    for labels in ("train.csv", "train.parquet"):
        done = run(
            "advise",
            folder / "held_back.csv",
            "--labels",
            folder / labels,
            "--config",
            folder / "metric.json",
            "--json",
        )
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout) == {"labels": json.loads(json.dumps(dataclasses.asdict(expected)))}


def test_the_command_line_prints_a_table_and_says_what_is_left_out(files):
    folder, expected = files
    done = run(
        "advise",
        folder / "held_back.csv",
        "--labels",
        folder / "train.csv",
        "--config",
        folder / "metric.json",
    )
    assert done.returncode == 0
    assert "have no prediction and are left out" in done.stderr
    assert f"{expected.threshold:.6g}" in done.stdout
    assert "cost in precision" in done.stdout


def test_the_command_line_advises_on_both_parts_of_a_solution(case, tmp_path):
    positives, count = len(case.positives), len(case.positives) + len(case.negatives)
    names = image_ids(count)
    pl.DataFrame(
        {
            "image_id": names,
            "label": np.repeat([1, 0], [positives, count - positives]),
            "split": np.where(np.arange(count) % 2, "public", "private"),
            "storm_id": [*(f"S{storm}" for storm in case.storm), *[None] * (count - positives)],
        }
    ).write_parquet(tmp_path / "solution.parquet")
    scores = np.concatenate([case.positives, case.negatives])
    (tmp_path / "s.csv").write_text(csv_text(list(zip(names, scores, strict=True))))
    done = run(
        *("advise", tmp_path / "s.csv", "--solution", tmp_path / "solution.parquet"),
        *("--max-gate-risk", "0.2", "--replicates", "400", "--json"),
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told.keys() == {"public", "private"}
    for advice in told.values():
        assert advice["probability_below_gate"] <= advice["max_gate_risk"] == 0.2
        assert advice["replicates"] == 400


@pytest.mark.parametrize(("private_storms", "code"), [(["T1", "T2"], 0), (["T1", "T1"], 1)])
def test_a_part_of_a_single_storm_is_named(tmp_path, private_storms, code):
    path = write_solution(
        tmp_path / "solution.parquet",
        [1, 1, 0, 0, 1, 1, 0, 0],
        ["public"] * 4 + ["private"] * 4,
        storm_id=["S", "S", None, None, *private_storms, None, None],
    )
    (tmp_path / "s.csv").write_text(csv_text([(name, place) for place, name in enumerate(image_ids(8))]))
    done = CliRunner().invoke(app, ["advise", str(tmp_path / "s.csv"), "--solution", str(path)])
    assert done.exit_code == code
    expected = "warning: the public part has a single storm" if code == 0 else "each part has a single storm"
    assert expected in done.stderr


def test_the_command_line_draws_as_often_as_it_is_told(tmp_path):
    path = write_solution(
        tmp_path / "solution.parquet",
        [1, 1, 0, 0, 1, 1, 0, 0],
        ["public"] * 4 + ["private"] * 4,
        storm_id=["S", "R", None, None, "T", "U", None, None],
    )
    (tmp_path / "s.csv").write_text(csv_text([(name, place) for place, name in enumerate(image_ids(8))]))
    arguments = ["grade", str(tmp_path / "s.csv"), "--solution", str(path), "--json"]
    for more, drawn in (([], 1000), (["--replicates", "10000"], 10_000)):
        done = CliRunner().invoke(app, [*arguments, *more])
        assert json.loads(done.stdout)["private"]["uncertainty"]["replicates"] == drawn
    done = CliRunner().invoke(app, [*arguments, "--replicates", "0"])
    assert json.loads(done.stdout)["private"]["interval"] is None


def test_the_command_line_says_what_it_cannot_use(files):
    folder, _ = files
    write = {
        "stranger.csv": "image_id,score\ntest_0000001,1\n",
        "twice.csv": "image_id,score\ntrain_0000001,1\ntrain_0000001,2\n",
        "words.csv": "image_id,score\ntrain_0000001,high\n",
        "nan.csv": "image_id,score\ntrain_0000001,nan\n",
        "labels.csv": "image_id,label\ntrain_0000001,1\n",
        "empty.csv": "image_id,score\n",
        "two.csv": "image_id,score\ntrain_0000001,1\ntrain_0000000,2\n",
        "three.csv": "image_id,label\ntrain_0000001,3\ntrain_0000000,1\n",
        "times.csv": "image_id,label,time\ntrain_0000001,1,noon\ntrain_0000000,0,noon\n",
        "no.parquet": "PAR1",
    }
    for name, content in write.items():
        (folder / name).write_text(content)
    train = folder / "train.csv"
    for arguments, message in (
        ((folder / "stranger.csv", "--labels", train), "1 images have no label in"),
        ((folder / "twice.csv", "--labels", train), "occurs more than once"),
        ((folder / "words.csv", "--labels", train), "column score: must hold numbers"),
        ((folder / "nan.csv", "--labels", train), "column score: that of 1 images is not a finite number"),
        (
            (folder / "labels.csv", "--labels", train),
            "must have the column score once; it has image_id, label",
        ),
        ((folder / "empty.csv", "--labels", train), "has no rows"),
        ((folder / "no.parquet", "--labels", train), "is no CSV or Parquet file"),
        ((folder / "two.csv", "--labels", folder / "three.csv"), "is neither 0 nor 1, first train_0000001"),
        ((folder / "two.csv", "--labels", folder / "times.csv"), "column time: must hold times"),
        ((folder / "two.csv", "--labels", folder / "nowhere.csv"), "error: Failed to open local file"),
        ((folder / "held_back.csv",), "give either --solution or --labels"),
    ):
        done = CliRunner().invoke(app, ["advise", *map(str, arguments)])
        assert done.exit_code == 1, (arguments, done.stdout)
        assert message in done.stderr
        assert "Traceback" not in done.stderr
