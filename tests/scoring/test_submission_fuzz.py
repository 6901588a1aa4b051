"""Thousands of odd files: each is read as a plain reference reader reads it, or refused; nothing else."""

import csv
import gzip
import io
import math

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scoring import ImageIds, InvalidSubmission, Limits, fast_path, validate_submission
from tests.scoring.cases import FORM_2018, LABELS, clean_csv, image_ids, validate

COUNT = 6
NAMES = image_ids(COUNT)
LIMITS = Limits(max_bytes=1_000_000, max_decompressed_bytes=2_000_000)
CONFIGS = [None, LABELS, FORM_2018]
fuzz = settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

numbers = st.sampled_from(["0", "1", "0.5", "-0.0", "1e3", "+2", "1.", ".5", "1e-400", " 1 "])
no_numbers = st.sampled_from(
    ["x", "1e400", "nan", "inf", "Infinity", "1_0", "true", "0x1", "1d0", "٣", "1e", "--1"]
)
odd_cells = st.sampled_from(["", " ", "1\0", "\0", '"0.25"', '"0"1', '0"1', '"', '""', '""""'])
cells = numbers | numbers | no_numbers | odd_cells
names = st.sampled_from(
    [*NAMES, *NAMES, *NAMES, *(f'"{name}"' for name in NAMES), "test_1", "", "\0", '"', "test_00000001"]
)
line_ends = st.sampled_from(["\n", "\r\n", "\r", "\n\n"])


@pytest.fixture(params=["whole", "in pieces"], autouse=True)
def _pieces(request, monkeypatch):
    """Files as small as these are one piece; here some are cut after every row or two."""
    if request.param == "in pieces":
        monkeypatch.setattr(fast_path, "LINE_BYTES", 20)
        monkeypatch.setattr(fast_path, "PIECE_BYTES", 20)


def reference(text: str) -> list[float] | None:
    """The predictions of a well-formed file, by the csv module and float(); None for any other."""
    rows = [row for row in csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=None)) if row]
    header, *rows = rows
    header = [name.strip() for name in header]
    found = {}
    for row in rows:
        if len(row) != len(header):
            return None
        name, value = row[header.index("image_id")], row[header.index("score")]
        if name in found or name not in NAMES or "_" in value or not value.isascii():
            return None
        try:
            found[name] = float(value)
        except ValueError:
            return None
        if not math.isfinite(found[name]):
            return None
    return [found[name] for name in NAMES] if len(found) == COUNT else None


def reads_or_refuses(file, content, config=None, ids=None):
    try:
        if ids is None:
            return validate(file, content, COUNT, config=config, limits=LIMITS).predictions.tolist()
        file.write_bytes(content)
        return validate_submission(file, ids=ids, config=config, limits=LIMITS).predictions.tolist()
    except InvalidSubmission as refused:
        problems = refused.problems
    assert problems
    for problem in problems:
        assert problem.message
        assert "\n" not in problem.message
        assert problem.total >= 1
        assert all(row >= 1 for row in problem.rows)
    return None


@fuzz
@given(
    order=st.permutations(NAMES),
    values=st.lists(cells, min_size=COUNT, max_size=COUNT),
    changes=st.dictionaries(st.integers(0, COUNT - 1), st.tuples(names, cells), max_size=2),
    header=st.sampled_from(
        ["image_id,score", '"image_id","score"', "\ufeffimage_id,score", "image_id ,score"]
    ),
    end=line_ends,
)
def test_files_that_are_almost_right(file, order, values, changes, header, end):  # noqa: PLR0917
    rows = list(zip(order, values, strict=True))
    for position, row in changes.items():
        rows[position] = row
    text = end.join([header, *(f"{name},{value}" for name, value in rows)]) + end
    assert reads_or_refuses(file, text) == reference(text)


@fuzz
@given(
    values=st.lists(st.sampled_from(["0", "1", "1.5", "-2e-3"]), min_size=COUNT, max_size=COUNT),
    # many control characters look like binary junk, which is refused; surrogates are no UTF-8
    notes=st.lists(
        st.text(st.characters(exclude_categories=["Cc", "Cs"]) | st.just("\n"), max_size=8),
        min_size=COUNT,
        max_size=COUNT,
    ),
    quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL, csv.QUOTE_NONNUMERIC]),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_extra_columns_of_any_text(file, values, notes, quoting, end):
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, quoting=quoting, lineterminator=end)
    writer.writerows([["image_id", "note", "score"], *zip(NAMES, notes, values, strict=True)])
    assert reads_or_refuses(file, stream.getvalue()) == [float(value) for value in values]


@fuzz
@given(content=st.binary(max_size=300), config=st.sampled_from(CONFIGS))
def test_any_bytes(file, content, config):
    assert reads_or_refuses(file, content, config) is None


@fuzz
@given(text=st.text(alphabet='image_id,score0123456789\n\r"; \ttest_.e-naNİ\ufeff\x85', max_size=200))
def test_any_text_of_the_usual_letters(file, text):
    assert reads_or_refuses(file, text) is None


@fuzz
@given(
    head=st.sampled_from(
        [
            b"image_id,score\n",
            b"\xef\xbb\xbfimage_id,score\r\n",
            b"PAR1",
            b"\x1f\x8b\x08\0",
            b"\x28\xb5\x2f\xfd",
            b"PK\3\4",
        ]
    ),
    content=st.binary(max_size=300),
)
def test_any_bytes_behind_a_promising_start(file, head, content):
    assert reads_or_refuses(file, head + content) is None


def parquet(**options):
    sink = pa.BufferOutputStream()
    table = pa.table({"image_id": NAMES, "score": np.arange(COUNT, dtype=float)})
    pa.parquet.write_table(table, sink, **options)
    return sink.getvalue().to_pybytes()


SOUND = {
    "csv": clean_csv(COUNT).encode(),
    "gzip": gzip.compress(clean_csv(COUNT).encode()),
    "zstd": pa.compress(clean_csv(COUNT).encode(), "zstd", asbytes=True),
    "parquet": parquet(),
    "plain parquet": parquet(use_dictionary=False, compression=None),
    "zstd parquet": parquet(compression="zstd", write_page_checksum=True),
}


@pytest.mark.parametrize("form", SOUND)
def test_sound_files_with_some_bytes_changed(file, form):
    sound = np.frombuffer(SOUND[form], np.uint8)
    remembering = ImageIds(NAMES)
    assert reads_or_refuses(file, SOUND[form], ids=remembering) is not None
    rng = np.random.default_rng(7)
    for _ in range(400):
        damaged = sound.copy()
        where = rng.integers(0, len(damaged), rng.integers(1, 4))
        damaged[where] = rng.integers(0, 256, len(where))
        content = damaged.tobytes()
        assert reads_or_refuses(file, content) == reads_or_refuses(file, content, ids=remembering)


@pytest.mark.parametrize("form", SOUND)
def test_sound_files_cut_anywhere(file, form):
    content = SOUND[form]
    assert reads_or_refuses(file, content) is not None
    for length in range(0, len(content) - 1, max(1, len(content) // 200)):
        assert reads_or_refuses(file, content[:length]) is None
