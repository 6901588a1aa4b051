"""What predict writes is a submission that the platform accepts."""

import os
import shutil

import numpy as np
import polars as pl
import pytest
import torch

from cloud_images import open_release
from scoring import ImageIds, MetricConfig, Solution, grade, validate_submission
from starter_kit.errors import StarterKitError
from starter_kit.inference.predict import (
    all_views,
    eight_views,
    predict_logits,
    predict_test,
    probability,
    write_submission,
)
from starter_kit.run_folder import load_run
from starter_kit.training.train import train

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def other_run(release, quick, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "second"
    config = quick.model_copy(update={"train": quick.train.model_copy(update={"seed": 9})})
    train(release, config, folder)
    return folder


@pytest.fixture(scope="module")
def label_release(release, tmp_path_factory):
    """The same release in a competition that asks for labels."""
    folder = tmp_path_factory.mktemp("labels") / "release"
    folder.mkdir()
    for entry in release.directory.iterdir():
        (folder / entry.name).symlink_to(entry)
    (folder / "sample_submission.csv").unlink()
    table = pl.DataFrame({"image_id": release.test_ids(), "label": 0})
    table.write_csv(folder / "sample_submission.csv")
    return folder


def ids_of(release):
    return ImageIds(release.test_ids().to_arrow())


@pytest.mark.parametrize("name", ["s.csv", "s.csv.gz", "s.csv.zst", "s.parquet"])
def test_the_platform_accepts_every_format(release, run_folder, shell, tmp_path, name):
    file = tmp_path / name
    ended = shell("predict", run_folder, "--data", release.directory, "--out", file)
    assert ended.status == 0, ended.err
    submission = validate_submission(file, ids=ids_of(release), config=MetricConfig.model_validate({}))
    table = predict_test([load_run(run_folder, CPU).model], release)
    assert np.array_equal(submission.predictions, table["score"].to_numpy())
    assert not submission.warnings


def test_several_runs_give_the_mean_of_their_probabilities(release, run_folder, other_run, shell, tmp_path):
    file = tmp_path / "both.csv"
    assert shell("predict", run_folder, other_run, "--data", release.directory, "--out", file).status == 0
    singles = [
        predict_test([load_run(folder, CPU).model], release)["score"] for folder in (run_folder, other_run)
    ]
    assert not np.allclose(singles[0], singles[1])
    expected = (singles[0] + singles[1]) / 2
    np.testing.assert_allclose(pl.read_csv(file)["score"], expected, rtol=1e-12)


def test_labels_are_written_where_the_competition_asks_for_them(label_release, run_folder, shell, tmp_path):
    file = tmp_path / "labels.csv"
    ended = shell("predict", run_folder, "--data", label_release, "--out", file)
    assert ended.status == 0, ended.err
    assert "on validation" in ended.out
    table, run = pl.read_csv(file), load_run(run_folder, CPU)
    assert table.columns == ["image_id", "label"]
    scores = predict_test([run.model], open_release(label_release))["score"]
    assert (table["label"] == (scores >= run.metrics.best.threshold)).all()


def test_a_threshold_can_be_given(release, run_folder, shell, tmp_path):
    file = tmp_path / "labels.csv"
    words = ("predict", run_folder, "--data", release.directory, "--out", file)
    assert shell(*words, "--as", "label", "--threshold", "0").status == 0
    assert pl.read_csv(file)["label"].to_list() == [1] * len(release.test_images)


@pytest.mark.parametrize("threshold", ["nan", "-0.1", "2"])
def test_a_threshold_that_is_no_probability_is_refused(release, run_folder, shell, tmp_path, threshold):
    file = tmp_path / "labels.csv"
    words = ("predict", run_folder, "--data", release.directory, "--out", file)
    assert shell(*words, "--as", "label", "--threshold", threshold).status == 2
    assert not file.exists()


def test_labels_pass_the_platform_too(label_release, run_folder, shell, tmp_path, release):
    file = tmp_path / "labels.csv"
    shell("predict", run_folder, "--data", label_release, "--out", file)
    config = MetricConfig.model_validate({"prediction": "label"})
    grade(file, Solution.load(release.solution_path), config)


def test_the_eight_views_are_the_symmetries_of_the_square():
    image = torch.arange(9).reshape(1, 3, 3)
    views = {tuple(view.flatten().tolist()) for view in eight_views(image)}
    assert len(views) == 8
    for view in views:  # each view's views are the same eight
        again = eight_views(torch.tensor(view).reshape(1, 3, 3))
        assert {tuple(each.flatten().tolist()) for each in again} == views


def test_tta_of_a_symmetric_image_equals_the_plain_prediction(run_folder):
    model = load_run(run_folder, CPU).model
    image = torch.randint(0, 32, (1, 64, 64), generator=torch.Generator().manual_seed(1))
    symmetric = torch.stack(eight_views(image)).sum(dim=0).to(torch.uint8).numpy()
    plain, tta = (predict_logits(model, symmetric, np.array([0]), tta=tta) for tta in (False, True))
    np.testing.assert_allclose(tta, plain, rtol=1e-5)


def test_tta_gives_all_views_of_an_image_the_same_score(run_folder, release):
    model = load_run(run_folder, CPU).model
    image = torch.from_numpy(release.test_images[:1])
    views = torch.cat(eight_views(image)).numpy()
    everywhere = predict_logits(model, views, np.arange(8), tta=True)
    np.testing.assert_allclose(everywhere, everywhere[0], rtol=1e-4, atol=1e-5)
    assert np.ptp(predict_logits(model, views, np.arange(8))) > 3e-4


def test_shifted_views_are_the_image_moved_four_ways_and_with_tta_each_of_them_eightfold():
    image = torch.randint(0, 256, (1, 64, 64), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)
    views = all_views(image, tta=False, shift=2)
    assert torch.equal(views[0], image)
    inner = [view[:, 2:-2, 2:-2] for view in views[1:]]
    expected = [image[:, 4:, 2:-2], image[:, :-4, 2:-2], image[:, 2:-2, 4:], image[:, 2:-2, :-4]]
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(inner, expected, strict=True))
    every = {view.numpy().tobytes() for view in all_views(image, tta=True, shift=2)}
    assert every == {turned.numpy().tobytes() for view in views for turned in eight_views(view)}
    assert len(every) == 40
    assert all(view.is_contiguous() for view in all_views(image, tta=True, shift=2))


def test_the_logit_is_the_mean_of_the_views_logits(run_folder, release):
    model = load_run(run_folder, CPU).model
    images = torch.from_numpy(release.test_images[:5])
    with torch.inference_mode():
        views = [model(view).double().numpy() for view in all_views(images, tta=True, shift=3)]
    ours = predict_logits(model, release.test_images, np.arange(5), tta=True, shift=3)
    np.testing.assert_allclose(ours, np.mean(views, axis=0), rtol=1e-5, atol=1e-6)


def test_a_margin_lowers_the_threshold_and_the_risk_and_tells_its_price(
    label_release, run_folder, shell, tmp_path
):
    called = {}
    for risk in (None, "0.3", "0.02"):
        file = tmp_path / f"{risk}.csv"
        words = ("predict", run_folder, "--data", label_release, "--out", file)
        ended = shell(*words, *(("--max-gate-risk", risk) if risk else ()))
        assert ended.status == 0, ended.err
        called[risk] = pl.read_csv(file)["label"].sum()
    assert called[None] <= called["0.3"] <= called["0.02"]
    assert called[None] < called["0.02"]
    assert "is missed with probability 0.0" in ended.out
    assert "The margin costs" in ended.out


def test_the_size_of_a_batch_changes_nothing(run_folder, release):
    model = load_run(run_folder, CPU).model
    positions = np.arange(100)
    small, large = (predict_logits(model, release.test_images, positions, batch_size=n) for n in (7, 100))
    np.testing.assert_allclose(small, large, rtol=1e-4, atol=1e-4)


def test_bfloat16_changes_little_and_makes_no_ties(run_folder, release):
    """What inference computes in on a GPU; the last layer stays in float32."""
    model = load_run(run_folder, CPU).model.eval()
    images = torch.from_numpy(release.test_images[:512])
    with torch.inference_mode():
        exact = model(images)
        with torch.autocast("cpu", torch.bfloat16):
            rounded = model(images)
    assert rounded.dtype == torch.float32
    assert len(rounded.unique()) == len(exact.unique())
    assert (rounded - exact).abs().max() < 0.1 * exact.std()


def test_nothing_to_predict_is_no_error(run_folder, release):
    model = load_run(run_folder, CPU).model
    assert predict_logits(model, release.test_images, np.arange(0), tta=True).shape == (0,)


def test_the_surest_scores_stay_apart():
    scores = probability(np.array([-800.0, -30.0, 0.0, 30.0, 31.0]))
    assert np.isfinite(scores).all()
    assert scores[2] == 0.5
    assert (np.diff(scores) > 0).all()


def test_a_failed_write_leaves_the_old_file_and_no_draft(tmp_path, monkeypatch):
    file = tmp_path / "s.csv"
    file.write_text("precious")

    def full_disk(*arguments, **named):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pl.DataFrame, "write_csv", full_disk)
    with pytest.raises(StarterKitError, match="The disk is full"):
        write_submission(file, pl.DataFrame({"image_id": ["a"], "score": [0.5]}))
    assert [entry.name for entry in tmp_path.iterdir()] == ["s.csv"]
    assert file.read_text() == "precious"


@pytest.mark.parametrize(
    ("name", "said"), [("s.txt", "ends in .csv"), ("nowhere/s.csv", "There is no folder")]
)
def test_an_impossible_file_is_refused_before_predicting(release, shell, tmp_path, name, said):
    ended = shell("predict", tmp_path, "--data", release.directory, "--out", tmp_path / name)
    assert ended.status == 1
    assert said in ended.err


def test_damaged_test_images_are_named(release, run_folder, shell, tmp_path):
    folder = shutil.copytree(release.directory, tmp_path / "damaged")
    os.truncate(folder / "test" / "images-00000.npy", 50)
    ended = shell("predict", run_folder, "--data", folder, "--out", tmp_path / "s.csv")
    assert ended.status == 1
    assert "images-00000.npy is no readable .npy file" in ended.err


def test_what_is_no_run_is_refused(release, shell, tmp_path):
    ended = shell("predict", tmp_path, "--data", release.directory, "--out", tmp_path / "s.csv")
    assert ended.status == 1
    assert "is no run" in ended.err


class SmallMemory(torch.nn.Module):
    """A model on a device whose memory holds `most` images at a time."""

    def __init__(self, model, most):
        super().__init__()
        self.model, self.most, self.asked = model, most, []

    def forward(self, images):
        self.asked.append(len(images))
        if len(images) > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB")
        return self.model(images)


def test_a_batch_that_does_not_fit_into_memory_is_predicted_in_parts(release, run_folder):
    images, positions = release.test_images, np.arange(200)
    model = load_run(run_folder, CPU).model
    small = SmallMemory(model, most=30)
    logits = predict_logits(small, images, positions, batch_size=100)
    np.testing.assert_allclose(logits, predict_logits(model, images, positions), rtol=1e-5, atol=1e-6)
    too_many = [count for count in small.asked if count > 30]
    assert too_many == [100, 50], "what does not fit is tried once, not with every batch"


def test_one_image_that_does_not_fit_is_too_little_memory(release, run_folder):
    small = SmallMemory(load_run(run_folder, CPU).model, most=0)
    with pytest.raises(torch.OutOfMemoryError):
        predict_logits(small, release.test_images, np.arange(8))
