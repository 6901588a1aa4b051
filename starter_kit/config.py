"""Every knob of a training, with its one default and the reason beside it.

A configuration is a TOML file: a named one (`baseline`, `resnet18`, …) of the folder `configs`, or your own.
It needs to hold only what differs from the defaults below.
"""

from __future__ import annotations

import difflib
import json
import tomllib
from collections.abc import Iterable, Iterator
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    ValidationError,
    model_validator,
)
from pydantic.fields import FieldInfo

from starter_kit.errors import StarterKitError


class Section(BaseModel):
    """A group of knobs; a name that does not exist is refused, and nothing changes after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ValidationConfig(Section):
    """Which part of the training images is held back to measure on."""

    folds: int = Field(
        5, ge=2, description="A fifth held back leaves four fifths of the storms to learn from."
    )
    fold: NonNegativeInt = Field(0, description="Which of the folds is held back, 0 to folds - 1.")
    block_days: PositiveInt = Field(
        10, description="Negatives go by blocks of days; a cloud system lives 1 to 5, so few straddle two."
    )
    seed: int = Field(0, ge=0, description="Apart from train.seed: runs of different seeds stay comparable.")

    @model_validator(mode="after")
    def _fold_exists(self) -> ValidationConfig:
        if self.fold >= self.folds:
            raise ValueError(f"fold must be below folds ({self.folds}), not {self.fold}")
        return self


class SamplerConfig(Section):
    """Which training images an epoch draws."""

    name: Literal["natural", "balanced"] = Field(
        "balanced", description="At 1 : 31 a natural batch of 128 holds 4 positives, too few to learn from."
    )
    positive_share: float = Field(
        0.5, gt=0, lt=1, description="Positives among what balanced draws; a half weighs both classes alike."
    )


class AugmentConfig(Section):
    """How a training image is varied; `starter_kit/augment.py` says which are true symmetries."""

    flips: bool = Field(True, description="North-south is a true symmetry: the other hemisphere.")
    rotations: bool = Field(True, description="Quarter turns; with the flips, eight views of each image.")


class LossConfig(Section):
    """What the training makes small."""

    name: Literal["bce", "focal"] = Field(
        "bce", description="Cross-entropy; with balanced batches focal loss brings little more."
    )
    focal_gamma: NonNegativeFloat = Field(2.0, description="Lin et al. (2017) found 2 best; 0 is bce.")
    focal_alpha: float | None = Field(
        None, gt=0, lt=1, description="Weight of positives, 1 - alpha of negatives; the sampler balances."
    )


class ModelConfig(Section):
    """The network between a grey image and one logit."""

    name: Literal["small_cnn", "resnet18"] = Field(
        "small_cnn", description="Learns in minutes without a GPU."
    )
    width: PositiveInt = Field(16, description="small_cnn's first channels; time grows with their square.")
    dropout: float = Field(
        0.2, ge=0, lt=1, description="Before the last layer: a thousand positives are few."
    )
    early_downsampling: bool = Field(
        False, description="resnet18's stem would shrink 64×64 to 16×16 at once; off keeps eyes and bands."
    )
    weights: Path | None = Field(
        None, description="Pretrained weights for resnet18, .safetensors or .pth; nothing is fetched."
    )

    @model_validator(mode="after")
    def _weights_fit(self) -> ModelConfig:
        if self.weights is not None and self.name != "resnet18":
            raise ValueError("weights are for resnet18; small_cnn starts from scratch")
        return self


class TrainConfig(Section):
    """The training itself."""

    epochs: PositiveInt = Field(10, description="About a minute and a half on two CPU cores.")
    images_per_epoch: PositiveInt | None = Field(
        16384, description="Validated this often, one sees early how it goes; none: all training images."
    )
    batch_size: PositiveInt = Field(128, description="Steady enough a gradient, small enough for a laptop.")
    learning_rate: PositiveFloat = Field(3e-3, description="AdamW with batch norm bears it.")
    weight_decay: NonNegativeFloat = Field(0.01, description="AdamW's own default.")
    warmup_share: float = Field(0.1, ge=0, lt=1, description="Of all steps: Adam's first steps are wild.")
    seed: int = Field(0, ge=0, lt=2**63, description="Weights, drawing and augmentation follow from it.")
    device: Literal["auto", "cpu", "cuda", "mps"] = Field("auto", description="The GPU where there is one.")
    amp: bool = Field(True, description="Half precision on CUDA, where it is faster; no effect elsewhere.")


class MetricSection(Section):
    """How validation is scored while training."""

    recall_floor: float = Field(0.79, gt=0, le=1, description="The competition's gate.")


class Config(Section):
    """All knobs. `load_config` reads one; a run's folder keeps it as config.json."""

    validation: ValidationConfig = ValidationConfig()
    sampler: SamplerConfig = SamplerConfig()
    augment: AugmentConfig = AugmentConfig()
    loss: LossConfig = LossConfig()
    model: ModelConfig = ModelConfig()
    train: TrainConfig = TrainConfig()
    metric: MetricSection = MetricSection()


def named_configs() -> list[str]:
    """Names of the configurations that come with the kit."""
    folder = resources.files("starter_kit") / "configs"
    return sorted(Path(entry.name).stem for entry in folder.iterdir() if entry.name.endswith(".toml"))


def load_config(name_or_file: str | Path = "baseline", overrides: Iterable[str] = ()) -> Config:
    """Read a named configuration or a TOML file, then apply `section.knob=value` overrides in order.

    Raises StarterKitError for a file that is not there, an unknown knob (with the nearest name) or a bad
    value.
    """
    values = _read_toml(name_or_file)
    _refuse_unknown(values, str(name_or_file))
    for override in overrides:
        key, value = _parse_override(override)
        section, knob = key.split(".")
        values.setdefault(section, {})[knob] = value
    return _validated(values, str(name_or_file))


def parse_config(text: str, source: str) -> Config:
    """Read the JSON form that a run's folder keeps."""
    try:
        values = json.loads(text)
    except json.JSONDecodeError as error:
        raise StarterKitError(f"{source} is not JSON ({error}).") from None
    _refuse_unknown(values, source)
    return _validated(values, source)


def knobs() -> Iterator[tuple[str, FieldInfo]]:
    """Every knob as (`section.knob`, its field), in the order of this file."""
    for section, field in Config.model_fields.items():
        assert isinstance(field.annotation, type)
        assert issubclass(field.annotation, Section)
        for knob, knob_field in field.annotation.model_fields.items():
            yield f"{section}.{knob}", knob_field


def _read_toml(name_or_file: str | Path) -> dict[str, Any]:
    path = Path(name_or_file)
    if path.suffix == ".toml" or path.is_file():
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise StarterKitError(f"The configuration file {path} could not be read: {error}.") from None
    elif str(name_or_file) in named_configs():
        text = (resources.files("starter_kit") / "configs" / f"{name_or_file}.toml").read_text(
            encoding="utf-8"
        )
    else:
        known = ", ".join(named_configs())
        raise StarterKitError(
            f"There is no configuration “{name_or_file}”.{_nearest(str(name_or_file), named_configs())} "
            f"The kit has {known}; a file of your own ends in .toml."
        )
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise StarterKitError(f"{name_or_file} is not TOML: {error}.") from None


def _parse_override(override: str) -> tuple[str, Any]:
    key, equals, text = (part.strip() for part in override.partition("="))
    if not equals:
        raise StarterKitError(f"--set takes section.knob=value, such as train.epochs=5, not “{override}”.")
    _refuse_unknown_key(key, "--set")
    if text.lower() == "none":
        return key, None
    try:
        return key, tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return key, text  # a bare word, as in sampler.name=natural


def _refuse_unknown(values: Any, source: str) -> None:
    if not isinstance(values, dict):
        raise StarterKitError(f"{source} holds no table of sections.")
    for section, content in values.items():
        if not isinstance(content, dict):
            _refuse_unknown_key(section, source)
            raise StarterKitError(
                f"In {source}, “{section}” is a section: write [{section}], its knobs below."
            )
        for knob in content or [""]:
            _refuse_unknown_key(f"{section}.{knob}" if knob else section, source)


def _refuse_unknown_key(key: str, source: str) -> None:
    known = [name for name, _ in knobs()]
    if key in known or (source != "--set" and key in Config.model_fields):
        return
    same_ending = [name for name in known if name.split(".")[1] == key.rsplit(".", maxsplit=1)[-1]]
    hint = f" Did you mean {same_ending[0]}?" if same_ending else _nearest(key, known)
    raise StarterKitError(
        f"{source} names a knob that does not exist, “{key}”.{hint} "
        "`python -m starter_kit configs` lists them all."
    )


def _nearest(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
    return f" Did you mean {close[0]}?" if close else ""


def _validated(values: dict[str, Any], source: str) -> Config:
    # TOML has no null, so in a file a knob is unset with the word "none".
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        lines = [
            f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']} (it is {problem['input']!r})"
            for problem in error.errors()
        ]
        raise StarterKitError(f"The configuration {source} does not hold: " + "; ".join(lines)) from None
