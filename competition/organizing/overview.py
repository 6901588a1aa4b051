"""What an organizer sees at a glance: counts, the queue, who works on it."""

from dataclasses import dataclass

from django.db.models import Count, Max, Q, QuerySet

from competition.accounts.models import User
from competition.contests.models import Competition, Participation, Team
from competition.submissions.models import PENDING, State, Submission, Worker
from competition.submissions.workers import workers_alive


def competitions_of(user: User) -> QuerySet[Competition]:
    """The competitions the user organizes, each with `teams_count`, `people_count`, `submissions_count`,
    `pending_count` and `failed_count`."""

    def submissions(**condition: object) -> Count:
        return Count("submissions", filter=Q(**condition) if condition else None, distinct=True)

    return (
        Competition.objects.filter(organizers=user)
        .annotate(
            teams_count=Count("teams", distinct=True),
            people_count=Count("participations", distinct=True),
            submissions_count=submissions(),
            pending_count=submissions(submissions__state__in=PENDING),
            failed_count=submissions(submissions__state=State.FAILED),
        )
        .order_by("-created_at")
    )


@dataclass(frozen=True)
class Traffic:
    """A competition in numbers."""

    people: int
    teams: int
    submissions: int
    pending: int
    unattended: int
    by_state: dict[str, int]  # every state, zero included

    @property
    def failed(self) -> int:
        return self.by_state[State.FAILED]


def traffic(competition: Competition) -> Traffic:
    counted = dict(
        Submission.objects.filter(competition=competition)
        .order_by()
        .values_list("state")
        .annotate(Count("pk"))
    )
    by_state = {state.value: counted.get(state.value, 0) for state in State}
    return Traffic(
        people=competition.participations.count(),
        teams=competition.teams.count(),
        submissions=sum(by_state.values()),
        pending=sum(by_state[state] for state in PENDING),
        unattended=Submission.objects.filter(competition=competition).unattended().count(),
        by_state=by_state,
    )


@dataclass(frozen=True)
class WorkerStatus:
    worker: Worker
    is_alive: bool


def workers() -> list[WorkerStatus]:
    """The scoring processes, and whether each has been heard of lately."""
    alive = set(workers_alive())
    return [WorkerStatus(worker, worker in alive) for worker in Worker.objects.all()]


def teams(competition: Competition) -> QuerySet[Team]:
    """The teams with their `participations`, `submissions_count`, `scored_count`, `last_submission_at`."""
    return (
        competition.teams.annotate(
            submissions_count=Count("submissions", distinct=True),
            scored_count=Count("submissions", filter=Q(submissions__state=State.SCORED), distinct=True),
            last_submission_at=Max("submissions__received_at"),
        )
        .prefetch_related("participations__user", "participations__rules")
        .order_by("created_at")
    )


def awaiting_acceptance(competition: Competition) -> int:
    """How many people have accepted an older version of the rules only."""
    latest = competition.rules_versions.first()
    if latest is None:
        return 0
    return Participation.objects.filter(competition=competition).exclude(rules=latest).count()
