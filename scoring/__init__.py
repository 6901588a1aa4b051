"""Submission file + solution + metric → score: one code for the platform and a participant's machine."""

from scoring.advice import Advice, advise_threshold
from scoring.file_contents import Limits
from scoring.grading import ENGINE_VERSION, DeviceError, Grade, evaluate, grade, grade_predictions
from scoring.image_ids import ImageIds
from scoring.metrics import METRICS, Curve, MetricConfig, Result
from scoring.problems import InvalidSubmission, Problem
from scoring.ranking import Ranked, rank
from scoring.solution import Solution, SolutionError
from scoring.submission_file import Submission, validate_submission
from scoring.uncertainty import Comparison, compare, tie_bands

__all__ = [
    "ENGINE_VERSION",
    "METRICS",
    "Advice",
    "Comparison",
    "Curve",
    "DeviceError",
    "Grade",
    "ImageIds",
    "InvalidSubmission",
    "Limits",
    "MetricConfig",
    "Problem",
    "Ranked",
    "Result",
    "Solution",
    "SolutionError",
    "Submission",
    "advise_threshold",
    "compare",
    "evaluate",
    "grade",
    "grade_predictions",
    "rank",
    "tie_bands",
    "validate_submission",
]
