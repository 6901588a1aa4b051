"""What decides which images are called positive, and what happens under the recall floor."""

import numpy as np
import pytest

from scoring import MetricConfig, Solution, evaluate, grade
from tests.scoring.cases import csv_text, image_ids

# public: positives at 5 and 2, negatives at 4 and 1; private: positives at 5 and 1, negatives at 3 and 0
LABELS = [1, 1, 0, 0, 1, 1, 0, 0]
SCORES = [5, 2, 4, 1, 5, 1, 3, 0]
SPLIT = ["public"] * 4 + ["private"] * 4


def graded(tmp_path, scores, **config):
    path = tmp_path / "submission.csv"
    header = f"image_id,{config.get('prediction', 'score')}"
    path.write_text(csv_text(list(zip(image_ids(8), scores, strict=True)), header))
    solution = Solution.from_columns(image_ids=image_ids(8), labels=LABELS, split=SPLIT)
    return grade(path, solution, MetricConfig.model_validate(config), device="cpu")


def test_each_split_takes_its_own_best_threshold(tmp_path):
    result = graded(tmp_path, SCORES, threshold="per_split", recall_floor=1.0)
    assert (result.public.threshold, result.private.threshold) == (2.0, 1.0)
    assert (result.public.precision, result.private.precision) == (2 / 3, 2 / 3)


def test_the_public_threshold_may_miss_the_gate_on_the_private_split(tmp_path):
    result = graded(tmp_path, SCORES, threshold="from_public", recall_floor=1.0)
    assert (result.public.threshold, result.private.threshold) == (2.0, 2.0)
    assert result.public.passed_gate
    assert not result.private.passed_gate
    assert result.private.score is None
    assert (result.private.precision, result.private.recall) == (0.5, 0.5)


def test_a_submitted_threshold_is_zero_after_the_participants_shift(tmp_path):
    result = graded(tmp_path, np.array(SCORES) - 4.0, threshold="submitted", recall_floor=0.5)
    assert (result.public.threshold, result.private.threshold) == (0.0, 0.0)
    assert (result.public.tp, result.public.fp) == (1, 1)
    assert (result.private.tp, result.private.fp) == (1, 0)
    assert (result.public.score, result.private.score) == (0.5, 1.0)


def test_a_negative_zero_is_at_the_submitted_threshold():
    config = MetricConfig.model_validate({"threshold": "submitted"})
    assert evaluate([1, 0], [-0.0, -1.0], config).tp == 1


def test_labels_are_judged_as_they_are(tmp_path):
    result = graded(tmp_path, [1, 1, 1, 0, 1, 0, 0, 0], prediction="label", recall_floor=0.79)
    assert (result.public.score, result.public.precision, result.public.recall) == (2 / 3, 2 / 3, 1.0)
    assert (result.public.tp, result.public.fp, result.public.fn, result.public.tn) == (2, 1, 0, 1)
    assert result.public.threshold is None
    assert result.private.passed_gate is False
    assert result.private.score is None
    assert (result.private.precision, result.private.recall) == (1.0, 0.5)


def test_labels_that_call_nothing_have_precision_zero():
    config = MetricConfig.model_validate({"prediction": "label"})
    result = evaluate([1, 0, 0], [0, 0, 0], config)
    assert (result.score, result.precision, result.recall, result.passed_gate) == (None, 0.0, 0.0, False)


def test_a_score_entry_can_always_reach_the_gate():
    result = evaluate([1, 1, 0, 0, 0, 0], [0, 0, 1, 2, 3, 4])
    assert result.passed_gate
    assert (result.score, result.recall) == (2 / 6, 1.0)


@pytest.mark.parametrize("prediction", ["score", "label"])
def test_the_curve_has_the_operating_point_and_stays_small(prediction):
    rng = np.random.default_rng(0)
    labels = (rng.random(20_000) < 0.1).astype(int)
    scores = rng.normal(size=20_000) + labels
    config = MetricConfig.model_validate({"prediction": prediction})
    result = evaluate(labels, scores if prediction == "score" else (scores > 0).astype(int), config)
    curve = result.curve
    assert (result.precision, result.recall, result.threshold) in zip(
        curve.precision, curve.recall, curve.threshold, strict=True
    )
    assert len(curve.recall) == 1 if prediction == "label" else 150 <= len(curve.recall) <= 201
    assert curve.recall == sorted(curve.recall, reverse=True)


def test_every_point_of_the_curve_is_on_scikit_learns_curve():
    from sklearn.metrics import precision_recall_curve

    rng = np.random.default_rng(1)
    labels = (rng.random(3000) < 0.1).astype(int)
    scores = rng.normal(size=3000).round(2) + labels
    precision, recall, threshold = precision_recall_curve(labels, scores)
    on_curve = set(zip(precision.tolist(), recall.tolist(), threshold.tolist(), strict=False))
    curve = evaluate(labels, scores).curve
    assert set(zip(curve.precision, curve.recall, curve.threshold, strict=True)) <= on_curve
