"""What the demo's teams submit: a baseline that is really trained, a threshold on the mean OLR, and the
baseline's predictions made worse on purpose, which each entry says of itself."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from rich.console import Console

from cloud_images import Release

BLOCK = 8192  # images read at once: 34 MB


@dataclass(frozen=True)
class Workshop:
    """Where entries are made: the release, a folder for runs and files, and how long to train."""

    release: Release
    folder: Path
    epochs: int
    console: Console

    def baseline(self) -> pl.DataFrame:
        """`image_id` and `score` by the starter kit's baseline, trained here the first time."""
        predictions = self.folder / "baseline.csv"
        if not predictions.exists():
            # Threads that wait for each other must not spin: that costs a busy machine five times the time.
            # Read when torch is loaded, which takes seconds: only who trains waits for it.
            os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
            from starter_kit.configuration.reading import load_config  # noqa: PLC0415
            from starter_kit.device import choose_device  # noqa: PLC0415
            from starter_kit.inference.predict import predict_test, write_submission  # noqa: PLC0415
            from starter_kit.run_folder import load_run  # noqa: PLC0415
            from starter_kit.training.train import train  # noqa: PLC0415

            self.folder.mkdir(parents=True, exist_ok=True)
            run = self.folder / "baseline"
            config = load_config("baseline", [f"train.epochs={self.epochs}"])
            train(self.release, config, run, overwrite=True, console=self.console)
            write_submission(
                predictions,
                predict_test([load_run(run, choose_device(config.train.device)).model], self.release),
            )
        return pl.read_csv(predictions)


@dataclass(frozen=True)
class Entry:
    """A submission of the demo. `message` is its key: a second seeding finds it by that."""

    username: str
    team: str
    message: str
    filename: str
    make: Callable[[Workshop], pl.DataFrame]
    is_valid: bool = True
    is_chosen: bool = False  # as final


def mean_brightness(workshop: Workshop) -> pl.DataFrame:
    """Brighter is colder: the mean grey of an image falls as its mean OLR rises."""
    images = workshop.release.test_images
    score = np.concatenate(
        [images[start : start + BLOCK].mean(axis=(1, 2)) for start in range(0, len(images), BLOCK)]
    )
    return pl.DataFrame({"image_id": workshop.release.test_ids(), "score": score})


def with_noise(sd: float) -> Callable[[Workshop], pl.DataFrame]:
    """The baseline with normal noise of standard deviation `sd` added to its logits."""

    def make(workshop: Workshop) -> pl.DataFrame:
        noise = np.random.default_rng(2018).normal(
            scale=sd, size=workshop.release.manifest.counts.test.images
        )
        probability = pl.col("score").clip(1e-12, 1 - 1e-12)
        logit = (probability / (1 - probability)).log()
        return workshop.baseline().with_columns(score=logit + pl.Series(noise))

    return make


def rounded(workshop: Workshop) -> pl.DataFrame:
    return workshop.baseline().with_columns(pl.col("score").round(1))


def damaged(workshop: Workshop) -> pl.DataFrame:
    """The baseline without its last image, and with one score that is no number."""
    row = pl.int_range(pl.len())
    return workshop.baseline().with_columns(score=pl.when(row == 41).then(float("nan")).otherwise("score"))[
        :-1
    ]


ENTRIES = (
    Entry("dave", "Mean OLR", "Threshold on the mean OLR, nothing trained", "mean_olr.csv", mean_brightness),
    Entry(
        "alice",
        "Baseline",
        "Baseline with its last image missing and a NaN, by mistake",
        "first_try.csv",
        damaged,
        is_valid=False,
    ),
    Entry(
        "alice",
        "Baseline",
        "Starter kit's baseline, trained for the demo",
        "baseline.csv",
        Workshop.baseline,
        is_chosen=True,
    ),
    Entry(
        "erin", "Baseline + noise 2.0", "Baseline's logits + noise, sd 2.0", "noise_2.csv", with_noise(2.0)
    ),
    Entry(
        "frank", "Baseline + noise 1.0", "Baseline's logits + noise, sd 1.0", "noise_1.csv", with_noise(1.0)
    ),
    Entry(
        "grace", "Baseline + noise 0.5", "Baseline's logits + noise, sd 0.5", "noise_05.csv", with_noise(0.5)
    ),
    Entry("heidi", "Baseline, one digit", "Baseline's scores rounded to one digit", "one_digit.csv", rounded),
)
