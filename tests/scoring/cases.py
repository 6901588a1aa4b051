"""Solutions and submission files for the tests, built with polars and by hand."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from scoring import (
    InvalidSubmission,
    Limits,
    MetricConfig,
    Problem,
    Solution,
    Submission,
    validate_submission,
)

LABELS = MetricConfig.model_validate({"prediction": "label"})
FORM_2018 = MetricConfig.model_validate({"prediction": "label", "form": "2018"})


def image_ids(count: int) -> list[str]:
    return [f"test_{number:07d}" for number in range(count)]


def write_solution(path: Path, labels: Sequence[int], split: Sequence[str], **columns: Sequence) -> Path:
    data = {"image_id": image_ids(len(labels)), "label": labels, "split": split, **columns}
    pl.DataFrame(data).with_columns(pl.col("label").cast(pl.UInt8)).write_parquet(path)
    return path


def random_solution(rows: int, seed: int = 0) -> Solution:
    rng = np.random.default_rng(seed)
    labels = (rng.random(rows) < 0.3).astype(int)
    split = np.where(rng.random(rows) < 0.4, "public", "private")
    labels[:4], split[:4] = (1, 0, 1, 0), ("public", "public", "private", "private")
    return Solution.from_columns(image_ids=image_ids(rows), labels=labels, split=split)


def csv_text(rows: Sequence[tuple[str, object]], header: str = "image_id,score") -> str:
    return "\n".join([header, *(f"{name},{value}" for name, value in rows)]) + "\n"


def clean_csv(count: int, header: str = "image_id,score") -> str:
    return csv_text([(name, number % 2) for number, name in enumerate(image_ids(count))], header)


def validate(
    path: Path,
    content: bytes | str,
    count: int,
    *,
    config: MetricConfig | None = None,
    limits: Limits | None = None,
    filename: str | None = None,
) -> Submission:
    """Writes the content to a file and validates it for the images test_0000000 … of that count."""
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return validate_submission(path, n_rows=count, config=config, limits=limits, filename=filename)


def refusal(path: Path, content: bytes | str, count: int, **options) -> list[Problem]:
    """The problems of a file that must be refused."""
    with pytest.raises(InvalidSubmission) as refused:
        validate(path, content, count, **options)
    return refused.value.problems


def kinds(problems: Sequence[Problem]) -> dict[str, int]:
    """kind → total"""
    return {problem.kind: problem.total for problem in problems}
