"""An organizer's own metric: a file with ``score(solution, submission)``, run where it can do no harm."""

from scoring.own_metric.failures import MetricFailed, SandboxUnavailable
from scoring.own_metric.sandbox import Run, SandboxLimits, run_metric

__all__ = ["MetricFailed", "Run", "SandboxLimits", "SandboxUnavailable", "run_metric"]
