"""From a participant's file to CSV text or Parquet bytes: recognised, decompressed within limits."""

import codecs
import io
import os
from dataclasses import dataclass
from pathlib import Path, PurePath

import numpy as np
import pyarrow as pa

from scoring.problems import refuse

MIB = 1 << 20
FORMS = "Submit .csv, .csv.gz, .csv.zst or .parquet"
PARQUET_MAGIC = b"PAR1"
GZIP_MAGIC, ZSTD_MAGIC = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"

# What people send by mistake, by its first bytes.
FOREIGN_FORMATS = (
    (b"\x89PNG\r\n", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"II*\0", "a TIFF image"),
    (b"MM\0*", "a TIFF image"),
    (b"%PDF", "a PDF document"),
    (b"\xd0\xcf\x11\xe0", "an old Excel or Word document (save the sheet as CSV UTF-8)"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"\x89HDF\r\n", "an HDF5 or NetCDF-4 file"),
    (b"CDF", "a NetCDF file"),
    (b"ARROW1", "an Arrow or Feather file (write Parquet instead)"),
    (b"PARE", "an encrypted Parquet file (write it without encryption)"),
    (b"BZh", "a bzip2 archive (compress with gzip or zstd, or not at all)"),
    (b"\xfd7zXZ", "an xz archive (compress with gzip or zstd, or not at all)"),
    (b"7z\xbc\xaf", "a 7z archive (compress with gzip or zstd, or not at all)"),
    (b"Rar!", "a RAR archive (compress with gzip or zstd, or not at all)"),
    (b"SQLite format 3", "an SQLite database"),
    (b"\x7fELF", "a program"),
    (b"\x80\x02", "a Python pickle"),
    (b"\x80\x03", "a Python pickle"),
    (b"\x80\x04", "a Python pickle"),
    (b"\x80\x05", "a Python pickle"),
    (b"{\\rtf", "an RTF document"),
)
WIDE_MARKS = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)
SAVE_AS_UTF8 = "save it as UTF-8 (in Excel: Save as, CSV UTF-8; in pandas: to_csv(..., encoding='utf-8'))"  # noqa: RUF100


@dataclass(frozen=True)
class Limits:
    """How much of a submission is read. max_bytes: as sent; max_decompressed_bytes: after decompression."""

    max_bytes: int = 256 * MIB
    max_decompressed_bytes: int = 512 * MIB


@dataclass(frozen=True)
class Contents:
    """The bytes to parse. form: ``csv`` (UTF-8 text, most likely) or ``parquet``."""

    form: str
    data: pa.Buffer
    warnings: list[str]


def read_contents(path: str | Path, *, limits: Limits, filename: str | None = None) -> Contents:
    """Reads a file whose format is told by its content; `filename` is what the participant called it.

    Raises InvalidSubmission for what cannot be a table, OSError where the file cannot be opened.
    """
    data = _read(path, limits.max_bytes + 1)
    if data.size > limits.max_bytes:
        raise refuse(
            "too_large",
            f"the file is larger than {_size(limits.max_bytes)}, the limit;"
            " leave out extra columns, compress it with gzip, or send Parquet",
        )
    if not data.size:
        raise refuse("empty_file", "the file is empty (0 bytes)")
    head = bytes(data[:512])
    compression = _compression(head)
    if compression:
        data = _decompress(data, compression, limits)
        _refuse_inside(bytes(data[:512]), compression)
        form = "csv"
    else:
        form = "parquet" if head.startswith(PARQUET_MAGIC) else "csv"
    if form == "csv":
        _refuse_other_formats(bytes(data[: 64 * 1024]))
    found = {"gzip": "csv.gz", "zstd": "csv.zst"}.get(compression or "", form)
    return Contents(form, data, _compare_name(filename or PurePath(path).name, found))


def _read(path: str | Path, most: int) -> pa.Buffer:
    """The first `most` bytes of a file.

    NumPy's memory comes in huge pages: 35 MiB take 5 ms, and 19 ms as a bytes object. A memory map would take
    2 ms, but ends the process when somebody truncates the file meanwhile.
    """
    with Path(path).open("rb", buffering=0) as file:
        block = np.empty(min(os.fstat(file.fileno()).st_size + 1, most), np.uint8).data
        filled = 0
        while filled < len(block) and (count := file.readinto(block[filled:])):
            filled += count
        if filled < len(block) or filled == most:
            return pa.py_buffer(block)[:filled]
        # a pipe, or a file that grows
        return pa.py_buffer(block.tobytes() + io.BufferedReader(file).read(most - filled))


def _compression(head: bytes) -> str | None:
    if head.startswith(GZIP_MAGIC):
        return "gzip"
    return "zstd" if head.startswith(ZSTD_MAGIC) else None


def _decompress(data: pa.Buffer, compression: str, limits: Limits) -> pa.Buffer:
    """Streamed, so that a decompression bomb costs no more than the limit."""
    sink = pa.BufferOutputStream()
    size = 0
    stream = pa.CompressedInputStream(pa.BufferReader(data), compression)
    try:
        while block := stream.read(MIB):
            size += len(block)
            if size > limits.max_decompressed_bytes:
                raise refuse(
                    "too_large",
                    f"the file grows beyond {_size(limits.max_decompressed_bytes)} when it is decompressed,"
                    " the limit; leave out extra columns",
                )
            sink.write(block)
    except (OSError, pa.ArrowException) as error:
        what = "ends too early" if "runcated" in str(error) else "is damaged"
        raise refuse(
            "damaged",
            f"the {compression} data {what} (after {size:,} decompressed bytes: {error});"
            " compress and upload the file again",
        ) from error
    if not size:
        raise refuse("empty_file", f"the file is empty: {compression} data of 0 bytes")
    return sink.getvalue()


def _refuse_inside(head: bytes, compression: str) -> None:
    if _compression(head):
        raise refuse("format", f"the file is compressed twice; compress it once, with {compression} or zstd")
    if head.startswith(PARQUET_MAGIC):
        raise refuse("format", f"a Parquet file inside {compression}: send the .parquet file itself")
    if head[257:262] == b"ustar":
        raise refuse("format", f"a tar archive inside {compression}: send the file in it, not the archive")


def _refuse_other_formats(head: bytes) -> None:
    """What is neither text nor in UTF-8 nor a table, by its first 64 KiB."""
    for mark, encoding in WIDE_MARKS:
        if head.startswith(mark):
            raise refuse("encoding", f"the file is {encoding}, from its first byte on; {SAVE_AS_UTF8}", 1)
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        sheet = b"xl/" in head or b"[Content_Types].xml" in head
        what = (
            "an Excel workbook: save the sheet as CSV UTF-8"
            if sheet
            else "a zip archive: send the file in it"
        )
        raise refuse("format", f"the file is {what}. {FORMS}")
    for magic, what in FOREIGN_FORMATS:
        if head.startswith(magic):
            raise refuse("format", f"the file is {what}. {FORMS}")
    if head[257:262] == b"ustar":
        raise refuse("format", f"the file is a tar archive: send the file in it. {FORMS}")
    if head.startswith(b"version https://git-lfs"):
        raise refuse(
            "format", "the file is a Git LFS pointer, not the file itself: run git lfs pull and send that"
        )
    start = head.removeprefix(codecs.BOM_UTF8).lstrip()[:16].lower()
    if start.startswith((b"<!doctype", b"<html", b"<?xml")):
        raise refuse(
            "format", f"the file is a web page or XML, perhaps an error page that was saved. {FORMS}"
        )
    if start.startswith((b"{", b"[")):
        raise refuse("format", f"the file looks like JSON. {FORMS}")
    if not start:
        if not head.strip(b"\0 \t\r\n" + codecs.BOM_UTF8) and b"\0" not in head and len(head) < 64 * 1024:
            raise refuse("empty_file", "the file holds nothing but blank lines")
        return
    fewer, more = sorted((head[:512:2].count(0), head[1:512:2].count(0)))
    if more * 3 > len(head[1:512:2]) and fewer * 4 < more:
        raise refuse("encoding", f"the file looks like UTF-16 (every other byte is zero); {SAVE_AS_UTF8}", 1)
    first = head[:4096]
    controls = [code for code in range(32) if code not in b"\t\n\r\f\v"]
    if first.count(0) or sum(map(first.count, controls)) * 20 > len(first):
        at = next(place for place, code in enumerate(first) if code in controls)
        shown = first[at : at + 8].hex(" ")
        raise refuse("binary", f"the file is not text: from byte {at + 1:,} on it has {shown}. {FORMS}")


def _compare_name(name: str, found: str) -> list[str]:
    """A warning where the name promises another format than the content has."""
    lower = name.lower()
    promised = next(
        (
            form
            for endings, form in (
                ((".gz",), "csv.gz"),
                ((".zst", ".zstd"), "csv.zst"),
                ((".parquet", ".pq"), "parquet"),
                ((".csv", ".tsv", ".txt"), "csv"),
            )
            if lower.endswith(endings)
        ),
        found,
    )
    if promised == found:
        return []
    return [f'the name "{name}" says {promised}, the content is {found}: it was read as {found}']


def _size(count: int) -> str:
    return f"{count / MIB:,.0f} MiB" if count >= MIB else f"{count:,} bytes"
