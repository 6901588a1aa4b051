"""People and the tokens their programs use."""

from typing import ClassVar

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _


class User(AbstractUser):
    """A person. `username` is the public handle; the e-mail address is never shown to others."""

    first_name = None  # type: ignore[assignment]
    last_name = None  # type: ignore[assignment]
    display_name = models.CharField(_("name"), max_length=80, blank=True)
    affiliation = models.CharField(_("affiliation"), max_length=120, blank=True)
    email = models.EmailField(_("e-mail address"))
    # Who may create competitions; staff may always.
    is_organizer = models.BooleanField(_("may create competitions"), default=False)

    class Meta(AbstractUser.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(Lower("username"), name="username_unique_whatever_the_case"),
        ]

    def __str__(self) -> str:
        return self.display_name or self.username

    def get_full_name(self) -> str:
        return str(self)

    def get_short_name(self) -> str:
        return str(self)

    @property
    def may_create_competitions(self) -> bool:
        return self.is_active and (self.is_organizer or self.is_staff)


class ApiToken(models.Model):
    """A bearer token. Only its SHA-256 is kept: a copy of the database opens no door."""

    user = models.ForeignKey(User, models.CASCADE, related_name="api_tokens")
    name = models.CharField(_("name"), max_length=80)
    prefix = models.CharField(max_length=12)  # shown in the list, so that its owner can tell tokens apart
    digest = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"
