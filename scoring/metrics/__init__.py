"""The metrics: each one is a pydantic model whose fields are its configuration."""

from scoring.metrics.areas import AveragePrecision, PartialAuc, RocAuc
from scoring.metrics.configuration import METRICS, MetricConfig
from scoring.metrics.constrained import RecallConstrainedPrecision
from scoring.metrics.constrained_recall import PrecisionConstrainedRecall
from scoring.metrics.forecast import (
    CriticalSuccessIndex,
    EquitableThreatScore,
    FalseAlarmRatio,
    HeidkeSkillScore,
    ProbabilityOfDetection,
)
from scoring.metrics.own import MetricFile, OwnMetric
from scoring.metrics.probability import BrierScore, LogLoss
from scoring.metrics.result import Curve, ReliabilityCurve, Result, RocCurve
from scoring.metrics.threshold import FBeta, MatthewsCorrelation

__all__ = [
    "METRICS",
    "AveragePrecision",
    "BrierScore",
    "CriticalSuccessIndex",
    "Curve",
    "EquitableThreatScore",
    "FBeta",
    "FalseAlarmRatio",
    "HeidkeSkillScore",
    "LogLoss",
    "MatthewsCorrelation",
    "MetricConfig",
    "MetricFile",
    "OwnMetric",
    "PartialAuc",
    "PrecisionConstrainedRecall",
    "ProbabilityOfDetection",
    "RecallConstrainedPrecision",
    "ReliabilityCurve",
    "Result",
    "RocAuc",
    "RocCurve",
]
