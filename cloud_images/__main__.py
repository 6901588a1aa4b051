"""The organizer's command line: `python -m cloud_images --help`."""

import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

import cloud_images.synthetic
from cloud_images.errors import ReleaseError
from cloud_images.preview import draw_contact_sheet
from cloud_images.release import Progress as OnProgress
from cloud_images.release import Release, open_release
from cloud_images.verify import examine_release

MANY_IMAGES = 50_000  # from here on a second process pays for its start

app = typer.Typer(
    help="Make, verify and look at releases of labelled cloud images.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The folder of a release.")]
Out = Annotated[Path, typer.Option(help="The folder to make; it must be new or empty.")]


@app.command()
def synthesize(
    *,
    train: Annotated[int, typer.Option(help="Number of training images.")],
    test: Annotated[int, typer.Option(help="Number of test images.")],
    out: Out,
    seed: Annotated[
        int | None,
        typer.Option(
            help="The same seed draws the same images and the same answers: keep it secret. "
            "Without it, one is drawn and printed."
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(help="Processes; the images do not depend on it. Default: one for each core."),
    ] = None,
) -> None:
    """Draw a release from the synthetic world: nothing to download, 1 storm to 31 other clouds."""
    drawn_seed = secrets.randbits(63) if seed is None else seed
    if workers is None:
        workers = 1 if train + test < MANY_IMAGES else os.cpu_count() or 1
    with _progress() as on_progress:
        release = cloud_images.synthetic.synthesize(
            out, train=train, test=test, seed=drawn_seed, workers=workers, on_progress=on_progress
        )
    if seed is None:
        typer.echo(f"Seed {drawn_seed}: note it where participants do not look.")
    _tell(release)


@app.command()
def build(
    *,
    fields: Annotated[str, typer.Option(help="Files of OLR or brightness temperature, a glob pattern.")],
    tracks: Annotated[Path, typer.Option(help="Tracks of tropical cyclones.")],
    test_from: Annotated[
        datetime, typer.Option(help="Storms and images from this date on are the test (UTC).")
    ],
    out: Out,
    tracks_format: Annotated[str, typer.Option(help="auto, or the name of a format.")] = "auto",
    name: Annotated[str, typer.Option(help="Short name of the release.")] = "cloud-images",
    seed: Annotated[
        int, typer.Option(help="Decides the shuffle, the split and which negatives are taken.")
    ] = 0,
) -> None:
    """Cut labelled images around tropical cyclones and other clouds from gridded fields."""
    from cloud_images.build import build_release  # noqa: PLC0415 - needs the extra `fields`

    with _progress() as on_progress:
        release = build_release(
            fields,
            tracks,
            tracks_format=tracks_format,
            test_from=test_from,
            out=out,
            name=name,
            seed=seed,
            on_progress=on_progress,
        )
    _tell(release)


@app.command()
def verify(directory: Folder) -> None:
    """Check every byte of a release, and that its files agree. Exit status 1 when there is a problem."""
    with _progress() as on_progress:
        found = examine_release(directory, on_progress=on_progress)
    for problem in found.problems:
        typer.echo(str(problem))
    for omission in found.not_checked:
        typer.echo(f"Not checked: {omission}", err=True)
    if not found.sound:
        count = len(found.problems)
        typer.echo(f"{directory} has {count} problem{'s' * (count != 1)}.", err=True)
        raise typer.Exit(1)
    typer.echo(f"{directory} is sound.")


@app.command()
def preview(
    directory: Folder,
    out: Annotated[Path, typer.Option(help="The picture to write (PNG).")],
    seed: Annotated[int, typer.Option(help="Another seed shows other images.")] = 0,
) -> None:
    """Draw a contact sheet: storms by time to genesis, other clouds by latitude."""
    typer.echo(str(draw_contact_sheet(open_release(directory), out, seed=seed)))


@contextmanager
def _progress() -> Iterator[OnProgress]:
    """Progress bars on standard error, one for each stage."""
    columns = (TextColumn("{task.description:16}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        tasks: dict[str, TaskID] = {}

        def on_progress(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total)
            bars.update(tasks[stage], completed=done)

        yield on_progress


def _tell(release: Release) -> None:
    counts = release.manifest.counts
    typer.echo(
        f"{release.directory}: {counts.train.images:,} training images "
        f"({counts.train.positives:,} positives of {counts.train.storms:,} storms) and {counts.test.images:,} test images."
    )


def main() -> None:
    try:
        app()
    except ReleaseError as error:
        typer.echo(str(error), err=True)
        sys.exit(2)
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        typer.echo(f"{place}{error.strerror or error}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
