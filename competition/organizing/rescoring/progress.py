"""How far a rescoring is. Counted, not kept: what is written is what is done."""

from dataclasses import dataclass

from django.db.models import Exists, OuterRef, QuerySet

from competition.submissions.models import Rescoring, RescoringFailure, Score, State, Submission


@dataclass(frozen=True)
class Progress:
    """total: the entries that have a score. done: those scored again, or not to be scored (`failed`)."""

    total: int
    done: int
    failed: int

    @property
    def remaining(self) -> int:
        return self.total - self.done

    @property
    def percent(self) -> int:
        return 100 * self.done // self.total if self.total else 100


def progress(rescoring: Rescoring) -> Progress:
    total = entries(rescoring).count()
    failed = rescoring.failures.count()
    return Progress(total, total - remaining(rescoring).count(), failed)


def entries(rescoring: Rescoring) -> QuerySet[Submission]:
    """All scored submissions of the competition, also those that came after the rescoring began."""
    return Submission.objects.filter(competition=rescoring.competition_id, state=State.SCORED)


def remaining(rescoring: Rescoring) -> QuerySet[Submission]:
    """The entries that are neither scored again nor found to be impossible to score, the oldest first."""
    of_entry = {"submission": OuterRef("pk"), "rescoring": rescoring}
    return (
        entries(rescoring)
        .exclude(Exists(Score.with_unpublished.filter(**of_entry)))
        .exclude(Exists(RescoringFailure.objects.filter(**of_entry)))
        .order_by("received_at", "pk")
    )
