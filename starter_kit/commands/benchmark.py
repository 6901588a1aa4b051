"""The command that measures how fast images come."""
# torch takes seconds to import, and `--help` should not wait for it.
# ruff: noqa: PLC0415, PLR0917

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from starter_kit.commands.model import DeviceOption
from starter_kit.terminal import console, errors, show


def benchmark(
    images: Annotated[
        int, typer.Option(min=1, help="Drawn for it, on disk twice: as shards and as PNG files.")
    ] = 10_000,
    seconds: Annotated[float, typer.Option(min=0.01, help="How long each single run takes, about.")] = 3.0,
    rounds: Annotated[int, typer.Option(min=1, help="In each, every way has its turn; medians count.")] = 3,
    config: Annotated[
        str, typer.Option(metavar="NAME|FILE", help="Whose model, batches and augmentation; as in `train`.")
    ] = "baseline",
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="One knob, as in `train`; repeatable."),
    ] = None,
    device: DeviceOption = "auto",
    workers: Annotated[
        int | None, typer.Option(min=0, help="Processes of the DataLoader; by default one for each core.")
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="For the images, while it runs; by default that of temporary files."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Measure how fast images come, and whether the device ever waits for them.

    Example: `python -m starter_kit benchmark`

    Example: `python -m starter_kit benchmark --device cuda --config resnet18 --seconds 20`

    The ordinary way (a folder of PNG files, PIL, albumentations, a DataLoader with workers) and this kit take
    turns in one run, after both have delivered the same images bit for bit.

    *of the limit*: images per second against the same model on one batch that lies on the device already.
    *device waits*: the share of time in which it has nothing to do but wait for data.

    Two minutes with the defaults, while nothing else should run. docs/participants/training-speed.md explains
    every number.
    """
    from starter_kit.benchmark.compare import compare
    from starter_kit.benchmark.report import tables
    from starter_kit.configuration.reading import load_config

    on = [] if device == "auto" else [f"train.device={device}"]
    report = compare(
        load_config(config, [*(set_ or []), *on]),
        images=images,
        seconds=seconds,
        rounds=rounds,
        workers=workers,
        folder=folder,
        say=errors.print,
    ).to_dict()
    if as_json:
        console.print(json.dumps(report, allow_nan=False))
        return
    console.print(
        f"{report['model']}, {report['parameters']:,} parameters, batches of {report['batch_size']} on "
        f"{report['device']} ({report['device_name']}), {report['cores']} cores, {report['workers']} workers"
    )
    for table in tables(report):
        show(table)
