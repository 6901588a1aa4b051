"""The metrics: each one is a pydantic model whose fields are its configuration."""

from scoring.metrics.configuration import METRICS, MetricConfig
from scoring.metrics.constrained import RecallConstrainedPrecision
from scoring.metrics.result import Curve, Result

__all__ = ["METRICS", "Curve", "MetricConfig", "RecallConstrainedPrecision", "Result"]
