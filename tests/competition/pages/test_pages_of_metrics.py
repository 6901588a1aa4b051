"""What is said of a metric: on the page of all of them, and where a competition tells how it scores."""

import pytest

from competition.contests.metric_names import FAMILY_NAMES, METRIC_NAMES
from scoring import METRICS, MetricConfig
from scoring.metrics.definition import FAMILIES, define
from tests.competition.conftest import signed_in
from tests.competition.pages.sane_html import text_of

pytestmark = pytest.mark.django_db


def words(markdown: str) -> str:
    """The first words of a text that Markdown leaves as they are."""
    return " ".join(markdown.replace("`", "").split()[:8]).split("*")[0]


def test_every_metric_has_its_definition_on_the_page(client):
    response = client.get("/metrics/")
    page, html = text_of(response), response.content.decode()
    for name, metric in METRICS.items():
        definition = define(metric)
        assert f'id="{name}"' in html
        assert metric.title in page
        assert words(definition.summary) in page
        assert all(parameter.name in page for parameter in definition.parameters)
    assert "lead_time_day" in page
    assert "*" not in page


def test_pages_know_every_name():
    assert METRIC_NAMES.keys() == METRICS.keys()
    assert {name: str(title) for name, title in METRIC_NAMES.items()} == {
        name: metric.title for name, metric in METRICS.items()
    }
    assert tuple(FAMILY_NAMES) == FAMILIES or set(FAMILY_NAMES) == set(FAMILIES)


@pytest.mark.parametrize("name", sorted(METRICS.keys() - {"own"}))
def test_a_competition_says_how_it_scores(typhoons, client, name):
    typhoons.metric = MetricConfig.model_validate({"metric": name}).model_dump(mode="json")
    typhoons.save()
    response = client.get("/competitions/typhoons/evaluation/")
    page = text_of(response)
    assert f'href="/metrics/#{name}"' in response.content.decode()
    definition = define(METRICS[name])
    assert ("Below the gate" in page) is (definition.gate is not None)
    assert f"{definition.range}, {definition.direction}" in page
    if "gate" not in definition.family.lower():
        assert words(definition.summary) in page
    assert ("a probability from 0 to 1" in page) is (name in {"brier", "log_loss"})
    assert ("The threshold" in page) is hasattr(METRICS[name].model_validate({"metric": name}), "threshold")


def test_a_competition_of_labels_has_no_threshold(typhoons, client):
    typhoons.metric = {"metric": "csi", "prediction": "label"}
    typhoons.save()
    page = text_of(client.get("/competitions/typhoons/evaluation/"))
    assert "a label, 0 or 1, for each image" in page
    assert "The threshold" not in page


def test_an_own_metric_is_called_as_its_organizers_call_it(typhoons, client):
    typhoons.metric = {"metric": "own", "name": "Lives saved", "better": "lower", "sha256": "0" * 64}
    typhoons.save()
    page = text_of(client.get("/competitions/typhoons/evaluation/"))
    assert "Lives saved" in page
    assert "lower is better" in page


def test_organizers_find_the_definitions_from_the_form(typhoons, organizer):
    assert 'href="/metrics/"' in signed_in(organizer).get("/organize/typhoons/metric/").content.decode()


def test_a_participant_is_told_to_submit_probabilities(typhoons, team, alice):
    typhoons.metric = {"metric": "brier", "prediction": "probability"}
    typhoons.save()
    page = text_of(signed_in(alice).get("/competitions/typhoons/submit/"))
    assert "the probability that it is a typhoon: a number from 0 to 1" in page
    assert "any finite number" not in page
