"""Ensembles of submission files."""

import numpy as np
import polars as pl
import pytest
from scipy.stats import rankdata

from starter_kit.errors import StarterKitError
from starter_kit.inference.ensemble import combine

IDS = [f"test_{number:07d}" for number in range(50)]


@pytest.fixture
def files(tmp_path):
    """Three submissions in different orders and formats, with ties."""
    rng = np.random.default_rng(0)
    scores = [rng.integers(0, 9, 50) * factor for factor in (1.0, 100.0, 0.01)]
    paths = [tmp_path / name for name in ("a.csv", "b.parquet", "c.csv.gz")]
    for path, values in zip(paths, scores, strict=True):
        order = rng.permutation(50)
        table = pl.DataFrame({"image_id": np.array(IDS)[order], "score": values[order]})
        if path.suffix == ".parquet":
            table.write_parquet(path)
        elif path.suffix == ".gz":
            table.write_csv(path, compression="gzip")
        else:
            table.write_csv(path)
    return paths, scores


def by_id(table):
    return table.sort("image_id")["score"].to_numpy()


def test_mean_is_the_mean_of_each_images_scores(files):
    paths, scores = files
    np.testing.assert_allclose(by_id(combine(paths, "mean")), np.mean(scores, axis=0))


def test_rank_mean_is_the_mean_of_the_ranks(files):
    paths, scores = files
    ranks = [(rankdata(values) - 0.5) / 50 for values in scores]
    np.testing.assert_allclose(by_id(combine(paths, "rank_mean")), np.mean(ranks, axis=0))


def test_rank_mean_does_not_see_the_scale(files, tmp_path):
    paths, _ = files
    table = pl.read_csv(paths[0])
    table.with_columns(pl.col("score") * 1e6 - 3).write_csv(tmp_path / "scaled.csv")
    first, second = (combine([path, paths[1]], "rank_mean") for path in (paths[0], tmp_path / "scaled.csv"))
    assert first.equals(second)


def test_the_order_is_that_of_the_first_file(files):
    paths, _ = files
    assert combine(paths, "mean")["image_id"].to_list() == pl.read_csv(paths[0])["image_id"].to_list()


def test_the_command_writes_a_submission(files, shell, tmp_path):
    paths, _ = files
    ended = shell("ensemble", *paths, "--out", tmp_path / "all.csv", "--method", "rank_mean")
    assert ended.status == 0, ended.err
    assert pl.read_csv(tmp_path / "all.csv").columns == ["image_id", "score"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("image_id,label\ntest_0000000,1\n", "Labels cannot be averaged"),
        ("name,score\ntest_0000000,1\n", "has the columns name,score"),
        ("image_id,score\ntest_0000000,1\n", "do not hold the same images: 49 differ"),
        ("image_id,score\n" + "".join(f"{image},1\n" for image in [*IDS, "test_9"]), "first test_9"),
        ("image_id,score\n" + "".join(f"{image},x\n" for image in IDS), r"row 1 \(test_0000000\)"),
        ("image_id,score\n" + "".join(f"{image},nan\n" for image in IDS), "no finite number"),
        (
            "image_id,score\n" + "".join(f"{image},1\n" for image in [*IDS, IDS[3]]),
            "test_0000003 more than once",
        ),
        ("image_id,score\n", "holds no row"),
        ("", "cannot be read"),
    ],
)
def test_a_file_that_does_not_fit_is_refused(files, tmp_path, text, said):
    paths, _ = files
    (tmp_path / "other.csv").write_text(text)
    with pytest.raises(StarterKitError, match=said):
        combine([paths[0], tmp_path / "other.csv"], "mean")


def test_a_missing_file_is_named(files, tmp_path):
    with pytest.raises(StarterKitError, match=r"no file .*nowhere\.csv"):
        combine([tmp_path / "nowhere.csv"], "mean")
