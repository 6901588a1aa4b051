"""What the commands print: results to standard output, everything else to standard error."""

from collections.abc import Sequence

from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

# Nothing that is printed is markup: a file or a team may be called [red]. In a notebook it is text as well:
# rich would make a box of its own of every line.
_plain = {"markup": False, "emoji": False, "highlight": False, "force_jupyter": False}
console = Console(soft_wrap=True, **_plain)  # type: ignore[arg-type]
errors = Console(soft_wrap=True, stderr=True, **_plain)  # type: ignore[arg-type]


def show(table: RenderableType) -> None:
    """Print a table as wide as the terminal allows."""
    console.print(table, soft_wrap=False)


def progress_bar(*columns: ProgressColumn, on: Console = console) -> Progress:
    """A bar that goes away when done, and that a log file never sees."""
    return Progress(*columns, console=on, transient=True, disable=not on.is_terminal)


def image_columns() -> list[ProgressColumn]:
    """What a bar that counts images shows."""
    description = TextColumn("{task.description}")
    return [description, BarColumn(), MofNCompleteColumn(), TextColumn("images"), TimeRemainingColumn()]


def print_problems(summary: str, problems: Sequence[str]) -> None:
    """What is wrong with a submission, one line each."""
    errors.print(f"Invalid submission: {printable(summary)}")
    for problem in problems:
        errors.print(printable(problem))


def printable(text: str) -> str:
    """Words of others without what would move the cursor or colour the terminal."""
    return "".join(
        character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text
    )
