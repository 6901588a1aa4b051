"""A configuration says what it does not understand."""

import pytest

from starter_kit.configuration.reading import (
    knobs,
    load_config,
    load_recipe,
    named_configs,
    parse_config,
    summary,
)
from starter_kit.configuration.sections import Config
from starter_kit.errors import StarterKitError


def test_baseline_is_the_defaults():
    assert load_config("baseline") == Config()


@pytest.mark.parametrize("name", named_configs())
def test_every_named_configuration_can_be_read(name):
    trainings = load_recipe(name).trainings()
    assert all(isinstance(config, Config) for config in trainings.values())


@pytest.mark.parametrize("name", named_configs())
def test_every_named_configuration_says_in_a_sentence_what_it_is(name):
    assert 40 < len(summary(name)) < 300
    assert summary(name).endswith(".")


def test_every_knob_has_a_default_and_its_reason():
    for name, field in knobs():
        assert not field.is_required(), name
        assert field.description, name


def test_a_file_holds_only_what_differs(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text("[train]\nepochs = 3\n[loss]\nname = 'focal'\n", encoding="utf-8")
    config = load_config(file)
    assert (config.train.epochs, config.loss.name) == (3, "focal")
    assert config.train.batch_size == Config().train.batch_size


@pytest.mark.parametrize(
    ("override", "value"),
    [
        ("train.epochs=7", 7),
        ("train.learning_rate=1e-3", 0.001),
        ("augment.flips=false", False),
        ("sampler.name=natural", "natural"),
        ('sampler.name="natural"', "natural"),
        ("train.images_per_epoch=none", None),
        ("model.weights=none", None),
    ],
)
def test_set_overrides_a_knob(override, value):
    section, knob = override.partition("=")[0].split(".")
    assert getattr(getattr(load_config("baseline", [override]), section), knob) == value


def test_the_last_override_counts():
    assert load_config("baseline", ["train.seed=1", "train.seed=2"]).train.seed == 2


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("train.epoch=2", "did you mean train.epochs"),
        ("epochs=2", "did you mean train.epochs"),
        ("samplr.name=natural", "did you mean sampler.name"),
        ("train.epochs", "--set takes section.knob=value"),
        ("train.epochs=0", "train.epochs"),
        ("train.epochs=many", "train.epochs"),
        ("train.learning_rate=nan", "train.learning_rate"),
        ("train.seed=9223372036854775808", "train.seed"),
        ("loss.name=hinge", "loss.name"),
        ("validation.fold=5", "fold must be below folds"),
        ("model.weights=w.pth", "weights are for torchvision's networks"),
        ("train=3", "train"),
    ],
)
def test_a_wrong_override_is_refused_with_the_reason(override, said):
    with pytest.raises(StarterKitError, match=f"(?i){said}"):
        load_config("baseline", [override])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[train]\nepoch = 2\n", "Did you mean train.epochs"),
        ("[trian]\nepochs = 2\n", "Did you mean train.epochs"),
        ("train = 2\n", r"write \[train\]"),
        ("[train\n", "is not TOML"),
    ],
)
def test_a_wrong_file_is_refused_with_the_reason(text, said, tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(StarterKitError, match=said):
        load_config(file)


def test_in_a_file_too_none_unsets_a_knob(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text("[train]\nimages_per_epoch = 'none'\n[ensemble]\ncalibration = 'none'\n")
    recipe = load_recipe(file)
    assert recipe.members["model"].train.images_per_epoch is None
    assert recipe.ensemble.calibration == "none"


def test_an_unknown_name_brings_the_nearest():
    with pytest.raises(StarterKitError, match="Did you mean baseline"):
        load_config("basline")


def test_a_missing_file_is_named():
    with pytest.raises(StarterKitError, match=r"nowhere\.toml could not be read"):
        load_config("nowhere.toml")


def test_json_comes_back_as_it_went():
    config = load_config("resnet18", ["model.weights=some/file.pth"])
    assert parse_config(config.model_dump_json(), "config.json") == config
