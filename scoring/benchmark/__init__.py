"""The benchmark: this engine against the ordinary ways of scoring, alternately in one run, equal results.

The ordinary ways are those of a competition's first scoring script: pandas ``read_csv``, then a merge on the
id or a sort by it, then scikit-learn's ``precision_recall_curve`` on each split; for the uncertainty, the
same curve for every resample of the storms.
"""

from scoring.benchmark.measure import Report, Unequal, run

__all__ = ["Report", "Unequal", "run"]
