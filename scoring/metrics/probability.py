"""Scores of forecast probabilities, and how well these are calibrated."""

from abc import abstractmethod
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from scoring.metrics.configuration import MetricConfig
from scoring.metrics.constrained import precision_recall_curve
from scoring.metrics.result import Curve, ReliabilityCurve, Result
from scoring.metrics.threshold import ratio
from scoring.resampling import Replicates
from scoring.tally import Part

Floats = npt.NDArray[np.float64]

# scikit-learn's: the smallest number that makes a difference to 1 in float64.
CLIPPED_AT = float(np.finfo(np.float64).eps)
# Bits of the fixed-point numbers in which sums are exact: three limbs, each below 2⁵³ for 8 million images.
FIRST_LIMB, LIMB, LIMBS = 20, 30, 3


class ProbabilityMetric(MetricConfig):
    """The mean of a loss of each image, which is a function of its probability and its label."""

    family: ClassVar[str] = "Probabilities"
    higher_is_better: ClassVar[bool] = False

    prediction: Literal["probability"] = "probability"
    bins: int = Field(
        default=10,
        ge=2,
        le=100,
        description="Bins of equal width, of the reliability curve and its numbers.",
    )

    def replicate(self, part: Part, result: Result, *, public: Result | None = None) -> Replicates:
        draws = part.draws
        assert draws is not None
        losses = (self.loss(_on_host(part.positives), 1), self.loss(_on_host(part.negatives), 0))
        return Replicates(ratio(draws.sums(*losses), draws.positives + draws.negatives, otherwise=np.nan))

    @abstractmethod
    def loss(self, probability: Floats, label: int) -> Floats:
        """The loss of each of some images (n,) of one label, 0 or 1."""

    @abstractmethod
    def details(self, score: float, bins: "Bins") -> dict[str, float | None]:
        """Further numbers of an entry."""

    def require_classes(self, part: Part) -> None:
        if not len(part.positives) and not len(part.negatives):
            raise ValueError(f"{self.title} is not defined: there is no image")

    def evaluate(self, part: Part, *, public: Result | None = None) -> Result:
        self.require_classes(part)
        positives, negatives = (_on_host(group) for group in (part.positives, part.negatives))
        for group in (positives, negatives):
            outside = group[(group < 0) | (group > 1)]
            if len(outside):
                raise ValueError(f"probabilities must be from 0 to 1, one of them is {float(outside[0])}")
        bins = Bins(positives, negatives, self.bins)
        losses = np.concatenate([self.loss(positives, 1), self.loss(negatives, 0)])
        score = exact_sums(losses)[0] / len(losses)
        tally = part.tally()
        curve = Curve([], [], [])
        if len(positives):
            curve = precision_recall_curve(tally, float(tally.thresholds[0]))
        return Result.without_calls(
            score=score,
            curve=curve,
            details=self.details(score, bins),
            reliability=bins.reliability_curve(),
        )


class BrierScore(ProbabilityMetric):
    """The mean of (p − y)² over all images, p the forecast probability and y the label.

    Lower is better; from 0 to 1. It is proper: the honest probability has the best expected score. Scores
    outside 0 to 1 make a submission invalid. Defined also where one class is missing; refused without any
    image.

    With it come its parts, from bins of the probability of equal width, each with n images, mean
    probability p̄ and share of positives ȳ, N images and ȳ₀ their share of positives in all:
    reliability Σ n (p̄ − ȳ)² / N (lower is better), resolution Σ n (ȳ − ȳ₀)² / N (higher is better),
    uncertainty ȳ₀ (1 − ȳ₀), within_bins = Brier − reliability + resolution − uncertainty, which is left
    because the probabilities of a bin are not equal; and the skill 1 − Brier / uncertainty against the
    constant forecast ȳ₀. The reliability curve has p̄, ȳ and n of every bin that holds images; a bin includes
    its upper edge.

    Source: Brier, G. W. (1950), Verification of forecasts expressed in terms of probability, Mon. Wea. Rev.
    78, 1–3, in the form for two classes that scikit-learn's `brier_score_loss` has; Murphy, A. H. (1973), A
    new vector partition of the probability score, J. Appl. Meteor. 12, 595–600; Stephenson, D. B., Coelho,
    C. A. S., Jolliffe, I. T. (2008), Two extra components in the Brier score decomposition, Weather and
    Forecasting 23, 752–757, for what is left within the bins.
    """

    version: ClassVar[int] = 1
    title: ClassVar[str] = "Brier score"

    metric: Literal["brier"] = "brier"

    def loss(self, probability: Floats, label: int) -> Floats:
        return (probability - label) ** 2

    def details(self, score: float, bins: "Bins") -> dict[str, float | None]:
        reliability, resolution, uncertainty = bins.decomposition()
        return {
            "reliability": reliability,
            "resolution": resolution,
            "uncertainty": uncertainty,
            "within_bins": score - reliability + resolution - uncertainty,
            "skill": 1 - score / uncertainty if uncertainty else None,
        }


class LogLoss(ProbabilityMetric):
    """The mean of −ln of the probability that was given to what happened: −ln p for a positive image and
    −ln(1 − p) for a negative one. Also called ignorance (in bits, there) and cross-entropy.

    Lower is better; from 0 to 36.04, because probabilities are kept ε = 2⁻⁵² ≈ 2.2e−16 away from 0 and 1: a
    certain forecast that is wrong costs 36.04 and not infinity. It is proper: the honest probability has the
    best expected score. Scores outside 0 to 1 make a submission invalid. Defined also where one class is
    missing; refused without any image.

    With it come the loss of climatology, the constant forecast of the share of positives, and the skill
    1 − loss / that; and the reliability curve, with the mean probability, the share of positives and the
    number of images of every bin of equal width that holds images; a bin includes its upper edge.

    Source: Good, I. J. (1952), Rational decisions, J. R. Stat. Soc. B 14, 107–114; Roulston, M. S., Smith,
    L. A. (2002), Evaluating probabilistic forecasts using information theory, Mon. Wea. Rev. 130, 1653–1660.
    Equal to scikit-learn's `log_loss`, with its clipping.
    """

    version: ClassVar[int] = 1
    title: ClassVar[str] = "Log loss"
    range: ClassVar[tuple[float, float]] = (0.0, -float(np.log(CLIPPED_AT)))

    metric: Literal["log_loss"] = "log_loss"

    def loss(self, probability: Floats, label: int) -> Floats:
        given = probability if label else 1 - probability
        return -np.log(np.clip(given, CLIPPED_AT, 1 - CLIPPED_AT))

    def details(self, score: float, bins: "Bins") -> dict[str, float | None]:
        share = np.array([bins.share_of_positives])
        climatology = float((share * self.loss(share, 1) + (1 - share) * self.loss(share, 0))[0])
        one_class = share[0] in (0.0, 1.0)
        return {"climatology": climatology, "skill": None if one_class else 1 - score / climatology}


class Bins:
    """Images by their probability, in bins of equal width.

    forecast, observed: (K,) mean probability and share of positives in the bins that hold images; count: (K,)
    how many images they hold.
    """

    def __init__(self, positives: Floats, negatives: Floats, bins: int) -> None:
        probability = np.concatenate([positives, negatives])
        edges = np.linspace(0.0, 1.0, bins + 1)[1:-1]
        bin_of = np.searchsorted(edges, probability, side="left")
        images = np.bincount(bin_of, minlength=bins)
        found = np.bincount(bin_of[: len(positives)], minlength=bins)
        held = np.flatnonzero(images)
        sums = np.array(exact_sums(probability, bin_of, bins))
        self.count = images[held]
        self.forecast: Floats = sums[held] / self.count
        self.observed: Floats = found[held] / self.count
        self.share_of_positives = len(positives) / len(probability)

    def decomposition(self) -> tuple[float, float, float]:
        """(reliability, resolution, uncertainty)"""
        weights = self.count / self.count.sum()
        reliability = float((weights * (self.forecast - self.observed) ** 2).sum())
        resolution = float((weights * (self.observed - self.share_of_positives) ** 2).sum())
        return reliability, resolution, self.share_of_positives * (1 - self.share_of_positives)

    def reliability_curve(self) -> ReliabilityCurve:
        return ReliabilityCurve(self.forecast.tolist(), self.observed.tolist(), self.count.tolist())


def exact_sums(values: Floats, group_of: npt.NDArray[np.int64] | None = None, groups: int = 1) -> list[float]:
    """The sums of non-negative values (n,) below 64 in each group, the same bits in whatever order they come.

    As fixed-point numbers of 80 bits after the point, cut off there: sums of integers are exact.
    """
    if group_of is None:
        group_of = np.zeros(len(values), np.int64)
    totals = [0] * groups
    rest, bits = values, 0
    for limb in range(LIMBS):
        width = LIMB if limb else FIRST_LIMB
        scaled = rest * 2.0**width
        whole = np.floor(scaled)
        rest, bits = scaled - whole, bits + width
        for group, total in enumerate(np.bincount(group_of, weights=whole, minlength=groups)):
            totals[group] = (totals[group] << width) + int(total)
    return [total / (1 << bits) for total in totals]


def _on_host(values: Any) -> Floats:
    return values if isinstance(values, np.ndarray) else values.cpu().numpy()
