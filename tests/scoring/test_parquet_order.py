"""Ids in the order of the sample submission are recognised by their bytes, and never only assumed."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scoring import ImageIds, InvalidSubmission, validate_submission
from tests.scoring.cases import image_ids, kinds

COUNT = 80_000
NAMES = image_ids(COUNT)
OPTIONS = {
    "as pandas writes": {},
    "several row groups": {"row_group_size": 20_000},
    "plain": {"use_dictionary": False, "compression": "none"},
    "zstd, pages of version 2": {"compression": "zstd", "data_page_version": "2.0"},
}


@pytest.fixture(scope="module")
def ids():
    """One resident set of ids: it remembers what earlier files looked like, in whatever order tests run."""
    return ImageIds(NAMES)


def scores(seed):
    return np.random.default_rng(seed).normal(size=COUNT)


def write(file, names, values, **options):
    pq.write_table(pa.table({"image_id": names, "score": values}), file, **options)
    return file


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_each_file_has_its_own_scores(file, ids, options):
    for seed in range(3):
        values = scores(seed)
        read = validate_submission(write(file, NAMES, values, **options), ids=ids).predictions
        assert read.tobytes() == values.tobytes()


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("change", ["halves", "two", "back", "any"])
def test_another_order_after_it_is_read_as_what_it_is(file, ids, options, change):
    values = scores(0)
    validate_submission(write(file, NAMES, values, **options), ids=ids)
    order = np.arange(COUNT)
    if change == "halves":
        order = np.roll(order, COUNT // 2)
    elif change == "two":
        order[[50_000, 50_001]] = order[[50_001, 50_000]]
    elif change == "back":
        order = order[::-1]
    else:
        order = np.random.default_rng(1).permutation(COUNT)
    names = [NAMES[row] for row in order]
    for _ in range(2):
        read = validate_submission(write(file, names, values[order], **options), ids=ids).predictions
        assert read.tobytes() == values.tobytes()


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_a_wrong_id_after_it_is_refused(file, ids, options):
    validate_submission(write(file, NAMES, scores(0), **options), ids=ids)
    names = [*NAMES[:49_999], NAMES[0], *NAMES[50_000:]]
    with pytest.raises(InvalidSubmission) as refused:
        validate_submission(write(file, names, scores(0), **options), ids=ids)
    assert kinds(refused.value.problems) == {"duplicate_id": 1, "missing_id": 1}


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize(
    ("value", "kind"), [(np.nan, "nan_value"), (np.inf, "infinite_value"), (None, "empty_value")]
)
def test_a_bad_score_among_known_ids_is_refused_with_its_row(file, ids, options, value, kind):
    validate_submission(write(file, NAMES, scores(0), **options), ids=ids)
    values = scores(0).tolist()
    values[66_666] = value
    with pytest.raises(InvalidSubmission) as refused:
        validate_submission(write(file, NAMES, pa.array(values, from_pandas=False), **options), ids=ids)
    (problem,) = refused.value.problems
    assert (problem.kind, problem.rows) == (kind, (66_667,))


def test_known_ids_of_another_test_set_are_read_again(file, ids):
    values = scores(0)
    write(file, NAMES, values)
    validate_submission(file, ids=ids)
    places = np.random.default_rng(2).permutation(COUNT).astype(np.int32)
    for _ in range(2):
        read = validate_submission(file, ids=(other := ImageIds(NAMES, places))).predictions
        assert read[places].tobytes() == values.tobytes()
    with pytest.raises(InvalidSubmission):
        validate_submission(file, n_rows=COUNT - 1)
    assert len(other) == COUNT


def test_known_ids_in_a_file_cut_or_damaged_later_are_refused(file, ids):
    write(file, NAMES, scores(0))
    validate_submission(file, ids=ids)
    content = bytearray(file.read_bytes())
    meta = pq.read_metadata(file).row_group(0).column(1)
    start = meta.dictionary_page_offset or meta.data_page_offset
    for change in (slice(start, start + 40), slice(start + meta.total_compressed_size - 40, None)):
        file.write_bytes(content[: change.start] + content[change.stop or len(content) :])
        with pytest.raises(InvalidSubmission):
            validate_submission(file, ids=ids)
