"""The commands that look at a trained model: explain, and detect over whole fields."""
# torch takes seconds to import, and `--help` should not wait for it; parameters are options.
# ruff: noqa: PLC0415, PLR0917

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from starter_kit.commands.model import DataOption, DeviceOption, TtaOption
from starter_kit.errors import StarterKitError
from starter_kit.terminal import console, image_columns, progress_bar

if TYPE_CHECKING:
    from starter_kit.detect.search import Found

FieldsOption = Annotated[
    str,
    typer.Option(
        metavar="GLOB", help="NetCDF, Zarr or GRIB files of OLR or infrared brightness temperature."
    ),
]
TracksFormatOption = Annotated[
    str, typer.Option(help="auto, jma, jma-hourly, ibtracs, tempestextremes or csv.")
]
VariableOption = Annotated[
    str | None, typer.Option(help="The field's name, where a file holds several that could be meant.")
]
UnitsOption = Annotated[
    str | None, typer.Option(help="The field's units, where the file lacks them: 'W m-2', K or degC.")
]


def explain(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A trained model, or an ensemble.")],
    data: DataOption,
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="For the report; made if it is not there.")],
    compare: Annotated[
        Path | None,
        typer.Option(metavar="OTHER_RUN", help="Another model, on the same images and the same draws."),
    ] = None,
    solution: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="For organizers: solution.parquet, to look at the test images instead of those held back.",
        ),
    ] = None,
    worst: Annotated[
        int, typer.Option(min=0, help="The worst errors of each kind, beside 3 of every basin, month, lead.")
    ] = 12,
    device: DeviceOption = "auto",
) -> None:
    """Show what a model finds, where it errs and what it looks at, as one HTML page.

    Example: `python -m starter_kit explain runs/first --data tropical --out why`

    Example: `python -m starter_kit explain runs/second --data tropical --out why --compare runs/first`

    Open index.html in the folder: the worst misses and false alarms with Grad-CAM and integrated gradients,
    detection by lead time, basin and month, a reliability diagram. The images are the storms of the training
    set that the model held back, since the labels of the test are secret. numbers.json and images.csv hold
    the same for programs.
    """
    from starter_kit.device import choose_device
    from starter_kit.explain.report import PAGE, make_folder, write_report
    from starter_kit.explain.report import explain as explain_run
    from starter_kit.images.data import open_data
    from starter_kit.inference.scorers import load_scorer

    if out.exists() and not out.is_dir():
        raise StarterKitError(f"{out} is a file; --out takes a folder.")
    if solution is not None and not solution.is_file():
        raise StarterKitError(f"There is no file {solution}. Only organizers have a solution; leave it out.")
    release, processor = open_data(data), choose_device(device)
    loaded = (run.resolve().name, load_scorer([run], processor))
    other = None if compare is None else (compare.resolve().name, load_scorer([compare], processor))
    make_folder(out)
    with progress_bar(*image_columns()) as bar:

        def progress(noun: str, total: int | None) -> Callable[[int], None]:
            task = bar.add_task(noun, total=total)
            return lambda done: bar.advance(task, done)

        report = explain_run(release, loaded, other=other, solution=solution, most=worst, progress=progress)
    write_report(report, out)
    result = report.cases.result
    console.print(
        f"{loaded[0]}: precision {result.precision:.3f} at recall {result.recall:.3f}, {result.fn:,} misses, "
        f"{result.fp:,} false alarms."
    )
    if report.contrast is not None:
        told = report.contrast.comparison
        low, high = told.interval
        console.print(
            f"Less that of {report.contrast.other_name}: {told.difference:+.3f} ({low:+.3f} to {high:+.3f}), "
            + ("which can be told apart." if told.is_distinguishable else "which cannot be told apart.")
        )
    console.print(f"Open {out / PAGE} in a browser.")


def detect(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A trained model, or an ensemble.")],
    fields: FieldsOption,
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="For maps and tables; made if need be.")],
    tracks: Annotated[
        str | None, typer.Option(metavar="FILE", help="Cyclone tracks, for POD and FAR, and on the maps.")
    ] = None,
    tracks_format: TracksFormatOption = "auto",
    variable: VariableOption = None,
    units: UnitsOption = None,
    stride: Annotated[
        int, typer.Option(min=1, max=64, help="Grid points from one window to the next; 8 is about 1°.")
    ] = 8,
    threshold: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Scores from here on are a cyclone. [default: the run's own]"),
    ] = None,
    merge_km: Annotated[
        float | None,
        typer.Option(min=1, help="Hits so near are one system. [default: half a window, 445 km at 0.125°]"),
    ] = None,
    hit_km: Annotated[
        float | None,
        typer.Option(
            min=1, help="A detection so near to a storm's centre has found it. [default: half a window]"
        ),
    ] = None,
    max_missing: Annotated[
        float, typer.Option(min=0, max=0.99, help="Largest share of missing pixels in a window.")
    ] = 0.05,
    max_latitude: Annotated[
        float, typer.Option(min=1, max=90, help="Windows poleward of it are not looked at.")
    ] = 50.0,
    tta: TtaOption = False,
    maps: Annotated[bool, typer.Option(help="A map for each time.")] = True,
    device: DeviceOption = "auto",
) -> None:
    """Find cyclones on whole maps: slide a model over fields of OLR, and compare with best tracks.

    Example: `python -m starter_kit detect runs/first --fields 'olr/*.nc' --out found`

    Example: `python -m starter_kit detect runs/first --fields 'olr/*.nc' --tracks bst.txt --out found`

    Writes a map of each time into maps/, detections.csv and detections.geojson; with tracks also storms.csv
    (which were found) and skill.json: the probability of detection, POD = hits / (hits + misses), and the
    false-alarm ratio, FAR = false alarms / (hits + false alarms). A map has thousands of windows without a
    cyclone, so that many more false alarms than on a release are no fault of the fields: by_threshold in
    skill.json shows what a higher --threshold would bring.
    """
    from starter_kit.device import choose_device
    from starter_kit.inference.scorers import MeanOfRuns, load_scorer

    try:
        from cloud_images.fields import open_fields
        from cloud_images.tracks import read_tracks
        from starter_kit.detect.search import Search, search
        from starter_kit.detect.sliding import MODEL_SPACING, is_another_spacing
    except ModuleNotFoundError as error:
        raise StarterKitError(f"detect needs {error.name}: pip install 'tamago[fields]'") from None
    from cloud_images import ReleaseError

    if out.exists() and not out.is_dir():
        raise StarterKitError(f"{out} is a file; --out takes a folder.")
    scorer = load_scorer([run], choose_device(device), tta=tta)
    if threshold is None:
        threshold = (
            scorer.runs[0].metrics.best.threshold
            if isinstance(scorer, MeanOfRuns)
            else scorer.ensemble.record.reached.threshold
        )
    how = Search(threshold, stride, merge_km, hit_km, max_missing, max_latitude)
    try:
        opened = open_fields(fields, variable=variable, units=units)
        if is_another_spacing(opened.spacing):
            rows, columns = opened.spacing
            console.print(
                f"Warning: these fields have a point every {rows:.3g}° × {columns:.3g}°, images of 2018 "
                f"every {MODEL_SPACING:g}° (14 km). The model sees clouds {MODEL_SPACING / rows:.2g} times "
                "as large as it knows them. Unless it learned from such images, interpolate the fields "
                "first: cdo remapbil, or xarray's interp."
            )
        known = None if tracks is None else read_tracks(tracks, tracks_format, calendar=opened.calendar)
        with progress_bar() as bar:
            task = bar.add_task("fields", total=len(opened.frames))
            found = search(
                opened,
                scorer.score,
                how,
                out,
                tracks=known,
                maps=maps,
                on_progress=lambda done: bar.advance(task, done),
            )
    except ReleaseError as error:
        raise StarterKitError(f"{error}.") from None
    console.print(
        f"{len(found.detections):,} detections in {found.fields:,} fields ({found.windows:,} windows, scores "
        f"from {how.threshold:.4g} on). Kept in {out}."
    )
    _print_skill(found)


def _print_skill(found: Found) -> None:
    whole = found.skill
    if whole is None:
        return
    if not whole.hits + whole.misses:
        console.print(
            "No storm of the tracks could have been seen in these fields: do they share times and places?"
        )
        return
    far = "undefined, nothing was called" if whole.far is None else f"{whole.far:.3f}"
    low_high = found.pod_interval
    known = "" if low_high is None else f", 95 % {low_high[0]:.3f} to {low_high[1]:.3f}"
    console.print(
        f"POD {whole.pod:.3f}{known} ({whole.hits:,} of {whole.hits + whole.misses:,} fixes), FAR {far} "
        f"({whole.false_alarms:,} false alarms)."
    )
    for name, part in found.by_lead.items():
        if part.pod is not None:
            console.print(f"  {name}: POD {part.pod:.3f} ({part.hits:,} of {part.hits + part.misses:,})")
