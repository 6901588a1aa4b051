"""Every mistake is refused with its kind, its row and a sentence that tells what to do."""

import gzip
import io
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from tests.scoring.cases import LABELS, clean_csv, csv_text, image_ids, kinds, refusal

CLEAN = clean_csv(5)


def change(row: int, line: str | None) -> str:
    """The clean file with one line (1 is the header) replaced, or left out."""
    lines = CLEAN.splitlines()
    lines[row - 1 : row] = [] if line is None else [line]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    ("line", "kind", "words"),
    [
        ("test_0000002,nan", "nan_value", '"nan"'),
        ("test_0000002,NaN", "nan_value", '"NaN"'),
        ("test_0000002,NA", "nan_value", '"NA"'),
        ("test_0000002,null", "nan_value", '"null"'),
        ("test_0000002,inf", "infinite_value", "must be finite"),
        ("test_0000002,-Infinity", "infinite_value", "must be finite"),
        ("test_0000002,1e400", "infinite_value", "too large for a float64"),
        ("test_0000002,-1" + "0" * 400, "infinite_value", "too large for a float64"),
        ("test_0000002,", "empty_value", "is empty"),
        ("test_0000002,  ", "empty_value", "is empty"),
        ('test_0000002,""', "empty_value", "is empty"),
        ("test_0000002,high", "text_value", '"high" is not a number'),
        ("test_0000002,1_000", "text_value", '"1_000"'),
        ("test_0000002,0x10", "text_value", '"0x10"'),
        ("test_0000002,٣", "text_value", '"٣"'),
        ("test_0000002,True", "text_value", '"True"'),
        ("test_0000002,1 2", "text_value", '"1 2"'),
        ('test_0000002,"0,5"', "text_value", "write decimals with a point"),
        ("test_0000002,0,5", "fields", "has 3 fields, expected 2"),
        ("test_0000002", "fields", "has 1 field, expected 2"),
        ("test_0000002,0.5,", "fields", "has 3 fields, expected 2"),
    ],
)
def test_a_bad_row_is_named_and_nothing_else(file, line, kind, words):
    (problem,) = refusal(file, change(4, line), 5)
    assert (problem.kind, problem.rows, problem.total) == (kind, (4,), 1)
    assert problem.message.startswith("row 4: ")
    assert words in problem.message


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("test_2", 'did you mean "test_0000002"?'),
        ("2", 'did you mean "test_0000002"?'),
        ("2.0", 'did you mean "test_0000002"?'),
        ("test_00000002", 'did you mean "test_0000002"?'),
        (" test_0000002", 'did you mean "test_0000002"?'),
        ("test_0000002 ", 'did you mean "test_0000002"?'),
        ("TEST_0000002", 'did you mean "test_0000002"?'),
        ("test_0000002.tif", 'did you mean "test_0000002"?'),
        ("train_0000002", 'did you mean "test_0000002"?'),
        ("test_0000005", 'ids look like "test_0000000"'),
        ("cat", 'ids look like "test_0000000"'),
        ("test_" + "9" * 5000, 'ids look like "test_0000000"'),
        ("test_٠٠٠٠٠٠٢", 'did you mean "test_0000002"?'),
    ],
)
def test_an_unknown_id_comes_with_a_hint(file, name, hint):
    problems = refusal(file, change(4, f"{name},0"), 5)
    assert [problem.kind for problem in problems] == ["unknown_id", "missing_id"]
    assert problems[0].rows == (4,)
    assert problems[0].message.startswith("row 4: unknown id")
    assert hint in problems[0].message
    assert problems[1].message == 'the id "test_0000002" is missing'


@pytest.mark.parametrize("place", range(5))
@pytest.mark.parametrize("stranger", ["test_0000005", "test_9999999", "test_000000x"])
@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_an_unknown_id_takes_nobodys_place(file, place, stranger, form):
    names = [*image_ids(5)[:place], stranger, *image_ids(5)[place + 1 :]]
    content = csv_text([(name, 1) for name in names]).encode()
    if form == "parquet":
        sink = pa.BufferOutputStream()
        pa.parquet.write_table(pa.table({"image_id": names, "score": [1.0] * 5}), sink)
        content = sink.getvalue().to_pybytes()
    problems = refusal(file, content, 5)
    assert kinds(problems) == {"unknown_id": 1, "missing_id": 1}
    assert problems[1].message == f'the id "test_000000{place}" is missing'


def test_an_empty_id_is_said_to_be_empty(file):
    problems = refusal(file, change(4, ",0.5"), 5)
    assert problems[0].message == "row 4: the id is empty"


def test_a_duplicate_names_both_rows(file):
    (problem,) = refusal(file, CLEAN + "test_0000001,0.5\n", 5)
    assert (problem.kind, problem.rows) == ("duplicate_id", (3, 7))
    assert problem.message == 'row 7: the id "test_0000001" was already in row 3'


def test_missing_ids_are_listed(file):
    problems = refusal(file, change(3, None), 6)
    assert [problem.message for problem in problems] == [
        'the id "test_0000001" is missing',
        'the id "test_0000005" is missing',
    ]


def test_all_problems_are_listed_at_once(file):
    rows = [*zip(image_ids(6), ["nan", "x", "", "inf", 1, 2], strict=True)][:5]
    text = csv_text([*rows, ("test_0000004", 3), ("cat", 4)]) + "test_0000001\n"
    assert kinds(refusal(file, text, 6)) == {
        "nan_value": 1,
        "text_value": 1,
        "empty_value": 1,
        "infinite_value": 1,
        "duplicate_id": 2,
        "unknown_id": 1,
        "fields": 1,
        "missing_id": 1,
    }


def test_at_most_twenty_of_a_kind_are_listed_and_all_are_counted(file):
    rows = [*((name, "nan") for name in image_ids(500)), *((f"cat{i}", 1) for i in range(300))]
    problems = refusal(file, csv_text(rows), 1000)
    assert kinds(problems) == {"nan_value": 500, "unknown_id": 300, "missing_id": 500}
    for kind in kinds(problems):
        assert sum(problem.kind == kind for problem in problems) == 20
    assert [problem.rows for problem in problems if problem.kind == "nan_value"] == [
        (row,) for row in range(2, 22)
    ]


def test_row_numbers_count_lines_of_the_file(file):
    text = 'image_id,score,note\n\ntest_0000000,1,"two\nlines"\r\n\ntest_0000001,nan,x\ntest_0000002,inf,y'
    problems = refusal(file, text, 3)
    assert [(problem.kind, problem.rows) for problem in problems] == [
        ("nan_value", (6,)),
        ("infinite_value", (7,)),
    ]


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("id,score", ['the column "image_id" is missing', 'expected image_id,score, found "id", "score"']),
        ("image_id,prob", ['the column "score" is missing', 'found "image_id", "prob"']),
        ("image_id,label", ['the column "score" is missing']),
        ("Image_ID,Score", ['rename "Image_ID"', 'rename "Score"']),
        ("image_id", ['the column "score" is missing']),
        ("", ['the column "image_id" is missing', 'the column "score" is missing']),
        ("image_id,score,score", ['the column "score" appears more than once (columns 2, 3)']),
        ("image_id,score,image_id", ['the column "image_id" appears more than once (columns 1, 3)']),
        ("test_0000000,0.5", ["the header is missing: it must be image_id,score"]),
    ],
)
def test_a_wrong_header_says_what_was_found_and_expected(file, header, words):
    problems = [problem for problem in refusal(file, change(1, header), 5) if problem.kind == "columns"]
    assert all(problem.rows == (1,) for problem in problems)
    text = "\n".join(problem.message for problem in problems)
    for expected in words:
        assert expected in text


def test_a_wrong_header_does_not_hide_the_problems_below(file):
    problems = refusal(file, change(4, "cat,0.5").replace("score", "prob"), 5)
    assert kinds(problems) == {"columns": 1, "unknown_id": 1, "missing_id": 1}


def test_a_missing_header_does_not_hide_the_problems_below(file):
    problems = refusal(file, "test_0000000,1\ntest_0000001,nan\n", 2)
    assert [(problem.kind, problem.rows) for problem in problems] == [("columns", (1,)), ("nan_value", (2,))]


@pytest.mark.parametrize(
    ("delimiter", "name"), [(";", "semicolons"), ("\t", "tabs"), ("|", "vertical bars"), (" ", "spaces")]
)
def test_another_delimiter_is_recognised(file, delimiter, name):
    (problem,) = refusal(file, CLEAN.replace(",", delimiter), 5)
    assert problem.kind == "delimiter"
    assert f"separated by {name}" in problem.message


@pytest.mark.parametrize("value", ["2", "-1", "0.5", "1e-300", "true", "yes", "1.0000000000000002"])
def test_a_label_is_0_or_1(file, value):
    text = csv_text([("test_0000000", 1), ("test_0000001", value)], "image_id,label")
    (problem,) = refusal(file, text, 2, config=LABELS)
    assert (problem.kind, problem.rows) == ("label_value", (3,))
    assert "0 or 1" in problem.message


@pytest.mark.parametrize("content", [b"", b"\n", b"  \r\n\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\n"])
def test_an_empty_file(file, content):
    (problem,) = refusal(file, content, 5)
    assert problem.kind == "empty_file"


@pytest.mark.parametrize("content", ["image_id,score", "image_id,score\n", "image_id,score\r\n\r\n\r\n"])
def test_a_header_alone(file, content):
    (problem,) = refusal(file, content, 5)
    assert (problem.kind, problem.message) == ("empty_file", "the file has no rows of data")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le"])
def test_wide_encodings_are_recognised(file, encoding):
    (problem,) = refusal(file, CLEAN.encode(encoding), 5)
    assert problem.kind in ("encoding", "binary")
    if not encoding.startswith("utf-32-"):
        assert problem.kind == "encoding"
        assert "UTF-" in problem.message
        assert "save it as UTF-8" in problem.message


@pytest.mark.parametrize(
    ("encoding", "note", "byte"),
    [("shift-jis", "台風", 0x91), ("latin-1", "é", 0xE9), ("euc-jp", "台風", 0xC2)],
)
def test_an_extra_column_that_is_not_utf_8_is_placed(file, encoding, note, byte):
    lines = [f"{line},{note}" for line in CLEAN.splitlines()[1:]]
    problems = refusal(file, ("image_id,score,note\n" + "\n".join(lines)).encode(encoding), 5)
    assert kinds(problems) == {"encoding": 5}
    assert problems[0].rows == (2,)
    assert problems[0].message.startswith(
        f"row 2: byte 16 of the line (0x{byte:02x}) is not UTF-8; save it as UTF-8"
    )


def test_a_header_that_is_not_utf_8_is_placed(file):
    (problem,) = refusal(file, "image_id,score,台風\n".encode("shift-jis"), 5)
    assert problem.message.startswith("row 1: byte 16 of the file (0x91) is not UTF-8")


def test_one_bad_byte_in_an_id_or_a_value(file):
    content = CLEAN.encode().replace(b"test_0000002,0", b"test_000\xff002,0").replace(b"0003,1", b"0003,\xfe")
    problems = refusal(file, content, 5)
    assert kinds(problems) == {"encoding": 2, "text_value": 1, "missing_id": 1}
    assert [problem.rows for problem in problems if problem.kind == "encoding"] == [(4,), (5,)]


@pytest.mark.parametrize(
    "content", [gzip.compress(CLEAN.encode()), pa.compress(CLEAN.encode(), "zstd", asbytes=True)]
)
@pytest.mark.parametrize("damage", ["cut short", "cut to the magic", "flipped", "garbage behind"])
def test_damaged_compression(file, content, damage):
    broken = {
        "cut short": content[:-6],
        "cut to the magic": content[:5],
        "flipped": content[:20] + bytes([content[20] ^ 0xFF]) + content[21:],
        "garbage behind": content + b"garbage!",
    }[damage]
    problems = refusal(file, broken, 5)
    if damage == "flipped" and problems[0].kind != "damaged":
        # zstd without a checksum cannot know; the rows then tell
        assert content.startswith(b"\x28\xb5\x2f\xfd")
    else:
        assert kinds(problems) == {"damaged": 1}
        if damage.startswith("cut"):
            assert "ends too early" in problems[0].message


def zip_of(name, content):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(name, content)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "PNG"),
        (b"\xff\xd8\xff\xe0" + bytes(100), "JPEG"),
        (zip_of("submission.csv", CLEAN), "zip archive"),
        (zip_of("xl/workbook.xml", "<x/>"), "Excel"),
        (b"%PDF-1.7\n", "PDF"),
        (b"\x93NUMPY\x01\x00", "NumPy"),
        (b"\x89HDF\r\n\x1a\n", "HDF5"),
        (b"ARROW1\0\0", "Arrow"),
        (b"BZh91AY&SY", "bzip2"),
        (b"\xfd7zXZ\x00", "xz"),
        (b"7z\xbc\xaf\x27\x1c", "7z"),
        (b"\x80\x04\x95", "pickle"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3\n", "Git LFS pointer"),
        (b"<!DOCTYPE html><html>", "web page"),
        (b'\n {"image_id": []}', "JSON"),
        (b"x" * 257 + b"ustar" + bytes(300), "tar archive"),
        (gzip.compress(gzip.compress(CLEAN.encode())), "compressed twice"),
        (gzip.compress(b"x" * 257 + b"ustar" + bytes(300)), "tar archive"),
        (gzip.compress(b"\x89PNG\r\n\x1a\n"), "PNG"),
        (gzip.compress(b"PAR1" + bytes(100)), "Parquet file inside gzip"),
        (pa.compress(zip_of("a", "b"), "zstd", asbytes=True), "zip archive"),
    ],
)
def test_other_formats_are_recognised(file, content, words):
    (problem,) = refusal(file, content, 5)
    assert problem.kind == "format"
    assert words in problem.message


def test_binary_junk(file):
    for seed in range(50):
        junk = np.random.default_rng(seed).bytes(5000)
        assert kinds(refusal(file, junk, 5)).keys() <= {"binary", "encoding", "format", "damaged"}
    assert kinds(refusal(file, bytes(5000), 5)) == {"binary": 1}
    (problem,) = refusal(file, CLEAN.encode() + bytes(5000), 5)
    assert problem.kind == "binary"
    assert f"from byte {len(CLEAN) + 1} on it has 00 00" in problem.message


def test_an_open_quotation_mark_does_not_swallow_the_file(file):
    rows = [(name, "nan" if number == 300 else 1) for number, name in enumerate(image_ids(400))]
    text = csv_text(rows).replace("test_0000007", '"test_0000007')
    problems = refusal(file, text, 400)
    assert kinds(problems) == {"quotes": 1, "unknown_id": 1, "nan_value": 1, "missing_id": 1}
    assert problems[0].rows == (9,)


def test_hostile_text_is_harmless_in_a_message(file):
    hostile = "\x1b[31m\u202ecat" + "x" * 10_000
    message = refusal(file, change(4, f"{hostile},0"), 5)[0].message
    assert "\x1b" not in message
    assert "\u202e" not in message
    assert len(message) < 300
