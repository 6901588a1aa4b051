"""Releases: the data of a competition, file by file. The folder's format is `cloud_images.release`."""

import uuid
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
    def solution(self) -> "SolutionVersion | None":
        """The correction in force; None where the folder's own solution is."""
        return self.corrections.filter(published_at__isnull=False).order_by("-published_at").first()

    @property
    def solution_path(self) -> Path:
        """The solution in force: what submissions are scored with."""
        return self.path_of(self.solution)

    def path_of(self, solution: "SolutionVersion | None") -> Path:
        return Path(solution.file.path) if solution else self.directory / "solution.parquet"


def correction_path(version: "SolutionVersion", filename: str) -> str:
    """Where a corrected solution lies in storage: below MEDIA_ROOT, which has no URL."""
    return f"solutions/{version.release_id}/{uuid.uuid4().hex}.parquet"


class SolutionVersion(models.Model):
    """A corrected solution of a release. The folder and its checksums stay as they were handed out: nothing
    that participants hold has changed. In force from `published_at` on, which a rescoring sets."""

    release = models.ForeignKey(Release, models.CASCADE, related_name="corrections")
    file = models.FileField(upload_to=correction_path, max_length=200)
    size = models.PositiveBigIntegerField()  # bytes
    sha256 = models.CharField(max_length=64)
    changes = models.JSONField(
        default=dict
    )  # against the one before: {"labels": n, "splits": n, "columns": […]}
    uploaded_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    uploaded_at = models.DateTimeField(auto_now_add=True)
    published_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["-uploaded_at"]

    def __str__(self) -> str:
        return f"{self.release}: {self.sha256[:12]}"


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
