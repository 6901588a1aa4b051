"""The commands that talk to the site: login, competitions, join, download, submit, leaderboard."""
# httpx and polars take a while to import, and `--help` should not wait for them; parameters are options.
# ruff: noqa: PLC0415, PLR0917

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from string import ascii_lowercase
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.progress import (
    BarColumn,
    DownloadColumn,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Table

from starter_kit.errors import StarterKitError, first_line
from starter_kit.terminal import console, errors, print_problems, printable, progress_bar, show

if TYPE_CHECKING:
    from starter_kit.site.client import Client, Competition, Leaderboard, PartResult, Submission

SlugArgument = Annotated[
    str, typer.Argument(metavar="COMPETITION", help="Its name in addresses, as `competitions` lists it.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
SAMPLE = "sample_submission.csv"
INTERVAL_DIGITS = 3
WIDE = 110  # columns of a terminal with room for everything
SHOWN_DRAWS = 100  # the site rounds the risk to hundredths until the close


def login(
    url: Annotated[str, typer.Argument(metavar="URL", help="The site, such as https://tamago.example.org")],
) -> None:
    """Keep the site's address and your API token for the other commands.

    Example: `python -m starter_kit login https://tamago.example.org`

    Make the token in your settings on the site. It is asked for without being shown (or read from a pipe),
    tried, and kept in a file that only you can read. TAMAGO_URL and TAMAGO_TOKEN in the environment go before
    it.
    """
    from starter_kit.site import credentials
    from starter_kit.site.client import Client

    url = credentials.checked_url(url)
    if credentials.sends_token_in_the_open(url):
        errors.print(f"Warning: {url} is not encrypted; others on the way can read your token.")
    if sys.stdin.isatty():
        token = typer.prompt("Token (it stays invisible)", hide_input=True)
    else:
        token = sys.stdin.readline()
    tried = credentials.Credentials(url=url, token=credentials.checked_token(token))
    with Client(tried) as client:
        found = client.competitions()
    path = credentials.save_credentials(tried)
    console.print(f"The token works; it is kept in {path}.")
    names = ", ".join(each.slug for each in found) or "none yet"
    console.print(f"Competitions: {names}.")


def competitions(as_json: JsonOption = False) -> None:
    """List the site's competitions.

    Example: `python -m starter_kit competitions`
    """
    with _client() as client:
        found = client.competitions()
    if as_json:
        console.print(json.dumps([each.model_dump(mode="json") for each in found]))
        return
    table = Table("Competition", "Title", "State", "Closes (UTC)", "You")
    for each in found:
        closes = each.closes_at.astimezone(UTC).strftime("%Y-%m-%d %H:%M")
        table.add_row(
            each.slug, printable(each.title), each.state, closes, "take part" if each.joined else ""
        )
    show(table)


def join(
    competition: SlugArgument,
    accept_rules: Annotated[
        bool, typer.Option("--accept-rules", help="You have read the rules, and accept them.")
    ] = False,
) -> None:
    """Take part in a competition by accepting its rules.

    Example: `python -m starter_kit join typhoons --accept-rules`
    """
    with _client() as client:
        if not accept_rules:
            page = client.competition(competition).url
            raise StarterKitError(
                f"Taking part means accepting the rules. Read them at {page} and add --accept-rules."
            )
        participation = client.join(competition)
    console.print(
        f"You take part in {competition} as {participation.team}; you accepted version "
        f"{participation.rules_version} of the rules."
    )


def download(
    competition: SlugArgument,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the files go.")],
) -> None:
    """Download the competition's files; a download that broke off goes on where it stopped.

    Example: `python -m starter_kit download typhoons --out tropical`

    What is there already stays. Every file is checked against its SHA-256.
    """
    from starter_kit.site.download import download_files

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    try:
        with _client() as client, _joining_hint(client, competition):
            files = client.files(competition)
            total = sum(file.size for file in files)
            with progress_bar(*columns, TimeRemainingColumn()) as progress:
                task = progress.add_task(f"{len(files)} files", total=total)
                fetched = download_files(client, files, out, on_bytes=lambda n: progress.advance(task, n))
    except KeyboardInterrupt:
        errors.print("Stopped by you. The same command goes on where it was.")
        raise typer.Exit(130) from None
    console.print(
        f"{len(files)} files, {total / 1e6:,.1f} MB, complete and intact in {out}; {len(fetched)} came now.\n"
        f"Next: python -m starter_kit train --data {out} --out runs/first"
    )


def submit(
    competition: SlugArgument,
    file: Annotated[Path, typer.Argument(metavar="FILE", help=".csv, .csv.gz, .csv.zst or .parquet")],
    message: Annotated[str, typer.Option("--message", "-m", help="For your team's list of entries.")] = "",
    wait: Annotated[
        bool, typer.Option("--wait", help="Stay until it is scored, and print the result.")
    ] = False,
    data: Annotated[
        Path | None,
        typer.Option("--data", metavar="DIR", help="The competition's files: check FILE here, then upload."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Upload a submission.

    Example: `python -m starter_kit submit typhoons submission.csv -m "first try" --data tropical --wait`

    Exit status: 0 received (with --wait: scored), 2 invalid, with each problem on a line of its own, 1
    anything else.
    """
    from starter_kit.site.client import ApiError

    with _client() as client, _joining_hint(client, competition):
        about = client.competition(competition)
        _check_here(file, about, data)
        try:
            submission = _upload(client, competition, file, message)
        except ApiError as error:
            if not error.problems:
                raise
            print_problems(str(error), error.problems)
            raise typer.Exit(2) from error
        if wait:
            submission = _wait(client, submission)
    if as_json:
        console.print(submission.model_dump_json())
    else:
        _print_submission(submission, digits=int(about.metric.get("digits", 5)))
    if submission.state == "invalid":
        print_problems(submission.filename or file.name, [problem.message for problem in submission.problems])
        raise typer.Exit(2)
    if submission.state in ("failed", "cancelled"):
        raise typer.Exit(1)


def leaderboard(
    competition: SlugArgument,
    top: Annotated[int, typer.Option(min=1, help="How many teams to show; yours is always shown.")] = 20,
    private: Annotated[bool, typer.Option("--private", help="After the close: the private part.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show the standings, with your team's row marked.

    Example: `python -m starter_kit leaderboard typhoons --top 10`
    """
    with _client() as client, _joining_hint(client, competition):
        board = client.leaderboard(competition, private=private)
    if as_json:
        console.print(board.model_dump_json())
        return
    show(_standings(board, top))
    if not board.entries:
        console.print("Nobody has a scored submission yet.")
        return
    if any(entry.tie_band is not None for entry in board.entries):
        console.print("Tied: teams of one letter cannot be told apart from the first of them.")
    if board.count > top:
        console.print(f"{board.count} teams in all; --top {board.count} shows them.")


def _standings(board: Leaderboard, top: int) -> Table:
    digits = int(board.metric.get("digits", 5))
    table = Table("", box=box.SIMPLE_HEAD)
    table.add_column("Rank", justify="right")
    table.add_column("Team", overflow="fold")
    sizes = Counter(entry.tie_band for entry in board.entries if entry.tie_band is not None)
    shared = sorted(band for band, teams in sizes.items() if teams > 1)
    letters: dict[int | None, str] = {band: _letters(place) for place, band in enumerate(shared, 1)}
    cells = {
        "Score": lambda entry: "below the gate" if entry.score is None else f"{entry.score:.{digits}f}",
        "95 %": lambda entry: "" if entry.score is None else _span(entry.interval, digits),
        "Tied": lambda entry: letters.get(entry.tie_band, ""),
        "Recall": lambda entry: "–" if entry.recall is None else f"{entry.recall:.{digits}f}",
        "Entries": lambda entry: str(entry.entries),
        "Last (UTC)": lambda entry: _moment(entry.last_submission_at),
    }
    columns = [name for name in cells if any(cells[name](entry) for entry in board.entries)]
    if "95 %" in columns and console.width < WIDE:
        columns.remove("Last (UTC)")
    for name in columns:
        table.add_column(name, justify="center" if name == "Tied" else "right", no_wrap=True)
    for place, entry in enumerate(board.entries):
        if place < top or entry.is_mine:
            first = ("→" if entry.is_mine else "", str(entry.rank), printable(entry.team))
            told = [cells[name](entry) for name in columns]
            table.add_row(*first, *told, style="bold" if entry.is_mine else None)
    return table


def _span(interval: tuple[float, float] | None, digits: int) -> str:
    if interval is None:
        return ""
    return "–".join(f"{bound:.{min(digits, INTERVAL_DIGITS)}f}" for bound in interval)


def _letters(number: int) -> str:
    """a, b, …, z, aa, …: the first, second, …"""
    letters = ""
    while number:
        number, letter = divmod(number - 1, len(ascii_lowercase))
        letters = ascii_lowercase[letter] + letters
    return letters


def _moment(moment: datetime | None) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M") if moment else "–"


def _client() -> Client:
    from starter_kit.site.client import Client
    from starter_kit.site.credentials import load_credentials

    return Client(load_credentials())


@contextmanager
def _joining_hint(client: Client, slug: str) -> Iterator[None]:
    """Where the site wants the rules accepted first, say where they are and how."""
    from starter_kit.site.client import ApiError

    try:
        yield
    except ApiError as error:
        if error.code not in ("not_joined", "rules_changed"):
            raise
        page = client.competition(slug).url
        raise StarterKitError(
            f"{error} Read the rules at {page}, then: python -m starter_kit join {slug} --accept-rules"
        ) from error


def _check_here(file: Path, about: Competition, data: Path | None) -> None:
    """Refuse what the site would refuse, before anything is uploaded."""
    if not file.is_file():
        raise StarterKitError(f"There is no file {file}.")
    if file.stat().st_size > about.max_upload_bytes:
        raise StarterKitError(
            f"{file} has {file.stat().st_size / 1e6:.1f} MB; {about.slug} takes at most "
            f"{about.max_upload_bytes / 1e6:.1f} MB. A .csv.gz or .parquet is smaller."
        )
    if data is None:
        return
    import polars as pl
    from pydantic import ValidationError

    from scoring import ImageIds, InvalidSubmission, MetricConfig, validate_submission

    try:
        config = MetricConfig.model_validate(about.metric)
        ids = ImageIds(pl.read_csv(data / SAMPLE, infer_schema=False)["image_id"].to_arrow())
    except ValidationError:
        errors.print("Warning: this kit does not know the competition's metric; the site checks alone.")
        return
    except (OSError, ValueError, pl.exceptions.PolarsError) as error:
        raise StarterKitError(f"{data / SAMPLE} cannot be read ({first_line(error)}).") from None
    try:
        valid = validate_submission(file, ids=ids, config=config)
    except InvalidSubmission as error:
        print_problems(f"{error.summary}. Nothing was uploaded.", [each.message for each in error.problems])
        raise typer.Exit(2) from error
    for warning in valid.warnings:
        errors.print(f"Warning: {warning}")


def _upload(client: Client, slug: str, file: Path, message: str) -> Submission:
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with (
        progress_bar(*columns, on=errors) as progress,
        progress.open(file, "rb", description=f"upload {file.name}") as content,
    ):
        return client.submit(slug, content, filename=file.name, message=message)


def _wait(client: Client, submission: Submission) -> Submission:
    with errors.status(submission.state) as status:
        try:
            return client.wait(submission, on_state=status.update)
        except (KeyboardInterrupt, StarterKitError) as error:
            errors.print(f"Your submission was received; see what becomes of it at {submission.url}")
            if isinstance(error, KeyboardInterrupt):
                raise typer.Exit(130) from None
            raise


def _print_submission(submission: Submission, *, digits: int) -> None:
    result = submission.public
    lines = [f"{submission.state}: {submission.url}"]
    lines += [f"Warning: {warning}" for warning in submission.warnings]
    if result is not None:
        lines += _told(result, digits)
    if submission.state == "failed":
        lines.append("Scoring failed on the site's side; it does not count against your daily limit.")
    console.print("\n".join(lines))


def _told(result: PartResult, digits: int) -> list[str]:
    if not result.shown:
        return ["Not shown: it is not clearly better than your best public score."]
    interval = _span(result.interval, digits)
    recall = "" if result.recall is None else f", recall {result.recall:.{digits}f}"
    if result.score is None:
        lines = [f"Below the gate on the public part{recall}."]
    else:
        lines = [
            f"Public score {result.score:.{digits}f}{interval and f' (95 % interval {interval})'}{recall}."
        ]
    if result.probability_below_gate is not None:
        from scoring.natural_frequency import in_words
        from scoring.uncertainty import drawn

        words = in_words(result.probability_below_gate, draws=SHOWN_DRAWS)
        of = f"draws of {drawn(result.uncertainty)}"
        lines.append(f"Gate risk: {words} {of} would put it below the gate at its threshold.")
    return lines
