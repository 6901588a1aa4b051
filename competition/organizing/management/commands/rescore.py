"""Score all entries of a competition again, from a terminal."""

import json
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.files import File
from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from competition.accounts.models import User
from competition.contests.models import Competition
from competition.organizing.rescoring.before_after import BeforeAfter, Place, before_after
from competition.organizing.rescoring.progress import progress
from competition.organizing.rescoring.publish import publish_rescoring
from competition.organizing.rescoring.rescore import rescore
from competition.organizing.rescoring.start import start_rescoring
from competition.refusal import Refusal
from competition.submissions.models import Rescoring

PAUSE_SECONDS = 0.5


class Command(BaseCommand):
    help = (
        "Score all entries of a competition again: with another metric, a corrected solution, or the engine"
        " as it is now. Shows what would change; nobody sees it before it is published. It works here and"
        " beside the workers; when it is stopped, they go on."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug", help="the competition's address")
        parser.add_argument("--reason", required=True, help="participants read it once it is published")
        parser.add_argument("--reason-ja", default="", help="the same in Japanese")
        parser.add_argument("--metric", type=Path, metavar="JSON", help="another metric configuration")
        parser.add_argument("--solution", type=Path, metavar="PARQUET", help="a corrected solution")
        parser.add_argument("--publish", action="store_true", help="publish it at once, unseen")
        parser.add_argument(
            "--accept-failures",
            action="store_true",
            help="publish although some entries could not be scored and keep their old score",
        )
        parser.add_argument("--by", metavar="USER", help="in whose name it is done")

    def handle(self, *args: Any, **options: Any) -> None:
        console = Console()
        user = _user(options["by"])
        try:
            rescoring = _start(options, user)
            _work(rescoring, console)
            if rescoring.state == Rescoring.State.FAILED:
                raise CommandError(f"It could not be done; nothing has changed.\n{rescoring.error}")
            if rescoring.state == Rescoring.State.READY:
                _tell(before_after(rescoring), console)
                _tell_failures(rescoring, console)
            if options["publish"]:
                accept = options["accept_failures"]
                publish_rescoring(user=user, rescoring=rescoring, accept_failures=accept)
                _work(rescoring, console)
        except Refusal as refusal:
            raise CommandError(refusal.message) from refusal
        except KeyboardInterrupt:
            raise CommandError("Stopped here; the workers go on. Discard it in the console.") from None
        console.print(f"{rescoring.get_state_display()}: {rescoring.get_absolute_url()}")
        if options["publish"] and rescoring.state != Rescoring.State.PUBLISHED:
            raise CommandError("It was not published: an entry that came in meanwhile could not be scored.")


def _user(username: str | None) -> User | None:
    if username is None:
        return None
    user = User.objects.filter(username=username).first()
    if user is None:
        raise CommandError(f"There is nobody called {username!r}.")
    return user


def _start(options: dict[str, Any], user: User | None) -> Rescoring:
    competition = Competition.objects.filter(slug=options["slug"]).first()
    if competition is None:
        known = ", ".join(Competition.objects.values_list("slug", flat=True)) or "none"
        raise CommandError(f"There is no competition {options['slug']!r}. There are: {known}.")
    what: dict[str, Any] = {
        "user": user,
        "competition": competition,
        "reason": options["reason"],
        "reason_ja": options["reason_ja"],
        "metric": _json(options["metric"]) if options["metric"] else None,
    }
    if options["solution"] is None:
        return start_rescoring(**what)
    try:
        with options["solution"].open("rb") as file:
            return start_rescoring(**what, solution=File(file, name=options["solution"].name))
    except OSError as error:
        raise CommandError(f"The solution cannot be read: {error}") from error


def _json(path: Path) -> dict[str, Any]:
    try:
        metric = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise CommandError(f"The metric cannot be read: {path}: {error}") from error
    if not isinstance(metric, dict):
        raise CommandError(f"{path} does not hold a JSON object.")
    return metric


def _work(rescoring: Rescoring, console: Console) -> None:
    """Until there is something to decide; where a worker has a batch in hand, wait for it."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("Scoring", total=None)
        while True:
            more = rescore(rescoring.pk, worker="rescore command")
            rescoring.refresh_from_db()
            now = progress(rescoring)
            bar.update(task, total=now.total, completed=now.done)
            if not rescoring.is_at_work:
                return
            if not more:
                time.sleep(PAUSE_SECONDS)


def _tell(effect: BeforeAfter, console: Console) -> None:
    entries = effect.entries
    console.print(
        f"{entries.scored} entries scored, {entries.changed} with another result,"
        f" {entries.entered_gate} now pass the gate, {entries.left_gate} are now below it."
    )
    for name, board in (("Public", effect.public), ("Private", effect.private)):
        if board is None:
            continue
        table = Table(title=f"{name} standings", title_justify="left")
        for heading in ("rank", "team", "score", "recall"):
            table.add_column(heading, justify="left" if heading == "team" else "right")
        for line in board.changed:
            cells = zip(_cells(line.before), _cells(line.after), strict=True)
            rank, score, recall = (f"{before} → {after}" for before, after in cells)
            table.add_row(rank, escape(line.team), score, recall)
        console.print(table if board.changed else f"{name} standings: nothing changes.")


def _tell_failures(rescoring: Rescoring, console: Console) -> None:
    for failure in rescoring.failures.select_related("submission__team"):
        told = f"{failure.submission}: {failure.error}"
        console.print(f"[red]Not scored:[/] {escape(told)}")


def _cells(place: Place | None) -> tuple[str, str, str]:
    if place is None:
        return ("–", "–", "–")
    value = "below" if place.value is None else f"{place.value:.5f}"
    return (str(place.rank), value, "–" if place.recall is None else f"{place.recall:.4f}")
