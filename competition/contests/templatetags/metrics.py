"""What a metric configuration means, for pages: from the same definitions as the documentation."""

from dataclasses import dataclass
from typing import Any

from django import template
from django.utils.functional import Promise
from django.utils.text import capfirst

from competition.contests.metric_names import (
    CHOICE_NAMES,
    DIRECTIONS,
    METRIC_NAMES,
    PARAMETER_NAMES,
)
from scoring import METRICS
from scoring.metrics.definition import Definition, define

register = template.Library()


@dataclass(frozen=True)
class MetricCard:
    """A metric as it is configured. parameters: its own ones as (name, value), for people."""

    definition: Definition
    title: str | Promise
    direction: str | Promise
    parameters: list[tuple[str | Promise, Any]]


@register.simple_tag
def metric_card(metric: dict[str, Any]) -> MetricCard | None:
    """What is to be said of a competition's metric configuration; None where it is none of today's."""
    if metric.get("metric") not in METRICS:
        return None
    definition = define(METRICS[metric["metric"]])
    better = definition.higher_is_better
    parameters = [
        (parameter_name(each.name), CHOICE_NAMES.get(value, value))
        for each in definition.parameters
        if (value := metric.get(each.name, each.default)) is not None and each.name not in HIDDEN
    ]
    return MetricCard(
        definition,
        metric["name"] if definition.name == "own" else METRIC_NAMES[definition.name],
        DIRECTIONS[metric.get("better", "higher") == "higher" if better is None else better],
        parameters,
    )


# Said in a sentence of its own, or by the title.
HIDDEN = {"threshold", "name", "better", "sha256", "recall_floor", "precision_floor"}


@register.filter
def parameter_name(name: str) -> str | Promise:
    return PARAMETER_NAMES.get(name, capfirst(name.replace("_", " ")))


@register.filter
def metric_name(name: str) -> str | Promise:
    return METRIC_NAMES[name]


@register.filter
def direction(definition: Definition) -> str | Promise:
    return DIRECTIONS[definition.higher_is_better]
