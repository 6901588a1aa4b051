"""explain shows the errors that were made, counts them rightly, and compares two models fairly."""

import dataclasses
import json
import re

import numpy as np
import polars as pl
import pytest
import torch
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss

from starter_kit.configuration.reading import load_config
from starter_kit.explain.cases import MONTHS, held_back_cases, shared_cases
from starter_kit.explain.rates import compare_cases, rates_by_lead
from starter_kit.images.data import load_training_data
from starter_kit.inference.scorers import Judged, load_scorer
from starter_kit.run_folder import load_run
from starter_kit.training.train import train
from tests.starter_kit.command_line import Shell


@pytest.fixture(scope="module")
def other_run(release, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "other"
    knobs = ("train.epochs=1", "train.images_per_epoch=128", "train.batch_size=32", "model.width=2")
    train(release, load_config("baseline", knobs), folder)
    return folder


@pytest.fixture(scope="module")
def report(release, run_folder, other_run, tmp_path_factory):
    """The folder of a report with a comparison. Read it only."""
    out = tmp_path_factory.mktemp("why")
    words = ("--data", release.directory, "--out", out, "--compare", other_run, "--worst", 4)
    ended = Shell()("explain", run_folder, *words)
    assert ended.status == 0, ended.err
    assert str(out / "index.html") in ended.out
    return out


@pytest.fixture(scope="module")
def page(report):
    return (report / "index.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def told(report):
    return json.loads((report / "numbers.json").read_text())


@pytest.fixture(scope="module")
def images(report):
    return pl.read_csv(report / "images.csv", try_parse_dates=True)


def cards(page: str) -> list[dict[str, str]]:
    """kind, basin, month and lead of the cards of the browser, with the image's id."""
    found = []
    for keys, body in re.findall(r'<div class="card"( data-kind.*?)>(.*?)</p></div>', page):
        card = dict(re.findall(r'data-(\w+)="([^"]*)"', keys))
        found.append(
            card | {"id": re.search(r"train_\d+", body)[0], "pictures": body.count("data:image/png")}
        )
    return found


def test_the_page_needs_nothing_else(page):
    assert not re.findall(r'(?:src|href)="(?!data:|#)', page)
    assert "url(" not in page
    assert "@import" not in page
    assert 'name="viewport"' in page


def test_the_threshold_is_the_runs_own(told, run_folder):
    best = load_run(run_folder, "cpu").metrics.best
    assert (told["threshold"], told["precision"]) == pytest.approx((best.threshold, best.precision))
    assert told["recall"] >= 0.79


def test_every_image_stands_on_its_side_of_the_threshold(images, told):
    called = images["score"].to_numpy() >= told["threshold"]
    positive = images["label"].to_numpy() == 1
    kinds = np.select(
        [called & positive, positive, called], ["hit", "miss", "false alarm"], "correct rejection"
    )
    assert (kinds == images["kind"].to_numpy()).all()
    assert [(kinds == kind).sum() for kind in ("hit", "false alarm", "miss", "correct rejection")] == [
        told[name] for name in ("tp", "fp", "fn", "tn")
    ]


@pytest.mark.parametrize(("kind", "descending"), [("miss", False), ("false alarm", True)])
def test_the_worst_errors_are_shown_first(page, images, *, kind, descending):
    shown = [card["id"] for card in cards(page) if card["kind"] == kind]
    ranked = images.filter(pl.col("kind") == kind).sort("score", descending=descending)["image_id"].to_list()
    assert shown[:4] == ranked[:4]
    assert shown == sorted(shown, key=ranked.index)


@pytest.mark.parametrize("kind", ["miss", "false alarm"])
@pytest.mark.parametrize("column", ["basin", "month", "lead"])
def test_the_three_worst_of_every_group_are_shown(page, images, kind, column):
    shown = [card["id"] for card in cards(page) if card["kind"] == kind]
    errors = images.filter(pl.col("kind") == kind).sort("score", descending=kind == "false alarm")
    for (group,), rows in errors.group_by(column):
        if group is not None:
            assert set(rows["image_id"].head(3)) <= set(shown)


def test_every_error_carries_the_image_and_two_overlays(page, images):
    found = cards(page)
    assert all(card["pictures"] == 3 for card in found)
    by_id = {row["image_id"]: row for row in images.iter_rows(named=True)}
    for card in found:
        row = by_id[card["id"]]
        assert (card["kind"], card["basin"], card["month"]) == (row["kind"], row["basin"], str(row["month"]))
        assert card["lead"] == (row["lead"] or "").replace("&", "&amp;")


@pytest.mark.parametrize("column", ["basin", "month"])
def test_rates_are_what_counting_gives(told, images, column):
    for rate in told[f"by_{column}"]:
        group = MONTHS.index(rate["group"]) + 1 if column == "month" else rate["group"]
        here = images.filter(pl.col(column) == group)
        count = dict(here.group_by("kind").len().iter_rows())
        hits, misses, false = (count.get(kind, 0) for kind in ("hit", "miss", "false alarm"))
        assert (rate["hits"], rate["positives"], rate["false_alarms"]) == (hits, hits + misses, false)
        assert rate["pod"] == (hits / (hits + misses) if hits + misses else None)
        assert rate["far"] == (pytest.approx(false / (false + hits)) if false + hits else None)
        assert rate["storms"] == here["storm_id"].drop_nulls().n_unique()
        for value, interval in ((rate["pod"], rate["pod_interval"]), (rate["far"], rate["far_interval"])):
            assert interval is None or interval[0] - 0.05 <= value <= interval[1] + 0.05


def test_a_day_of_lead_time_is_the_twelve_hours_before_and_after_it(told, images):
    for rate in told["by_day"]:
        hours = 24 * int(rate["group"])
        lead = pl.col("lead_time_hours")
        here = images.filter((lead >= hours - 12) & (lead < hours + 12))
        assert (rate["positives"], rate["hits"]) == (len(here), (here["kind"] == "hit").sum())
    assert sum(rate["positives"] for rate in told["by_day"]) == images["label"].sum()


def test_groups_of_few_storms_have_no_interval(told):
    for rate in (*told["by_day"], *told["by_lead"], *told["by_basin"], *told["by_month"]):
        if rate["storms"] < 5:
            assert rate["pod_interval"] is rate["far_interval"] is None


def test_intervals_are_those_of_the_platforms_slices(release, run_folder):
    """On all training images, which hold storms enough."""
    scorer = load_scorer([run_folder], torch.device("cpu"))
    table = release.train_table()
    everything = np.arange(len(table))

    class OnAll:
        def judged(self, release, *, on_progress=None):
            data = load_training_data(release, scorer.runs[0].config.validation)
            return Judged.of(data, everything, scorer.score(release.train_images, everything), 0.79)

    cases = held_back_cases(release, OnAll())
    found = {rate.group: rate for rate in rates_by_lead(cases)}
    known = [rate for rate in found.values() if rate.storms >= 5]
    assert known
    for rate in known:
        low, high = rate.pod_interval
        assert 0 <= low <= rate.pod <= high <= 1
        assert high - low > 0.01
    # The same storms drawn naively, image by image of each drawn storm.
    rate = max(known, key=lambda each: each.storms)
    here = cases.table.filter(pl.col("lead") == rate.group)
    hits = [group["kind"].eq("hit").to_numpy() for _, group in here.group_by("storm_id")]
    every = cases.table["storm_id"].drop_nulls().n_unique()
    hits += [np.empty(0, bool)] * (every - len(hits))
    rng = np.random.default_rng(1)
    draws = [np.concatenate([hits[i] for i in rng.integers(0, every, every)]) for _ in range(4000)]
    low, high = np.quantile([draw.mean() for draw in draws if len(draw)], (0.025, 0.975))
    assert rate.pod_interval == pytest.approx((low, high), abs=0.05)


def test_the_reliability_diagram_is_scikit_learns(told, images):
    labels, scores = images["label"].to_numpy(), images["score"].to_numpy()
    observed, forecast = calibration_curve(labels, scores, n_bins=10)
    assert told["reliability"]["observed"] == pytest.approx(observed)
    assert told["reliability"]["forecast"] == pytest.approx(forecast)
    assert sum(told["reliability"]["count"]) == len(images)
    assert told["reliability"]["brier"] == pytest.approx(brier_score_loss(labels, scores))
    for share, interval in zip(
        told["reliability"]["observed"], told["reliability"]["intervals"], strict=True
    ):
        assert interval[0] - 0.05 <= share <= interval[1] + 0.05


def test_two_runs_are_compared_on_the_same_images(told, release, run_folder, other_run, shell):
    def precision(run):
        measured = shell("evaluate", run, "--data", release.directory, "--json")
        return json.loads(measured.out)["validation"]["precision"]

    comparison = told["comparison"]
    assert comparison["precision"] == pytest.approx(precision(run_folder))
    assert comparison["other_precision"] == pytest.approx(precision(other_run))
    low, high = comparison["interval"]
    assert low <= comparison["difference"] <= high
    assert comparison["is_distinguishable"] == (not low <= 0 <= high)
    assert comparison["images"] == told["images"]


def test_images_that_changed_sides_add_up(told, release, other_run, tmp_path, shell):
    shell("explain", other_run, "--data", release.directory, "--out", tmp_path, "--worst", 0)
    other = json.loads((tmp_path / "numbers.json").read_text())
    sides = list(told["comparison"]["sides"].values())
    assert sides[0] - sides[1] == told["tp"] - other["tp"]
    assert sides[2] - sides[3] == told["fp"] - other["fp"]


def test_a_model_does_not_differ_from_itself(release, run_folder, shell, tmp_path):
    words = ("--data", release.directory, "--out", tmp_path, "--compare", run_folder, "--worst", 0)
    assert "cannot be told apart" in shell("explain", run_folder, *words).out
    comparison = json.loads((tmp_path / "numbers.json").read_text())["comparison"]
    assert comparison["difference"] == 0
    assert not any(comparison["sides"].values())


def test_organizers_look_at_the_test(release, run_folder, shell, tmp_path):
    words = ("--data", release.directory, "--out", tmp_path, "--solution", release.solution_path)
    ended = shell("explain", run_folder, *words, "--worst", 1)
    assert ended.status == 0, ended.err
    images = pl.read_csv(tmp_path / "images.csv")
    assert set(images["image_id"]) == set(release.test_ids())
    assert "images of the test" in (tmp_path / "index.html").read_text()


def test_an_ensemble_is_explained_too(release, run_folder, other_run, shell, tmp_path):
    both = tmp_path / "both"
    shell("ensemble", run_folder, other_run, "--data", release.directory, "--out", both)
    words = ("--data", release.directory, "--out", tmp_path / "why", "--worst", 1, "--compare", run_folder)
    ended = shell("explain", both, *words)
    assert ended.status == 0, ended.err
    assert "Grad-CAM" in (tmp_path / "why" / "index.html").read_text()


def test_what_is_no_run_is_refused(release, shell, tmp_path):
    ended = shell("explain", tmp_path, "--data", release.directory, "--out", tmp_path / "why")
    assert ended.status == 1
    assert "is no run" in ended.err
    assert not (tmp_path / "why").exists()


def test_a_missing_solution_and_that_of_another_release_are_refused(release, run_folder, shell, tmp_path):
    words = ("explain", run_folder, "--data", release.directory, "--out", tmp_path / "why", "--solution")
    missing = shell(*words, tmp_path / "solution.parquet")
    assert (missing.status, "Only organizers have a solution" in missing.err) == (1, True)
    other = pl.read_parquet(release.solution_path).with_columns(image_id="x" + pl.col("image_id"))
    other.write_parquet(tmp_path / "solution.parquet")
    foreign = shell(*words, tmp_path / "solution.parquet")
    assert (foreign.status, "belongs to another release" in foreign.err) == (1, True)


def test_a_file_in_place_of_the_folder_is_refused(release, run_folder, shell, tmp_path):
    (tmp_path / "why").write_text("precious")
    ended = shell("explain", run_folder, "--data", release.directory, "--out", tmp_path / "why")
    assert (ended.status, "is a file" in ended.err) == (1, True)


def test_models_that_share_too_few_storms_are_not_compared(release, run_folder, shell, tmp_path):
    knobs = ("train.epochs=1", "train.images_per_epoch=64", "train.batch_size=32", "model.width=2")
    train(release, load_config("baseline", (*knobs, "validation.fold=1")), tmp_path / "fold1")
    words = ("--data", release.directory, "--out", tmp_path / "why", "--compare", tmp_path / "fold1")
    ended = shell("explain", run_folder, *words)
    assert ended.status == 1
    assert "in common that neither learned from" in ended.err
    assert "same [validation]" in ended.err


def test_models_of_two_recall_floors_are_not_compared(release, run_folder, shell, tmp_path):
    knobs = ("train.epochs=1", "train.images_per_epoch=64", "train.batch_size=32", "model.width=2")
    train(release, load_config("baseline", (*knobs, "metric.recall_floor=0.5")), tmp_path / "low")
    words = ("--data", release.directory, "--out", tmp_path / "why", "--compare", tmp_path / "low")
    ended = shell("explain", run_folder, *words)
    assert (ended.status, "different recall floors, 0.79 and 0.5" in ended.err) == (1, True)


def test_a_damaged_solution_is_refused(release, run_folder, shell, tmp_path):
    (tmp_path / "solution.parquet").write_text("no parquet")
    words = ("--data", release.directory, "--out", tmp_path / "why")
    ended = shell("explain", run_folder, *words, "--solution", tmp_path / "solution.parquet")
    assert (ended.status, "is no readable Parquet file" in ended.err) == (1, True)


def test_a_folder_that_cannot_be_made_is_refused(release, run_folder, shell, tmp_path):
    (tmp_path / "file").write_text("precious")
    words = ("--data", release.directory, "--out", tmp_path / "file" / "why", "--worst", 0)
    ended = shell("explain", run_folder, *words)
    assert (ended.status, "cannot be made" in ended.err) == (1, True)


def test_a_perfect_model_is_better_than_a_hardly_trained_one(release, run_folder):
    scorer = load_scorer([run_folder], torch.device("cpu"))
    learned = held_back_cases(release, scorer)

    class Oracle:
        def judged(self, release, *, on_progress=None):
            judged = scorer.judged(release)
            return dataclasses.replace(judged, scores=judged.labels.astype(float))

    perfect = held_back_cases(release, Oracle())
    told = compare_cases(*shared_cases(perfect, learned))
    assert told.difference == pytest.approx(1 - learned.result.precision, abs=0.1)
    assert told.is_distinguishable
    assert told.probability_better == 1
