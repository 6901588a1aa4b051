"""What all metrics share, and the registry of them.

``MetricConfig.model_validate({"metric": "recall_constrained_precision", …})`` returns the class that the
registry ``METRICS`` holds under that name. To add a metric, subclass ``MetricConfig``, give it its name as
a ``Literal`` and its version, define ``evaluate``, and import it in ``scoring.metrics``.
"""

from collections.abc import Callable
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from scoring.metrics.result import Result
from scoring.tally import Part

METRICS: dict[str, "type[MetricConfig]"] = {}
DEFAULT_METRIC = "recall_constrained_precision"


class MetricConfig(BaseModel):
    """What all metrics are configured with; ``model_validate`` picks the metric by its name.

    prediction: ``score`` (any finite float, higher is more typhoon-like) or ``label`` (0 or 1).
    form: ``table`` for a header and columns, or ``2018`` for lines of ``name<TAB>0|1`` without a header.
    cluster_by: the solution's column whose groups are resampled together. replicates: bootstrap resamples.
    slices: columns of the solution to report separately. digits: of the public score, 1 to 15.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: ClassVar[int]
    title: ClassVar[str]
    higher_is_better: ClassVar[bool] = True

    metric: str
    prediction: Literal["score", "label"] = "score"
    form: Literal["table", "2018"] = "table"
    cluster_by: str | None = "storm_id"
    replicates: int = Field(default=1000, ge=0, le=100_000)
    slices: tuple[str, ...] = ()
    digits: int = Field(default=5, ge=1, le=15)

    def __new__(cls, *args: Any, **kwargs: Any) -> "MetricConfig":
        if cls is MetricConfig:
            raise TypeError("MetricConfig stands for all metrics: use MetricConfig.model_validate({...})")
        return super().__new__(cls)

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        METRICS[cls.model_fields["metric"].default] = cls

    @model_validator(mode="wrap")
    @classmethod
    def _pick_metric(cls, value: Any, handler: Callable[[Any], "MetricConfig"]) -> "MetricConfig":
        if cls is not MetricConfig or isinstance(value, MetricConfig) or not isinstance(value, dict):
            return handler(value)
        name = value.get("metric", DEFAULT_METRIC)
        if not isinstance(name, str) or name not in METRICS:
            raise ValueError(f"unknown metric {name!r}; the metrics are {', '.join(sorted(METRICS))}")
        return METRICS[name].model_validate(value)

    @model_validator(mode="after")
    def _check_form(self) -> "MetricConfig":
        if self.form == "2018" and self.prediction != "label":
            raise ValueError('form "2018" holds labels: set prediction to "label"')
        return self

    def evaluate(self, part: Part, *, public: Result | None = None) -> Result:
        """The result on one part; public: the public part's result, when this is the private part.

        Raises ValueError where the metric is not defined, such as recall without positives.
        """
        raise NotImplementedError
