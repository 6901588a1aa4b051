"""The commands that look at a trained model: explain, and detect over whole fields."""
# torch takes seconds to import, and `--help` should not wait for it; parameters are options.
# ruff: noqa: PLC0415, PLR0917

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from starter_kit.errors import StarterKitError
from starter_kit.model_commands import DataOption, DeviceOption
from starter_kit.terminal import console, image_columns, progress_bar


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
    from starter_kit.data import open_data
    from starter_kit.device import choose_device
    from starter_kit.explain.report import PAGE, write_report
    from starter_kit.explain.report import explain as explain_run
    from starter_kit.scorers import load_scorer

    if out.exists() and not out.is_dir():
        raise StarterKitError(f"{out} is a file; --out takes a folder.")
    if solution is not None and not solution.is_file():
        raise StarterKitError(f"There is no file {solution}. Only organizers have a solution; leave it out.")
    release, processor = open_data(data), choose_device(device)
    loaded = (run.resolve().name, load_scorer([run], processor))
    other = None if compare is None else (compare.resolve().name, load_scorer([compare], processor))
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
