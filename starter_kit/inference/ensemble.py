"""Several submission files into one: their mean, or the mean of their ranks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import polars as pl

from starter_kit.errors import StarterKitError, first_line

Method = Literal["mean", "rank_mean"]


def combine(paths: Sequence[Path], method: Method) -> pl.DataFrame:
    """`image_id` and `score` of the ensemble, in the order of the first file.

    `mean` averages the scores: right for models trained alike, whose scores mean the same. `rank_mean`
    averages each image's rank in its file, as a share of all, 0 … 1 (ties share their mean rank): right for
    models whose scores have different scales, such as logits beside probabilities.

    Raises StarterKitError for a file that is no score submission, or that has other images than the first.
    """
    tables = [read_scores(path) for path in paths]
    first = tables[0]
    members = []
    for path, table in zip(paths, tables, strict=True):
        aligned = first.select("image_id").join(table, on="image_id", how="left", maintain_order="left")
        absent = aligned.filter(pl.col("score").is_null())["image_id"]
        if len(absent) or len(table) != len(first):
            other = absent if len(absent) else table.join(first, on="image_id", how="anti")["image_id"]
            raise StarterKitError(
                f"{path} and {paths[0]} do not hold the same images: {len(other)} differ, first {other[0]}. "
                "An ensemble takes submissions to the same competition."
            )
        score = aligned["score"]
        members.append((score.rank("average") - 0.5) / len(score) if method == "rank_mean" else score)
    mean = pl.DataFrame({str(number): member for number, member in enumerate(members)}).mean_horizontal()
    return first.select("image_id").with_columns(score=mean)


def read_scores(path: Path) -> pl.DataFrame:
    """`image_id` (String) and `score` (Float64) of a submission file. Raises StarterKitError, naming the
    row."""
    try:
        is_parquet = path.suffix == ".parquet"
        # read_csv unpacks .csv.gz and .csv.zst by itself
        table = pl.read_parquet(path) if is_parquet else pl.read_csv(path, infer_schema=False)
    except FileNotFoundError:
        raise StarterKitError(f"There is no file {path}.") from None
    except (OSError, pl.exceptions.PolarsError) as error:
        raise StarterKitError(f"{path} cannot be read: {first_line(error)}") from None
    if not {"image_id", "score"} <= set(table.columns):
        hint = " Labels cannot be averaged; predict with --as score." if "label" in table.columns else ""
        raise StarterKitError(
            f"{path} has the columns {','.join(table.columns)}; an ensemble needs image_id,score.{hint}"
        )
    table = table.select(pl.col("image_id").cast(pl.String), pl.col("score").cast(pl.Float64, strict=False))
    if not len(table):
        raise StarterKitError(f"{path} holds no row.")
    broken = table.select((~pl.col("score").is_finite().fill_null(False)).arg_true()).to_series()
    if len(broken):
        row = broken[0]
        raise StarterKitError(
            f"{path}, row {row + 1} ({table['image_id'][row]}): the score is no finite number."
        )
    doubled = table["image_id"].is_duplicated().arg_true()
    if len(doubled):
        raise StarterKitError(f"{path} holds {table['image_id'][doubled[0]]} more than once.")
    return table
