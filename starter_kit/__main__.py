"""The participant's command line: `python -m starter_kit COMMAND --help` teaches each command."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from typing import Any

import typer

from starter_kit.commands import ablation, benchmark, model, observation, site, understanding
from starter_kit.errors import StarterKitError, explained
from starter_kit.terminal import errors, printable

app = typer.Typer(
    help="Train a model on a competition's images, predict, submit.\n\n"
    "A first entry: login, join, download, train, predict, submit. Each teaches itself: "
    "`python -m starter_kit train --help`.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)

GROUPS: dict[str, list[Callable[..., None]]] = {
    "The competition's site": [
        site.login,
        site.competitions,
        site.join,
        site.download,
        site.submit,
        site.leaderboard,
    ],
    "Your model": [
        model.train,
        model.configs,
        model.predict,
        model.ensemble,
        model.evaluate,
    ],
    "What it does, and why": [
        understanding.explain,
        understanding.detect,
        ablation.ablation,
        benchmark.benchmark,
    ],
}


def taught(command: Callable[..., None]) -> dict[str, Any]:
    """A docstring as `--help` shows it: its examples last, below the options, where the eye is then."""
    paragraphs = (inspect.getdoc(command) or "").split("\n\n")
    examples = [text for text in paragraphs if text.startswith("Example: ")]
    rest = [text for text in paragraphs if text not in examples]
    return {"help": "\n\n".join(rest), "epilog": "\n\n".join(examples)}


for group, commands in GROUPS.items():
    for command in commands:
        app.command(rich_help_panel=group, **taught(command))(command)

observe = typer.Typer(help=observation.HELP, no_args_is_help=True, rich_markup_mode="markdown")
for step in observation.COMMANDS:
    observe.command(**taught(step))(step)
app.add_typer(observe, name="observe", rich_help_panel="Your model")


def main() -> int:
    """Run the command line. Exit status: 0 done, 2 invalid submission or usage, 130 Ctrl-C, 1 anything
    else."""
    try:
        app(prog_name="python -m starter_kit")
    except StarterKitError as error:
        errors.print(f"Error: {printable(str(error))}")
    except Exception as error:
        told = explained(error)
        if told is None:
            raise
        errors.print(f"Error: {printable(told)}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
