"""A submission's page tells how sure its result is: drawn, in words, group by group. The engine's results."""

from typing import Any

import numpy as np
import pytest
from bs4 import BeautifulSoup

from competition.contests.models import Competition
from competition.submissions.models import PrivateScore, Score, Submission
from scoring import MetricConfig, Result, evaluate
from tests.competition.conftest import signed_in
from tests.competition.pages.conftest import Season
from tests.competition.pages.sane_html import page_of, text_of

IMAGES = 6000
BASINS = np.array(["WNP", "NAT", "SPO"])


def drawn(config: MetricConfig, *, seed: int, shift: float = 0.0) -> Result:
    """A result on 60 storms of 10 images and quiet weather of 100 days; `shift` is added to all scores."""
    rng = np.random.default_rng(seed)
    labels = np.arange(IMAGES) < 600
    storms = np.array([f"s{number // 10}" if label else None for number, label in enumerate(labels)])
    days = rng.integers(0, 100, IMAGES)
    times = np.datetime64("2018-01-01T00:00:00") + days.astype("timedelta64[D]")
    scores = 2 * labels + rng.normal(0, 1, IMAGES) + np.repeat(rng.normal(0, 0.5, 600), 10) + shift
    if config.prediction == "label":
        scores = (scores > 0).astype(float)
    elif config.prediction == "probability":
        scores = 1 / (1 + np.exp(-scores))
    return evaluate(labels.astype(int), scores, config, clusters=storms, times=times, device="cpu")


def slices(recalls: list[float | None]) -> dict[str, Any]:
    return {
        "basin": [
            {
                "value": str(basin),
                "positives": 100,
                "negatives": 900,
                "recall": recall,
                "precision": 0.5,
                "recall_interval": recall and [recall - 0.1, recall + 0.05],
            }
            for basin, recall in zip(BASINS, recalls, strict=True)
        ]
    }


@pytest.fixture
def regrade(season: Season, typhoons: Competition):
    """Give Alice's scored submission the engine's results under a metric, and return it."""

    def grade_as(metric: dict[str, Any], *, shift: float = 0.0, groups: dict | None = None) -> Submission:
        config = MetricConfig.model_validate(metric)
        typhoons.metric = config.model_dump(mode="json")
        typhoons.save()
        submission = season.submissions["scored"]
        public, private = (drawn(config, seed=seed, shift=shift) for seed in (1, 2))
        fields = [
            {
                "result": result.to_dict() | {"slices": groups},
                "value": result.score,
                "passed_gate": result.passed_gate,
                "recall": result.recall,
                "precision": result.precision,
            }
            for result in (public, private)
        ]
        score = Score.objects.create(
            submission=submission,
            metric=typhoons.metric,
            metric_version=2,
            engine="2",
            device="cpu",
            **fields[0],
        )
        PrivateScore.objects.create(score=score, **fields[1])
        return submission

    return grade_as


GATED = {"metric": "recall_constrained_precision", "recall_floor": 0.79}


def percent(value: Any) -> float:
    return float(str(value).removesuffix("%"))


def read(client, submission: Submission) -> BeautifulSoup:
    return page_of(client.get(submission.get_absolute_url()))


def test_the_interval_stands_beneath_the_score(regrade, alice):
    submission = regrade(GATED)
    low, high = submission.scores.first().result["interval"]
    words = text_of(signed_in(alice).get(submission.get_absolute_url()))
    assert f"95 % interval {low:.3f}–{high:.3f}" in words


def test_the_curve_the_gate_the_entry_and_its_cloud_are_drawn(regrade, alice, season):
    submission = regrade(GATED)
    season.close()
    page = read(signed_in(alice), submission)
    result = submission.scores.first().result
    assert [plot["aria-labelledby"] for plot in page.select("figure.plot")] == [
        *("private-curve-title", "private-cloud-title"),
        *("public-curve-title", "public-cloud-title"),
    ]
    whole, close = page.select("figure.plot")[2:]
    gate = whole.select_one(".gate-line")
    assert percent(gate["x1"]) == percent(gate["x2"]) == 79.0
    entry = whole.select_one("circle.entry")
    assert percent(entry["cx"]) == pytest.approx(100 * result["recall"], abs=0.01)
    assert whole.select_one(".window")
    assert whole.select_one("path.curve")["d"].count("L") > 50
    below, passing = (
        sum(path["d"].count("M") for path in close.select(f"path.{kind}")) for kind in ("draw-below", "draw")
    )
    cloud = result["uncertainty"]["cloud"]
    dots = set(zip(cloud["recall"], cloud["precision"], strict=True))  # equal ones are one larger dot
    assert below == sum(recall < 0.79 for recall, _precision in dots)
    assert below + passing == len(dots) > 150


def test_the_picture_is_told_in_words_and_numbers_too(regrade, alice):
    page = read(signed_in(alice), regrade(GATED))
    for drawing in page.select("svg.plot-area"):
        assert len(drawing["aria-label"]) > 40
    rows = page.select("figure.plot details table tbody tr")
    assert 5 < len(rows) <= 11
    assert [float(row.select("td")[0].get_text()) for row in rows] == sorted(
        float(row.select("td")[0].get_text()) for row in rows
    )


def test_until_the_close_nothing_is_drawn_finer_than_it_may_be_told(regrade, alice, season):
    submission = regrade(GATED)
    client = signed_in(alice)
    page = read(client, submission)
    assert page.select_one("path.curve")["d"].count("L") < 30
    assert "drawn from a few points" in page.get_text()
    assert "Threshold" not in [term.get_text() for term in page.select("dt")]
    season.close()
    assert "drawn from a few points" not in read(client, submission).get_text()


RISKS = {
    "per_split": (GATED, "it costs you nothing"),
    "from_public": (GATED | {"threshold": "from_public"}, "is applied to it as it is"),
    "submitted": (GATED | {"threshold": "submitted"}, "call more images positive"),
    "label": (GATED | {"prediction": "label"}, "call more images positive"),
}


@pytest.mark.parametrize("name", RISKS)
def test_the_risk_of_missing_the_gate_is_told_with_what_it_means_here(regrade, alice, name):
    metric, meaning = RISKS[name]
    submission = regrade(metric, shift=-0.9)
    page = read(signed_in(alice), submission)
    risk = page.select_one(".risk")
    assert "draws of storms would" in risk.select_one(".risk-text").get_text()
    assert meaning in " ".join(risk.get_text().split())
    probability = submission.scores.first().result["probability_below_gate"]
    dots = risk.select_one(".dots-below")["d"].count("M")
    assert dots == pytest.approx(100 * probability, abs=1)
    # Where each part takes its own best threshold, the risk is no alarm.
    assert any(name.startswith("risk-") for name in risk["class"]) == (name != "per_split")


def test_an_entry_below_the_gate_hears_how_near_it_was(regrade, alice):
    submission = regrade(GATED | {"threshold": "submitted"}, shift=-1.3)
    assert not submission.scores.first().passed_gate
    assert (
        "lift this entry over the gate" in read(signed_in(alice), submission).select_one(".risk").get_text()
    )


def test_groups_of_images_are_a_table_with_bars(regrade, alice, season):
    submission = regrade(GATED, groups=slices([0.8, 0.6, None]))
    season.close()
    page = read(signed_in(alice), submission)
    table = page.select_one(".slices")
    assert [" ".join(row.get_text(" ").split()) for row in table.select("tbody tr")] == [
        "North Atlantic 100 images 0.60 0.50–0.65 0.50",
        "western North Pacific 100 images 0.80 0.70–0.85 0.50",
    ]
    assert "lowest recall 0.60: North Atlantic" in " ".join(table.summary.get_text().split())
    north_atlantic = table.select_one("tbody .whisker")
    edge, value = north_atlantic.select_one(".gate-line"), north_atlantic.select_one(".value")
    assert percent(value["cx"]) < percent(edge["x1"])
    assert table.has_attr("open")


def test_groups_of_few_images_wait_for_the_close(regrade, alice):
    groups = slices([0.8, 0.6, 0.7])
    for group, positives in zip(groups["basin"], (1000, 3, 1000), strict=True):
        group |= {"positives": positives, "tp": round(positives * group["recall"]), "fp": positives}
    page = read(signed_in(alice), regrade(GATED, groups=groups))
    words = " ".join(page.select_one(".slices").get_text(" ").split())
    assert "North Atlantic." in words.split("could be worked out:")[1]
    assert "North Atlantic" not in words.split("could be worked out:")[0]
    assert "image" not in page.select_one(".slices tbody").get_text()  # their numbers are labels too


def test_days_before_a_cyclone_run_as_time_does(regrade, alice, season):
    days = [{"value": day, "positives": 9, "recall": 0.5, "precision": None} for day in (-1, 0, 2, 1)]
    submission = regrade(GATED, groups={"lead_time_day": days})
    season.close()
    table = read(signed_in(alice), submission).select_one(".slices")
    assert [row.th.find(string=True).strip() for row in table.select("tbody tr")] == [
        *("2 days before", "1 day before", "less than a day before", "1 day after it formed")
    ]
    assert len(table.select("thead th")) == 3  # no precision: no cloud is two days from becoming no cyclone


OTHERS = {
    "roc_auc": ({"metric": "roc_auc"}, "public-roc"),
    "brier": ({"metric": "brier", "prediction": "probability"}, "public-reliability"),
    "average_precision": ({"metric": "average_precision"}, "public-curve"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_a_metric_without_a_gate_has_its_own_picture(regrade, alice, season, name):
    metric, plot = OTHERS[name]
    submission = regrade(metric)
    assert "shown after the close" in read(signed_in(alice), submission).get_text()
    season.close()
    page = read(signed_in(alice), submission)
    assert page.select_one(f'[aria-labelledby="{plot}-title"] svg.plot-area path')
    assert not page.select(".risk, .gate-line, .gauge")
    assert "the gate" not in page.select_one("main .result").get_text()


def test_a_gate_on_precision_lies_across(regrade, alice):
    page = read(signed_in(alice), regrade({"metric": "precision_constrained_recall", "precision_floor": 0.3}))
    line = page.select_one("#main .gate-line")
    assert (line["x1"], line["x2"]) == ("0%", "100%")
    assert line["y1"] == line["y2"] != "0%"


def test_an_old_score_without_draws_keeps_its_gauge(season, alice):
    page = read(signed_in(alice), season.submissions["scored"])
    assert page.select_one("svg.gauge")
    assert not page.select(".risk, figure.plot")
    assert "interval" not in page.select_one("main .result").get_text()


def test_what_the_ladder_holds_back_is_said_to_be_held_back(season, alice, typhoons):
    typhoons.ladder = True
    typhoons.save()
    submission = season.submissions["scored"]
    submission.scores.update(is_rung=False)
    client = signed_in(alice)
    words = text_of(client.get(submission.get_absolute_url()))
    assert "only where it is clearly better" in words
    assert "0.61803" not in words
    listed = text_of(client.get("/competitions/typhoons/submissions/"))
    assert "not shown" in listed
    assert "0.61803" not in listed
    season.close()
    assert "0.61803" in text_of(client.get(submission.get_absolute_url()))
