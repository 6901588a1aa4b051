"""The division of the test images into public and private."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from cloud_images import ReleaseError
from cloud_images.split import BLOCK_DAYS, public_rows


def season_of_storms(storms: int = 200, negatives: int = 20_000, seed: int = 0) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    start = datetime(2000, 1, 1, tzinfo=UTC)
    rows = []
    for storm in range(storms):
        genesis, basin = rng.uniform(0, 360), rng.choice(["WNP", "NAT", "SIO"])
        rows += [
            {
                "label": 1,
                "storm_id": f"S{storm}",
                "time": start + timedelta(days=genesis + fix / 4),
                "basin": basin,
            }
            for fix in range(rng.integers(1, 30))
        ]
    rows += [
        {"label": 0, "storm_id": None, "time": start + timedelta(days=day), "basin": "SPO"}
        for day in rng.uniform(0, 366, negatives)
    ]
    return pl.DataFrame(rows, infer_schema_length=None)[rng.permutation(len(rows))]


def split(table: pl.DataFrame, fraction: float = 0.3, seed: int = 0) -> pl.DataFrame:
    public = public_rows(table, public_fraction=fraction, rng=np.random.default_rng(seed))
    return table.with_columns(public=pl.Series(public))


def test_no_storm_and_no_block_of_days_lies_in_both_parts():
    table = split(season_of_storms())
    storms = table.filter(label=1).group_by("storm_id").agg(pl.col("public").n_unique())
    assert storms["public"].max() == 1
    block = (pl.col("time").dt.timestamp("ms") // (BLOCK_DAYS * 86_400_000)).alias("block")
    blocks = table.filter(label=0).group_by(block).agg(pl.col("public").n_unique())
    assert blocks["public"].max() == 1


@pytest.mark.parametrize("fraction", [0.1, 0.3, 0.5])
def test_the_public_part_has_its_share_of_positives_negatives_and_of_every_season(fraction):
    table = split(season_of_storms(), fraction)
    shares = table.group_by("label").agg(pl.col("public").mean())
    assert shares["public"].to_numpy() == pytest.approx(fraction, abs=0.02)
    quarter = pl.col("time").dt.month() % 12 // 3
    seasons = table.group_by("label", quarter).agg(pl.col("public").mean())
    assert seasons["public"].to_numpy() == pytest.approx(fraction, abs=0.12)


def test_another_seed_chooses_other_storms():
    table = season_of_storms()
    assert split(table, seed=1)["public"].to_list() != split(table, seed=2)["public"].to_list()


def test_two_storms_are_enough_and_one_goes_to_each_part():
    for seed in range(20):
        table = split(season_of_storms(storms=2, negatives=100), seed=seed)
        assert table.filter(label=1)["public"].n_unique() == 2
        assert table.filter(label=0)["public"].n_unique() == 2


def test_a_fraction_of_nought_keeps_everything_private():
    assert not split(season_of_storms(storms=1), 0)["public"].any()


def test_a_single_storm_a_single_block_and_senseless_fractions_are_refused():
    with pytest.raises(ReleaseError, match="show 1 storm; at least 2 are needed"):
        split(season_of_storms(storms=1))
    table = season_of_storms(storms=9)
    one_day = table.filter((pl.col("label") == 1) | (pl.col("time").dt.ordinal_day() == 7))
    with pytest.raises(ReleaseError, match="one block of 5 days"):
        split(one_day)
    for fraction in (-0.1, 1, 1.5, float("nan")):
        with pytest.raises(ReleaseError, match="public fraction"):
            split(table, fraction)
