"""The organizer's form takes every metric with its own parameters, and says what is wrong where it is."""

import pytest
from django.test import Client

from competition.contests.models import Competition
from competition.datasets.registration import register_release
from competition.organizing.amend import change_metric, change_release
from competition.organizing.metric_form import MetricForm
from competition.organizing.publish import missing_for_publication
from competition.refusal import Refusal
from scoring import METRICS, MetricConfig
from scoring.metrics.definition import define
from tests.competition.conftest import signed_in

pytestmark = pytest.mark.django_db
PAGE = "/organize/typhoons/metric/"


@pytest.fixture
def console(organizer, typhoons) -> Client:
    return signed_in(organizer)


def typed(metric: str, **fields: object) -> dict[str, object]:
    """What a browser sends: every field of the form, also those of other metrics."""
    initial = MetricForm()
    everything = {name: initial[name].value() for name in initial.fields}
    return everything | {"metric": metric, "threshold": "submitted", "more": "{}"} | fields


def stored(typhoons: Competition) -> dict:
    typhoons.refresh_from_db()
    return typhoons.metric


def errors_in(response) -> dict:
    return response.context["form"].errors


@pytest.mark.parametrize("name", sorted(METRICS.keys() - {"own"}))
def test_any_metric_can_be_chosen(console, typhoons, name):
    response = console.post(PAGE, typed(name))
    assert response.status_code == 302, errors_in(response)
    metric = stored(typhoons)
    assert metric["metric"] == name
    assert metric["prediction"] == define(METRICS[name]).predictions[0]
    assert set(metric) == set(METRICS[name].model_fields)
    # and the form shows what was stored
    form = MetricForm(metric=metric)
    assert form["metric"].value() == name
    for parameter in define(METRICS[name]).parameters:
        assert form[parameter.name].value() == metric[parameter.name]


def test_parameters_and_slices_are_those_that_were_typed(console, typhoons):
    console.post(
        PAGE, typed("f_beta", beta="2.5", threshold="from_public", digits="3", more='{"replicates": 50}')
    )
    metric = stored(typhoons)
    assert (metric["beta"], metric["threshold"], metric["digits"]) == (2.5, "from_public", 3)
    assert metric["replicates"] == 50
    console.post(PAGE, typed("partial_auc", curve="roc", recall_above="0.5", slices=" basin , season,"))
    metric = stored(typhoons)
    assert (metric["curve"], metric["recall_above"]) == ("roc", 0.5)
    assert metric["slices"] == ["basin", "season"]
    assert MetricForm(metric=metric)["slices"].value() == "basin, season"


@pytest.mark.parametrize(
    ("chosen", "where", "words"),
    [
        (("f_beta", {"beta": "0"}), "beta", "greater than 0"),
        (("f_beta", {"beta": ""}), "beta", "required"),
        (("f_beta", {"beta": "much"}), "beta", "number"),
        (
            ("precision_constrained_recall", {"precision_floor": "1.5"}),
            "precision_floor",
            "less than or equal",
        ),
        (("partial_auc", {"recall_above": "1"}), "recall_above", "less than 1"),
        (("partial_auc", {"curve": "lift"}), "curve", "valid choice"),
        (("brier", {"bins": "1"}), "bins", "greater than or equal to 2"),
        (("pod", {"threshold": "per_split"}), "threshold", "makes the POD 1"),
        (("far", {"threshold": "from_public"}), "threshold", "makes the FAR 0"),
        (("hss", {"prediction": "probability"}), "prediction", "'score' or 'label'"),
        (("hss", {"digits": "0"}), "digits", "greater than or equal to 1"),
        (("hss", {"more": '{"bins": 5}'}), "more", "has a field of its own above"),
        (("hss", {"more": '{"floor": 5}'}), "more", "no field “floor”"),
        (("hss", {"more": "{"}), "more", "valid JSON"),
        (("accuracy", {}), "metric", "valid choice"),
        (("own", {}), "metric", "valid choice"),
    ],
)
def test_a_mistake_is_told_at_its_field_in_words(console, typhoons, chosen, where, words):
    before = stored(typhoons)
    metric, fields = chosen
    response = console.post(PAGE, typed(metric, **fields))
    errors = errors_in(response)
    assert set(errors) == {where}
    assert words in " ".join(errors[where])
    assert stored(typhoons) == before


def test_what_stands_in_the_fields_of_other_metrics_does_not_matter(console, typhoons):
    response = console.post(PAGE, typed("mcc", beta="nonsense", bins="", recall_floor="7"))
    assert response.status_code == 302
    assert stored(typhoons)["metric"] == "mcc"


def test_a_metric_of_one_kind_of_prediction_takes_that_one(console, typhoons):
    console.post(PAGE, typed("log_loss", prediction="label"))
    assert stored(typhoons)["prediction"] == "probability"


def test_fields_say_which_metrics_they_are_for():
    html = str(MetricForm()["beta"])
    assert 'data-shown-for="f_beta"' in html
    assert "data-shown-by" in html


def test_slices_that_the_data_cannot_give_are_refused(console, typhoons, release_folder):
    release = register_release(competition=typhoons, folder=release_folder.name, verify=False)
    assert release.is_current
    assert change_metric(competition=typhoons, metric={"metric": "csi", "slices": ["basin", "lead_time_day"]})
    for slices, words in ((["ocean"], "no such column; it has"), (["latitude"], "at most 50")):
        with pytest.raises(Refusal, match=words):
            change_metric(competition=typhoons, metric={"metric": "csi", "slices": slices})
    response = console.post(PAGE, typed("csi", slices="ocean"))
    assert response.status_code == 409
    assert "Slice ocean: the solution has no such column" in response.content.decode()


def test_a_column_of_storms_that_the_data_lack_is_refused(console, typhoons, release_folder):
    register_release(competition=typhoons, folder=release_folder.name, verify=False)
    with pytest.raises(
        Refusal, match=r"Cluster_by strom_id: the solution has no such column; it has .*storm_id"
    ):
        change_metric(competition=typhoons, metric={"metric": "csi", "cluster_by": "strom_id"})
    response = console.post(PAGE, typed("csi", more='{"cluster_by": "strom_id"}'))
    assert response.status_code == 409
    assert "strom_id: the solution has no such column" in response.content.decode()
    assert change_metric(competition=typhoons, metric={"metric": "csi", "cluster_by": "basin"})


def test_data_that_lack_a_column_of_the_metric_are_refused(typhoons, release_folder):
    for metric, words in (
        ({"slices": ["ocean"]}, "Slice ocean"),
        ({"cluster_by": "trip"}, "Cluster_by trip"),
    ):
        typhoons.metric = MetricConfig.model_validate(metric).model_dump(mode="json")
        typhoons.save()
        with pytest.raises(Refusal, match=f"{words}: the solution has no such column; it has"):
            change_release(competition=typhoons, folder=release_folder.name)
        assert not typhoons.releases.exists()
    typhoons.metric = MetricConfig.model_validate({"slices": ["basin"]}).model_dump(mode="json")
    typhoons.save()
    assert change_release(competition=typhoons, folder=release_folder.name).is_current


def test_a_draft_whose_metric_does_not_go_with_its_data_cannot_be_published(typhoons, release_folder):
    typhoons.metric = MetricConfig.model_validate({"slices": ["ocean"]}).model_dump(mode="json")
    typhoons.save()
    assert not any("does not go with the data" in reason for reason in missing_for_publication(typhoons))
    register_release(competition=typhoons, folder=release_folder.name, verify=False)
    assert any("Slice ocean" in reason for reason in missing_for_publication(typhoons))
