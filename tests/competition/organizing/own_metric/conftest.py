"""The fixtures of submissions, for metrics that score some."""

from tests.competition.submissions.conftest import media, release

__all__ = ["media", "release"]
