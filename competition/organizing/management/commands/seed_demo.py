"""Build the demo: a small synthetic competition with people and a scored leaderboard."""

import logging
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from rich.console import Console

from cloud_images import ReleaseError
from competition.organizing.demo import PASSWORD, PEOPLE, DemoError, Size, seed
from competition.refusal import Refusal
from starter_kit.errors import StarterKitError


class Command(BaseCommand):
    help = (
        "Build what is missing of the demo competition. Refused without DEMO=true: its passwords are public."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_size_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        seed_or_explain(size_of(options), Console())
        for person in PEOPLE:
            self.stdout.write(f"{person.username} / {PASSWORD}  {person.role}")


def add_size_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--train", type=int, default=Size.train, help="training images of a new release")
    parser.add_argument("--test", type=int, default=Size.test, help="test images of a new release")
    parser.add_argument("--epochs", type=int, default=Size.epochs, help="epochs of the baseline's training")


def size_of(options: dict[str, Any]) -> Size:
    return Size(train=options["train"], test=options["test"], epochs=options["epochs"])


def seed_or_explain(size: Size, console: Console) -> None:
    if not settings.DEMO:
        raise CommandError(
            "The demo has accounts with public passwords: it runs with DEMO=true, on your own machine only."
        )
    # The steps on the console tell it more readably.
    logging.getLogger("competition").setLevel(logging.WARNING)
    try:
        seed(size=size, console=console)
    except (DemoError, Refusal, ReleaseError, StarterKitError) as error:
        raise CommandError(str(error)) from error
