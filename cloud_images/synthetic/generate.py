"""Write a release of the synthetic world."""

import itertools
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import polars as pl

from cloud_images.errors import ReleaseError
from cloud_images.release import (
    About,
    ImageSet,
    Progress,
    Release,
    refuse_full_disk,
    refuse_occupied,
    release_bytes,
    write_release,
)
from cloud_images.synthetic.appearance import Appearance, others, storms
from cloud_images.synthetic.climate import (
    Fixes,
    Period,
    concatenate,
    draw_other_fixes,
    draw_storm_fixes,
    storm_count,
)
from cloud_images.synthetic.noise import noise_tiles
from cloud_images.synthetic.rendering import Seats, render_grey
from cloud_images.synthetic.world import PREVALENCE, WORLD_VERSION

BLOCK_ROWS = 8192  # drawn and rendered together: the unit of work
BLOCKS_PER_TILES = 8  # blocks that read the same noise
FIRST_TEST_YEAR = 2000
MOST_YEARS = 20
STORMS_PER_YEAR = 85  # on Earth
FEWEST_TRAIN, FEWEST_TEST = 32, 64  # one positive to learn from; one each for public and private

# The streams of random numbers, so that no two purposes share one.
_TRAIN, _TEST = 0, 1
_CLIMATE, _TILES, _BLOCK = 0, 1, 2

# Nothing here may tell the seed: with it anyone can draw the test images again, labels and all.
_ABOUT = About(
    name="synthetic-typhoons",
    version=f"{WORLD_VERSION}.0.0",
    title="Synthetic typhoons and their precursors",
    description=(
        "Outgoing longwave radiation over 64 by 64 points of 14 km, drawn from a statistical model of "
        "tropical clouds: cyclones of six basins and their precursors up to seven days before genesis, among "
        "clusters, mesoscale systems, the ITCZ, fronts and disturbances that never develop. "
        "No image shows a real storm."
    ),
    licence="CC0-1.0",
    licence_url="https://creativecommons.org/publicdomain/zero/1.0/",
    source=f"Tamago's synthetic world, version {WORLD_VERSION}",
    attribution="None needed: the images are drawn from random numbers.",
    extra={"world_version": WORLD_VERSION},
)


def synthesize(
    directory: str | Path,
    *,
    train: int,
    test: int,
    seed: int,
    workers: int = 1,
    on_progress: Progress | None = None,
) -> Release:
    """Write a release of exactly `train` and `test` synthetic images, one positive to 31 negatives.

    The training images show the years before 2000, the test images the years from 2000 on. A pure function of
    its arguments: neither `workers`, the number of processes, nor their order changes a byte (but the time of
    creation in the manifest). Raises ReleaseError on numbers that make no competition.
    """
    directory = Path(directory)
    if train < FEWEST_TRAIN or test < FEWEST_TEST:
        raise ReleaseError(
            f"{train} training and {test} test images are too few: 1 in {1 / PREVALENCE:.0f} shows a storm, "
            "and the training, the public and the private part each need one. "
            f"Ask for at least {FEWEST_TRAIN} training and {FEWEST_TEST} test images."
        )
    if seed < 0:
        raise ReleaseError(f"The seed is {seed}; it must be 0 or a positive whole number.")
    if workers < 1:
        raise ReleaseError(f"{workers} workers can do no work; ask for 1 or more.")
    refuse_occupied(directory)
    refuse_full_disk(directory, room=release_bytes(train, test))
    train_years = _years(train)
    sides = {
        _TRAIN: draw_fixes(
            [seed, _TRAIN, _CLIMATE], train, Period(FIRST_TEST_YEAR - train_years, train_years)
        ),
        _TEST: draw_test_fixes(seed, test),
    }
    train_set, test_set = (
        ImageSet(table=table, batches=_batches(seed, side, fixes, workers))
        for side, (fixes, table) in sides.items()
    )
    return write_release(
        directory, train=train_set, test=test_set, about=_ABOUT, seed=seed, on_progress=on_progress
    )


def draw_test_fixes(seed: int, images: int) -> tuple[Fixes, pl.DataFrame]:
    """What the test images of the world of that seed show, in their order, and the table that says it."""
    return draw_fixes([seed, _TEST, _CLIMATE], images, Period(FIRST_TEST_YEAR, _years(images)))


def draw_test_appearances(seed: int, fixes: Fixes) -> Iterator[Appearance]:
    """What the test images look like, block by block, from `draw_test_fixes`; nothing is rendered."""
    for block, first in enumerate(range(0, len(fixes), BLOCK_ROWS)):
        yield draw_appearance(_block_rng(seed, _TEST, block), fixes[first : first + BLOCK_ROWS])


def draw_fixes(seed: list[int], images: int, period: Period) -> tuple[Fixes, pl.DataFrame]:
    """What so many images show, in random order, and the table that says it (`ImageSet.table`)."""
    rng = np.random.Generator(np.random.SFC64(seed))
    positives = round(images * PREVALENCE)
    fixes = concatenate(
        draw_storm_fixes(rng, positives, period), draw_other_fixes(rng, images - positives, period)
    )
    fixes = fixes[rng.permutation(images)]
    positive = fixes.storm >= 0
    table = pl.DataFrame(
        {
            "label": positive.astype(np.uint8),
            "storm_id": storm_ids(fixes, period),
            "time": period.datetimes(fixes.hour).astype("datetime64[ms]"),
            "latitude": fixes.latitude,
            "longitude": fixes.longitude,
            "lead_time_hours": fixes.lead_hours,
            "basin": fixes.basin,
        }
    ).with_columns(pl.col("time").dt.replace_time_zone("UTC"), pl.col("lead_time_hours").fill_nan(None))
    return fixes, table


def storm_ids(fixes: Fixes, period: Period) -> pl.Series:
    """`WNP-1999-07`: basin, year of genesis, and the number of the storm in both; null for negatives."""
    storm, first_row = np.unique(fixes.storm, return_index=True)
    first_row = first_row[storm >= 0]
    genesis = (fixes.hour + np.nan_to_num(fixes.lead_hours)).astype(np.int64)[first_row]
    season = pl.DataFrame(
        {
            "storm": fixes.storm[first_row],
            "basin": fixes.basin[first_row],
            "year": period.datetimes(genesis).astype("datetime64[Y]").astype(int) + 1970,
            "genesis": genesis,
        }
    ).sort("genesis", "storm")
    season = season.with_columns(number=pl.int_range(1, pl.len() + 1).over("basin", "year"))
    name = pl.format("{}-{}-{}", "basin", "year", pl.col("number").cast(pl.String).str.zfill(2))
    names = season.select("storm", storm_id=name)
    return pl.DataFrame({"storm": fixes.storm}).join(names, on="storm", how="left", maintain_order="left")[
        "storm_id"
    ]


def render_block(seed: int, side: int, block: int, fixes: Fixes) -> np.ndarray:
    """The images of one block of rows: (B, 64, 64) uint8."""
    rng = _block_rng(seed, side, block)
    tiles = _tiles(seed, side, block // BLOCKS_PER_TILES)
    look = draw_appearance(rng, fixes)
    return render_grey(look, tiles, Seats.draw(rng, len(fixes), len(tiles)))


def _block_rng(seed: int, side: int, block: int) -> np.random.Generator:
    return np.random.Generator(np.random.SFC64([seed, side, _BLOCK, block]))


def draw_appearance(rng: np.random.Generator, fixes: Fixes) -> Appearance:
    setting = fixes.setting()
    storm_rows = np.flatnonzero(fixes.storm >= 0)
    look = others(rng, setting, fixes.kind)
    if len(storm_rows):
        shown = fixes[storm_rows]
        look.put(storm_rows, storms(rng, setting[storm_rows], shown.organisation, shown.wind))
    return look


@lru_cache(maxsize=2)
def _tiles(seed: int, side: int, index: int) -> np.ndarray:
    return noise_tiles(np.random.Generator(np.random.SFC64([seed, side, _TILES, index])))


def _batches(seed: int, side: int, fixes: Fixes, workers: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    firsts = range(0, len(fixes), BLOCK_ROWS)
    rows = [np.arange(first, min(first + BLOCK_ROWS, len(fixes))) for first in firsts]
    jobs = ((seed, side, block, fixes[here]) for block, here in enumerate(rows))
    if workers == 1 or len(rows) == 1:
        yield from zip(rows, itertools.starmap(render_block, jobs), strict=True)
        return
    # Fresh processes: forking one that has threads (torch, a web server) can hang.
    with ProcessPoolExecutor(min(workers, len(rows)), mp_context=get_context("spawn")) as pool:
        waiting: deque[tuple[np.ndarray, Future[np.ndarray]]] = deque()
        for here, job in zip(rows, jobs, strict=True):
            waiting.append((here, pool.submit(render_block, *job)))
            if len(waiting) > workers:  # a few blocks ahead and no more: they wait in memory
                done, images = waiting.popleft()
                yield done, images.result()
        for done, images in waiting:
            yield done, images.result()


def _years(images: int) -> int:
    return min(MOST_YEARS, max(1, round(storm_count(round(images * PREVALENCE)) / STORMS_PER_YEAR)))
