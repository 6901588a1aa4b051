"""What all metrics share, and the registry of them.

``MetricConfig.model_validate({"metric": "recall_constrained_precision", …})`` returns the class that the
registry ``METRICS`` holds under that name. To add a metric, subclass ``MetricConfig``, give it its name as
a ``Literal``, its version and what it is as data (title, direction, range, gate), define ``evaluate``, write
its exact definition and source into the docstring, and import it in ``scoring.metrics``. The docstring is
what `docs/metrics.md`, the site and ``python -m scoring metrics`` show.
"""

from typing import Any, ClassVar, Literal, Self, cast

from pydantic import BaseModel, ConfigDict, Field, ModelWrapValidatorHandler, model_validator

from scoring.metrics.result import Result
from scoring.resampling import MAX_REPLICATES, Replicates
from scoring.solution import STORM
from scoring.tally import Part

METRICS: dict[str, "type[MetricConfig]"] = {}
Threshold = Literal["per_split", "from_public", "submitted"]
THRESHOLD = (
    "Where scores become calls. `per_split`: at the best threshold of the public part, and at that of the"
    " private part; `from_public`: the public part's best one is applied to the private part; `submitted`: at"
    " 0, the participant has subtracted the threshold of their choice. Without meaning for labels."
)
DEFAULT_METRIC = "recall_constrained_precision"


class MetricConfig(BaseModel):
    """What all metrics are configured with; ``model_validate`` picks the metric by its name."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: ClassVar[int]
    title: ClassVar[str]
    # What it judges: metrics of a kind stand together where they are listed.
    family: ClassVar[str] = "Others"
    higher_is_better: ClassVar[bool] = True
    # The worst and the best value that the score can take, in ascending order.
    range: ClassVar[tuple[float, float]] = (0.0, 1.0)
    # Which number of the result has to keep a floor; entries below it have no score and are ranked by it.
    gate: ClassVar[Literal["recall", "precision"] | None] = None
    # Whether the score needs images of both classes; all need a positive one.
    needs_negatives: ClassVar[bool] = False

    metric: str
    prediction: Literal["score", "label", "probability"] = Field(
        default="score",
        description="What is submitted for an image: a score (any finite number, higher is more"
        " typhoon-like), a label (0 or 1), or a probability (a score from 0 to 1).",
    )
    form: Literal["table", "2018"] = Field(
        default="table",
        description="Of a submission: a table with a header, or lines of `name<TAB>0|1` without one, as in"
        " 2018.",
    )
    cluster_by: str | None = Field(
        default=STORM,
        description="The column of the solution whose groups are resampled together for the interval; null:"
        " images singly.",
    )
    replicates: int = Field(
        default=1000,
        ge=0,
        le=MAX_REPLICATES,
        description="Bootstrap replicates; 0 leaves the uncertainty out.",
    )
    slices: tuple[str, ...] = Field(
        default=(),
        description="Columns of the solution to report separately, such as basin; lead_time_day, season and"
        " hemisphere are derived.",
    )
    digits: int = Field(default=5, ge=1, le=15, description="Decimals of the public score.")

    def __new__(cls, *args: Any, **kwargs: Any) -> "MetricConfig":
        if cls is MetricConfig:
            raise TypeError("MetricConfig stands for all metrics: use MetricConfig.model_validate({...})")
        return super().__new__(cls)

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        name = cls.model_fields["metric"]
        if not name.is_required():  # a family's common base has no name
            METRICS[name.default] = cls

    @model_validator(mode="wrap")
    @classmethod
    def _pick_metric(cls, value: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        if cls is not MetricConfig or isinstance(value, MetricConfig) or not isinstance(value, dict):
            return handler(value)
        name = value.get("metric", DEFAULT_METRIC)
        if not isinstance(name, str) or name not in METRICS:
            raise ValueError(f"unknown metric {name!r}; the metrics are {', '.join(sorted(METRICS))}")
        return cast("Self", METRICS[name].model_validate(value))

    @model_validator(mode="after")
    def _check_form(self) -> "MetricConfig":
        if self.form == "2018" and self.prediction != "label":
            raise ValueError('form "2018" holds labels: set prediction to "label"')
        return self

    @property
    def column(self) -> str:
        """The name of the predictions' column in a submission file."""
        return "label" if self.prediction == "label" else "score"

    def evaluate(self, part: Part, *, public: Result | None = None) -> Result:
        """The result on one part; public: the public part's result, when this is the private part.

        Raises ValueError where the metric is not defined, such as recall without positives.
        """
        raise NotImplementedError

    def replicate(self, part: Part, result: Result, *, public: Result | None = None) -> Replicates | None:
        """What the entry does in each bootstrap draw (`part.draws`, which must not be None); result: what
        `evaluate` returned for this part, public: as there. None for a metric whose draws are not known."""
        return None

    def scores(self, tp: Any, fp: Any, positives: Any, negatives: Any) -> Any:
        """The score of counts at one threshold, scalars or arrays of one shape: float64, NaN where it is not
        defined, whatever the gate. None for a metric that is no function of them."""
        return None

    def require_classes(self, part: Part) -> None:
        """Raises ValueError where a class is missing without which the metric is not defined."""
        if not len(part.positives):
            raise ValueError(f"{self.title} is not defined: there is no positive image")
        if self.needs_negatives and not len(part.negatives):
            raise ValueError(f"{self.title} is not defined: there is no negative image")
