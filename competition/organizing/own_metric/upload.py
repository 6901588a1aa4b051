"""An organizer uploads the file of a metric. A worker tries it before it can be put into force."""

from functools import partial
from pathlib import PurePosixPath

import structlog
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.utils.translation import gettext as _
from pydantic import ValidationError

from competition.accounts.models import User
from competition.contests.models import Competition, OwnMetric
from competition.organizing.metric import invalid_metric
from competition.organizing.tasks import enqueue_own_metric
from competition.refusal import Refusal
from scoring.metrics import MetricFile
from scoring.metrics import OwnMetric as OwnMetricConfig
from scoring.own_metric import LARGEST_SOURCE, SourceError, read_source

log = structlog.get_logger(__name__)

# So many files that wait for their test run, of one competition: each may take minutes of a worker.
MOST_TESTING = 3


def upload_metric(
    *,
    user: User,
    competition: Competition,
    file: UploadedFile,
    name: str,
    better: str = "higher",
    prediction: str = "score",
    digits: int = 5,
) -> OwnMetric:
    """Keep the file, and have a worker try it. Nothing changes for anybody.

    name: what people read above the score. Raises Refusal on a file that cannot be a metric, with the line,
    on a configuration that `scoring` does not take, and while several files wait already.
    """
    source = _source(file)
    filename = _shown_name(file.name or "")
    try:
        config = OwnMetricConfig(
            sha256=MetricFile(source).sha256,
            name=" ".join(name.split()),
            better=better,
            prediction=prediction,
            digits=digits,
        )
    except ValidationError as error:
        raise invalid_metric(error, status=422) from None
    with transaction.atomic():
        competition = Competition.objects.select_for_update(no_key=True).get(pk=competition.pk)
        if competition.is_closed:
            raise Refusal(
                _("The competition is closed and its private scores are out: the metric stays."),
                code="closed",
            )
        if competition.own_metrics.filter(state=OwnMetric.State.TESTING).count() >= MOST_TESTING:
            raise Refusal(
                _("Several files wait for their test run. Look at their reports first."), code="many_testing"
            )
        uploaded = OwnMetric.objects.create(
            competition=competition,
            source=source,
            sha256=config.sha256,
            filename=filename,
            metric=config.model_dump(mode="json"),
            uploaded_by=user,
        )
        transaction.on_commit(partial(enqueue_own_metric, uploaded.pk))
    log.info("own_metric.uploaded", id=uploaded.pk, competition=competition.slug, user=user.username)
    return uploaded


def _source(file: UploadedFile) -> str:
    if (file.size or 0) > LARGEST_SOURCE:
        raise Refusal(
            _("The file has %(size)d bytes, and at most %(largest)d are accepted.")
            % {"size": file.size, "largest": LARGEST_SOURCE},
            code="metric_file",
            status=413,
        )
    try:
        return read_source(file.read())
    except SourceError as error:
        raise Refusal(
            _("This file cannot be a metric: %(reason)s") % {"reason": error}, code="metric_file", status=422
        ) from None


def _shown_name(name: str) -> str:
    cleaned = "".join(c for c in PurePosixPath(name.replace("\\", "/")).name if c.isprintable())
    return cleaned[:200] or "metric.py"
