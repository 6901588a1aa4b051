"""People and their tokens, for staff."""

from typing import ClassVar

from allauth.account.decorators import secure_admin_login
from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from competition.accounts.models import ApiToken, User

admin.site.site_header = admin.site.site_title = _("Tamago administration")
admin.site.index_title = _("Everything the organizer's console does not do")
# One door for everybody: second factors and limits on guessing hold for staff too.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]


class UserForm(UserChangeForm):
    class Meta:
        model = User
        fields = "__all__"
        field_classes: ClassVar = {"username": forms.CharField}


@admin.register(User)
class UserAdmin(DjangoUserAdmin):
    form = UserForm
    add_form = AdminUserCreationForm
    list_display = (
        "username",
        "display_name",
        "email",
        "is_active",
        "is_organizer",
        "is_staff",
        "date_joined",
    )
    list_filter = ("is_active", "is_organizer", "is_staff", "is_superuser")
    search_fields = ("username", "display_name", "email", "affiliation")
    ordering = ("-date_joined",)
    date_hierarchy = "date_joined"
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        (_("Person"), {"fields": ("display_name", "affiliation", "email")}),
        (
            _("Permissions"),
            {
                "fields": (
                    "is_active",
                    "is_organizer",
                    "is_staff",
                    "is_superuser",
                    "groups",
                    "user_permissions",
                )
            },
        ),
        (_("Dates"), {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = (
        (
            None,
            {
                "classes": ("wide",),
                "fields": ("username", "email", "usable_password", "password1", "password2"),
            },
        ),
    )
    readonly_fields = ("last_login", "date_joined")


@admin.register(ApiToken)
class ApiTokenAdmin(admin.ModelAdmin):
    """Tokens can be seen and revoked. The digest is never shown; nobody makes a token for somebody else."""

    list_display = ("name", "prefix", "user", "created_at", "expires_at", "last_used_at")
    search_fields = ("name", "prefix", "user__username")
    fields = ("name", "prefix", "user", "created_at", "expires_at", "last_used_at")
    readonly_fields = fields
    list_select_related = ("user",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: ApiToken | None = None) -> bool:
        return False
