"""Registered releases, for staff. The organizer's console registers them, after verifying every byte."""

from typing import Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest

from competition.contests.admin import ReadOnlyAdmin
from competition.datasets.models import Release, ReleaseFile


class ReleaseFileInline(admin.TabularInline):
    model = ReleaseFile
    fields = ("path", "size", "sha256")
    readonly_fields = fields
    can_delete = False
    extra = 0

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Release)
class ReleaseAdmin(ReadOnlyAdmin):
    list_display = ("name", "version", "competition", "folder", "is_current", "registered_at")
    list_filter = ("competition", "is_current")
    search_fields = ("name", "folder")
    fields = ("name", "version", "competition", "folder", "is_current", "registered_at")
    inlines: ClassVar = [ReleaseFileInline]
