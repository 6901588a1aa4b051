"""An organizer's own metric: a file with ``score(solution, submission)``, run where it can do no harm."""

from scoring.own_metric.failures import MetricFailed, SandboxUnavailable
from scoring.own_metric.sandbox import Run, SandboxLimits, run_metric
from scoring.own_metric.source import LARGEST_SOURCE, SourceError, read_source

__all__ = [
    "LARGEST_SOURCE",
    "MetricFailed",
    "Run",
    "SandboxLimits",
    "SandboxUnavailable",
    "SourceError",
    "read_source",
    "run_metric",
]
