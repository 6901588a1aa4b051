"""Looking for series of submissions that were made to read labels out of scores.

After scoring, a sketch of the predictions is kept (`scoring.sketch`) and compared with the team's earlier
ones and with those of other teams. What looks like probing becomes a `ProbingSign`, which organizers judge: a
series may have an honest reason, so nothing follows from a sign by itself, and participants never see one.
One odd submission is no series, and what people do all day is none either: other seeds, ensembles,
fine-tuning, calibration, another threshold, the same file twice.
"""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta

import numpy as np
import structlog
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from competition.accounts.models import User
from competition.contests.models import Team
from competition.submissions.files import read_submission
from competition.submissions.models import Fingerprint, ProbingSign, State, Submission
from competition.submissions.resident import solution_at
from competition.submissions.yardstick import in_force
from scoring.sketch import Sketch, difference, is_threshold_sweep

log = structlog.get_logger(__name__)

OWN_LOOKED_AT = 60  # the newest entries of the team
OWN_COMPARED = 20  # of them with those of others
OTHERS_LOOKED_AT = 500  # the newest of all other teams
SMALL_CHANGES = 5  # this many make a series, and so below
FEW_VALUES = 4
UNRELATED_GUESSES = 5
SAME_AS_ANOTHER = 2
BLOCK_VALUES = 16  # no model gives so few different scores
CHANCE = 4.0  # standard errors: what has less lift is no better than a random order
UNRELATED = 0.1  # of the correlation of two sketches, whose standard error is 0.02
PUBLISHED_AFTER = 2  # teams besides one's own that sent the same: then it is a file that everybody can have
RETURNS = 2  # a dismissed series is shown again when it is this many times as long
LATELY = timedelta(hours=1)  # an older submission without a sketch had a reason

Kind = ProbingSign.Kind


@dataclass(frozen=True, eq=False)
class Entry:
    """A scored submission of which a sketch is kept."""

    pk: uuid.UUID
    team_id: int
    sketch: Sketch


@dataclass(frozen=True)
class Series:
    """What was found: the submissions it consists of, and numbers for the sentence."""

    kind: str
    submissions: list[uuid.UUID]
    evidence: dict[str, int] = field(default_factory=dict)
    other_team_id: int | None = None


def look_at(submission_id: uuid.UUID) -> list[ProbingSign]:
    """Keep the sketch of a scored submission, and what looks like probing with it. Costs about as much as
    scoring once more; call it when the score is out. Nothing is done where there is no score."""
    submission = (
        Submission.objects.select_related("competition", "team", "release")
        .filter(pk=submission_id, state=State.SCORED)
        .first()
    )
    if submission is None:
        return []
    _keep_sketch(submission)
    fingerprints = Fingerprint.objects.filter(
        submission__competition=submission.competition,
        submission__state=State.SCORED,
        images=submission.fingerprint.images,
    )
    own = _entries(fingerprints.filter(submission__team=submission.team), OWN_LOOKED_AT)
    others = _entries(fingerprints.exclude(submission__team=submission.team), OTHERS_LOOKED_AT)
    takes_labels = submission.competition.metric.get("prediction") == "label"
    found = [*series_within(own, takes_labels=takes_labels), *series_across(own, others)]
    with transaction.atomic():
        team = Team.objects.select_for_update().get(pk=submission.team_id)
        return [sign for series in found if (sign := _note(team, series))]


def not_looked_at() -> QuerySet[Submission, uuid.UUID]:
    """The scored submissions of the last hour of which there is no sketch yet."""
    lately = timezone.now() - LATELY
    missing = Submission.objects.filter(state=State.SCORED, finished_at__gte=lately, fingerprint__isnull=True)
    return missing.order_by("finished_at").values_list("pk", flat=True)


def series_within(entries: list[Entry], *, takes_labels: bool) -> list[Series]:
    """Series among the entries of one team, oldest first."""
    series = [_small_changes(entries), _unrelated_guesses(entries, takes_labels=takes_labels)]
    if not takes_labels:
        series.append(_blocks(entries))
    return [each for each in series if each]


def series_across(own: list[Entry], others: list[Entry]) -> list[Series]:
    """Entries of one team that are those of another, or differ from them in a few images."""
    matches: dict[int, list[tuple[Entry, Entry]]] = {}
    for entry in own[-OWN_COMPARED:]:
        if entry.sketch.distinct == 1:
            continue
        alike = [other for other in others if _is_alike(entry, other)]
        if len({other.team_id for other in alike}) >= PUBLISHED_AFTER:
            continue
        for other in alike:
            matches.setdefault(other.team_id, []).append((entry, other))
    found = []
    for team_id, pairs in matches.items():
        mine = _different([entry for entry, _other in pairs])
        if len(mine) >= SAME_AS_ANOTHER:
            theirs = [other for _entry, other in pairs]
            submissions = list({entry.pk: None for entry in [*mine, *theirs]})
            found.append(Series(Kind.SAME_AS_ANOTHER, submissions, {"count": len(mine)}, team_id))
    return found


def dismiss(*, user: User, sign: ProbingSign, note: str) -> None:
    """An organizer has looked at a sign and found that nothing is wrong, or has dealt with it."""
    sign.dismissed_at, sign.dismissed_by, sign.note = timezone.now(), user, note.strip()
    sign.save(update_fields=["dismissed_at", "dismissed_by", "note"])
    log.info("probing.dismissed", sign=sign.pk, user=user.pk)


def in_words(sign: ProbingSign) -> str:
    """What was seen, for organizers."""
    sentences = {
        Kind.SMALL_CHANGES: _(
            "%(count)s submissions change only about %(images)s of %(of)s images each against an earlier one,"
            " up and down. From each change of the score a label can be read."
        ),
        Kind.FEW_VALUES: _(
            "%(count)s submissions have at most %(values)s different scores and are no better than chance:"
            " such blocks of images ask how many typhoons are among them."
        ),
        Kind.UNRELATED_GUESSES: _(
            "%(count)s submissions are no better than chance and have nothing in common: random guesses, of"
            " which the lucky ones can be put together."
        ),
        Kind.SAME_AS_ANOTHER: _(
            "%(count)s different submissions are the same as, or differ in a few images from, submissions of"
            " %(other)s: two accounts of one person, or shared predictions."
        ),
    }
    numbers = {"images": 0, "of": 0, "values": 0, **sign.evidence}
    shown = {name: f"{number:,}" for name, number in numbers.items()}
    return sentences[Kind(sign.kind)] % {**shown, "other": sign.other_team or ""}


def _small_changes(entries: list[Entry]) -> Series | None:
    """Against any earlier entry of the team; a threshold that is moved is none."""
    changed: dict[uuid.UUID, Entry] = {}
    sizes = []
    for place, entry in enumerate(entries):
        for earlier in reversed(entries[:place]):
            step = difference(earlier.sketch, entry.sketch)
            if step.is_nothing:  # the same again
                break
            if step.is_small:
                changed[earlier.pk], changed[entry.pk] = earlier, entry
                sizes.append(max(1, round(step.changed)))
                break
    if len(sizes) < SMALL_CHANGES or is_threshold_sweep([entry.sketch for entry in changed.values()]):
        return None
    evidence = {"count": len(sizes), "images": int(np.median(sizes)), "of": entries[0].sketch.images}
    return Series(Kind.SMALL_CHANGES, list(changed), evidence)


def _blocks(entries: list[Entry]) -> Series | None:
    blocks = _different([entry for entry in entries if _is_block(entry.sketch) and _is_chance(entry.sketch)])
    if len(blocks) < FEW_VALUES:
        return None
    values = max(entry.sketch.distinct for entry in blocks)
    return Series(Kind.FEW_VALUES, [entry.pk for entry in blocks], {"count": len(blocks), "values": values})


def _unrelated_guesses(entries: list[Entry], *, takes_labels: bool) -> Series | None:
    guesses: list[Entry] = []
    for entry in entries:
        if entry.sketch.distinct == 1 or not _is_chance(entry.sketch):
            continue
        if not takes_labels and _is_block(entry.sketch):
            continue
        steps = (difference(guess.sketch, entry.sketch) for guess in guesses)
        if all(abs(step.correlation) < UNRELATED for step in steps):
            guesses.append(entry)
    if len(guesses) < UNRELATED_GUESSES:
        return None
    return Series(Kind.UNRELATED_GUESSES, [entry.pk for entry in guesses], {"count": len(guesses)})


def _is_block(sketch: Sketch) -> bool:
    return 1 < sketch.distinct <= BLOCK_VALUES


def _is_chance(sketch: Sketch) -> bool:
    return abs(sketch.lift) < CHANCE


def _is_alike(entry: Entry, other: Entry) -> bool:
    step = difference(other.sketch, entry.sketch)
    return step.is_nothing or step.is_small


def _different(entries: Iterable[Entry]) -> list[Entry]:
    """Without those whose order of the images another one has."""
    kept: list[Entry] = []
    for entry in entries:
        if not any(difference(each.sketch, entry.sketch).is_nothing for each in kept):
            kept.append(entry)
    return kept


def _keep_sketch(submission: Submission) -> None:
    if Fingerprint.objects.filter(pk=submission.pk).exists():
        return
    yardstick = in_force(submission)
    solution = solution_at(yardstick.solution_path)
    valid = read_submission(submission, yardstick.config, ids=solution.ids)
    public, labels = solution.split == "public", solution.labels
    sketch = Sketch.of(valid.predictions, public & (labels == 1), public & (labels == 0))
    Fingerprint.objects.get_or_create(
        submission=submission,
        defaults={
            "images": sketch.images,
            "distinct": sketch.distinct,
            "lift": sketch.lift,
            "sketch": sketch.sums.astype("<f4").tobytes(),
        },
    )


def _entries(fingerprints: QuerySet[Fingerprint], most: int) -> list[Entry]:
    """The newest ones, oldest first."""
    newest = fingerprints.select_related("submission").order_by("-submission__received_at")[:most]
    return [
        Entry(
            each.pk,
            each.submission.team_id,
            Sketch(np.frombuffer(each.sketch, "<f4"), each.images, each.distinct, each.lift),
        )
        for each in reversed(newest)
    ]


def _note(team: Team, series: Series) -> ProbingSign | None:
    """Write down a series, or that it goes on; None where it was dismissed and has not grown much since."""
    same = ProbingSign.objects.filter(team=team, kind=series.kind, other_team_id=series.other_team_id)
    strength = series.evidence["count"]
    sign = same.filter(dismissed_at__isnull=True).first()
    if sign is None:
        dismissed = same.filter(dismissed_at__isnull=False).order_by("-strength").first()
        if dismissed and strength < RETURNS * dismissed.strength:
            return None
        sign = ProbingSign(
            competition=team.competition, team=team, kind=series.kind, other_team_id=series.other_team_id
        )
        log.info("probing.found", team=team.pk, kind=series.kind, strength=strength)
    sign.strength, sign.evidence, sign.renewed_at = strength, series.evidence, timezone.now()
    sign.save()
    sign.submissions.add(*Submission.objects.filter(pk__in=series.submissions))
    return sign
