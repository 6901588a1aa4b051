import json

import pytest
from pydantic import ValidationError

from scoring import METRICS, MetricConfig

FULL = {
    "metric": "recall_constrained_precision",
    "prediction": "score",
    "recall_floor": 0.79,
    "threshold": "per_split",
    "cluster_by": "storm_id",
    "replicates": 1000,
    "slices": ["basin", "lead_time_day"],
    "digits": 5,
}


def test_the_documented_configuration_is_read_and_written_back():
    config = MetricConfig.model_validate(FULL)
    assert json.loads(config.model_dump_json()) == FULL | {"form": "table"}
    assert MetricConfig.model_validate_json(json.dumps(FULL)) == config


def test_the_name_picks_the_metric():
    needed = {"own": {"name": "Hits", "sha256": "0" * 64}}
    for name, metric in METRICS.items():
        assert type(MetricConfig.model_validate({"metric": name} | needed.get(name, {}))) is metric


def test_an_empty_configuration_is_the_default_metric():
    assert MetricConfig.model_validate({}).metric == "recall_constrained_precision"
    assert MetricConfig.model_validate_json("{}") == MetricConfig.model_validate({})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"metric": "accuracy"}, "unknown metric 'accuracy'; the metrics are"),
        ({"metric": 3}, "unknown metric 3"),
        ({"floor": 0.5}, "Extra inputs are not permitted"),
        ({"recall_floor": 0}, "greater than 0"),
        ({"recall_floor": 1.01}, "less than or equal to 1"),
        ({"recall_floor": float("nan")}, "less than or equal to 1"),
        ({"threshold": "best"}, "'per_split', 'from_public' or 'submitted'"),
        ({"prediction": "probability"}, "'score' or 'label'"),
        ({"digits": 0}, "greater than or equal to 1"),
        ({"replicates": -1}, "greater than or equal to 0"),
        ({"form": "2018"}, 'set prediction to "label"'),
    ],
)
def test_a_mistake_is_refused_in_words(change, message):
    with pytest.raises(ValidationError, match=message):
        MetricConfig.model_validate(FULL | change)


@pytest.mark.parametrize("value", [None, [], "recall_constrained_precision", 5])
def test_what_is_no_object_is_refused(value):
    with pytest.raises(ValidationError):
        MetricConfig.model_validate(value)


def test_the_base_is_not_a_metric():
    with pytest.raises(TypeError, match="model_validate"):
        MetricConfig(metric="recall_constrained_precision")


def test_a_configuration_cannot_be_changed():
    config = MetricConfig.model_validate({})
    with pytest.raises(ValidationError, match="frozen"):
        config.digits = 3


def test_every_metric_says_what_it_is():
    for metric in METRICS.values():
        assert metric.version >= 1
        assert metric.title
        assert metric.__doc__
        assert "Source" in metric.__doc__
