"""What leaves of a public result before the close."""

import json

import numpy as np
import pytest

from scoring import MetricConfig, Solution, grade_predictions
from scoring.disclosure import advise_digits, disclosed, rounded, withheld

IMAGES = 6000
RNG = np.random.default_rng(0)
LABELS = (RNG.random(IMAGES) < 0.1).astype(int)


@pytest.fixture(scope="module")
def exact() -> dict:
    """A whole public result, with all that is estimated."""
    solution = Solution.from_columns(
        image_ids=[f"test_{n:07d}" for n in range(IMAGES)],
        labels=LABELS,
        split=np.where(np.arange(IMAGES) % 2 == 0, "public", "private"),
        storm_id=[f"s{n // 7}" if label else None for n, label in enumerate(LABELS)],
        basin=np.where(np.arange(IMAGES) % 100 < 4, "rare", "WNP"),
    )
    config = MetricConfig.model_validate({"slices": ["basin"], "replicates": 200})
    predictions = 2.5 * solution.labels + RNG.normal(0, 1, IMAGES)
    return json.loads(json.dumps(grade_predictions(predictions[None], solution, config)[0].public.to_dict()))


def numbers(value) -> list[float]:
    if isinstance(value, dict):
        return [each for name in value.values() for each in numbers(name)]
    if isinstance(value, list):
        return [each for item in value for each in numbers(item)]
    return [value] if isinstance(value, float) else []


def test_no_number_is_finer_than_the_digits(exact):
    assert any(each != round(each, 8) for each in numbers(exact))
    for digits in (1, 2, 3, 4):
        told = disclosed(exact, digits)
        del told["uncertainty"]["level"], told["curve"]["recall"]  # neither depends on the labels
        assert len(numbers(told)) > 20
        assert all(each == round(each, digits) for each in numbers(told))
        assert all(each == round(each, 3) for each in numbers(disclosed(exact, 9)["uncertainty"]))


def test_score_precision_and_recall_have_the_digits(exact):
    shown = disclosed(exact, 3)
    assert shown["shown"] is True
    for name in ("score", "precision", "recall"):
        assert shown[name] == round(exact[name], 3) != exact[name]
    assert shown["passed_gate"] is exact["passed_gate"]


def test_counts_thresholds_and_clusters_are_left_out(exact):
    shown = disclosed(exact, 5)
    assert [shown[name] for name in ("threshold", "tp", "fp", "fn", "tn")] == [None] * 5
    assert not any(shown["curve"]["threshold"])
    assert "count" in exact["uncertainty"]["clusters"]["positives"]
    assert shown["uncertainty"]["clusters"] == {"positives": {"by": "storm_id"}, "negatives": {"by": "image"}}


def test_what_the_policy_does_not_know_is_left_out(exact):
    shown = disclosed(exact | {"labels": [1, 0, 1], "roc": {"recall": [0.123456]}}, 5)
    assert shown["labels"] is None
    assert shown["roc"] is None


def test_the_curve_goes_through_the_operating_point_as_it_is_shown(exact):
    shown = disclosed(exact, 5)
    points = list(zip(shown["curve"]["recall"], shown["curve"]["precision"], strict=True))
    assert (shown["recall"], shown["precision"]) in points


def test_the_curve_has_no_other_points_than_one_for_each_25_positives(exact):
    positives = exact["tp"] + exact["fn"]
    shown = disclosed(exact, 5)
    curve = shown["curve"]
    assert len(curve["recall"]) == len(curve["precision"]) == min(20, positives // 25) + 1 > 5
    operating = curve["recall"].index(shown["recall"])
    for name in ("recall", "precision"):
        assert curve[name].pop(operating) == shown[name]
    assert curve["recall"] == sorted(curve["recall"], reverse=True)
    assert curve["recall"][0] == 1
    for recall, precision in zip(curve["recall"], curve["precision"], strict=True):
        reached = [
            p
            for r, p in zip(exact["curve"]["recall"], exact["curve"]["precision"], strict=True)
            if r >= recall - 5e-4
        ]
        assert precision == round(reached[-1], 2)
    few = disclosed(exact | {"tp": 10, "fn": 10}, 5)["curve"]
    assert few["recall"] == []


def test_the_cloud_does_not_tell_which_draw_a_point_is(exact):
    cloud, was = disclosed(exact, 3)["uncertainty"]["cloud"], exact["uncertainty"]["cloud"]
    points = list(zip(cloud["recall"], cloud["precision"], strict=True))
    assert points == sorted(points)
    assert points == sorted(zip(rounded(was["recall"], 3), rounded(was["precision"], 3), strict=True))


def test_slices_with_few_images_are_not_told(exact):
    rare, usual = sorted(disclosed(exact, 5)["slices"]["basin"], key=lambda entry: not entry["suppressed"])
    assert (rare["value"], rare["suppressed"]) == ("rare", True)
    assert {value for name, value in rare.items() if name not in {"value", "suppressed"}} == {None}
    assert usual["positives"] is usual["tp"] is None
    assert usual["recall"] == round(usual["recall"], 2) > 0.5


def test_nothing_is_told_of_a_withheld_result(exact):
    told = withheld(exact)
    assert told.pop("shown") is False
    assert set(told) >= {"score", "passed_gate", "recall", "precision", "curve", "uncertainty", "slices"}
    assert set(told.values()) == {None}


@pytest.mark.parametrize(
    ("standard_error", "recommended"), [(0.03, 2), (0.006, 3), (0.0006, 4), (0.3, 1), (5.0, 1), (0.0, 1)]
)
def test_digits_finer_than_a_sixth_of_the_standard_error_are_advised_against(standard_error, recommended):
    advice = advise_digits(recommended, standard_error=standard_error)
    assert advice.recommended == recommended
    assert advice.is_fine
    assert not advise_digits(recommended + 1, standard_error=standard_error).is_fine


def test_the_advice_tells_whether_single_images_show():
    assert advise_digits(5, standard_error=0.006, one_image=1e-4).names_single_images
    assert not advise_digits(3, standard_error=0.006, one_image=1e-4).names_single_images


def test_no_score_is_minus_zero():
    assert str(rounded(-1e-9, 3)) == "0.0"
    assert str(rounded({"score": [-0.0004]}, 3)) == "{'score': [0.0]}"
