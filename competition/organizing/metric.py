"""A metric configuration as it is stored, and what would not go with it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.utils.text import capfirst
from django.utils.translation import gettext as _
from pydantic import ValidationError

from competition.contests.models import Competition, OwnMetric
from competition.refusal import Refusal
from scoring import MetricConfig, SolutionError
from scoring.metrics.slices import check_columns


def validated(metric: Mapping[str, object]) -> dict[str, Any]:
    """The whole configuration, defaults included. Raises Refusal on one that `MetricConfig` does not take."""
    try:
        return MetricConfig.model_validate(dict(metric)).model_dump(mode="json")
    except ValidationError as error:
        raise invalid_metric(error) from None


def invalid_metric(error: ValidationError, *, status: int = 400) -> Refusal:
    """The refusal of a configuration that `scoring` does not take, field by field."""
    reasons = (f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
    return Refusal("; ".join(reasons), code="metric_invalid", status=status)


def canonical(metric: Mapping[str, object]) -> dict[str, Any] | None:
    """As `validated`; None where it is none of today's configurations any more."""
    try:
        return MetricConfig.model_validate(dict(metric)).model_dump(mode="json")
    except ValidationError:
        return None


def refuse_other_files(competition: Competition, metric: Mapping[str, Any]) -> None:
    """Raises Refusal where files already submitted do not hold what `metric` needs."""
    before = competition.metric.get("prediction", "score")
    if metric["prediction"] != before and competition.submissions.exists():
        raise Refusal(
            _("Files with a column “%(old)s” have been submitted: they cannot be scored as “%(new)s”.")
            % {"old": before, "new": metric["prediction"]},
            code="prediction_is_settled",
        )


def refuse_missing_columns(metric: Mapping[str, Any], solution: Path | None) -> None:
    """Raises Refusal where `metric` draws storms or slices by a column that the solution lacks, or slices by
    one that has too many values.

    solution: the `solution.parquet` in force; None where there is no data yet.
    """
    config = MetricConfig.model_validate(dict(metric))
    if solution is None:
        return
    try:
        check_columns(config, solution)
    except SolutionError as error:
        raise Refusal(capfirst(str(error)), code="columns_missing") from None


def refuse_untried(competition: Competition, metric: Mapping[str, Any]) -> None:
    """Raises Refusal where `metric` names an organizer's file that was not uploaded here and found usable."""
    if metric["metric"] != "own":
        return
    usable = {"sha256": metric["sha256"], "state": OwnMetric.State.USABLE}
    if competition.pk is None or not competition.own_metrics.filter(**usable).exists():
        raise Refusal(
            _("Upload the file of an own metric first: it is used once its test run has gone well."),
            code="own_metric_untried",
        )
