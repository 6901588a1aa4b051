"""The command that measures what each method brings."""
# torch takes seconds to import, and `--help` should not wait for it.
# ruff: noqa: PLC0415, PLR0917

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from starter_kit.commands.model import DeviceOption
from starter_kit.terminal import console


def ablation(
    out: Annotated[Path, typer.Option(metavar="DIR", help="For the tables; a run that was stopped goes on.")],
    scale: Annotated[
        Literal["tiny", "small", "overnight", "full"],
        typer.Option(
            help="`small`: two CPU cores, half an hour; `overnight`: four hours; `full`: as large as in "
            "2018, on a GPU."
        ),
    ] = "small",
    seeds: Annotated[
        int | None, typer.Option(min=1, help="Trainings of each row, instead of the scale's number.")
    ] = None,
    rows: Annotated[
        list[str] | None, typer.Option("--row", metavar="NAME", help="Run this row alone; repeatable.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="A knob of every row, under its own; repeatable."),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option("--data", metavar="DIR", help="A world with its solution, instead of a new one."),
    ] = None,
    world_seed: Annotated[
        int | None,
        typer.Option(
            min=0, help="Seed of the new world [2018]; of --data's, where known: it brings the ceiling."
        ),
    ] = None,
    device: DeviceOption = "auto",
) -> None:
    """Measure what each method brings: methods in rows, precision at the recall floor, false-alarm ratio.

    Example: `python -m starter_kit ablation --scale small --out ablation`

    Every row is trained with several seeds on one synthetic world and scored on its test images; the last
    row is the best that any detector could do on them. Writes ablation.md, ablation.csv and ablation.png.
    The rows are in starter_kit/ablation/ablation.toml.
    """
    from starter_kit.ablation.report import summarised, write_report
    from starter_kit.ablation.study import read_about, read_plan, run_ablation

    measured = run_ablation(
        scale, out, seeds=seeds, only=rows or (), world=data, world_seed=world_seed,
        settings=settings or (), device=device,
    )  # fmt: skip
    table = summarised(measured, read_plan())
    write_report(table, out, str(read_about(out)))
    console.print((out / "ablation.md").read_text(encoding="utf-8"))
    console.print(f"Also in {out}: ablation.csv, ablation.png.")
