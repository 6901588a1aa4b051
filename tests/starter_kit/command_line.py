"""`python -m starter_kit …` as a person types it, in this process: importing torch anew takes seconds."""

import io
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from typing import Any
from unittest import mock

from starter_kit.__main__ import main


@dataclass
class Ended:
    status: int
    out: str
    err: str


class Shell:
    def __call__(self, *arguments: Any, stdin: str = "") -> Ended:
        out, err = io.StringIO(), io.StringIO()
        words = ["starter_kit", *map(str, arguments)]
        with (
            redirect_stdout(out),
            redirect_stderr(err),
            mock.patch("sys.argv", words),
            mock.patch("sys.stdin", io.StringIO(stdin)),
        ):
            try:
                status = main()
            except SystemExit as ending:
                status = int(ending.code or 0)
        return Ended(status, out.getvalue(), err.getvalue())
