"""Every judged image with its score, on which side of the threshold it fell, and what is known of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from cloud_images import Release, ReleaseError
from cloud_images.shards import ShardedImages
from cloud_images.tables import read_solution
from scoring import Result
from scoring.clustering import clusters_of
from scoring.tally import Part, part_of
from starter_kit.errors import StarterKitError
from starter_kit.inference.evaluate import precision_at_recall
from starter_kit.inference.predict import OnProgress, Scores
from starter_kit.inference.scorers import MeanOfRuns, Scorer

Kind = Literal["hit", "miss", "false alarm", "correct rejection"]
REPLICATES = 1000
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
LEADS = {
    "5 days before and earlier": pl.col("lead_time_hours") >= 120,
    "2 to 5 days before": pl.col("lead_time_hours").is_between(48, 120, closed="left"),
    "less than 2 days before": pl.col("lead_time_hours").is_between(0, 48, closed="none"),
    "from genesis on": pl.col("lead_time_hours") <= 0,
}


@dataclass(frozen=True)
class Cases:
    """Judged images.

    table: a row for each, `image_id, position, label, score, kind, storm_id, time, latitude, longitude,
    lead_time_hours, basin, month, lead`; images: where `position` points; result: precision at the recall
    floor, whose threshold divides what is called a cyclone (at or above it) from the rest; what: in words,
    which images these are.
    """

    table: pl.DataFrame
    images: ShardedImages
    result: Result
    recall_floor: float
    what: str

    @property
    def threshold(self) -> float:
        assert self.result.threshold is not None
        return self.result.threshold

    @property
    def part(self) -> Part:
        """The scores with the platform's draws of storms and blocks of days."""
        part, positive = part_of(self.table["label"].to_numpy(), self.table["score"].to_numpy())
        clusters = clusters_of(positive, self.table["storm_id"], self.table["time"], REPLICATES, "storm_id")
        return Part(part.positives, part.negatives, clusters)

    def rows(self, kind: Kind) -> pl.DataFrame:
        """The images of one kind with their row in `table` as `row`, worst first where it is an error: misses
        from the lowest score up, all others from the highest down."""
        return (
            self.table.with_row_index("row")
            .filter(pl.col("kind") == kind)
            .sort("score", "image_id", descending=[kind != "miss", False])
        )

    def pixels(self, rows: pl.Series) -> NDArray[np.uint8]:
        """Images (N, 64, 64) of some rows of the table."""
        return self.images[self.table["position"].to_numpy()[rows.to_numpy()]]


def held_back_cases(release: Release, scorer: Scorer, *, on_progress: OnProgress | None = None) -> Cases:
    """The storms of the training set that the model never saw. Raises StarterKitError."""
    judged = scorer.judged(release, on_progress=on_progress)
    table = release.train_table()[judged.positions]
    return _cases(
        table,
        release.train_images,
        judged.positions,
        judged.scores,
        recall_floor=judged.recall_floor,
        what="images held back",
    )


def solved_cases(
    release: Release, scorer: Scorer, solution: Path, *, on_progress: OnProgress | None = None
) -> Cases:
    """The test images, for whoever has their solution. Raises StarterKitError where it belongs to others."""
    try:
        table, test_ids = read_solution(solution), release.test_ids()
    except ReleaseError as error:
        raise StarterKitError(str(error)) from None
    places = dict(zip(test_ids, range(len(test_ids)), strict=True))
    unknown = [name for name in table["image_id"] if name not in places]
    if unknown:
        raise StarterKitError(
            f"{solution} belongs to another release: {len(unknown):,} of its images are not in "
            f"{release.directory}, first {unknown[0]}."
        )
    positions = np.array([places[name] for name in table["image_id"]], np.int64)
    scores = scorer.score(release.test_images, positions, on_progress=on_progress)
    return _cases(
        table,
        release.test_images,
        positions,
        scores,
        recall_floor=recall_floor_of(scorer),
        what="images of the test",
    )


def shared_cases(one: Cases, other: Cases) -> tuple[Cases, Cases]:
    """Both on the images that both judged, in one order, each with its own threshold there.

    Raises StarterKitError where these are too few to tell anything.
    """
    ids = one.table.join(other.table, on="image_id", how="semi", maintain_order="left")["image_id"]
    storms = one.table.filter(pl.col("image_id").is_in(ids.to_list()))["storm_id"].drop_nulls().n_unique()
    if storms < 2:
        raise StarterKitError(
            f"The two models have {len(ids):,} images of {storms} storms in common that neither learned "
            "from; at least two storms are needed. Train both with the same [validation], or, as an "
            "organizer, give --solution."
        )

    def restricted(cases: Cases) -> Cases:
        table = pl.DataFrame({"image_id": ids}).join(
            cases.table, on="image_id", how="left", maintain_order="left"
        )
        return _cases(
            table,
            cases.images,
            table["position"].to_numpy(),
            table["score"].to_numpy(),
            recall_floor=cases.recall_floor,
            what=f"{cases.what} by both models",
        )

    if len(ids) == len(one.table) == len(other.table):
        return one, restricted(other)
    return restricted(one), restricted(other)


def recall_floor_of(scorer: Scorer) -> float:
    """The recall floor that a model was chosen by."""
    if isinstance(scorer, MeanOfRuns):
        return scorer.runs[0].config.metric.recall_floor
    return scorer.ensemble.record.reached.recall_floor


def _cases(
    table: pl.DataFrame,
    images: ShardedImages,
    positions: NDArray[np.int64],
    scores: Scores,
    *,
    recall_floor: float,
    what: str,
) -> Cases:
    result = precision_at_recall(
        scores,
        table["label"].to_numpy(),
        recall_floor,
        storms=table["storm_id"].to_list(),
        hours=table["time"].dt.epoch("s").to_numpy() / 3600,
        replicates=REPLICATES,
    )
    assert result.threshold is not None
    called, positive = pl.col("score") >= result.threshold, pl.col("label") == 1
    lead = pl.lit(None, pl.String)
    for name, chosen in LEADS.items():
        lead = pl.when(chosen).then(pl.lit(name)).otherwise(lead)
    table = table.select(
        "image_id",
        "label",
        "storm_id",
        "time",
        "latitude",
        "longitude",
        "lead_time_hours",
        "basin",
        position=pl.Series(positions, dtype=pl.Int64),
        score=pl.Series(scores, dtype=pl.Float64),
    ).with_columns(
        kind=pl.when(called & positive)
        .then(pl.lit("hit"))
        .when(positive)
        .then(pl.lit("miss"))
        .when(called)
        .then(pl.lit("false alarm"))
        .otherwise(pl.lit("correct rejection")),
        month=pl.col("time").dt.month(),
        lead=lead,
    )
    return Cases(table, images, result, recall_floor, what)
