"""The form for a metric: its fields are made of the metrics' own definitions, the rest is JSON."""

from collections.abc import Iterator
from typing import Any

from django import forms
from django.urls import reverse_lazy
from django.utils.functional import Promise
from django.utils.text import capfirst, format_lazy
from django.utils.translation import gettext_lazy as _
from pydantic import ValidationError

from competition.contests.metric_names import CHOICE_NAMES, FAMILY_NAMES, METRIC_NAMES, PARAMETER_NAMES
from competition.contests.models import Competition
from scoring import MetricConfig
from scoring.metrics.definition import Definition, Parameter, definitions

Text = str | Promise

PREDICTIONS: dict[str, Text] = {
    "score": _("score: any number, higher is more typhoon-like"),
    "label": _("label: 0 or 1, as in 2018"),
    "probability": _("probability: a score from 0 to 1"),
}
HELP: dict[str, Text] = {
    "threshold": _("Where the line between typhoon and none is drawn through the scores."),
    "recall_floor": _("Above 0, at most 1. Entries whose recall is lower stand below the gate."),
    "precision_floor": _("Above 0, at most 1. Entries whose precision is lower stand below the gate."),
    "recall_above": _("At least 0, below 1. The area under the curve is taken above this recall."),
    "curve": _("The curve whose area is taken."),
    "beta": _("Above 0. At 2, recall counts twice as much as precision."),
    "bins": _("2 to 100. Probabilities are put into bins of equal width to see how honest they are."),
}
COMMON = ("metric", "prediction", "slices", "digits")
# An organizer's file is uploaded and adopted on pages of its own.
OWN = "own"


class MetricForm(forms.Form):
    """A metric configuration, checked by MetricConfig. The fields of other metrics than the chosen one are
    not asked for: scripts hide them, and what they hold is left aside."""

    use_required_attribute = False  # a field that is hidden would keep the browser from sending

    metric = forms.ChoiceField(
        label=_("Metric"),
        help_text=format_lazy(
            '{} <a href="{}">{}</a>',
            _("What each of them measures:"),
            reverse_lazy("contests:metrics"),
            _("all metrics and their definitions"),
        ),
    )
    prediction = forms.ChoiceField(
        label=_("Prediction"),
        choices=list(PREDICTIONS.items()),
        help_text=_(
            "What is submitted for each image. A metric that takes only one of these takes that one."
        ),
    )
    slices = forms.CharField(
        label=_("Slices"),
        required=False,
        help_text=_(
            "Columns of the solution by which results are told apart, with commas: basin, lead_time_day,"
            " season, hemisphere, or any other with at most 50 values."
        ),
        widget=forms.TextInput(attrs={"spellcheck": "false", "autocomplete": "off"}),
    )
    digits = forms.IntegerField(label=_("Digits shown"))
    more = forms.JSONField(
        label=_("Everything else"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false", "class": "mono"}),
        help_text=_("A JSON object with further fields of the metric configuration."),
    )

    def __init__(self, data: Any = None, *, metric: dict[str, Any] | None = None) -> None:
        metric = dict(metric or Competition._meta.get_field("metric").get_default())
        self._definitions = {
            each.name: each for each in definitions() if each.name != OWN or metric.get("metric") == OWN
        }
        parameters = _parameters(self._definitions)
        self._named = {*COMMON, *parameters}
        initial = {name: metric.pop(name) for name in self._named if name in metric}
        initial["slices"] = ", ".join(initial.get("slices", ()))
        self._offered = list(metric.items())
        super().__init__(data, initial={**initial, "more": metric})
        self.fields["metric"].choices = list(_grouped(self._definitions))  # type: ignore[attr-defined]
        for name, (parameter, metrics) in parameters.items():
            self.fields[name] = _field(parameter, metrics)
        several = [name for name, each in self._definitions.items() if len(each.predictions) > 1]
        self.fields["prediction"].widget.attrs |= _shown_for(several)
        self.order_fields(["metric", "prediction", *parameters, "slices", "digits", "more"])

    def clean_slices(self) -> list[str]:
        return [name for name in (part.strip() for part in self.cleaned_data["slices"].split(",")) if name]

    def clean_more(self) -> dict[str, Any]:
        more = self.cleaned_data["more"] or {}
        if not isinstance(more, dict):
            raise forms.ValidationError(_("This must be a JSON object, such as {}."))
        named = sorted(set(more) & self._named)
        if named:
            raise forms.ValidationError(
                _("%(names)s has a field of its own above: set it there.") % {"names": ", ".join(named)}
            )
        return more

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        definition = self._definitions.get(cleaned.get("metric", ""))
        parameters = definition.parameters if definition else ()
        asked = {parameter.name for parameter in parameters} & set(self.fields)
        for name in list(self.errors):
            if name not in {*COMMON, "more", *asked}:
                del self.errors[name]  # of metrics that were not chosen
        if self.errors or definition is None:
            return cleaned
        more = cleaned["more"]
        if self.initial.get("metric") == OWN != cleaned["metric"]:  # what describes the file goes with it
            more = {name: value for name, value in more.items() if (name, value) not in self._offered}
        typed = {name: cleaned[name] for name in (*COMMON, *asked)} | more
        if len(definition.predictions) == 1:
            typed["prediction"] = definition.predictions[0]
        try:
            cleaned["config"] = MetricConfig.model_validate(typed).model_dump(mode="json")
        except ValidationError as error:
            self._explain(error)
        return cleaned

    def _explain(self, error: ValidationError) -> None:
        for problem in error.errors():
            where = [str(part) for part in problem["loc"]]
            message = capfirst(problem["msg"].removeprefix("Value error, "))
            if where and where[0] in self.fields:
                self.add_error(where[0], message)
            elif problem["type"] == "extra_forbidden":
                self.add_error("more", _("The metric has no field “%(name)s”.") % {"name": ".".join(where)})
            elif where:
                self.add_error("more", f"{'.'.join(where)}: {message}")
            else:
                self.add_error(None, message)

    @property
    def config(self) -> dict[str, Any]:
        return self.cleaned_data["config"]


def _parameters(found: dict[str, Definition]) -> dict[str, tuple[Parameter, list[str]]]:
    """The fields that metrics have of their own, and which metrics have each. One name means the same in all
    of them. The file of an own metric is described in JSON."""
    parameters: dict[str, tuple[Parameter, list[str]]] = {}
    for definition in found.values():
        for parameter in definition.parameters if definition.name != OWN else ():
            parameters.setdefault(parameter.name, (parameter, []))[1].append(definition.name)
    return parameters


def _field(parameter: Parameter, metrics: list[str]) -> forms.Field:
    named = {
        "label": PARAMETER_NAMES.get(parameter.name, capfirst(parameter.name.replace("_", " "))),
        "help_text": HELP.get(parameter.name, parameter.description),
        "initial": parameter.default,
    }
    if parameter.choices:
        choices = [(choice, CHOICE_NAMES.get(choice, choice)) for choice in parameter.choices]
        field: forms.Field = forms.ChoiceField(choices=choices, **named)
    elif parameter.kind == "integer":
        field = forms.IntegerField(**named)
    elif parameter.kind == "number":
        widget = forms.NumberInput(attrs={"step": "any", "inputmode": "decimal"})
        field = forms.FloatField(widget=widget, **named)
    else:
        field = forms.CharField(**named)
    field.widget.attrs |= _shown_for(metrics)
    return field


def _shown_for(metrics: list[str]) -> dict[str, str]:
    return {"data-shown-for": " ".join(metrics), "data-shown-by": "metric"}


def _grouped(found: dict[str, Definition]) -> Iterator[tuple[Text, list[tuple[str, Text]]]]:
    for family in dict.fromkeys(each.family for each in found.values()):
        names = [name for name, each in found.items() if each.family == family]
        yield FAMILY_NAMES[family], [(name, METRIC_NAMES[name]) for name in names]
