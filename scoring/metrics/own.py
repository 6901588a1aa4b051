"""A metric that an organizer wrote: a file with a function ``score``."""

from dataclasses import dataclass, field
from hashlib import sha256
from typing import ClassVar, Literal, Self

from pydantic import Field, PrivateAttr, model_validator

from scoring.metrics.configuration import MetricConfig
from scoring.metrics.result import Result
from scoring.own_metric.sandbox import SandboxLimits
from scoring.tally import Part


@dataclass(frozen=True)
class MetricFile:
    """The organizer's file. name: in tracebacks. limits: of each call."""

    source: str
    name: str = "metric.py"
    limits: SandboxLimits = field(default_factory=SandboxLimits)

    @property
    def sha256(self) -> str:
        return sha256(self.source.encode()).hexdigest()


class OwnMetric(MetricConfig):
    """What the function ``score(solution, submission)`` of an organizer's file returns.

    The file is called once for the public and once for the private part, each time in a process of its own
    that sees the images of that part alone, in the order of their ids. It returns a finite number, or a dict
    with ``score`` and, if it likes, ``passed_gate`` (False: the entry has no score, and is ranked by recall
    below all that passed), ``recall``, ``precision`` and other numbers by name. ``better`` says which
    direction is. There are no intervals and no slices: the file would have to be called a thousand times.
    An organizer's guide to it, with an example and what its process may do: `docs/organizers/own-metric.md`.

    Source: the organizer's file, which the configuration names by its SHA-256.
    """

    version: ClassVar[int] = 1
    title: ClassVar[str] = "An organizer's own metric"
    range: ClassVar[tuple[float, float]] = (float("-inf"), float("inf"))

    metric: Literal["own"] = "own"
    sha256: str = Field(pattern="^[0-9a-f]{64}$", description="Of the file, in hexadecimal.")
    name: str = Field(min_length=1, max_length=80, description="What people read above the score.")
    better: Literal["higher", "lower"] = Field(default="higher", description="Which score leads.")
    cluster_by: str | None = None
    replicates: int = 0

    _file: MetricFile | None = PrivateAttr(default=None)

    @property
    def higher_is_better(self) -> bool:  # type: ignore[override]
        return self.better == "higher"

    @model_validator(mode="after")
    def _check_nothing_is_drawn(self) -> Self:
        if self.replicates or self.cluster_by or self.slices:
            raise ValueError("an own metric has no replicates, clusters or slices: leave them out")
        return self

    @property
    def file(self) -> MetricFile:
        """Raises LookupError where the configuration came without its file."""
        if self._file is None:
            raise LookupError(
                f"{self.name}: the file of this metric (SHA-256 {self.sha256})"
                " is needed, give it by `with_file`"
            )
        return self._file

    def with_file(self, file: MetricFile) -> "OwnMetric":
        """The same, ready to grade. Raises ValueError for another file than the one that is named."""
        if file.sha256 != self.sha256:
            raise ValueError(
                f"{file.name} has the SHA-256 {file.sha256}, the configuration names {self.sha256}"
            )
        ready = self.model_copy()
        ready._file = file
        return ready

    def evaluate(self, part: Part, *, public: Result | None = None) -> Result:
        raise TypeError("an own metric is given the solution's columns too: use `grade`")
