"""Submissions, their scores, and the workers that make them; their life is told in `docs/architecture.md`."""

import uuid
from typing import ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from competition.contests.models import Competition, Team
from competition.datasets.models import Release, SolutionVersion


class State(models.TextChoices):
    RECEIVED = "received", _("received")
    VALIDATING = "validating", _("validating")
    QUEUED = "queued", _("waiting for a worker")
    SCORING = "scoring", _("scoring")
    SCORED = "scored", _("scored")
    INVALID = "invalid", _("invalid")  # the participant's fault: `problems` says where
    FAILED = "failed", _("failed")  # ours: retried, then refunded
    CANCELLED = "cancelled", _("cancelled")


TERMINAL = (State.SCORED, State.INVALID, State.FAILED, State.CANCELLED)
PENDING = (State.RECEIVED, State.VALIDATING, State.QUEUED, State.SCORING)
# What a day's limit counts. The others are refunded; an entry below the gate is not: its result informs.
COUNTED = (*PENDING, State.SCORED)


class SubmissionQuerySet(models.QuerySet["Submission"]):
    def visible_to(self, user) -> Self:
        """A submission is seen by its team, the competition's organizers, and staff."""
        if not user.is_authenticated:
            return self.none()
        if user.is_staff:
            return self
        organized = Competition.objects.organized_by(user).values("pk")
        return self.filter(Q(team__in=user.participations.values("team")) | Q(competition__in=organized))

    def pending(self) -> Self:
        return self.filter(state__in=PENDING)

    def counted(self) -> Self:
        """What limits count; see `COUNTED`."""
        return self.filter(state__in=COUNTED)

    def unattended(self) -> Self:
        """Not finished, and in nobody's hands: what the periodic reclaim rings for."""
        now = timezone.now()
        return self.pending().filter(
            Q(lease_expires_at__isnull=True) | Q(lease_expires_at__lt=now),
            Q(not_before__isnull=True) | Q(not_before__lte=now),
        )


def upload_path(submission: "Submission", filename: str) -> str:
    """Where a submission's file lies in storage. Nothing of the sender's file name enters the path."""
    return f"submissions/{submission.competition_id}/{submission.pk}"


class Submission(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    competition = models.ForeignKey(Competition, models.CASCADE, related_name="submissions")
    team = models.ForeignKey(Team, models.PROTECT, related_name="submissions")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="submissions")
    release = models.ForeignKey(Release, models.PROTECT, related_name="submissions")
    message = models.CharField(_("message"), max_length=200, blank=True)
    filename = models.CharField(_("file name"), max_length=200)
    file = models.FileField(upload_to=upload_path, max_length=200)
    size = models.PositiveBigIntegerField()  # bytes
    sha256 = models.CharField(max_length=64)
    received_at = models.DateTimeField(default=timezone.now)

    state = models.CharField(max_length=12, choices=State.choices, default=State.RECEIVED)
    problems = models.JSONField(
        default=list, blank=True
    )  # of an invalid file: [{kind, message, rows, total}]
    warnings = models.JSONField(default=list, blank=True)  # [text]
    error = models.TextField(blank=True)  # of a failure of ours: for organizers, never for participants
    finished_at = models.DateTimeField(null=True, blank=True)

    # A worker's claim: alive until `lease_expires_at`, which its heartbeat moves on.
    lease_owner = models.CharField(max_length=120, blank=True)
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    not_before = models.DateTimeField(null=True, blank=True)  # of a retry

    is_final = models.BooleanField(_("final"), default=False)

    objects = SubmissionQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-received_at", "id"]
        indexes: ClassVar = [
            models.Index(fields=["team", "received_at"]),
            models.Index(fields=["competition", "state"]),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(state__in=State.values), name="submission_state_known"),
            models.CheckConstraint(
                condition=Q(is_final=False) | Q(state=State.SCORED), name="only_a_scored_submission_is_final"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.filename} ({self.team}, {self.received_at:%Y-%m-%d %H:%M})"

    def get_absolute_url(self) -> str:
        return reverse("submissions:detail", args=[self.pk])

    @property
    def is_finished(self) -> bool:
        return self.state in TERMINAL


class RescoringQuerySet(models.QuerySet["Rescoring"]):
    def unfinished(self) -> Self:
        return self.filter(state__in=Rescoring.UNFINISHED)

    def published(self) -> Self:
        return self.filter(state=Rescoring.State.PUBLISHED)

    def unattended(self) -> Self:
        """A worker has something to do, and none is at it: what the periodic reclaim rings for."""
        now = timezone.now()
        return self.filter(
            Q(lease_expires_at__isnull=True) | Q(lease_expires_at__lt=now),
            Q(not_before__isnull=True) | Q(not_before__lte=now),
            state__in=Rescoring.AT_WORK,
        )


class Rescoring(models.Model):
    """All entries of a competition scored again, for a reason that people are told.

    Its scores count, and are seen, from the moment its state is `published`: see `ScoreManager`.
    """

    class State(models.TextChoices):
        PREPARING = "preparing", _("waiting for a worker")
        RUNNING = "running", _("scoring")
        READY = "ready", _("ready to be looked at")
        PUBLISHING = "publishing", _("being published")  # entries that came in meanwhile are scored first
        PUBLISHED = "published", pgettext_lazy("rescoring", "published")
        DISCARDED = "discarded", _("discarded")
        FAILED = "failed", _("failed")

    UNFINISHED = (State.PREPARING, State.RUNNING, State.READY, State.PUBLISHING)
    AT_WORK = (State.PREPARING, State.RUNNING, State.PUBLISHING)

    competition = models.ForeignKey(Competition, models.CASCADE, related_name="rescorings")
    reason = models.CharField(_("reason"), max_length=300)
    reason_ja = models.CharField(_("reason (Japanese)"), max_length=300, blank=True)
    # What every entry is scored with, changed or not; `solution` is empty where the one in force stays.
    metric = models.JSONField()
    metric_version = models.PositiveIntegerField()
    solution = models.ForeignKey(
        SolutionVersion, models.PROTECT, null=True, blank=True, related_name="rescorings"
    )
    state = models.CharField(max_length=12, choices=State.choices, default=State.PREPARING)
    error = models.TextField(blank=True)  # of state `failed`
    accept_failures = models.BooleanField(default=False)  # publish although some entries keep their old score
    report = models.JSONField(default=dict, blank=True)  # before and after, as it was when published

    started_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    started_at = models.DateTimeField(auto_now_add=True)
    finished_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )
    finished_at = models.DateTimeField(null=True, blank=True)

    # A worker's claim on the next batch, as on a submission.
    lease_owner = models.CharField(max_length=120, blank=True)
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)  # since the last batch that was written
    not_before = models.DateTimeField(null=True, blank=True)
    one_by_one = models.PositiveIntegerField(
        default=0
    )  # so many entries singly: one of them kills its worker

    objects = RescoringQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["competition"],
                condition=Q(state__in=["preparing", "running", "ready", "publishing"]),
                name="one_unfinished_rescoring",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.competition}, {self.started_at:%Y-%m-%d %H:%M}: {self.reason}"

    def get_absolute_url(self) -> str:
        return reverse("organizing:rescoring", args=[self.competition.slug, self.pk])

    def text(self) -> str:
        """The reason in the reader's language, in English where it is not translated."""
        translated = self.reason_ja if (get_language() or "").startswith("ja") else ""
        return translated or self.reason

    @property
    def is_unfinished(self) -> bool:
        return self.state in self.UNFINISHED

    @property
    def is_at_work(self) -> bool:
        return self.state in self.AT_WORK


class RescoringFailure(models.Model):
    """An entry that a rescoring could not score. It keeps the score it had."""

    rescoring = models.ForeignKey(Rescoring, models.CASCADE, related_name="failures")
    submission = models.ForeignKey(Submission, models.CASCADE, related_name="+")
    error = models.TextField()

    class Meta:
        ordering: ClassVar = ["id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["rescoring", "submission"], name="one_failure_per_entry"),
        ]

    def __str__(self) -> str:
        return f"{self.submission_id}: {self.error}"


def _known(rescoring: str, preview: Rescoring | None = None) -> Q:
    """Scores made on the day, and those of rescorings that are published; of `preview` too, as if it were."""
    known = Q(**{f"{rescoring}__isnull": True}) | Q(**{f"{rescoring}__state": Rescoring.State.PUBLISHED})
    return known | Q(**{rescoring: preview}) if preview else known


class ScoreManager(models.Manager["Score"]):
    """The scores that people may know of. Those of a rescoring do not exist for any reader, by whatever way
    the reader comes (`submission.scores`, the administration, an export), until it is published."""

    def get_queryset(self) -> models.QuerySet["Score"]:
        return super().get_queryset().filter(_known("rescoring"))

    def as_if_published(self, rescoring: Rescoring | None) -> models.QuerySet["Score"]:
        """And what people would know if `rescoring` were published: for its organizers to look at."""
        return super().get_queryset().filter(_known("rescoring", rescoring))


class PrivateScoreManager(models.Manager["PrivateScore"]):
    """As `ScoreManager`."""

    def get_queryset(self) -> models.QuerySet["PrivateScore"]:
        return super().get_queryset().filter(_known("score__rescoring"))

    def as_if_published(self, rescoring: Rescoring | None) -> models.QuerySet["PrivateScore"]:
        return super().get_queryset().filter(_known("score__rescoring", rescoring))


class Score(models.Model):
    """The public result of one evaluation. Append-only: rescoring adds a row, and the newest counts."""

    submission = models.ForeignKey(Submission, models.CASCADE, related_name="scores")
    rescoring = models.ForeignKey(
        Rescoring, models.RESTRICT, null=True, blank=True, related_name="scores"
    )  # which made it, if any
    # What it was scored with; empty: the solution in the release's folder.
    solution = models.ForeignKey(SolutionVersion, models.PROTECT, null=True, blank=True, related_name="+")
    result = models.JSONField()  # scoring's Result of the public part
    value = models.FloatField(null=True)  # in the metric's unit; empty below the gate
    passed_gate = models.BooleanField()
    recall = models.FloatField(null=True)
    precision = models.FloatField(null=True)
    metric = models.JSONField()  # the configuration as it was
    metric_version = models.PositiveIntegerField()
    engine = models.CharField(max_length=40)
    device = models.CharField(max_length=80)
    seconds = models.JSONField(default=dict)  # by stage
    replicates = models.BinaryField(null=True)  # what each bootstrap draw would have ranked it by, float64
    # Of its team's ladder: clearly better than the best before it, so that it is shown before the close.
    is_rung = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ScoreManager()
    with_unpublished = models.Manager["Score"]()

    class Meta:
        ordering: ClassVar = ["-id"]
        get_latest_by = "id"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["submission", "rescoring"], name="one_score_per_rescoring"),
        ]

    def __str__(self) -> str:
        return f"{self.submission_id}: {self.value}"


class PrivateScore(models.Model):
    """The private result, in a table of its own: it leaves through `leaderboards` alone, after the close."""

    score = models.OneToOneField(Score, models.CASCADE, related_name="private", primary_key=True)
    result = models.JSONField()
    value = models.FloatField(null=True)
    passed_gate = models.BooleanField()
    recall = models.FloatField(null=True)
    precision = models.FloatField(null=True)
    replicates = models.BinaryField(null=True)

    objects = PrivateScoreManager()
    with_unpublished = models.Manager["PrivateScore"]()

    def __str__(self) -> str:
        return f"{self.score_id}: private"


class Fingerprint(models.Model):
    """What is kept of a submission's predictions, to compare it with others; see `probing`. For organizers'
    signs alone: `lift` is made of the public labels."""

    submission = models.OneToOneField(
        Submission, models.CASCADE, related_name="fingerprint", primary_key=True
    )
    images = models.PositiveIntegerField()
    distinct = models.PositiveIntegerField()  # different scores among them
    lift = models.FloatField()  # of the public positives over its negatives: ROC AUC - 1/2 in standard errors
    sketch = models.BinaryField()  # float32: the sums of the ranks in each bucket of images

    def __str__(self) -> str:
        return str(self.submission_id)


class ProbingSign(models.Model):
    """A series of submissions that looks made to read labels out of scores. Organizers judge it; nothing
    follows from it by itself, and participants do not see it."""

    class Kind(models.TextChoices):
        SMALL_CHANGES = "small_changes", _("tiny changes, again and again")
        FEW_VALUES = "few_values", _("blocks instead of predictions")
        UNRELATED_GUESSES = "unrelated_guesses", _("guesses that have nothing in common")
        SAME_AS_ANOTHER = "same_as_another", _("the same as another team's")

    competition = models.ForeignKey(Competition, models.CASCADE, related_name="probing_signs")
    team = models.ForeignKey(Team, models.CASCADE, related_name="probing_signs")
    other_team = models.ForeignKey(Team, models.CASCADE, null=True, blank=True, related_name="+")
    kind = models.CharField(max_length=20, choices=Kind.choices)
    strength = models.PositiveSmallIntegerField()  # how many submissions the series has
    evidence = models.JSONField(default=dict)  # numbers for the sentence that organizers read
    submissions = models.ManyToManyField(Submission, related_name="probing_signs")
    found_at = models.DateTimeField(default=timezone.now)
    renewed_at = models.DateTimeField(default=timezone.now)
    dismissed_at = models.DateTimeField(null=True, blank=True)
    dismissed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    note = models.CharField(_("note"), max_length=300, blank=True)

    class Meta:
        ordering: ClassVar = ["-renewed_at"]

    def __str__(self) -> str:
        return f"{self.team}: {self.get_kind_display()}"


class Worker(models.Model):
    """A scoring process and when it was last alive: who works is asked here, not of the broker."""

    name = models.CharField(max_length=120, primary_key=True)
    device = models.CharField(max_length=80)
    engine = models.CharField(max_length=40)
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name
