"""Every knob of a training, with its one default and the reason beside it.

The defaults together are the recipe `baseline`. `reading.py` reads them from files, and
docs/participants/methods.md lists what each method is and where it comes from.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    model_validator,
)


class Section(BaseModel):
    """A group of knobs; a name that does not exist is refused, and nothing changes after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _none_is_a_word(cls, values: Any) -> Any:
        """TOML has no null, so a knob that may be unset is unset by the word none."""
        if not isinstance(values, dict):
            return values
        optional = {
            name for name, field in cls.model_fields.items() if type(None) in get_args(field.annotation)
        }
        return {
            name: None if name in optional and isinstance(value, str) and value.lower() == "none" else value
            for name, value in values.items()
        }


class ValidationConfig(Section):
    """Which part of the training images is held back to measure on."""

    by: Literal["storm", "year"] = Field(
        "storm", description="Whole storms and blocks of days; year asks more: seasons that nobody has seen."
    )
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

    name: Literal["natural", "balanced", "undersampled", "hard_negatives"] = Field(
        "balanced", description="At 1 : 31 a natural batch of 128 holds 4 positives, too few to learn from."
    )
    positive_share: float = Field(
        0.5, gt=0, lt=1, description="Positives in an epoch, except natural; a half weighs the classes alike."
    )
    per_storm: bool = Field(
        False, description="Draw storms, then their images: long-lived storms are already most of the test."
    )
    negatives_per_positive: PositiveFloat = Field(
        1.0, description="undersampled keeps so many, chosen once by train.seed; 1 as Matsuoka et al. (2018)."
    )
    hard_per_positive: PositiveFloat = Field(
        10.0, description="hard_negatives keeps so many of the hardest: a third of all at 1 : 31."
    )
    hard_share: float = Field(
        0.5, ge=0, le=1, description="Of the negatives drawn; the rest keeps the ordinary sky in mind."
    )
    first_mining: PositiveInt = Field(
        3, description="Epochs before the first mining: an untrained model knows no hard from easy."
    )
    mine_every: PositiveInt = Field(
        3, description="Epochs between minings: what was hard is learned, and scoring all takes time."
    )
    skip_hardest: float = Field(
        0.002, ge=0, lt=1, description="Share of negatives above the kept ones left out: labels may be wrong."
    )
    storm_kilometres: NonNegativeFloat = Field(
        1000, description="Nearer to a storm a negative is never mined: it may show half of it; 0 mines all."
    )
    storm_hours: NonNegativeFloat = Field(
        24, description="… and so far in time; a cloud system moves on within a day."
    )


class AugmentConfig(Section):
    """How a training image is varied; `starter_kit/images/augment.py` says which are true symmetries."""

    path: Literal["batch", "image"] = Field(
        "batch", description="Whole batches on the device (torch); image: one by one (albumentations)."
    )
    flips: bool = Field(True, description="North-south is a true symmetry: the other hemisphere.")
    east_west: bool = Field(
        True, description="Of the flips, also the mirror that is none: it turns the rotation; yet it helps."
    )
    rotations: bool = Field(True, description="Quarter turns; with the flips, eight views of each image.")
    rotate_degrees: float = Field(0, ge=0, le=45, description="Small turns up to ±; blurs a little.")
    shift_pixels: int = Field(
        0, ge=0, le=16, description="Shifts up to ±, edges mirrored; a storm's centre is known to ±14 km."
    )
    brightness: float = Field(
        0, ge=0, le=30, description="Up to ± W m⁻² on the whole image; models and sensors differ by about 5."
    )
    cutout_pixels: int = Field(
        0, ge=0, le=48, description="A square of mean grey in half of the images (DeVries & Taylor 2017)."
    )
    mixup: NonNegativeFloat = Field(
        0, description="Beta(α, α) mixture of two images and labels (Zhang et al. 2018); 0.2 is usual."
    )
    cutmix: NonNegativeFloat = Field(
        0, description="Beta(α, α) share pasted from another image (Yun et al. 2019); 1 is usual."
    )

    style: Path | None = Field(
        None, description="A folder of `observe frames`: their amplitudes lend style (Yang & Soatto 2020)."
    )
    style_share: float = Field(0.5, ge=0, le=1, description="Of the images; the rest keep their own style.")
    style_waves: int = Field(
        3,
        ge=0,
        le=32,
        description="Up to so many cycles per image change: β = 0.05, the middle of the paper's.",
    )

    @model_validator(mode="after")
    def _one_mixture(self) -> AugmentConfig:
        if self.mixup and self.cutmix:
            raise ValueError("mixup and cutmix are alternatives; set one of them to 0")
        return self


class LossConfig(Section):
    """What the training makes small."""

    name: Literal["bce", "weighted_bce", "focal", "asymmetric", "precision_at_recall"] = Field(
        "bce", description="Cross-entropy; with balanced batches the others bring little more."
    )
    positive_weight: PositiveFloat | None = Field(
        None, description="weighted_bce: of a positive; none: as many negatives as are drawn to a positive."
    )
    focal_gamma: NonNegativeFloat = Field(2.0, description="Lin et al. (2017) found 2 best; 0 is bce.")
    focal_alpha: float | None = Field(
        None, gt=0, lt=1, description="Weight of positives, 1 - alpha of negatives; the sampler balances."
    )
    asymmetric_positive_gamma: NonNegativeFloat = Field(
        0.0, description="asymmetric: 0 keeps every positive's gradient (Ridnik et al. 2021)."
    )
    asymmetric_negative_gamma: NonNegativeFloat = Field(
        4.0, description="asymmetric: plays down easy negatives (Ridnik et al. 2021)."
    )
    asymmetric_margin: float = Field(
        0.05, ge=0, lt=1, description="asymmetric: negatives below this probability count nothing."
    )
    label_smoothing: float = Field(
        0.0, ge=0, lt=1, description="Any loss: labels ε/2 and 1 - ε/2; 0.05 where labels are noisy."
    )
    surrogate: Literal["logistic", "hinge"] = Field(
        "logistic", description="precision_at_recall: the bound on the 0-1 loss; smooth learns better."
    )
    multiplier_rate: PositiveFloat = Field(
        0.1, description="precision_at_recall: step of the multiplier's ascent at each batch."
    )


class ModelConfig(Section):
    """The network between a grey image and one logit."""

    name: Literal[
        "small_cnn",
        "matsuoka2018",
        "resnet18",
        "resnet34",
        "resnet50",
        "wide_resnet50",
        "se_resnext50",
        "densenet121",
        "efficientnet_b0",
        "convnext_tiny",
    ] = Field("small_cnn", description="Learns in minutes without a GPU.")
    width: PositiveInt = Field(16, description="small_cnn's first channels; time grows with their square.")
    keep_places: bool = Field(
        True, description="small_cnn: middle and edge stay apart, not averaged; a storm is in the middle."
    )
    dropout: float = Field(
        0.2, ge=0, lt=1, description="Before the last layer: a thousand positives are few."
    )
    activation: Literal["relu", "leaky_relu", "prelu", "elu", "silu"] | None = Field(
        None, description="In place of the network's own; none keeps what its authors chose."
    )
    early_downsampling: bool = Field(
        False, description="Stems made for 224×224 shrink 64×64 at once; off keeps eyes and bands."
    )
    weights: Path | None = Field(
        None, description="Pretrained: a .safetensors or .pth file, or imagenet, which torchvision fetches."
    )

    @model_validator(mode="after")
    def _weights_fit(self) -> ModelConfig:
        if self.weights is not None and self.name in ("small_cnn", "matsuoka2018"):
            raise ValueError(
                f"weights are for torchvision's networks, such as resnet18; {self.name} starts from scratch"
            )
        return self


class TrainConfig(Section):
    """The training itself."""

    epochs: PositiveInt = Field(10, description="About a minute and a half on two CPU cores.")
    images_per_epoch: PositiveInt | None = Field(
        16384, description="Validated this often, one sees early how it goes; none: all training images."
    )
    batch_size: PositiveInt = Field(
        128, description="Of all GPUs together; steady enough, and fits a laptop."
    )
    learning_rate: PositiveFloat = Field(3e-3, description="AdamW with batch norm bears it.")
    weight_decay: NonNegativeFloat = Field(0.01, description="AdamW's own default.")
    warmup_share: float = Field(0.1, ge=0, lt=1, description="Of all steps: Adam's first steps are wild.")
    clip_norm: PositiveFloat | None = Field(
        None, description="Longest gradient; 1 tames deep networks, the small one needs none."
    )
    ema_decay: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="Averages the weights of the last 1 / (1 - decay) steps; 0.998 is usual.",
    )
    patience: PositiveInt | None = Field(
        None, description="Stop after so many epochs that are worse by more than noise; none: never."
    )
    selection: Literal["within_error", "best"] = Field(
        "best", description="within_error: the last epoch within one standard error of the best."
    )
    seed: int = Field(0, ge=0, lt=2**63, description="Weights, drawing and augmentation follow from it.")
    device: Literal["auto", "cpu", "cuda", "mps"] = Field("auto", description="The GPU where there is one.")
    precision: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto", description="bfloat16 where the GPU has it, else float16; CPUs are fastest in float32."
    )
    channels_last: bool = Field(True, description="The layout that convolutions like, on GPUs and CPUs.")
    compile: bool = Field(
        False, description="torch.compile: a minute of waiting, then faster steps; for long GPU runs."
    )


class MetricSection(Section):
    """How validation is scored while training."""

    recall_floor: float = Field(0.79, gt=0, le=1, description="The competition's gate.")


class EnsembleConfig(Section):
    """How the members of a recipe become one score."""

    repeats: PositiveInt = Field(1, description="Trainings of each member, of seeds train.seed, + 1, …")
    cross_validate: bool = Field(
        False, description="Train each on every fold: all images are judged by models that never saw them."
    )
    method: Literal["mean", "rank_mean", "weights", "stacking"] = Field(
        "mean", description="Two numbers fitted on few storms are worth less than none."
    )
    tta: bool = Field(False, description="Eight views of each image; eight times the time.")
    tta_shift: int = Field(
        0, ge=0, le=16, description="Further views, shifted by so many pixels in four directions."
    )
    calibration: Literal["none", "temperature", "isotonic"] = Field(
        "none", description="The ranking does not need it; a probability that means something does."
    )


class Config(Section):
    """All knobs of one training. A run's folder keeps them as config.json."""

    validation: ValidationConfig = ValidationConfig()
    sampler: SamplerConfig = SamplerConfig()
    augment: AugmentConfig = AugmentConfig()
    loss: LossConfig = LossConfig()
    model: ModelConfig = ModelConfig()
    train: TrainConfig = TrainConfig()
    metric: MetricSection = MetricSection()
