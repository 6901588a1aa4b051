"""The commands between simulation and observation: observe frames, learn, translate, compare."""
# torch takes seconds to import, and `--help` should not wait for it; parameters are options.
# ruff: noqa: PLC0415, PLR0917

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, get_args

import typer

from starter_kit.commands.model import DataOption, DeviceOption, TtaOption
from starter_kit.commands.understanding import FieldsOption, TracksFormatOption, UnitsOption, VariableOption
from starter_kit.errors import StarterKitError
from starter_kit.terminal import console, image_columns, progress_bar

if TYPE_CHECKING:
    from starter_kit.observation.cycle_gan import GanKnobs

HELP = (
    "From simulation to observation: real frames as images, translations, and the gap between the two.\n\n"
    "First `frames`; then `compare` does everything at once, `learn` and `translate` a single translation."
)

ObservedOption = Annotated[
    Path, typer.Option("--observed", metavar="DIR", help="Observed images, as `observe frames` leaves them.")
]
WavesOption = Annotated[
    int,
    typer.Option(min=0, max=32, help="Fourier style: amplitudes of up to so many cycles per image change."),
]
StepsOption = Annotated[
    int, typer.Option("--gan-steps", min=1, help="CycleGAN: 2,000 take minutes; some 50,000 on a GPU.")
]
WidthOption = Annotated[
    int, typer.Option("--gan-width", min=1, help="CycleGAN: channels at full size; 64 on a GPU.")
]
BatchOption = Annotated[int, typer.Option("--gan-batch", min=1, help="CycleGAN: images a step.")]
SeedOption = Annotated[int, typer.Option(min=0, help="CycleGAN: another one, from the same images.")]
Method = Literal["histogram", "fourier", "cyclegan"]
METHODS: tuple[Method, ...] = get_args(Method)
WAVES, STEPS, WIDTH, BATCH = 3, 2000, 8, 4


def frames(
    fields: FieldsOption,
    tracks: Annotated[str, typer.Option(metavar="GLOB", help="Best tracks of the same time.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="For the images; made if need be.")],
    tracks_format: TracksFormatOption = "auto",
    variable: VariableOption = None,
    units: UnitsOption = None,
    max_missing: Annotated[
        float, typer.Option(min=0, max=0.99, help="Largest share of missing pixels in an image.")
    ] = 0.05,
) -> None:
    """Cut real frames into images like those of a release: around storms, around other clouds, and windows.

    Example: `python -m starter_kit observe frames --fields 'olr/*.nc' --tracks 'tracks/*.tsv' --out observed`

    Writes images.npy and images.csv. Brightness temperature becomes OLR, and OLR grey, as when a release is
    built. The grid should have the spacing of the simulation (14 km in 2018). Take frames of several storms,
    days apart: what is learned from one is judged on another.
    """
    try:
        from cloud_images.choices import Choices
        from cloud_images.fields import open_fields
        from cloud_images.tracks import read_tracks
        from starter_kit.observation.reading import cut_frames
    except ModuleNotFoundError as error:
        raise StarterKitError(f"observe frames needs {error.name}: pip install 'tamago[fields]'") from None
    from cloud_images import ReleaseError
    from starter_kit.observation.patches import STORM, SYSTEM, WINDOW, save_observations

    _refuse_file(out)
    try:
        opened = open_fields(fields, variable=variable, units=units)
        known = read_tracks(tracks, tracks_format, calendar=opened.calendar)
        with progress_bar() as bar:
            task = bar.add_task("frames", total=len(opened.frames))
            cut = cut_frames(
                opened,
                known,
                choices=Choices(max_missing=max_missing),
                on_progress=lambda done, total: bar.update(task, completed=done),
            )
    except ReleaseError as error:
        raise StarterKitError(f"{error}.") from None
    save_observations(cut.observed, out)
    table = cut.observed.table
    kinds = {kind: int((table["kind"] == kind).sum()) for kind in (STORM, SYSTEM, WINDOW)}
    console.print(
        f"{cut.frames:,} frames, {table['episode'].n_unique()} episodes of weather: {kinds[STORM]:,} images "
        f"of {table['storm_id'].drop_nulls().n_unique()} storms, {kinds[SYSTEM]:,} of other clouds, "
        f"{kinds[WINDOW]:,} windows without a label. Kept in {out}."
    )
    for reason, count in cut.dropped.items():
        console.print(f"  not used: {reason}: {count:,}")


def learn(
    method: Annotated[Method, typer.Argument(help="What to learn.")],
    data: DataOption,
    observed: ObservedOption,
    out: Annotated[Path, typer.Option(metavar="TRANSLATION", help="For the translation; made if need be.")],
    waves: WavesOption = WAVES,
    gan_steps: StepsOption = STEPS,
    gan_width: WidthOption = WIDTH,
    gan_batch: BatchOption = BATCH,
    seed: SeedOption = 0,
    device: DeviceOption = "auto",
) -> None:
    """Learn one translation between simulated and observed images; neither needs labels.

    Example: `python -m starter_kit observe learn cyclegan --data tropical --observed observed --out bridge`

    *histogram* matches the quantiles of the greys, in a second; *fourier* lends the amplitudes of long waves
    (Yang & Soatto 2020); *cyclegan* trains two networks (Zhu et al. 2017). A CycleGAN that was stopped goes
    on when it is started again.
    """
    from starter_kit.configuration.sections import ValidationConfig
    from starter_kit.device import choose_device
    from starter_kit.images.data import load_training_data, open_data
    from starter_kit.observation.learn import learn as learn_translation
    from starter_kit.observation.patches import open_observations

    _refuse_file(out)
    release, images, processor = open_data(data), open_observations(observed), choose_device(device)
    knobs = _knobs(gan_steps, gan_width, gan_batch, seed)
    with progress_bar() as bar:
        task = bar.add_task("steps", total=knobs.steps if method == "cyclegan" else None)
        learn_translation(
            method,
            load_training_data(release, ValidationConfig()),
            images,
            out,
            source=(f"{release.manifest.name} {release.manifest.version}", observed.resolve().name),
            waves=waves,
            knobs=knobs,
            device=processor,
            on_step=lambda step, losses: bar.update(task, completed=step),
        )
    console.print(f"Kept in {out}. `observe translate {out} --data {data} --out …` translates a release.")


def translate(
    translation: Annotated[Path, typer.Argument(metavar="TRANSLATION", help="What `observe learn` left.")],
    data: DataOption,
    out: Annotated[Path, typer.Option(metavar="DIR", help="A new folder for the translated release.")],
    device: DeviceOption = "auto",
) -> None:
    """Translate all images of a release, so that it looks observed; `train --data` takes it like any other.

    Example: `python -m starter_kit observe translate bridge --data tropical --out tropical-as-observed`
    """
    from starter_kit.device import choose_device
    from starter_kit.images.data import open_data
    from starter_kit.observation.translated_release import translate_release
    from starter_kit.observation.translation import open_translation

    release = open_data(data)
    learned, record = open_translation(translation, choose_device(device))
    counts = release.manifest.counts
    with progress_bar(*image_columns()) as bar:
        task = bar.add_task("translated", total=counts.train.images + counts.test.images)
        translate_release(
            release,
            learned,
            out,
            title=f"{release.manifest.title}, made to look observed ({record.method})",
            on_progress=lambda done: bar.advance(task, done),
        )
    console.print(f"{counts.train.images + counts.test.images:,} images translated. Kept in {out}.")


def compare(
    data: DataOption,
    observed: ObservedOption,
    out: Annotated[Path, typer.Option(metavar="DIR", help="For tables and translations; goes on in it.")],
    run: Annotated[
        Path | None,
        typer.Argument(metavar="[RUN]", help="A model trained on the release: its skill."),
    ] = None,
    methods: Annotated[
        list[str] | None,
        typer.Option("--method", metavar="METHOD", help="This translation alone; repeatable. [default: all]"),
    ] = None,
    retrain: Annotated[
        bool,
        typer.Option("--retrain", help="Also train RUN's like on translated images: two trainings a method."),
    ] = False,
    networks: Annotated[int, typer.Option(min=1, help="Classifiers that tell images apart; their mean.")] = 3,
    steps: Annotated[int, typer.Option(min=1, help="Steps in which each of them learns.")] = 200,
    waves: WavesOption = WAVES,
    gan_steps: StepsOption = STEPS,
    gan_width: WidthOption = WIDTH,
    gan_batch: BatchOption = BATCH,
    seed: SeedOption = 0,
    tta: TtaOption = False,
    device: DeviceOption = "auto",
) -> None:
    """Measure the gap between simulation and observation, and what each translation does about it.

    Example: `python -m starter_kit observe compare runs/first --data tropical --observed observed --out gap`

    The observed images are divided by episodes of weather into two halves; what is learned from one is judged
    on the other. Can a classifier tell simulated from observed images (AUC 0.5: no)? How far apart are their
    values and spectra? And with RUN: does it find the observed cyclones? Writes observation.md, gap.csv,
    skill.csv, observation.json and gallery.png.
    """
    from starter_kit.device import choose_device
    from starter_kit.images.data import open_data
    from starter_kit.observation.patches import open_observations
    from starter_kit.observation.report import GALLERY, MARKDOWN, write_report
    from starter_kit.observation.study import Plan
    from starter_kit.observation.study import compare as compare_all
    from starter_kit.run_folder import load_run

    _refuse_file(out)
    if retrain and run is None:
        raise StarterKitError("--retrain trains what RUN is like, and no RUN was given.")
    processor = choose_device(device)
    release, images = open_data(data), open_observations(observed)
    plan = Plan(
        methods=_known(methods or METHODS),
        retrain=retrain,
        tta=tta,
        waves=waves,
        knobs=_knobs(gan_steps, gan_width, gan_batch, seed),
        networks=networks,
        steps=steps,
    )
    study = compare_all(
        release,
        images,
        out,
        plan,
        run=None if run is None else load_run(run, processor),
        device=processor,
        source=observed.resolve().name,
        console=console,
    )
    write_report(study, out)
    console.print((out / MARKDOWN).read_text(encoding="utf-8"))
    console.print(f"Kept in {out}; {GALLERY} shows the images side by side.")


def _knobs(steps: int, width: int, batch_size: int, seed: int) -> GanKnobs:
    from starter_kit.observation.cycle_gan import GanKnobs

    return GanKnobs(steps=steps, width=width, batch_size=batch_size, seed=seed)


def _known(methods: Sequence[str]) -> list[Method]:
    for method in methods:
        if method not in METHODS:
            raise StarterKitError(f"There is no translation “{method}”; known are {', '.join(METHODS)}.")
    return [method for method in METHODS if method in methods]


def _refuse_file(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise StarterKitError(f"{out} is a file; --out takes a folder.")


COMMANDS: list[Callable[..., None]] = [frames, compare, learn, translate]
