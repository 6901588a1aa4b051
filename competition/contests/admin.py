"""Competitions, their rules, teams and people, for staff."""

from typing import Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from competition.contests.models import Competition, Participation, RulesVersion, Team


class ReadOnlyInline(admin.TabularInline):
    """Rows that are looked at and never changed here."""

    can_delete = False
    extra = 0

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class RulesVersionInline(ReadOnlyInline):
    model = RulesVersion
    fields = ("number", "created_at", "body")
    readonly_fields = fields


@admin.register(Competition)
class CompetitionAdmin(admin.ModelAdmin):
    """Texts, organizers, the deletion of drafts. Timeline, metric, limits and rules are changed in the
    organizer's console, where what is fair to participants is checked."""

    list_display = ("title", "slug", "state", "opens_at", "closes_at", "console")
    search_fields = ("title", "title_ja", "slug")
    date_hierarchy = "opens_at"
    filter_horizontal = ("organizers",)
    inlines: ClassVar = [RulesVersionInline]
    readonly_fields = (
        "slug",
        "state",
        "console",
        "published_at",
        "opens_at",
        "closes_at",
        "metric",
        "metric_version",
        "daily_limit",
        "max_team_size",
        "max_finals",
        "max_upload_bytes",
        "created_at",
    )
    fieldsets = (
        (None, {"fields": ("title", "title_ja", "slug", "state", "console", "organizers")}),
        (_("Timeline"), {"fields": ("published_at", "opens_at", "closes_at", "created_at")}),
        (_("Metric"), {"fields": ("metric", "metric_version")}),
        (_("Limits"), {"fields": ("daily_limit", "max_team_size", "max_finals", "max_upload_bytes")}),
        (
            _("Texts"),
            {
                "classes": ("collapse",),
                "fields": tuple(
                    f"{name}{language}"
                    for name in ("tagline", "overview", "evaluation", "prizes", "data_notes")
                    for language in ("", "_ja")
                ),
            },
        ),
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # a competition begins in the console, with its data

    def has_delete_permission(self, request: HttpRequest, obj: Competition | None = None) -> bool:
        may = super().has_delete_permission(request, obj)
        return may and (obj is None or obj.published_at is None)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> tuple[Any, ...]:
        # A draft goes with its rules and its registered data, which nobody may delete alone.
        to_delete, counts, _missing_permissions, protected = super().get_deleted_objects(objs, request)
        return to_delete, counts, set(), protected

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)  # it would ask about all at once, published ones too
        return actions

    @admin.display(description=_("state"))
    def state(self, competition: Competition) -> str:
        return str(competition.state.label)

    @admin.display(description=_("console"))
    def console(self, competition: Competition) -> str:
        return format_html(
            '<a href="{}">{}</a>',
            reverse("organizing:console", args=[competition.slug]),
            _("open the console"),
        )


class ReadOnlyAdmin(admin.ModelAdmin):
    """What is written by the site's rules alone and may be looked at here."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(RulesVersion)
class RulesVersionAdmin(ReadOnlyAdmin):
    list_display = ("competition", "number", "created_at")
    list_filter = ("competition",)


class ParticipationInline(ReadOnlyInline):
    model = Participation
    fields = ("user", "rules", "rules_accepted_at", "joined_at")
    readonly_fields = fields


@admin.register(Team)
class TeamAdmin(admin.ModelAdmin):
    """A team's name can be corrected here; its invitation stays between its members."""

    list_display = ("name", "competition", "created_at")
    list_filter = ("competition",)
    search_fields = ("name", "participations__user__username")
    fields = ("name", "competition", "created_at")
    readonly_fields = ("competition", "created_at")
    inlines: ClassVar = [ParticipationInline]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Team | None = None) -> bool:
        return False


@admin.register(Participation)
class ParticipationAdmin(ReadOnlyAdmin):
    list_display = ("user", "competition", "team", "rules", "joined_at")
    list_filter = ("competition",)
    search_fields = ("user__username", "team__name")
    list_select_related = ("user", "competition", "team", "rules__competition")
