"""Nothing a participant sends takes more memory or time than the limits allow."""

import gzip
import os
import threading
import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scoring import InvalidSubmission, Limits, validate_submission
from tests.scoring.cases import clean_csv, image_ids, kinds, refusal, validate

SMALL = Limits(max_bytes=100_000, max_decompressed_bytes=200_000)


def test_a_file_at_the_limit_is_read_and_one_byte_more_is_not(file):
    text = clean_csv(50)
    limits = Limits(max_bytes=len(text), max_decompressed_bytes=1)
    assert len(validate(file, text, 50, limits=limits).predictions) == 50
    (problem,) = refusal(file, text + "\n", 50, limits=limits)
    assert problem.kind == "too_large"


def test_the_limit_after_decompression_is_as_sharp(file):
    text = clean_csv(50).encode()
    limits = Limits(max_bytes=10_000, max_decompressed_bytes=len(text))
    assert len(validate(file, gzip.compress(text), 50, limits=limits).predictions) == 50
    assert kinds(refusal(file, gzip.compress(text + b"\n"), 50, limits=limits)) == {"too_large": 1}


def through_a_pipe(path, content):
    """A file whose size nobody knows before its end."""
    os.mkfifo(path)
    threading.Thread(target=path.write_bytes, args=(content,), daemon=True).start()
    return path


def test_a_pipe_is_read_to_its_end_and_not_beyond_the_limit(tmp_path):
    text = clean_csv(20_000).encode()
    pipe = through_a_pipe(tmp_path / "whole", text)
    assert validate_submission(pipe, n_rows=20_000).predictions.sum() == 10_000
    pipe = through_a_pipe(tmp_path / "exact", text)
    assert (
        len(validate_submission(pipe, n_rows=20_000, limits=Limits(max_bytes=len(text))).predictions)
        == 20_000
    )
    pipe = through_a_pipe(tmp_path / "long", text)
    with pytest.raises(InvalidSubmission) as refused:
        validate_submission(pipe, n_rows=20_000, limits=Limits(max_bytes=len(text) - 1))
    assert kinds(refused.value.problems) == {"too_large": 1}


@pytest.mark.parametrize("codec", ["gzip", "zstd"])
@pytest.mark.parametrize("unit", [b"\0", b"\n", b"test_0000000,0.5\n"])
def test_a_decompression_bomb(file, codec, unit):
    plain = b"image_id,score\n" + unit * (60_000_000 // len(unit))
    bomb = gzip.compress(plain, 6) if codec == "gzip" else pa.compress(plain, codec, asbytes=True)
    started = time.perf_counter()
    (problem,) = refusal(file, bomb, 50, limits=Limits(max_bytes=10**6, max_decompressed_bytes=10**7))
    assert problem.kind == "too_large"
    assert "when it is decompressed" in problem.message
    assert time.perf_counter() - started < 5


def test_an_endless_line(file):
    assert kinds(refusal(file, b"image_id,score" + b",x" * 5_000_000, 5)) == {"long_line": 1}
    assert kinds(refusal(file, b"image_id,score\n" + b"x" * 10_000_000, 5)) == {"long_line": 1}


def test_reading_stops_when_there_are_far_too_many_rows(file):
    problems = refusal(file, "image_id,score\n" + "test_0000000,1\n" * 100_000, 5)
    assert kinds(problems) == {"duplicate_id": 1008, "too_many_rows": 1}
    assert kinds(refusal(file, "image_id,score\n" + "\n" * 100_000, 5)) == {"too_many_rows": 1}


@pytest.mark.parametrize(
    "line",
    [
        '{id},abc',
        'x{id},1',
        '"{id},1',
        '{id}',
        '{id},1,2,3',
        '"',
        '""""""',
        ',,,,,,,,,,,,,,,,,,,,,,,,',
        '\u2028',
        '{id},nan\r',
    ],
)  # fmt: skip
def test_garbage_in_every_row_is_answered_soon(file, line):
    count = 100_000
    text = "image_id,score\n" + "\n".join(line.replace("{id}", name) for name in image_ids(count))
    started = time.process_time()
    problems = refusal(file, text, count)
    assert time.process_time() - started < 3
    assert len(problems) <= 20 * len(kinds(problems))


def parquet(table, path, **options):
    pq.write_table(table, path, **options)
    return path.read_bytes()


def test_a_parquet_file_with_far_too_many_rows_is_not_read(file, tmp_path):
    table = pa.table({"image_id": pa.array(["test_0000000"] * 100_000), "score": np.zeros(100_000)})
    assert kinds(refusal(file, parquet(table, tmp_path / "p"), 5)) == {"too_many_rows": 1}


def test_a_parquet_file_that_grows_beyond_the_limit_is_not_read(file, tmp_path):
    table = pa.table({"image_id": ["x" * 500_000] * 2, "score": [0.0, 1.0]})
    content = parquet(table, tmp_path / "p", compression="zstd", use_dictionary=False)
    assert len(content) < SMALL.max_bytes
    assert kinds(refusal(file, content, 2, limits=SMALL)) == {"too_large": 1}


def test_a_parquet_dictionary_of_endless_ids_is_not_spelled_out(file, tmp_path):
    # 100 kB that would be 10 GB of ids
    ids = pa.DictionaryArray.from_arrays(np.zeros(100_000, np.int32), ["x" * 100_000])
    table = pa.table({"image_id": ids, "score": np.zeros(100_000)})
    (problem,) = refusal(file, parquet(table, tmp_path / "p", compression="zstd"), 100_000)
    assert problem.kind == "unknown_id"
    assert "100,000 bytes" in problem.message


def test_parquet_ids_with_delta_prefixes_are_not_spelled_out(file, tmp_path):
    table = pa.table({"image_id": ["x" * 100_000 + str(i) for i in range(1000)], "score": np.zeros(1000)})
    encoding = {"image_id": "DELTA_BYTE_ARRAY"}
    content = parquet(
        table, tmp_path / "p", use_dictionary=False, column_encoding=encoding, compression="zstd"
    )
    (problem,) = refusal(file, content, 1000)
    assert "DELTA_BYTE_ARRAY" in problem.message


def test_a_parquet_file_with_a_great_many_columns_is_not_read(file, tmp_path):
    table = pa.table({f"c{i}": [0.0] for i in range(10_001)})
    assert kinds(refusal(file, parquet(table, tmp_path / "p"), 1)) == {"columns": 1}
