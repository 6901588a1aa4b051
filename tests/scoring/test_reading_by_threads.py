"""A text is cut into pieces that several threads read: nobody can tell from what comes out."""

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

import scoring.image_ids
from scoring import ImageIds, InvalidSubmission, grade, validate_submission
from tests.scoring.cases import FORM_2018, csv_text, image_ids, kinds, random_solution, refusal, validate

COUNT = 20_000
NAMES = image_ids(COUNT)
rng = np.random.default_rng(3)
SCORES = rng.normal(size=COUNT) * 10.0 ** rng.integers(-300, 300, COUNT)
ORDER = rng.permutation(COUNT)


@pytest.fixture(params=[1, 2, 7])
def _threads(request):
    before = pa.cpu_count()
    pa.set_cpu_count(request.param)
    yield
    pa.set_cpu_count(before)


@pytest.fixture(params=["compiled", "by Arrow"], autouse=True)
def _reader(request, monkeypatch):
    """With the compiled reader, and as where no compiler was at hand."""
    if request.param == "by Arrow":
        monkeypatch.setattr(scoring.image_ids, "put_rows", None)


def text(order, end="\n", last="\n"):
    lines = ["image_id,score", *(f"{NAMES[row]},{float(SCORES[row])!r}" for row in order)]
    return end.join(lines) + last


def problems(file, names):
    with pytest.raises(InvalidSubmission) as refused:
        validate_submission(file, ids=ImageIds(names))
    return kinds(refused.value.problems)


@pytest.mark.usefixtures("_threads")
@pytest.mark.parametrize("order", [range(COUNT), range(COUNT)[::-1], ORDER], ids=["in order", "back", "any"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\n\n"], ids=["LF", "CRLF", "CR", "blank lines"])
@pytest.mark.parametrize("closed", [True, False], ids=["closed", "open"])
def test_every_score_arrives_to_the_last_bit(file, order, end, closed):
    predictions = validate(file, text(order, end, end if closed else ""), COUNT).predictions
    assert predictions.tobytes() == SCORES.tobytes()


@pytest.mark.usefixtures("_threads")
@pytest.mark.parametrize("row", [0, 1, COUNT // 2, COUNT - 2, COUNT - 1])
def test_what_is_wrong_is_found_in_every_piece(file, row):
    lines = text(ORDER).splitlines()
    for odd, kind in (
        (lines[1 + row].replace("test_", "Test_"), "unknown_id"),
        (lines[1 + row].replace("_0", "_:"), "unknown_id"),
        (f"test_{COUNT:07d},1", "unknown_id"),
        (lines[1 + (row + COUNT // 3) % COUNT], "duplicate_id"),
        (lines[1 + row] + "e", "text_value"),
        (lines[1 + row].split(",")[0] + ",nan", "nan_value"),
        (lines[1 + row].split(",")[0] + ",1e999", "infinite_value"),
        (lines[1 + row] + ",1", "fields"),
    ):
        changed = [*lines[: 1 + row], odd, *lines[2 + row :]]
        problem = refusal(file, "\n".join(changed), COUNT)[0]
        assert problem.kind == kind
        assert 2 + row in problem.rows or kind == "duplicate_id"


@pytest.mark.usefixtures("_threads")
def test_a_row_too_many_or_too_few(file):
    lines = text(ORDER).splitlines()
    assert kinds(refusal(file, "\n".join([*lines, lines[1]]), COUNT)) == {"duplicate_id": 1}
    assert kinds(refusal(file, "\n".join(lines[:-1]), COUNT)) == {"missing_id": 1}


@pytest.mark.usefixtures("_threads")
def test_a_grade_is_the_same_on_any_number_of_threads(file):
    solution = random_solution(COUNT, seed=5)
    file.write_text(text(ORDER))
    found = grade(file, solution, device="cpu").to_dict()
    pa.set_cpu_count(3)
    again = grade(file, solution, device="cpu").to_dict()
    assert found | {"seconds": {}} == again | {"seconds": {}}


def test_quoted_files_are_read_whatever_their_length(file):
    pl.DataFrame({"image_id": NAMES, "score": SCORES})[ORDER].write_csv(file, quote_style="always")
    assert validate_submission(file, n_rows=COUNT).predictions.tobytes() == SCORES.tobytes()


@pytest.mark.parametrize("value", ['"0.5', '0.5"', '"0.5""', '"'])
def test_a_quotation_mark_left_open_in_the_last_row_is_refused(file, value):
    rows = csv_text([("test_0000000", "1"), ("test_0000001", value)]).rstrip("\n")
    assert {problem.rows for problem in refusal(file, rows, 2)} == {(3,)}


def test_a_line_of_many_columns_may_be_longer_than_is_looked_back_for_its_end(file):
    extra = ",x" * 100_000
    rows = "\n".join(f"{name},{value}{extra}" for name, value in zip(NAMES[:30], SCORES[:30], strict=True))
    content = f"image_id,score{extra}\n{rows}\n"
    assert validate(file, content, 30).predictions.tobytes() == SCORES[:30].tobytes()


@pytest.mark.parametrize("prefix", ["", "a", "img-", "a_long_prefix_of_an_id_"])
@pytest.mark.parametrize("digits", [1, 2, 6, 7, 8, 9, 14, 15])
def test_ids_of_any_prefix_and_number_of_digits(file, prefix, digits):
    count = min(10**digits, 1000)
    names = [f"{prefix}{number:0{digits}d}" for number in range(count)]
    order = np.random.default_rng(digits).permutation(count)
    file.write_text(csv_text([(names[row], row) for row in order]))
    assert validate_submission(file, ids=ImageIds(names)).predictions.tolist() == list(range(count))
    wrong = names[-1][:-1] + ("0" if names[-1][-1] != "0" else "1")
    file.write_text(csv_text([(wrong if row == count - 1 else names[row], row) for row in order]))
    assert problems(file, names) == {"duplicate_id": 1, "missing_id": 1}


def test_ids_with_gaps_in_their_numbers(file):
    names = [f"test_{number:07d}" for number in range(100, 200_000, 7)]
    rows = [(name, place) for place, name in enumerate(names)]
    file.write_text(csv_text(rows[::-1]))
    assert validate_submission(file, ids=ImageIds(names)).predictions.tolist() == list(range(len(names)))
    file.write_text(csv_text([*rows[:-1], ("test_0000101", 1)]))
    assert problems(file, names) == {"missing_id": 1, "unknown_id": 1}


def test_the_form_of_2018_with_and_without_its_suffix(file):
    for suffix in ("", ".tif"):
        lines = [f"{NAMES[row]}{suffix}\t{row % 2}" for row in ORDER]
        predictions = validate(file, "\n".join(lines), COUNT, config=FORM_2018).predictions
        assert predictions.tolist() == [row % 2 for row in range(COUNT)]
