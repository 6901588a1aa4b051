"""Releases: the data of a competition, file by file. The folder's format is `cloud_images.release`."""

from pathlib import Path
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from competition.contests.models import Competition


class Release(models.Model):
    """One version of a competition's data: a folder below `RELEASES_DIR`."""

    competition = models.ForeignKey(Competition, models.CASCADE, related_name="releases")
    folder = models.CharField(_("folder"), max_length=200)  # relative to RELEASES_DIR
    name = models.CharField(_("name"), max_length=120)
    version = models.CharField(_("version"), max_length=40)
    manifest = models.JSONField()
    overview = models.JSONField(default=dict)  # what the data page shows: `datasets.overview` makes it once
    is_current = models.BooleanField(default=True)
    registered_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["-registered_at"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["competition"], condition=Q(is_current=True), name="one_current_release"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.version}"

    @property
    def directory(self) -> Path:
        return settings.RELEASES_DIR / self.folder

    @property
    def solution_path(self) -> Path:
        return self.directory / "solution.parquet"


class ReleaseFile(models.Model):
    """A file that participants may download. The solution has no row here: what has none cannot be served."""

    release = models.ForeignKey(Release, models.CASCADE, related_name="files")
    path = models.CharField(max_length=200)  # relative to the release's folder, POSIX
    size = models.PositiveBigIntegerField()
    sha256 = models.CharField(max_length=64)

    class Meta:
        ordering: ClassVar = ["path"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["release", "path"], name="release_file_unique"),
            models.CheckConstraint(
                condition=~Q(path__contains="solution"), name="a_solution_is_never_served"
            ),
        ]

    def __str__(self) -> str:
        return self.path

    def get_absolute_url(self) -> str:
        return reverse("datasets:download", args=[self.release.competition.slug, self.path])
