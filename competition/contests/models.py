"""A competition: its texts, timeline, rules, metric; its teams and who takes part."""

import secrets
from datetime import datetime
from typing import ClassVar, Self

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from competition.accounts.models import User


def default_metric() -> dict:
    return {
        "metric": "recall_constrained_precision",
        "prediction": "score",
        "recall_floor": 0.79,
        "threshold": "per_split",
        "digits": 5,
    }


class CompetitionQuerySet(models.QuerySet["Competition"]):
    def published(self) -> Self:
        return self.filter(published_at__isnull=False)

    def visible_to(self, user) -> Self:
        """Published ones for everybody; drafts for their organizers and for staff."""
        if user.is_authenticated and user.is_staff:
            return self
        if user.is_authenticated:
            mine = Competition.organizers.through.objects.filter(user_id=user.pk).values("competition_id")
            return self.filter(Q(published_at__isnull=False) | Q(pk__in=mine))
        return self.published()

    def organized_by(self, user) -> Self:
        if not user.is_authenticated:
            return self.none()
        return self if user.is_staff else self.filter(organizers=user)


class Competition(models.Model):
    class State(models.TextChoices):
        DRAFT = "draft", _("Draft")
        UPCOMING = "upcoming", _("Upcoming")
        OPEN = "open", _("Open")
        CLOSED = "closed", _("Closed")

    slug = models.SlugField(_("address"), max_length=60, unique=True)
    # Texts are Markdown, in English, with an optional Japanese version; see `text()`.
    title = models.CharField(_("title"), max_length=120)
    title_ja = models.CharField(_("title (Japanese)"), max_length=120, blank=True)
    tagline = models.CharField(_("tagline"), max_length=200, blank=True)
    tagline_ja = models.CharField(_("tagline (Japanese)"), max_length=200, blank=True)
    overview = models.TextField(_("overview"), blank=True)
    overview_ja = models.TextField(_("overview (Japanese)"), blank=True)
    evaluation = models.TextField(_("evaluation"), blank=True)
    evaluation_ja = models.TextField(_("evaluation (Japanese)"), blank=True)
    prizes = models.TextField(_("prizes"), blank=True)
    prizes_ja = models.TextField(_("prizes (Japanese)"), blank=True)
    data_notes = models.TextField(_("about the data"), blank=True)
    data_notes_ja = models.TextField(_("about the data (Japanese)"), blank=True)

    published_at = models.DateTimeField(_("published"), null=True, blank=True)
    opens_at = models.DateTimeField(_("opens"))
    closes_at = models.DateTimeField(_("closes"))

    # Validated by scoring.MetricConfig. The version rises with each change, and every score names it.
    metric = models.JSONField(_("metric"), default=default_metric)
    metric_version = models.PositiveIntegerField(default=1)
    # Blum and Hardt 2015: a public score changes only when it is better by more than the noise.
    ladder = models.BooleanField(_("show a new public score only if it is clearly better"), default=False)

    daily_limit = models.PositiveSmallIntegerField(
        _("submissions per team and day (UTC)"), default=5, validators=[MinValueValidator(1)]
    )
    max_team_size = models.PositiveSmallIntegerField(
        _("people per team"), default=5, validators=[MinValueValidator(1), MaxValueValidator(100)]
    )
    max_finals = models.PositiveSmallIntegerField(
        _("final submissions per team"), default=2, validators=[MinValueValidator(1), MaxValueValidator(10)]
    )
    max_upload_bytes = models.PositiveBigIntegerField(_("largest submission in bytes"), default=200 * 1024**2)

    organizers = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="organized_competitions")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = CompetitionQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-opens_at", "slug"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(closes_at__gt=F("opens_at")), name="competition_closes_after_it_opens"
            ),
        ]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("contests:overview", args=[self.slug])

    def text(self, name: str) -> str:
        """The text `name` in the reader's language, in English where it is not translated."""
        translated = getattr(self, f"{name}_ja") if (get_language() or "").startswith("ja") else ""
        return translated or getattr(self, name)

    def state_at(self, now: datetime) -> State:
        if self.published_at is None or self.published_at > now:
            return self.State.DRAFT
        if now < self.opens_at:
            return self.State.UPCOMING
        return self.State.OPEN if now < self.closes_at else self.State.CLOSED

    @property
    def state(self) -> State:
        return self.state_at(timezone.now())

    @property
    def is_open(self) -> bool:
        return self.state == self.State.OPEN

    @property
    def is_closed(self) -> bool:
        return self.state == self.State.CLOSED

    @property
    def current_rules(self) -> "RulesVersion":
        return self.rules_versions.latest("number")

    def is_organized_by(self, user) -> bool:
        return Competition.objects.organized_by(user).filter(pk=self.pk).exists()


class RulesVersion(models.Model):
    """Rules are never edited: a change is a new version, and each participant accepted a certain one."""

    competition = models.ForeignKey(Competition, models.CASCADE, related_name="rules_versions")
    number = models.PositiveIntegerField()
    body = models.TextField(_("rules"))
    body_ja = models.TextField(_("rules (Japanese)"), blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["competition", "-number"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["competition", "number"], name="rules_version_unique")
        ]

    def __str__(self) -> str:
        return f"{self.competition}: {_('rules, version')} {self.number}"

    def text(self) -> str:
        return (self.body_ja if (get_language() or "").startswith("ja") else "") or self.body


class OwnMetricQuerySet(models.QuerySet["OwnMetric"]):
    def unattended(self) -> Self:
        """Waiting for a worker to try them, and in nobody's hands."""
        now = timezone.now()
        return self.filter(
            Q(lease_expires_at__isnull=True) | Q(lease_expires_at__lt=now), state=OwnMetric.State.TESTING
        )


class OwnMetric(models.Model):
    """A file with `score(solution, submission)` that an organizer uploaded. Files are never edited: a change
    is a new row, and which one counts is the SHA-256 in the competition's metric."""

    class State(models.TextChoices):
        TESTING = "testing", _("waiting for its test run")
        USABLE = "usable", _("usable")
        UNUSABLE = "unusable", _("not usable")

    competition = models.ForeignKey(Competition, models.CASCADE, related_name="own_metrics")
    source = models.TextField()
    sha256 = models.CharField(max_length=64)  # of `source`
    filename = models.CharField(_("file name"), max_length=200)
    metric = models.JSONField()  # the configuration with which it would be put into force
    uploaded_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    uploaded_at = models.DateTimeField(auto_now_add=True)

    # Tried by a worker, in the sandbox, before it can be put into force.
    state = models.CharField(max_length=12, choices=State.choices, default=State.TESTING)
    report = models.JSONField(default=dict, blank=True)  # scoring's Trial
    error = models.TextField(blank=True)  # why there is no report
    lease_owner = models.CharField(max_length=120, blank=True)
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)

    objects = OwnMetricQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-id"]

    def __str__(self) -> str:
        return f"{self.metric['name']} ({self.filename}, {self.sha256[:8]})"

    def get_absolute_url(self) -> str:
        return reverse("organizing:own_metric", args=[self.competition.slug, self.pk])

    @property
    def is_in_force(self) -> bool:
        return self.competition.metric == self.metric


def new_invitation_code() -> str:
    return secrets.token_urlsafe(16)


class Team(models.Model):
    """Whoever takes part does so in a team, at first alone. Its row is the lock for limits and finals."""

    competition = models.ForeignKey(Competition, models.CASCADE, related_name="teams")
    name = models.CharField(_("team name"), max_length=60)
    invitation_code = models.CharField(max_length=32, unique=True, default=new_invitation_code)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint("competition", Lower("name"), name="team_name_unique_in_its_competition"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def members(self) -> models.QuerySet[User]:
        return User.objects.filter(participations__team=self).order_by("participations__joined_at")


class Participation(models.Model):
    """One person in one competition: the team, and the rules they accepted."""

    competition = models.ForeignKey(Competition, models.CASCADE, related_name="participations")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="participations")
    team = models.ForeignKey(Team, models.PROTECT, related_name="participations")
    rules = models.ForeignKey(RulesVersion, models.PROTECT, related_name="acceptances")
    rules_accepted_at = models.DateTimeField(default=timezone.now)
    joined_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["competition", "user"], name="one_participation_per_person"),
        ]

    def __str__(self) -> str:
        return f"{self.user} @ {self.competition}"
