"""A recipe trains its members one after the other and joins them; `predict` takes it as one model."""

import json

import numpy as np
import polars as pl
import pytest
import torch

from starter_kit.configuration.reading import load_config, load_recipe
from starter_kit.configuration.sections import ValidationConfig
from starter_kit.errors import StarterKitError
from starter_kit.images.data import load_training_data
from starter_kit.inference.ensemble_folder import load_ensemble
from starter_kit.inference.evaluate import precision_at_recall
from starter_kit.inference.predict import predict_logits, probability
from starter_kit.run_folder import load_run
from starter_kit.training import recipe as recipe_module
from starter_kit.training.recipe import train_recipe
from tests.starter_kit.conftest import QUICK

CPU = torch.device("cpu")
TWO = """
[train]
epochs = 1
images_per_epoch = 128
batch_size = 32
[model]
width = 4
[members.plain]
[members.focal.loss]
name = "focal"
"""


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    file = tmp_path_factory.mktemp("recipes") / "two.toml"
    file.write_text(TWO)
    return file


@pytest.fixture(scope="module")
def cross_validated(release, two, tmp_path_factory):
    """Both members on three folds each, joined by stacking. Read it only."""
    out = tmp_path_factory.mktemp("runs") / "all"
    knobs = ["ensemble.cross_validate=true", "ensemble.method=stacking", "validation.folds=3",
             "ensemble.tta_shift=1", "ensemble.calibration=temperature"]  # fmt: skip
    train_recipe(release, load_recipe(two, knobs), out)
    return out


def test_members_share_what_is_above_them_and_differ_in_what_is_theirs(two):
    members = load_recipe(two).members
    assert list(members) == ["plain", "focal"]
    assert [member.loss.name for member in members.values()] == ["bce", "focal"]
    assert {member.model.width for member in members.values()} == {4}


def test_an_override_holds_for_every_member(two):
    members = load_recipe(two, ["train.epochs=7", "loss.name=asymmetric"]).members
    assert {(member.train.epochs, member.loss.name) for member in members.values()} == {(7, "asymmetric")}


def test_repeats_and_folds_multiply_the_trainings(two):
    recipe = load_recipe(two, ["ensemble.repeats=2", "ensemble.cross_validate=true", "validation.folds=3"])
    trainings = recipe.trainings()
    assert len(trainings) == 2 * 2 * 3
    assert list(trainings)[:4] == ["plain-seed0-fold0", "plain-seed0-fold1", "plain-seed0-fold2",
                                   "plain-seed1-fold0"]  # fmt: skip
    assert trainings["focal-seed1-fold2"].train.seed == 1
    assert trainings["focal-seed1-fold2"].validation.fold == 2


def test_the_conventional_model_is_ten_networks_with_negatives_of_their_own():
    trainings = load_recipe("conventional").trainings()
    assert len(trainings) == 10
    assert {config.model.name for config in trainings.values()} == {"matsuoka2018"}
    assert {config.sampler.name for config in trainings.values()} == {"undersampled"}
    assert len({config.train.seed for config in trainings.values()}) == 10
    assert not any(config.augment.flips or config.augment.rotations for config in trainings.values())


def test_a_recipe_is_no_configuration_of_one_model(two):
    with pytest.raises(StarterKitError, match="trains 2 models"):
        load_config(two)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[members.a.trian]\nepochs = 2\n", "member a names a knob that does not exist"),
        ("[members.a.ensemble]\ntta = true\n", "belongs to the whole recipe"),
        ('[members."a/b".train]\nepochs = 2\n', "becomes a folder"),
        ("members = 3\n", r"members are tables: \[members.NAME.model\]"),
        ("[members.a.train]\nepochs = 0\n", r"\(a\) does not hold: train.epochs"),
        ("[ensemble]\nmethod = 'median'\n", "ensemble"),
    ],
)
def test_a_wrong_recipe_is_refused_with_the_place(text, said, tmp_path):
    (tmp_path / "wrong.toml").write_text(text)
    with pytest.raises(StarterKitError, match=said):
        load_recipe(tmp_path / "wrong.toml")


def test_the_folds_of_a_member_judge_every_image_once(release, cross_validated):
    table = pl.read_parquet(cross_validated / "held_back.parquet")
    assert sorted(table["position"]) == list(range(len(release.train_images)))
    assert (table["label"] == release.train_table()["label"][table["position"]]).all()
    fold1 = load_training_data(release, ValidationConfig(folds=3, fold=1))
    model = load_run(cross_validated / "members" / "focal-fold1", CPU).model
    positions = fold1.validation[:20]
    expected = predict_logits(model, release.train_images, positions, shift=1)
    rows = table.filter(pl.col("position").is_in(positions.tolist())).sort("position")
    np.testing.assert_allclose(rows["logit of focal"], expected, rtol=1e-4, atol=1e-5)


def test_weights_are_fitted_where_few_blocks_of_days_are_held_back(release, two, tmp_path):
    knobs = ["validation.folds=2", "validation.block_days=90", "ensemble.method=weights"]
    record = train_recipe(release, load_recipe(two, knobs), tmp_path / "all")
    held_back = load_training_data(release, record.validation)
    hours = held_back.hours[held_back.validation][held_back.labels[held_back.validation] == 0]
    assert len(np.unique(hours // (90 * 24))) < 5  # fewer than the folds of a cross-fitting
    assert sum(record.blend.weights) == pytest.approx(1)


def test_what_is_reached_is_measured_cross_fitted(cross_validated):
    record = load_ensemble(cross_validated, CPU).record
    table = pl.read_parquet(cross_validated / "held_back.parquet")
    result = precision_at_recall(table["score"].to_numpy(), table["label"].to_numpy(), 0.79)
    assert record.reached.precision == pytest.approx(result.precision)
    assert set(record.reached.members) == {"plain", "focal"}
    assert record.reached.standard_error > 0


def test_predict_takes_a_recipes_folder_as_one_model(release, cross_validated, shell, tmp_path):
    file = tmp_path / "s.csv"
    ended = shell("predict", cross_validated, "--data", release.directory, "--out", file)
    assert ended.status == 0, ended.err
    record = load_ensemble(cross_validated, CPU).record
    positions = np.arange(30)
    logits = np.stack([
        np.mean([
            predict_logits(load_run(cross_validated / f, CPU).model, release.test_images, positions, shift=1)
            for f in folders
        ], axis=0)
        for folders in record.members.values()
    ])  # fmt: skip
    stacked = record.blend.weights @ logits + record.blend.offset
    expected = probability(stacked / record.calibration.temperature + record.calibration.offset)
    np.testing.assert_allclose(pl.read_csv(file)["score"][:30], expected, rtol=1e-4)


def test_evaluate_shows_what_the_ensemble_reached(release, cross_validated, shell):
    ended = shell("evaluate", cross_validated, "--data", release.directory, "--json")
    assert ended.status == 0, ended.err
    result = json.loads(ended.out)["validation"]
    reached = load_ensemble(cross_validated, CPU).record.reached
    assert result["precision"] == pytest.approx(reached.precision)
    assert result["interval"][0] <= result["precision"] <= result["interval"][1]


def test_resuming_trains_only_what_is_missing(release, two, tmp_path, monkeypatch, capsys):
    trained, once = [], recipe_module.train

    def counting(release, config, out, **named):
        trained.append(out.name)
        if len(trained) == 2:
            raise KeyboardInterrupt
        return once(release, config, out, **named)

    monkeypatch.setattr(recipe_module, "train", counting)
    with pytest.raises(KeyboardInterrupt):
        train_recipe(release, load_recipe(two), tmp_path / "all")
    before = (tmp_path / "all" / "members" / "plain" / "model.safetensors").stat().st_mtime_ns
    monkeypatch.undo()
    with pytest.raises(StarterKitError, match="--resume goes on"):
        train_recipe(release, load_recipe(two), tmp_path / "all")
    train_recipe(release, load_recipe(two), tmp_path / "all", resume=True)
    assert "plain is finished" in capsys.readouterr().out
    assert (tmp_path / "all" / "members" / "plain" / "model.safetensors").stat().st_mtime_ns == before
    assert load_ensemble(tmp_path / "all", CPU).runs == 2
    with pytest.raises(StarterKitError, match="begun with another recipe"):
        train_recipe(release, load_recipe(two, ["train.epochs=2"]), tmp_path / "all", resume=True)


def test_a_deep_network_without_a_gpu_names_the_recipes_for_a_cpu(release, tmp_path, capsys):
    said = "strong_laptop and winner_laptop are the recipes for a CPU"
    small = ["train.device=cpu", "train.epochs=1", "train.images_per_epoch=8", "train.batch_size=8"]
    deep = load_config("strong", [*small, "model.early_downsampling=true"])
    recipe_module.train(release, deep, tmp_path / "deep")
    assert said in " ".join(capsys.readouterr().out.split())
    recipe_module.train(release, load_config("strong_laptop", [*small, "model.width=4"]), tmp_path / "small")
    assert said not in " ".join(capsys.readouterr().out.split())


def test_a_folder_of_something_else_is_never_overwritten(release, two, tmp_path):
    (tmp_path / "precious.txt").write_text("mine")
    with pytest.raises(StarterKitError, match=r"exists already\. Choose another"):
        train_recipe(release, load_recipe(two), tmp_path, overwrite=True)
    assert (tmp_path / "precious.txt").read_text() == "mine"


def test_trained_runs_are_joined_by_the_ensemble_command(release, run_folder, two, shell, tmp_path):
    words = ("train", "--data", release.directory, "--out", tmp_path / "b", "--set", "train.seed=4")
    assert shell(*words, *(w for knob in QUICK for w in ("--set", knob))).status == 0
    ended = shell("ensemble", run_folder, tmp_path / "b", "--data", release.directory,
                  "--out", tmp_path / "both", "--tta")  # fmt: skip
    assert ended.status == 0, ended.err
    assert "precision 0." in ended.out
    file = tmp_path / "s.csv"
    assert shell("predict", tmp_path / "both", "--data", release.directory, "--out", file).status == 0
    words = ("predict", run_folder, tmp_path / "b", "--data", release.directory, "--tta")
    assert shell(*words, "--out", tmp_path / "mean.csv").status == 0
    np.testing.assert_allclose(
        pl.read_csv(file)["score"], pl.read_csv(tmp_path / "mean.csv")["score"], rtol=1e-6
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["ensemble", "{run}", "--out", "{tmp}/x.csv"], "give --data DIR"),
        (["ensemble", "{csv}", "--out", "{tmp}/x.csv", "--method", "weights"], "nothing can be fitted"),
        (["ensemble", "{run}", "--data", "{data}", "--out", "{run}"], "exists already"),
        (["predict", "{all}", "{run}", "--data", "{data}", "--out", "{tmp}/x.csv"], "join the files"),
        (["predict", "{all}", "--data", "{data}", "--out", "{tmp}/x.csv", "--tta"], "leave out --tta"),
        (["predict", "{run}", "--data", "{data}", "--out", "{tmp}/x.csv", "--max-gate-risk", "0.1"],
         "--as label"),
    ],
)  # fmt: skip
def test_a_wrong_call_says_what_to_do(  # noqa: PLR0917
    release, run_folder, cross_validated, shell, tmp_path, words, said
):
    (tmp_path / "s.csv").write_text("image_id,score\ntest_0000000,1\n")
    places = {"run": run_folder, "all": cross_validated, "tmp": tmp_path, "csv": tmp_path / "s.csv",
              "data": release.directory}  # fmt: skip
    ended = shell(*(word.format(**places) for word in words))
    assert ended.status == 1
    assert said in ended.err.replace("\n", " ")
