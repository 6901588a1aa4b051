"""What a submission may look like: everything here is accepted and read to the last bit."""

import gzip

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scoring import ImageIds, validate_submission
from tests.scoring.cases import LABELS, clean_csv, csv_text, image_ids, validate

VALUES = [0.25, -1.5, 3e-7, 12.0]
ROWS = list(zip(image_ids(4), VALUES, strict=True))
TEXT = csv_text(ROWS)


def read(file, content, **options):
    return validate(file, content, 4, **options).predictions.tolist()


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(TEXT, id="plain"),
        pytest.param(TEXT.rstrip("\n"), id="no last line end"),
        pytest.param(TEXT + "\n\n", id="blank lines at the end"),
        pytest.param(TEXT.replace("\n", "\n\n"), id="blank lines between"),
        pytest.param(TEXT.replace("\n", "\r\n"), id="CRLF"),
        pytest.param(TEXT.replace("\n", "\r"), id="CR"),
        pytest.param("\ufeff" + TEXT, id="BOM"),
        pytest.param("\ufeff" + TEXT.replace("\n", "\r\n"), id="BOM and CRLF"),
        pytest.param(csv_text(ROWS[::-1]), id="another order"),
        pytest.param(csv_text([(f'"{name}"', f'"{value}"') for name, value in ROWS]), id="quoted"),
        pytest.param(TEXT.replace("image_id,score", '"image_id","score"'), id="quoted header"),
        pytest.param(TEXT.replace("image_id,score", "image_id, score"), id="space in the header"),
        pytest.param(TEXT.replace(",", ", "), id="space before values"),
        pytest.param(
            "score,image_id\n" + "".join(f"{value},{name}\n" for name, value in ROWS), id="columns swapped"
        ),
    ],
)
def test_text_in_many_shapes(file, text):
    submission = validate(file, text, 4)
    assert submission.predictions.tolist() == VALUES
    assert submission.predictions.dtype == np.float64
    assert submission.warnings == []


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("image_id,score,comment\n" + "".join(f"{n},{v},fine\n" for n, v in ROWS), "comment"),
        (
            ",image_id,model,score\n" + "".join(f"{i},{n},ü,{v}\n" for i, (n, v) in enumerate(ROWS)),
            "(no name), model",
        ),
        ("image_id,score,label\n" + "".join(f"{n},{v},yes\n" for n, v in ROWS), "label"),
        ("note,image_id,score\n" + "".join(f'"a ""b"",\nc",{n},{v}\n' for n, v in ROWS), "note"),
    ],
)
def test_extra_columns_are_ignored_with_a_warning(file, text, named):
    submission = validate(file, text, 4)
    assert submission.predictions.tolist() == VALUES
    assert submission.warnings == [f"extra columns are ignored: {named}"]


def zstd(content):
    return pa.compress(content, codec="zstd", asbytes=True)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv.gz", gzip.compress(TEXT.encode())),
        ("a.csv.gz", gzip.compress(TEXT[:30].encode()) + gzip.compress(TEXT[30:].encode())),
        ("a.csv.zst", zstd(TEXT.encode())),
        ("a.csv.zst", zstd(TEXT[:30].encode()) + zstd(TEXT[30:].encode())),
        ("A.CSV", TEXT.encode()),
        ("a", gzip.compress(TEXT.encode())),
    ],
)
def test_compressed_text(file, name, content):
    submission = validate(file, content, 4, filename=name)
    assert submission.predictions.tolist() == VALUES
    assert submission.warnings == []


@pytest.mark.parametrize(
    ("name", "content", "warning"),
    [
        ("a.csv", gzip.compress(TEXT.encode()), 'the name "a.csv" says csv, the content is csv.gz'),
        ("a.csv.gz", TEXT.encode(), 'the name "a.csv.gz" says csv.gz, the content is csv'),
        ("a.parquet", TEXT.encode(), 'the name "a.parquet" says parquet, the content is csv'),
        ("a.csv.gz", zstd(TEXT.encode()), 'the name "a.csv.gz" says csv.gz, the content is csv.zst'),
    ],
)
def test_a_name_that_disagrees_with_the_content_is_said(file, name, content, warning):
    submission = validate(file, content, 4, filename=name)
    assert submission.predictions.tolist() == VALUES
    assert len(submission.warnings) == 1
    assert submission.warnings[0].startswith(warning)


@pytest.mark.parametrize("zero_or_one", ["0", "1", "0.0", "1.0", "-0", "1e0", "+1", " 1"])
def test_labels_may_be_written_as_any_number_that_is_0_or_1(file, zero_or_one):
    text = csv_text([(name, zero_or_one) for name in image_ids(4)], "image_id,label")
    assert read(file, text, config=LABELS) == [float(zero_or_one)] * 4


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=20),
    st.sampled_from(["{!r}", "{:.17g}", "{:.25e}", "{:.3f}", "+{!r}", "{!r}  "]),
)
def test_scores_are_parsed_as_python_parses_them(file, values, form):
    texts = [form.format(value).replace("+-", "-") for value in values]
    content = csv_text(list(zip(image_ids(len(values)), texts, strict=True)))
    found = validate(file, content, len(values)).predictions
    assert found.tobytes() == np.array([float(text) for text in texts]).tobytes()


@pytest.mark.parametrize(
    "text",
    [
        "2.2250738585072011e-308",  # between two denormals
        "9007199254740993",  # exactly between two doubles: to even
        "9007199254740993.00000000000000000000000000000001",
        "0.1000000000000000055511151231257827021181583404541015625",
        "1.7976931348623158e308",
        "4.9e-324",
        "2e-324",
        "1e-5000",
        "." + "0" * 400 + "1e400",
        "1" + "0" * 300,
        "5.",
        ".5",
        "00012",
        "1E+05",
    ],
)
def test_hard_decimals_are_rounded_as_python_rounds_them(file, text):
    assert validate(file, csv_text([("test_0000000", text)]), 1).predictions.tolist() == [float(text)]


def test_a_file_of_several_blocks_is_read_whole(file):
    count = 150_000
    order = np.random.default_rng(0).permutation(count)
    scores = np.random.default_rng(1).normal(size=count)
    names = image_ids(count)
    text = csv_text([(names[i], repr(float(scores[i]))) for i in order])
    assert validate(file, text, count).predictions.tobytes() == scores.tobytes()
    quoted_note = "\n".join(f'{line},"a\nb"' for line in text.splitlines()[1:])
    assert (
        validate(file, "image_id,score,note\n" + quoted_note, count).predictions.tobytes() == scores.tobytes()
    )


@pytest.mark.parametrize(
    "ids",
    [
        ["b", "a", "c"],
        ["train_0000007", "train_0000003", "train_0900000"],
        ["x_9999999", "x_10000000", "x_1"],
        ["雲1", "雲2", "雲3"],
        ["000", "002", "001"],
        ["test_0000000", "test_9999999", "test_0000001"],
    ],
)
def test_any_set_of_ids_will_do_and_predictions_follow_its_order(file, ids):
    file.write_text(csv_text(list(zip(ids[::-1], [3, 2, 1], strict=True))), encoding="utf-8")
    assert validate_submission(file, ids=ids).predictions.tolist() == [1, 2, 3]
    places = np.array([2, 0, 1])
    assert validate_submission(file, ids=ImageIds(ids, places)).predictions.tolist() == [2, 3, 1]


def test_ids_or_their_number_must_be_given(file):
    file.write_text(clean_csv(3))
    for options in ({}, {"n_rows": 3, "ids": image_ids(3)}):
        with pytest.raises(TypeError, match="either ids or n_rows"):
            validate_submission(file, **options)


@pytest.mark.parametrize("ids", [["a", "b", "a"], ["test_0000000", "test_0000001", "test_0000000"]])
def test_ids_that_repeat_are_no_set_of_ids(ids):
    with pytest.raises(ValueError, match=r"appears twice \(entries 1 and 3\)"):
        ImageIds(ids)


@pytest.mark.parametrize("ids", [[], ["a", ""], ["a", None]])
def test_ids_that_are_empty_are_no_set_of_ids(ids):
    with pytest.raises(ValueError, match=r"no image ids|is empty"):
        ImageIds(ids)
