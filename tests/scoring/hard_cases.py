"""Labels and scores that break careless code: ties, both zeros, the ends of float64, one class alone."""

from typing import Any

import numpy as np
from hypothesis import strategies as st

from scoring import MetricConfig, Result, evaluate

# Values that tie, that differ in the last bit, that overflow in sums and that vanish.
HARD_VALUES = [
    0.0,
    -0.0,
    5e-324,
    -5e-324,
    2.2250738585072014e-308,
    1.0,
    float(np.nextafter(1.0, 2.0)),
    -1.0,
    0.1,
    0.1 + 0.2,
    0.3,
    1e16,
    1e16 + 2,
    1.7976931348623157e308,
    -1.7976931348623157e308,
]

SCORES = st.sampled_from(HARD_VALUES) | st.floats(allow_nan=False, allow_infinity=False)
PROBABILITIES = st.sampled_from([0.0, -0.0, 1.0, 0.5, 0.1, 0.3, 5e-324, 1 - 2**-53, 2**-52]) | st.floats(0, 1)


def images(values: st.SearchStrategy = SCORES, *, positives: bool = True, negatives: bool = False) -> Any:
    """Up to 40 (label, value) pairs, with at least one image of the classes that are asked for."""
    wanted = {*([1] * positives), *([0] * negatives)}
    rows = st.lists(st.tuples(st.integers(0, 1), values), min_size=1, max_size=40)
    return rows.filter(lambda each: wanted <= {label for label, _ in each})


def config(metric: str, **fields: Any) -> MetricConfig:
    return MetricConfig.model_validate({"metric": metric, **fields})


def result_of(metric: str, labels: Any, values: Any, **fields: Any) -> Result:
    return evaluate(np.asarray(labels), np.asarray(values, float), config(metric, **fields), device="cpu")


def random_images(seed: int, count: int = 150, levels: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """Labels and probabilities with many ties."""
    rng = np.random.default_rng(seed)
    labels = (rng.random(count) < rng.choice([0.05, 0.3, 0.8])).astype(int)
    labels[:2] = (1, 0)
    values = rng.integers(0, levels + 1, count) / levels
    return labels, np.clip(values + 0.25 * labels * rng.integers(-1, 2), 0, 1)
