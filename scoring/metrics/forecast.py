"""The forecaster's words for the contingency table: hits TP, false alarms FP, misses FN."""

from typing import ClassVar, Literal

from pydantic import ValidationInfo, field_validator

from scoring.metrics.configuration import Threshold
from scoring.metrics.threshold import Counts, Floats, ThresholdMetric, ratio


class _WithoutBestThreshold(ThresholdMetric):
    """A metric that calling everything, or as good as nothing, makes perfect: the participant decides."""

    instead: ClassVar[str]

    threshold: Threshold = "submitted"

    @field_validator("threshold")
    @classmethod
    def _refuse_best_threshold(cls, threshold: Threshold, info: ValidationInfo) -> Threshold:
        if info.data.get("prediction") == "score" and threshold != "submitted":
            raise ValueError(
                f"there is no best threshold for this metric alone: {cls.instead};"
                ' set threshold to "submitted" or prediction to "label"'
            )
        return threshold


class ProbabilityOfDetection(_WithoutBestThreshold):
    """POD, the share of the typhoons that are found: TP / (TP + FN). The same as recall and hit rate.

    Higher is better; from 0 to 1. Calling everything positive makes it 1, so it is for competitions in which
    the participant draws the line (`threshold: submitted` or `prediction: label`) and something else limits
    the calls; for the best recall that keeps a precision, take `precision_constrained_recall`. Where nothing
    is called positive it is 0; without a negative image it is defined; without a positive one it is not, and
    refused.

    Source: Wilks, D. S. (2019), Statistical Methods in the Atmospheric Sciences, 4th ed., section 9.2
    (hit rate H); WWRP/WGNE Joint Working Group on Forecast Verification Research, Forecast Verification:
    Issues, Methods and FAQ, https://www.cawcr.gov.au/projects/verification/.
    """

    version: ClassVar[int] = 1
    title: ClassVar[str] = "Probability of detection (POD)"
    instead: ClassVar[str] = (
        "calling every image positive makes the POD 1 (precision_constrained_recall takes the best recall"
        " that keeps a precision)"
    )

    metric: Literal["pod"] = "pod"

    def score_of(self, tp: Counts, fp: Counts, positives: Counts, negatives: Counts) -> Floats:
        return ratio(tp, positives)


class FalseAlarmRatio(_WithoutBestThreshold):
    """FAR, the share of the calls that are false alarms: FP / (TP + FP). It is 1 − precision, and not the
    false alarm *rate* FP / (FP + TN).

    Lower is better; from 0 to 1. Calling only the surest image makes it 0, so it is for competitions in which
    the participant draws the line (`threshold: submitted` or `prediction: label`) and something else asks for
    calls; for the fewest false alarms at a recall, take `recall_constrained_precision`. Where nothing is
    called positive the ratio is 0 / 0; here it is then 1, the worst, so that silence does not win. Without a
    negative image it is 0 where anything is called; without a positive one it is not defined, and refused.

    Source: Wilks, D. S. (2019), Statistical Methods in the Atmospheric Sciences, 4th ed., section 9.2;
    Barnes, L. R. et al. (2009), Corrigendum: False Alarm Rate or False Alarm Ratio?, Weather and Forecasting
    24, 1452–1454, doi:10.1175/2009WAF2222300.1, for the name.
    """

    version: ClassVar[int] = 1
    title: ClassVar[str] = "False alarm ratio (FAR)"
    higher_is_better: ClassVar[bool] = False
    instead: ClassVar[str] = (
        "calling the surest image alone makes the FAR 0 (recall_constrained_precision takes the fewest false"
        " alarms at a recall)"
    )

    metric: Literal["far"] = "far"

    def score_of(self, tp: Counts, fp: Counts, positives: Counts, negatives: Counts) -> Floats:
        return ratio(fp, tp + fp, otherwise=1.0)


class CriticalSuccessIndex(ThresholdMetric):
    """CSI, or threat score: TP / (TP + FP + FN), the share found of all that was a typhoon or was called one.

    Higher is better; from 0 to 1. Correct rejections do not count, which suits rare events; it equals the
    Jaccard index, and orders entries as F₁ does (CSI = F₁ / (2 − F₁)). Where nothing is called positive it is
    0; without a negative image it is defined; without a positive one it is not, and refused.

    Source: Schaefer, J. T. (1990), The critical success index as an indicator of warning skill, Weather and
    Forecasting 5, 570–575; Wilks (2019), section 9.2 (threat score). Equal to scikit-learn's `jaccard_score`.
    """

    version: ClassVar[int] = 1
    title: ClassVar[str] = "Critical success index (CSI)"

    metric: Literal["csi"] = "csi"

    def score_of(self, tp: Counts, fp: Counts, positives: Counts, negatives: Counts) -> Floats:
        return ratio(tp, positives + fp)


class EquitableThreatScore(ThresholdMetric):
    """ETS, or Gilbert skill score: (TP − r) / (TP + FP + FN − r), the CSI without the hits that
    r = (TP + FP)(TP + FN) / n random calls would have made, n images in all.

    Higher is better; from −1/3 over 0 (as good as chance) to 1. Where nothing or everything is called
    positive it is 0. It needs images of both classes, and is refused without.

    Source: Gilbert, G. K. (1884), Finley's tornado predictions, American Meteorological Journal 1, 166–172;
    Schaefer, J. T. (1990), Weather and Forecasting 5, 570–575; Wilks (2019), section 9.2 (GSS).
    """

    version: ClassVar[int] = 1
    title: ClassVar[str] = "Equitable threat score (ETS)"
    range: ClassVar[tuple[float, float]] = (-1 / 3, 1.0)
    needs_negatives: ClassVar[bool] = True

    metric: Literal["ets"] = "ets"

    def score_of(self, tp: Counts, fp: Counts, positives: Counts, negatives: Counts) -> Floats:
        # Both sides times n, so that every product is an exact integer.
        images = positives + negatives
        random_hits = (tp + fp) * positives
        return ratio(tp * images - random_hits, (positives + fp) * images - random_hits)


class HeidkeSkillScore(ThresholdMetric):
    """HSS, the share of right calls and rejections beyond those of chance:
    2 (TP·TN − FP·FN) / ((TP + FN)(FN + TN) + (TP + FP)(FP + TN)). The same as Cohen's κ.

    Higher is better; from −1 over 0 (as good as chance) to 1; ETS = HSS / (2 − HSS), so both order entries
    alike. Where nothing or everything is called positive it is 0. It needs images of both classes, and is
    refused without.

    Source: Heidke, P. (1926), Berechnung des Erfolges und der Güte der Windstärkevorhersagen im
    Sturmwarnungsdienst, Geografiska Annaler 8, 301–349; Wilks (2019), section 9.2. Equal to scikit-learn's
    `cohen_kappa_score`.
    """

    version: ClassVar[int] = 1
    title: ClassVar[str] = "Heidke skill score (HSS)"
    range: ClassVar[tuple[float, float]] = (-1.0, 1.0)
    needs_negatives: ClassVar[bool] = True

    metric: Literal["hss"] = "hss"

    def score_of(self, tp: Counts, fp: Counts, positives: Counts, negatives: Counts) -> Floats:
        called = tp + fp
        uncalled = positives + negatives - called
        covariance = tp * negatives - fp * positives  # = TP·TN − FP·FN
        return ratio(2 * covariance, positives * uncalled + called * negatives)
