"""The demo: a synthetic release, people, a competition, a leaderboard filled through the site's own doors."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from allauth.account.models import EmailAddress
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.utils import timezone
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

import cloud_images
from competition.accounts.models import User
from competition.contests.joining import join_competition, participation_of
from competition.contests.models import Competition, default_metric
from competition.contests.teams import accept_invitation, rename_team
from competition.organizing import demo_texts
from competition.organizing.create import create_competition
from competition.organizing.demo_entries import ENTRIES, Entry, Workshop, mean_brightness
from competition.organizing.publish import publish_competition
from competition.organizing.starting_texts import STARTING_TEXTS
from competition.submissions.evaluate import evaluate
from competition.submissions.finals import choose_final
from competition.submissions.models import State, Submission
from competition.submissions.receive import receive_submission

SLUG = "find-the-typhoons"
FOLDER = "demo"  # below RELEASES_DIR, and below DATA_DIR for what is made on the way
PASSWORD = "typhoon-demo"  # noqa: S105 - shown to everybody; the demo runs on one's own machine only
WEEKS = 6
SLICES = ["basin", "lead_time_day"]


@dataclass(frozen=True)
class Person:
    username: str
    display_name: str
    role: str
    is_organizer: bool = False
    is_staff: bool = False


PEOPLE = (
    Person("organizer", "Olga Organizer", "runs the competition", is_organizer=True),
    Person("alice", "Alice", "leads the team “Baseline”"),
    Person("bob", "Bob", "is on Alice's team"),
    Person("carol", "Carol", "has not joined yet"),
    Person("dave", "Dave", "competes alone"),
    Person("admin", "Site staff", "sees the administration", is_staff=True),
    *(Person(name.lower(), name, "competes alone") for name in ("Erin", "Frank", "Grace", "Heidi")),
)
TEAM_MATES = {"bob": "alice"}  # who accepts whose invitation


@dataclass(frozen=True)
class Size:
    train: int = 32768
    test: int = 16384
    epochs: int = 5  # with 4 the baseline is hardly better than its noisy copies


class DemoError(Exception):
    """The demo could not be built; the message says why."""


def seed(*, size: Size, console: Console) -> Competition:
    """Build what is missing of the demo; where all is there, look and do nothing.

    size: of a release and a training that do not exist yet. Raises DemoError, Refusal.
    """
    release = _release(size, console)
    people = _people()
    competition = _competition(people["organizer"])
    if competition.is_open:
        _teams(competition, people)
        _entries(competition, people, Workshop(release, settings.DATA_DIR / FOLDER, size.epochs, console))
    return competition


def is_seeded() -> bool:
    """Whether `seed` would find everything in place; quick."""
    competition = Competition.objects.filter(slug=SLUG).first()
    return (
        competition is not None
        and competition.published_at is not None
        and User.objects.filter(username__in=[person.username for person in PEOPLE]).count() == len(PEOPLE)
        and (not competition.is_open or not _missing_entries(competition))
    )


def _release(size: Size, console: Console) -> cloud_images.Release:
    folder = settings.RELEASES_DIR / FOLDER
    if (folder / "manifest.json").exists():
        return cloud_images.open_release(folder)
    from cloud_images.synthetic import synthesize  # noqa: PLC0415 - a second start does without

    bar = Progress(
        TextColumn("  {task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    stages: dict[str, TaskID] = {}

    def show(stage: str, done: int, total: int) -> None:
        if stage not in stages:
            stages[stage] = bar.add_task(stage, total=total)
        bar.update(stages[stage], completed=done)

    with _step(console, f"a synthetic world: {size.train:,} training and {size.test:,} test images"), bar:
        return synthesize(folder, train=size.train, test=size.test, seed=2018, on_progress=show)


def _people() -> dict[str, User]:
    people = {}
    for person in PEOPLE:
        with transaction.atomic():
            user, is_new = User.objects.get_or_create(
                username=person.username,
                defaults={
                    "display_name": person.display_name,
                    "email": f"{person.username}@example.org",
                    "is_organizer": person.is_organizer,
                    "is_staff": person.is_staff,
                    "is_superuser": person.is_staff,
                },
            )
            if is_new:
                user.set_password(PASSWORD)
                user.save(update_fields=["password"])
                EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
        people[person.username] = user
    return people


def _competition(organizer: User) -> Competition:
    competition = Competition.objects.filter(slug=SLUG).first()
    if competition is None:
        today = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
        draft = Competition(
            slug=SLUG,
            title=demo_texts.TITLE,
            title_ja=demo_texts.TITLE_JA,
            tagline=demo_texts.TAGLINE,
            tagline_ja=demo_texts.TAGLINE_JA,
            overview=demo_texts.OVERVIEW,
            overview_ja=demo_texts.OVERVIEW_JA,
            prizes=demo_texts.PRIZES,
            prizes_ja=demo_texts.PRIZES_JA,
            data_notes=demo_texts.DATA_NOTES,
            data_notes_ja=demo_texts.DATA_NOTES_JA,
            metric=default_metric() | {"slices": SLICES},
            opens_at=today,
            closes_at=today + timedelta(weeks=WEEKS),
        )
        competition = create_competition(
            user=organizer,
            draft=draft,
            folder=FOLDER,
            rules=STARTING_TEXTS["rules"],
            rules_ja=STARTING_TEXTS["rules_ja"],
        )
    if competition.published_at is None:
        competition = publish_competition(competition=competition)
    return competition


def _teams(competition: Competition, people: dict[str, User]) -> None:
    """Everybody but Carol takes part who competes; Bob accepts Alice's invitation."""
    for username, name in {entry.username: entry.team for entry in ENTRIES}.items():
        if participation_of(people[username], competition) is None:
            participation = join_competition(user=people[username], competition=competition)
            rename_team(user=people[username], team=participation.team, name=name)
    for mate, leader in TEAM_MATES.items():
        if participation_of(people[mate], competition) is None:
            join_competition(user=people[mate], competition=competition)
            host = participation_of(people[leader], competition)
            assert host is not None
            accept_invitation(user=people[mate], code=host.team.invitation_code)


def _missing_entries(competition: Competition) -> list[Entry]:
    """Entries that nobody has submitted yet, and those that an interrupted seeding left unfinished."""
    there = dict(Submission.objects.filter(competition=competition).values_list("message", "state"))
    return [entry for entry in ENTRIES if there.get(entry.message) not in (State.SCORED, State.INVALID)]


def _entries(competition: Competition, people: dict[str, User], workshop: Workshop) -> None:
    missing = _missing_entries(competition)
    if not missing:
        return
    if any(entry.make is not mean_brightness for entry in missing):
        with _step(workshop.console, "the starter kit's baseline: train and predict"):
            workshop.baseline()
    with _step(workshop.console, f"{len(missing)} submissions, received and scored"):
        for entry in missing:
            _submit(entry, competition, people[entry.username], workshop)


def _submit(entry: Entry, competition: Competition, user: User, workshop: Workshop) -> None:
    submission = Submission.objects.filter(competition=competition, message=entry.message).first()
    if submission is None:
        with TemporaryDirectory() as folder:
            path = Path(folder) / entry.filename
            entry.make(workshop).write_csv(path)
            with path.open("rb") as file:
                upload = UploadedFile(file, name=entry.filename, size=path.stat().st_size)
                submission = receive_submission(
                    user=user, competition=competition, file=upload, message=entry.message
                )
    evaluate(submission.pk, worker="seed_demo")
    submission.refresh_from_db()
    expected = State.SCORED if entry.is_valid else State.INVALID
    if submission.state != expected:
        raise DemoError(
            f"“{entry.message}” is {submission.state} and not {expected}: "
            f"{submission.error or submission.problems or 'another process works on it'}"
        )
    if entry.is_chosen:
        choose_final(user=user, submission=submission, final=True)


@contextmanager
def _step(console: Console, what: str) -> Iterator[None]:
    console.print(f"[cyan]…[/] {what}", highlight=False)
    began = time.monotonic()
    yield
    console.print(f"[green]✓[/] {what} [dim]({time.monotonic() - began:.0f} s)[/]", highlight=False)
