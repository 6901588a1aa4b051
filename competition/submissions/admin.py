"""Submissions, public scores and workers, to look at.

Private scores have no page here: they leave through the leaderboards alone, after the close, for staff as for
everybody.
"""

from typing import ClassVar

from django.contrib import admin
from django.http import HttpRequest

from competition.contests.admin import ReadOnlyAdmin, ReadOnlyInline
from competition.submissions.models import Score, Submission, Worker


class ScoreInline(ReadOnlyInline):
    model = Score
    fields = ("created_at", "value", "passed_gate", "recall", "precision", "metric_version", "engine")
    readonly_fields = fields


@admin.register(Submission)
class SubmissionAdmin(ReadOnlyAdmin):
    """Failed ones are retried in the organizer's console; the file itself is not offered here."""

    list_display = ("received_at", "team", "user", "competition", "state", "is_final", "attempts")
    list_filter = ("state", "competition", "is_final")
    search_fields = ("id", "team__name", "user__username", "filename", "sha256")
    date_hierarchy = "received_at"
    list_select_related = ("competition", "team", "user")
    exclude = ("file",)
    inlines: ClassVar = [ScoreInline]


@admin.register(Score)
class ScoreAdmin(ReadOnlyAdmin):
    list_display = ("submission", "value", "passed_gate", "recall", "precision", "created_at")
    list_filter = ("submission__competition", "passed_gate", "device")
    search_fields = ("submission__id", "submission__team__name")
    list_select_related = ("submission__team",)


@admin.register(Worker)
class WorkerAdmin(ReadOnlyAdmin):
    list_display = ("name", "device", "engine", "started_at", "seen_at")

    def has_delete_permission(self, request: HttpRequest, obj: Worker | None = None) -> bool:
        return admin.ModelAdmin.has_delete_permission(self, request, obj)  # a machine that is gone for good
