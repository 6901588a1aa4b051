"""The commands in a notebook: `%load_ext starter_kit.jupyter`, then `%starter_kit train --data …`.

`%starter_kit`, `%cloud_images` and `%scoring` stand for `python -m …` in a terminal. Unlike `!python -m …`
they run in the notebook's own Python, whichever one a terminal would find, and a command that fails stops the
notebook.
"""

from __future__ import annotations

import os
import runpy
import shlex
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

PACKAGES = ("starter_kit", "cloud_images", "scoring")
COLUMNS = "110"  # what fits into a notebook's page; tables are drawn as wide as that


def load_ipython_extension(shell: InteractiveShell) -> None:
    """What `%load_ext starter_kit.jupyter` calls."""
    os.environ.setdefault("COLUMNS", COLUMNS)
    os.environ.setdefault("TTY_COMPATIBLE", "0")  # for rich: no bars that are drawn over and over
    for package in PACKAGES:
        command: Any = partial(run_command, package)  # IPython's own types ask for less than it takes
        shell.register_magic_function(command, "line", package)


def run_command(package: str, line: str) -> None:
    """Run `python -m package line` in this process. Raises IPython's UsageError, which is shown without a
    traceback, where the command ends with another exit status than 0."""
    from IPython.core.error import UsageError  # noqa: PLC0415 - in the extra `notebooks` alone

    before = sys.argv
    sys.argv = [package, *shlex.split(line)]
    try:
        runpy.run_module(package, run_name="__main__")
    except SystemExit as ending:
        if ending.code:
            raise UsageError(f"{package} ended with status {ending.code}; the reason stands above.") from None
    finally:
        sys.argv = before
