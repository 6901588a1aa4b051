"""The organizer's command line: `python -m cloud_images --help`."""

import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from json import dumps
from pathlib import Path
from typing import Annotated

import polars as pl
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

import cloud_images.synthetic
from cloud_images.benchmark import compare_formats
from cloud_images.choices import Choices
from cloud_images.errors import ReleaseError
from cloud_images.exports import Layout, export_release, import_images, restore_release
from cloud_images.preview import draw_contact_sheet
from cloud_images.release import About, Release, open_release
from cloud_images.release import Progress as OnProgress
from cloud_images.verify import examine_release

MANY_IMAGES = 50_000  # from here on a second process pays for its start

app = typer.Typer(
    help="Make, verify and look at releases of labelled cloud images.\n\n"
    "A release to practise on: synthesize, verify, preview. One of your own fields and tracks: build.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)
MAKE, LOOK, MEASURE = "Make a release", "Look and check", "Measure"
Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The folder of a release.")]
Out = Annotated[Path, typer.Option(metavar="DIR", help="The folder to make; it must be new or empty.")]


@app.command(
    rich_help_panel=MAKE,
    epilog="Example: `python -m cloud_images synthesize --train 32768 --test 16384 --out world`",
)
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
        typer.Option(help="Processes; the images do not depend on it. [default: one for each core]"),
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


@app.command(
    rich_help_panel=MEASURE,
    epilog="Example: `python -m cloud_images ceiling --data world --seed 2018 --out oracle.csv`, then "
    "`python -m scoring grade oracle.csv --solution world/solution.parquet`",
)
def ceiling(
    *,
    recall: Annotated[float, typer.Option(min=0.01, max=1, help="The competition's gate.")] = 0.79,
    data: Annotated[
        Path | None, typer.Option(metavar="DIR", help="A synthetic world with its solution, for --out.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="The seed that world was made with.")] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the oracle's scores for that world as a submission (CSV)."),
    ] = None,
) -> None:
    """How precise the best of all detectors could be on the synthetic world, by its construction.

    Disturbances that never develop look as storms of the same organisation do. An oracle that is told this
    organisation has the fewest false alarms that any detector can have at that recall.
    """
    if out is not None and (data is None or seed is None):
        raise ReleaseError("--out needs --data, a synthetic world, and --seed, the seed it was made with.")
    precision = cloud_images.synthetic.ceiling_precision(recall)
    typer.echo(f"Precision at recall {recall:g}: at most {precision:.3f} on a test without end.")
    if out is None or data is None or seed is None:
        return
    world = open_release(data)
    scores = cloud_images.synthetic.oracle_scores(world, seed)
    pl.DataFrame({"image_id": world.test_ids(), "score": scores}).write_csv(out)
    typer.echo(f"{out}: the oracle's scores for the {len(scores):,} test images of {data}.")


@app.command(
    rich_help_panel=MAKE,
    epilog="Example: `python -m cloud_images build --fields 'olr/*.nc' --tracks bst.txt "
    "--test-from 2009-01-01 --out mine`",
)
def build(
    *,
    fields: Annotated[
        str,
        typer.Option(
            metavar="GLOB", help="NetCDF, Zarr or GRIB files of OLR or infrared brightness temperature."
        ),
    ],
    tracks: Annotated[str, typer.Option(metavar="FILE", help="Cyclone tracks: a file, or a quoted pattern.")],
    test_from: Annotated[
        datetime, typer.Option(help="Storms with genesis, and other clouds, from here on are the test (UTC).")
    ],
    out: Out,
    tracks_format: Annotated[
        str, typer.Option(help="auto, jma, jma-hourly, ibtracs, tempestextremes or csv.")
    ] = "auto",
    variable: Annotated[
        str | None, typer.Option(help="The field's name, where a file holds several that could be meant.")
    ] = None,
    units: Annotated[
        str | None, typer.Option(help="The field's units, where the file lacks them: 'W m-2', K or degC.")
    ] = None,
    negatives_per_positive: Annotated[
        float, typer.Option(min=0, help="At most so many other clouds for each image of a cyclone.")
    ] = Choices.negatives_per_positive,
    negative_distance_km: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="Least distance of other clouds from any cyclone. "
            "[default: 600, or half an image's diagonal where that is more]",
        ),
    ] = Choices.negative_distance_km,
    negative_hours: Annotated[
        float, typer.Option(min=0, help="The distance holds from cyclones so long before and after, too.")
    ] = Choices.negative_hours,
    guard_hours: Annotated[
        float, typer.Option(min=0, help="No other clouds so near to the border between train and test.")
    ] = Choices.guard_hours,
    max_gap_hours: Annotated[
        float, typer.Option(min=0, help="Track points farther apart are not joined.")
    ] = Choices.max_gap_hours,
    max_missing: Annotated[
        float, typer.Option(min=0, max=0.99, help="Largest share of missing pixels in an image.")
    ] = Choices.max_missing,
    public_fraction: Annotated[float, typer.Option(help="Share of the test that is public.")] = 0.3,
    name: Annotated[str | None, typer.Option(help="Short name. [default: the folder's]")] = None,
    version: Annotated[str | None, typer.Option(help="Version of the release. [default: 1.0.0]")] = None,
    title: Annotated[str | None, typer.Option(help="One line for people.")] = None,
    description: Annotated[str | None, typer.Option(help="What the images show.")] = None,
    licence: Annotated[str | None, typer.Option(help="What participants may do with the images.")] = None,
    licence_url: Annotated[str | None, typer.Option(help="Where the licence's text stands.")] = None,
    source: Annotated[str | None, typer.Option(help="Where fields and tracks come from.")] = None,
    attribution: Annotated[str | None, typer.Option(help="Whom users of the images have to name.")] = None,
    seed: Annotated[
        int, typer.Option(min=0, help="Decides the shuffle, the split and which other clouds are taken.")
    ] = 0,
) -> None:
    """Cut labelled images around tropical cyclones and other clouds out of gridded fields.

    Needs `pip install 'tamago[fields]'`. What becomes an image, and what does not, is printed at the end; it
    tells how many test images show a cyclone, so keep it to yourself.
    """
    try:
        from cloud_images.build import build_release  # noqa: PLC0415 - needs the extra `fields`
    except ModuleNotFoundError as error:
        raise ReleaseError(f"build needs {error.name}: pip install 'tamago[fields]'") from error

    said = {
        "name": name,
        "version": version,
        "title": title,
        "description": description,
        "licence": licence,
        "licence_url": licence_url,
        "source": source,
        "attribution": attribution,
    }
    with _progress() as on_progress:
        built = build_release(
            fields,
            tracks,
            tracks_format=tracks_format,
            test_from=test_from,
            out=out,
            variable=variable,
            units=units,
            choices=Choices(
                max_gap_hours=max_gap_hours,
                max_missing=max_missing,
                negatives_per_positive=negatives_per_positive,
                negative_distance_km=negative_distance_km,
                negative_hours=negative_hours,
                guard_hours=guard_hours,
            ),
            about={key: text for key, text in said.items() if text is not None},
            seed=seed,
            public_fraction=public_fraction,
            on_progress=on_progress,
        )
    Console().print(built.summary())
    _tell(built.release)


@app.command(rich_help_panel=LOOK, epilog="Example: `python -m cloud_images verify world`")
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


@app.command(rich_help_panel=LOOK, epilog="Example: `python -m cloud_images preview world --out sheet.png`")
def preview(
    directory: Folder,
    out: Annotated[Path, typer.Option(metavar="FILE", help="The picture to write (PNG).")],
    seed: Annotated[int, typer.Option(min=0, help="Another seed shows other images.")] = 0,
) -> None:
    """Draw a contact sheet: storms by time to genesis, other clouds by latitude."""
    typer.echo(str(draw_contact_sheet(open_release(directory), out, seed=seed)))


@app.command(
    rich_help_panel=LOOK, epilog="Example: `python -m cloud_images export world --out files --layout tiff`"
)
def export(
    directory: Folder,
    *,
    out: Out,
    layout: Annotated[
        Layout, typer.Option(help="png: zip archives of PNG. tiff: the folders of 2018, one file an image.")
    ] = Layout.PNG,
    with_solution: Annotated[
        bool, typer.Option("--with-solution", help="Bring the solution too; not for participants.")
    ] = False,
) -> None:
    """Write the images as files, for people who want files."""
    with _progress() as on_progress:
        export_release(
            open_release(directory), out, layout=layout, with_solution=with_solution, on_progress=on_progress
        )
    typer.echo(str(out))


@app.command(
    name="import",
    rich_help_panel=MAKE,
    epilog="Example: `python -m cloud_images import files --out world`\n\n"
    "Example: `python -m cloud_images import files-of-2018 --table files.csv --out world`",
)
def import_(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="An export, or image files as in 2018.")],
    *,
    out: Out,
    table: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="For files that are no export: CSV with file, label, storm_id, time, latitude, longitude, "
            "lead_time_hours, basin, one row for each file of train/True, train/False and test.",
        ),
    ] = None,
    title: Annotated[str, typer.Option(help="Title of the release.")] = "Cloud images",
    name: Annotated[str, typer.Option(help="Short name of the release.")] = "cloud-images",
    version: Annotated[str, typer.Option(help="Version of the release.")] = "1.0.0",
    description: Annotated[str, typer.Option(help="What the images show.")] = "",
    source: Annotated[str, typer.Option(help="Where the images come from.")] = "unknown",
    attribution: Annotated[str, typer.Option(help="Whom to name.")] = "",
    licence: Annotated[str, typer.Option(help="Name of the licence.")] = "unknown",
    licence_url: Annotated[str, typer.Option(help="Address of the licence.")] = "",
    seed: Annotated[
        int | None, typer.Option(min=0, help="Decides shuffle and split. [default: drawn]")
    ] = None,
) -> None:
    """Make a release of image files: an export is restored bit by bit, other files are shuffled and split."""
    with _progress() as on_progress:
        if table is None:
            release = restore_release(folder, out, on_progress=on_progress)
        else:
            about = About(
                name=name,
                version=version,
                title=title,
                description=description or title,
                licence=licence,
                licence_url=licence_url,
                source=source,
                attribution=attribution,
            )
            drawn_seed = secrets.randbits(63) if seed is None else seed
            release = import_images(
                folder, out, table=table, about=about, seed=drawn_seed, on_progress=on_progress
            )
    _tell(release)


@app.command(rich_help_panel=MEASURE, epilog="Example: `python -m cloud_images benchmark --images 20000`")
def benchmark(
    images: Annotated[int, typer.Option(help="Number of images to draw and read.", min=1000)] = 10_000,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure how fast images are drawn, and read at random from shards and from other formats."""
    drawn, readings = compare_formats(images=images)
    if json:
        told = {"drawn_per_second": drawn, "readings": [asdict(reading) for reading in readings]}
        typer.echo(dumps(told, indent=1))
        return
    typer.echo(f"Drawn by the synthetic world: {drawn:,.0f} images/s")
    typer.echo(f"{'read at random':22}{'bytes/image':>12}{'images/s':>12}{'ratio':>8}")
    for reading in readings:
        ratio = readings[0].images_per_second / reading.images_per_second
        speed = f"{reading.images_per_second:>12,.0f}"
        typer.echo(f"{reading.name:22}{reading.bytes_per_image:>12,.0f}{speed}{ratio:>7.1f}×")


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
        f"({counts.train.positives:,} positives of {counts.train.storms:,} storms) "
        f"and {counts.test.images:,} test images."
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
