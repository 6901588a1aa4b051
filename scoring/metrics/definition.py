"""What a metric is, as data: for the command line, the documentation and the site alike.

The text is the metric's docstring (Markdown), the numbers are its class's and its fields': there is no second
place where a metric is described.
"""

import json
import math
from dataclasses import asdict, dataclass
from inspect import cleandoc
from typing import Any

from scoring.metrics import slices
from scoring.metrics.configuration import METRICS, MetricConfig

# Fields of every metric that say nothing of the metric itself.
BAR = "\\|"  # in a cell of a table
FAMILIES = ("With a gate", "Order of the scores", "Right and wrong calls", "Probabilities", "Others")
COMMON = ("form", "cluster_by", "replicates", "slices", "digits")


@dataclass(frozen=True)
class Parameter:
    """A field of the configuration. kind: ``number``, ``integer``, ``text``, ``choice`` or ``list``.

    low, high: the bounds, None where there is none; open_low, open_high: whether the bound is excluded.
    """

    name: str
    kind: str
    default: Any
    required: bool
    description: str
    choices: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    open_low: bool = False
    open_high: bool = False

    @property
    def shown_default(self) -> str:
        return json.dumps(self.default) if self.kind == "list" else str(self.default)

    @property
    def values(self) -> str:
        """What it can be, in words and Markdown."""
        if self.choices:
            return ", ".join(f"`{choice}`" for choice in self.choices)
        words = []
        if self.low is not None:
            words.append(f"{'above' if self.open_low else 'at least'} {self.low:g}")
        if self.high is not None:
            words.append(f"{'below' if self.open_high else 'at most'} {self.high:g}")
        return ", ".join([{"list": "column names"}.get(self.kind, self.kind), *words])


@dataclass(frozen=True)
class Definition:
    """summary: the first paragraph; text: all of it with the source at the end, both Markdown.

    higher_is_better: None where the configuration says. low, high: of the score, None for infinite. gate: the
    number that has to keep a floor, if any. predictions: what it can judge. parameters: its own fields.
    """

    name: str
    version: int
    title: str
    family: str
    summary: str
    text: str
    higher_is_better: bool | None
    low: float | None
    high: float | None
    gate: str | None
    predictions: tuple[str, ...]
    parameters: tuple[Parameter, ...]

    @property
    def direction(self) -> str:
        return {True: "higher is better", False: "lower is better", None: "as configured"}[
            self.higher_is_better
        ]

    @property
    def range(self) -> str:
        if self.low is None or self.high is None:
            return "any number"
        low, high = (_number(bound) for bound in (self.low, self.high))
        return f"{low} to {high}"

    def to_dict(self) -> dict[str, Any]:
        """What ``python -m scoring metrics NAME --json`` prints."""
        return asdict(self)


def definitions() -> list[Definition]:
    """Of all metrics, those of a family together."""
    found = [define(metric) for metric in METRICS.values()]
    return sorted(found, key=lambda each: FAMILIES.index(each.family))


def define(metric: type[MetricConfig]) -> Definition:
    text = cleandoc(metric.__doc__ or "")
    low, high = (bound if math.isfinite(bound) else None for bound in metric.range)
    direction = metric.higher_is_better
    schema = metric.model_json_schema()
    fields = {name: _parameter(metric, name, schema) for name in schema["properties"]}
    return Definition(
        name=fields["metric"].default,
        version=metric.version,
        title=metric.title,
        family=metric.family,
        summary=text.split("\n\n", maxsplit=1)[0],
        text=text,
        higher_is_better=direction if isinstance(direction, bool) else None,
        low=low,
        high=high,
        gate=metric.gate,
        predictions=fields["prediction"].choices,
        parameters=tuple(
            field for name, field in fields.items() if name not in {"metric", "prediction", *COMMON}
        ),
    )


def common_parameters() -> list[Parameter]:
    """The fields that all metrics share."""
    schema = MetricConfig.model_json_schema()
    return [_parameter(MetricConfig, name, schema) for name in ("prediction", *COMMON)]


def _parameter(metric: type[MetricConfig], name: str, schema: dict[str, Any]) -> Parameter:
    field = schema["properties"][name]
    # A field that a metric narrows keeps the description that it has elsewhere.
    described = (base.model_fields.get(name) for base in metric.__mro__ if issubclass(base, MetricConfig))
    description = next((each.description for each in described if each and each.description), "")
    kind = {"number": "number", "integer": "integer", "array": "list"}.get(field.get("type"), "text")
    choices = tuple(field.get("enum", [field["const"]] if "const" in field else []))
    low, high = (field.get(f"exclusive{bound}", field.get(bound.lower())) for bound in ("Minimum", "Maximum"))
    return Parameter(
        name=name,
        kind="choice" if choices else kind,
        default=field.get("default"),
        required="default" not in field,
        description=description or "",
        choices=choices,
        low=low,
        high=high,
        open_low="exclusiveMinimum" in field,
        open_high="exclusiveMaximum" in field,
    )


INTRODUCTION = """\
An organizer chooses one of these, as a JSON object with its name and its parameters, such as
`{"metric": "f_beta", "beta": 2, "threshold": "from_public"}`. The platform, the starter kit and
`python -m scoring` compute it with the same code."""

SLICES = f"""\
{cleandoc(slices.__doc__ or "")}

A column can have at most {slices.MAX_VALUES} values."""

WORDS = """\
TP are the positive images that are called positive, FP the negative ones that are, FN and TN those that
are not; P = TP + FN, N = FP + TN. An image is called positive when its score is at or above the threshold, so
that all images of one score fall on the same side."""


def to_markdown() -> str:
    """`docs/metrics.md`."""
    lines = [
        "<!-- Written by `python -m scoring metrics --markdown > docs/metrics.md` from docstrings. -->",
        "",
        "# Metrics",
        "",
        INTRODUCTION,
        "",
        "| metric | name | score | direction | gate |",
        "|---|---|---|---|---|",
    ]
    found = definitions()
    lines += [
        f"| [{each.title}](#{each.name}) | `{each.name}` | {each.range} | {each.direction} |"
        f" {each.gate or '–'} |"
        for each in found
    ]
    lines += [
        "",
        WORDS,
        "",
        "## Fields of every metric",
        "",
        *_table(common_parameters()),
        "",
        "## Slices",
        "",
        SLICES,
    ]
    for each in found:
        lines += ["", f'<a id="{each.name}"></a>', "", describe(each)]
    return "\n".join(lines) + "\n"


def describe(each: Definition) -> str:
    """One metric in Markdown."""
    judged = " or ".join(f"`{prediction}`" for prediction in each.predictions)
    facts = [f"`{each.name}`, version {each.version}", each.range, each.direction, f"of a {judged}"]
    gate = [f"with a gate on {each.gate}"] if each.gate else []
    table = ["", *_table(each.parameters)] if each.parameters else []
    return "\n".join([f"## {each.title}", "", " · ".join(facts + gate), "", each.text, *table])


def _table(parameters: list[Parameter] | tuple[Parameter, ...]) -> list[str]:
    rows = [
        (
            f"`{each.name}`",
            "required" if each.required else f"`{each.shown_default}`",
            each.values,
            each.description,
        )
        for each in parameters
    ]
    lines = ["| field | default | values | |", "|---|---|---|---|"]
    return [*lines, *(f"| {' | '.join(cell.replace('|', BAR) for cell in row)} |" for row in rows)]


def _number(value: float) -> str:
    return f"{value:.4g}".replace("-", "−")
