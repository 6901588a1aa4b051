"""The same bits on every run, for every number of threads and draws, on arrays and on tensors."""

import hashlib
import threading

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from scoring import MetricConfig, Solution, grade, grade_predictions, validate_submission
from scoring.resampling import Clusters, Grouping, draw_weights, one_thread
from scoring.tally import Part
from tests.scoring.cases import csv_text, image_ids
from tests.scoring.storms import normal_case, random_case

METRIC = MetricConfig.model_validate({})


def bits(part: Part) -> str:
    result = METRIC.evaluate(part)
    drawn = METRIC.replicate(part, result)
    pieces = [drawn.values, drawn.recall, drawn.precision, part.draws.pairs()]
    pieces += [np.concatenate([tp, fp]) for _, tp, fp in part.draws.blocks()]
    pieces.append(
        part.draws.sums(np.sin(np.arange(len(part.positives))), np.cos(np.arange(len(part.negatives))))
    )
    return hashlib.sha256(b"".join(np.ascontiguousarray(piece).tobytes() for piece in pieces)).hexdigest()


def test_the_draws_are_these_forever():
    # scores that are stored were compared on them: another stream of random numbers is another ENGINE_VERSION
    weights = draw_weights(8, 3, stream=0)
    assert weights.tolist() == [[0, 3, 1, 0, 1, 0, 1, 2], [2, 0, 2, 2, 0, 2, 0, 0], [1, 0, 2, 3, 2, 0, 0, 0]]
    large = draw_weights(701, 1200, stream=3)
    assert hashlib.sha256(large.astype(np.uint8).tobytes()).hexdigest()[:16] == "e0b530113c7f1fc3"


def test_one_thread_and_two_threads_give_the_same_bits():
    case = normal_case(storms=120, blocks=90)
    found = set()
    for threads in (1, 2, 4):
        with threadpool_limits(threads, user_api="blas"):
            found.add(bits(case.part))
    assert len(found) == 1


def test_tensors_give_the_bits_of_arrays():
    import torch

    rng = np.random.default_rng(1)
    for case in [random_case(rng) for _ in range(40)] + [normal_case()]:
        arrays = case.part
        tensors = Part(torch.from_numpy(case.positives), torch.from_numpy(case.negatives), arrays.clusters)
        assert bits(tensors) == bits(arrays)


def test_a_run_beside_others_gives_the_same_bits():
    case = normal_case(storms=60)
    found = []
    threads = [threading.Thread(target=lambda: found.append(bits(case.part))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [bits(case.part)] * 4


def test_larger_weights_are_kept_exact_in_float64():
    # one block of 2^24 + 1 images: float32 would lose the last one
    count = 2**24 + 1
    clusters = Clusters(
        Grouping.of(np.arange(4), "storm"), Grouping(np.zeros(count, np.int32), 1, "block"), 5
    )
    part = Part(np.arange(4.0), np.zeros(count), clusters)
    assert clusters.negative_weights.dtype == np.float64
    assert clusters.positive_weights.dtype == np.float32
    assert part.draws.negatives.tolist() == [count] * 5
    assert part.draws.at(0.0)[1].tolist() == [count] * 5


def test_more_draws_begin_with_the_fewer_ones():
    for clusters in (1, 2, 7, 500):
        many = draw_weights(clusters, 3000, stream=1)
        assert np.array_equal(many[:1000], draw_weights(clusters, 1000, stream=1))
    few, many = normal_case(replicates=300), normal_case(replicates=2500)
    drawn = [METRIC.replicate(case.part, METRIC.evaluate(case.part)).values for case in (few, many)]
    assert drawn[1][:300].tolist() == drawn[0].tolist()


def test_the_threads_of_the_process_are_given_back():
    def threads() -> list[int]:
        return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]

    before = threads()
    with one_thread():
        with one_thread():
            assert set(threads()) == {1}
        assert set(threads()) == {1}
    assert threads() == before


@pytest.fixture
def solution():
    rng = np.random.default_rng(2)
    count = 4000
    labels = (rng.random(count) < 0.1).astype(int)
    return Solution.from_columns(
        image_ids=image_ids(count),
        labels=labels,
        split=np.where(rng.random(count) < 0.4, "public", "private"),
        storm_id=[f"S{rng.integers(0, 40)}" if label else None for label in labels],
        time=np.datetime64("2020-01-01", "ms") + rng.integers(0, 400, count).astype("timedelta64[D]"),
    )


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"prediction": "label"},
        {"threshold": "submitted"},
        {"threshold": "from_public"},
        {"recall_floor": 0.3},
    ],
)
def test_many_entries_at_once_are_graded_as_one_by_one(solution, tmp_path, config):
    metric = MetricConfig.model_validate(config)
    rng = np.random.default_rng(3)
    graded, columns = [], []
    for number in range(3):
        values = rng.normal(size=len(solution)).round(3)
        if metric.prediction == "label":
            values = (values > -1).astype(int)
        path = tmp_path / f"{number}.csv"
        path.write_text(
            csv_text(
                list(zip(image_ids(len(solution)), values, strict=True)), f"image_id,{metric.prediction}"
            )
        )
        graded.append(grade(path, solution, metric, device="cpu"))
        columns.append(validate_submission(path, ids=solution.ids, config=metric).predictions)
    stacked = grade_predictions(np.stack(columns), solution, metric, device="cpu")
    for one, other in zip(graded, stacked, strict=True):
        assert (repr(one.public), repr(one.private)) == (repr(other.public), repr(other.private))
        for part in ("public", "private"):
            assert one.replicates[part].tobytes() == other.replicates[part].tobytes()
            assert one.replicates[part].shape == (1000,)


@pytest.mark.parametrize(
    ("predictions", "message"),
    [
        (np.zeros(4000), r"predictions \(4000,\) must be \(entries, 4000\)"),
        (np.zeros((2, 3)), r"predictions \(2, 3\) must be \(entries, 4000\)"),
        (np.full((1, 4000), np.nan), "finite"),
    ],
)
def test_columns_that_are_no_predictions_are_refused(solution, predictions, message):
    with pytest.raises(ValueError, match=message):
        grade_predictions(predictions, solution)
