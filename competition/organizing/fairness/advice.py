"""What an organizer should know about digits and shared solutions."""

from statistics import median

from django.db.models import QuerySet

from cloud_images.manifest import MANIFEST_NAME
from competition.contests.models import Competition
from competition.submissions.results import best_first, counting_scores, digits_of, metric_of
from scoring.disclosure import DigitsAdvice, advise_digits

LOOKED_AT = 10  # entries: the best ones, among which digits decide


def digits_advice(competition: Competition) -> DigitsAdvice | None:
    """What the number of digits means for this public part, from the standard errors of the best entries.
    None before the first of them is scored with bootstrap draws."""
    scores = counting_scores(competition).order_by(*best_first(metric_of(competition)))[:LOOKED_AT]
    results = [score.result for score in scores]
    errors = [error for result in results if (error := _standard_error(result))]
    if not errors:
        return None
    images = [effect for result in results if (effect := _one_image(result))]
    return advise_digits(
        digits_of(competition),
        standard_error=median(errors),
        one_image=median(images) if images else None,
    )


def sharing_the_data(competition: Competition) -> QuerySet[Competition]:
    """Other competitions, not closed ones, on the very same release: what one of them shows of an entry, the
    other need not."""
    manifests = competition.releases.filter(is_current=True, files__path=MANIFEST_NAME)
    running = Competition.objects.exclude(pk=competition.pk).filter(
        releases__is_current=True,
        releases__files__path=MANIFEST_NAME,
        releases__files__sha256__in=manifests.values("files__sha256"),
    )
    return running.exclude(pk__in=[each.pk for each in running if each.is_closed]).distinct()


def _standard_error(result: dict) -> float | None:
    return (result.get("uncertainty") or {}).get("standard_error")


def _one_image(result: dict) -> float | None:
    """By how much one more false alarm lowers the precision; None for metrics without counts."""
    called = (result.get("tp") or 0) + (result.get("fp") or 0)
    return (result.get("precision") or 0.0) / (called + 1) if called else None
