"""Registered releases, for staff. The organizer's console registers them, after verifying every byte."""

from typing import ClassVar

from django.contrib import admin

from competition.contests.admin import ReadOnlyAdmin, ReadOnlyInline
from competition.datasets.models import Release, ReleaseFile


class ReleaseFileInline(ReadOnlyInline):
    model = ReleaseFile
    fields = ("path", "size", "sha256")
    readonly_fields = fields


@admin.register(Release)
class ReleaseAdmin(ReadOnlyAdmin):
    list_display = ("name", "version", "competition", "folder", "is_current", "registered_at")
    list_filter = ("competition", "is_current")
    search_fields = ("name", "folder")
    fields = ("name", "version", "competition", "folder", "is_current", "registered_at")
    inlines: ClassVar = [ReleaseFileInline]
