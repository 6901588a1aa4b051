"""Submission files: stored, and brought where `scoring` can read them."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.core.files.storage import Storage

from competition.contests.models import Competition
from competition.submissions.models import Submission
from scoring import ImageIds, Limits, MetricConfig, validate_submission
from scoring import Submission as Read


class FileGone(Exception):  # noqa: N818 - a fact, told in the past tense
    """The stored file is not there any more."""


@contextmanager
def local_copy(submission: Submission) -> Iterator[Path]:
    """The submission's file as a path on this machine. Raises FileGone."""
    storage: Storage = submission.file.storage
    name = submission.file.name or ""
    if not (name and storage.exists(name)):
        raise FileGone(f"the file {name!r} is missing from the storage")
    try:
        yield Path(storage.path(name))
    except NotImplementedError:  # a storage on another machine
        with tempfile.NamedTemporaryFile(prefix="submission-") as copy:
            with storage.open(name) as stored:
                shutil.copyfileobj(stored, copy, 1024**2)
            copy.flush()
            yield Path(copy.name)


def largest_upload(competition: Competition) -> int:
    """Bytes: what the organizers allow, within what the operator allows."""
    return min(competition.max_upload_bytes, settings.MAX_UPLOAD_BYTES)


def reading_limits(max_bytes: int) -> Limits:
    """For a file of at most `max_bytes`; unpacked it may fill as much, or the default where that is more."""
    default = Limits()
    return Limits(max_bytes=max_bytes, max_decompressed_bytes=max(max_bytes, default.max_decompressed_bytes))


def read_submission(
    submission: Submission, config: MetricConfig, *, ids: ImageIds | None = None, n_rows: int | None = None
) -> Read:
    """The predictions in a submission's file, for `ids` or `n_rows` as in `scoring.validate_submission`.

    Raises InvalidSubmission, FileGone.
    """
    with local_copy(submission) as path:
        return validate_submission(
            path,
            ids=ids,
            n_rows=n_rows,
            config=config,
            limits=reading_limits(submission.size),
            filename=submission.filename,
        )
