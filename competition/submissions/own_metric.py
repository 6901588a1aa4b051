"""A competition's metric configuration, ready to grade: where it names an organizer's file, with that."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings

from competition.contests.models import OwnMetric
from scoring import MetricConfig
from scoring.metrics import MetricFile
from scoring.metrics import OwnMetric as OwnMetricConfig
from scoring.own_metric import SandboxLimits


def ready_to_grade(metric: Mapping[str, Any], competition_id: int) -> MetricConfig:
    """Raises OwnMetric.DoesNotExist where nobody uploaded the file that is named."""
    config = MetricConfig.model_validate(dict(metric))
    if not isinstance(config, OwnMetricConfig):
        return config
    uploaded = OwnMetric.objects.filter(competition=competition_id, sha256=config.sha256).first()
    if uploaded is None:
        raise OwnMetric.DoesNotExist(f"the file of the metric “{config.name}” is not there: {config.sha256}")
    return config.with_file(metric_file(uploaded))


def metric_file(uploaded: OwnMetric) -> MetricFile:
    return MetricFile(uploaded.source, uploaded.filename, sandbox_limits())


def sandbox_limits() -> SandboxLimits:
    """What the operator set for each of the two calls; both must fit into a submission's time."""
    return SandboxLimits(
        seconds=min(settings.METRIC_SECONDS, settings.SCORING_SECONDS / 3),
        memory=settings.METRIC_MEMORY_BYTES,
        scratch=settings.METRIC_SCRATCH_BYTES,
        output=settings.METRIC_OUTPUT_BYTES,
    )
