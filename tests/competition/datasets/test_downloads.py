"""Participants get every byte of the data, in the parts they ask for; nobody gets anything else."""

import hashlib
import os
import time

import pytest
from django.urls import reverse

from competition.datasets.downloads import BLOCK
from competition.datasets.models import ReleaseFile
from tests.competition.conftest import signed_in

SHARD = "train/images-00000.npy"


def address(path: str = SHARD) -> str:
    return reverse("datasets:download", args=["typhoons", path])


def body(response) -> bytes:
    return b"".join(response.streaming_content) if response.streaming else response.content


@pytest.fixture
def shard(data, team) -> ReleaseFile:
    return data.files.get(path=SHARD)


@pytest.fixture
def get(alice, shard):
    client = signed_in(alice)
    return lambda path=SHARD, **headers: client.get(
        address(path), headers={name.replace("_", "-"): value for name, value in headers.items()}
    )


@pytest.fixture
def content(data, release_folder) -> bytes:
    return (release_folder / SHARD).read_bytes()


def test_a_whole_file_comes_with_its_checksum_as_etag(get, shard, content):
    response = get()
    assert response.status_code == 200
    assert body(response) == content
    assert response["ETag"] == f'"{hashlib.sha256(content).hexdigest()}"' == f'"{shard.sha256}"'
    assert response["Content-Length"] == str(len(content))
    assert response["Accept-Ranges"] == "bytes"
    assert response["Content-Type"] == "application/octet-stream"
    assert response["Content-Disposition"] == 'attachment; filename="train-images-00000.npy"'
    assert response["Cache-Control"] == "private, no-transform"
    assert response["Last-Modified"].endswith("GMT")


@pytest.mark.parametrize("path", ["train.csv", "test.csv", "sample_submission.csv", "manifest.json"])
def test_tables_come_as_they_lie_on_disk(get, release_folder, path):
    assert body(get(path)) == (release_folder / path).read_bytes()


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=0-99", 0, 99),
        ("bytes=4096-8191", 4096, 8191),
        (f"bytes={BLOCK - 1}-{BLOCK}", BLOCK - 1, BLOCK),
        ("bytes=-100", -100, -1),
        ("bytes=1000-", 1000, -1),
        ("bytes=0-", 0, -1),
        ("bytes=100-99999999999", 100, -1),
        ("bytes=-99999999999", 0, -1),
        ("BYTES = 5-6".replace(" ", ""), 5, 6),
    ],
)
def test_one_range_is_answered_with_its_bytes_alone(get, content, asked, first, last):
    size = len(content)
    first, last = first % size, last % size
    response = get(Range=asked)
    assert response.status_code == 206
    assert response["Content-Range"] == f"bytes {first}-{last}/{size}"
    assert response["Content-Length"] == str(last - first + 1)
    assert body(response) == content[first : last + 1]


@pytest.mark.parametrize(
    "asked",
    ["bytes=5-4", "bytes=-", "bytes=a-b", "lines=0-5", "bytes", "bytes=0-5,10-20", f"bytes={'9' * 5000}-"],
)
def test_what_is_no_single_range_is_answered_with_the_whole_file(get, content, asked):
    response = get(Range=asked)
    assert response.status_code == 200
    assert "Content-Range" not in response
    assert body(response) == content


@pytest.mark.parametrize("asked", ["bytes={size}-", "bytes={size}-{size}", "bytes=-0"])
def test_a_range_outside_the_file_is_refused_with_its_size(get, content, asked):
    response = get(Range=asked.format(size=len(content)))
    assert response.status_code == 416
    assert response["Content-Range"] == f"bytes */{len(content)}"


def test_two_pieces_make_the_file(get, shard, content):
    half = len(content) // 2
    first = body(get(Range=f"bytes=0-{half - 1}"))
    rest = get(Range=f"bytes={half}-", If_Range=f'"{shard.sha256}"')
    assert rest.status_code == 206
    assert hashlib.sha256(first + body(rest)).hexdigest() == shard.sha256


@pytest.mark.parametrize("given", ['"another"', 'W/"{sha256}"', "Thu, 01 Jan 1970 00:00:00 GMT", "nonsense"])
def test_if_range_of_another_file_gives_the_whole_one(get, shard, content, given):
    response = get(Range="bytes=10-", If_Range=given.format(sha256=shard.sha256))
    assert response.status_code == 200
    assert body(response) == content


def test_if_range_takes_the_modification_time_too(get):
    assert get(Range="bytes=10-", If_Range=get()["Last-Modified"]).status_code == 206


def test_whoever_has_the_file_gets_304(get, shard):
    response = get(If_None_Match=f'"{shard.sha256}"')
    assert response.status_code == 304
    assert response["ETag"] == f'"{shard.sha256}"'
    assert get(If_Modified_Since=get()["Last-Modified"]).status_code == 304
    assert get(If_None_Match='"another"').status_code == 200
    assert get(If_Match='"another"').status_code == 412


def test_head_tells_the_size_and_sends_nothing(alice, shard):
    response = signed_in(alice).head(address(), headers={"Range": "bytes=0-9"})
    assert response.status_code == 200  # a range is GET's alone
    assert response["Content-Length"] == str(shard.size)
    assert response["ETag"] == f'"{shard.sha256}"'
    assert response.content == b""


def test_a_file_is_sent_in_blocks_and_closed_when_the_reader_leaves(get):
    response = get()
    blocks = iter(response.streaming_content)
    assert len(next(blocks)) == BLOCK
    (stream,) = [
        closer.__self__ for closer in response._resource_closers if hasattr(closer.__self__, "_content")
    ]
    response.close()
    assert stream._content.closed


def test_nginx_sends_the_file_where_there_is_one_under_the_sites_etag(get, shard, settings):
    settings.ACCEL_REDIRECT = "/protected/releases/"
    response = get(Range="bytes=0-9")
    assert response.status_code == 200
    assert response["X-Accel-Redirect"] == "/protected/releases/small/train/images-00000.npy"
    assert response["Content-Type"] == "application/octet-stream"
    assert response.content == b""
    assert response["ETag"] == f'"{shard.sha256}"'


# --- Who ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("who", "status"),
    [
        ("alice", 200),
        ("bob", 200),
        ("dave", 200),
        ("organizer", 200),
        ("staff", 200),
        ("carol", 302),
        (None, 302),
    ],
)
@pytest.mark.usefixtures("data", "team", "other_team", "carol", "staff")
def test_participants_organizers_and_staff_may_download(request, who, status):
    response = signed_in(who and request.getfixturevalue(who)).get(address("test.csv"))
    assert response.status_code == status


def test_whoever_takes_no_part_is_led_to_the_rules(data, carol):
    assert signed_in(carol).get(address())["Location"] == "/competitions/typhoons/join/"


def test_whoever_is_not_logged_in_is_led_to_the_login_and_back(data):
    assert signed_in(None).get(address())["Location"].endswith(f"?next={address()}")


@pytest.mark.usefixtures("data", "team", "upcoming")
def test_before_the_opening_only_organizers_and_staff_may_download(alice, organizer, staff):
    assert signed_in(alice).get(address()).status_code == 403
    assert signed_in(organizer).get(address()).status_code == 200
    assert signed_in(staff).get(address()).status_code == 200


def test_a_draft_does_not_exist_for_others(data, team, typhoons, alice, organizer):
    typhoons.published_at = None
    typhoons.save()
    assert signed_in(alice).get(address()).status_code == 404
    assert signed_in(organizer).get(address()).status_code == 200


# --- What --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "solution.parquet",
        "SOLUTION.PARQUET",
        "Solution.parquet",
        "./solution.parquet",
        "train/../solution.parquet",
        "solution%2eparquet",
        "%73olution.parquet",
        "solution.parquet/",
        "/solution.parquet",
        "solution.parquet%00.csv",
        "solution.parquet.",
        "..%2fsmall%2fsolution.parquet",
        "../../db.sqlite3",
        "..%2f..%2fdb.sqlite3",
        "%2fetc%2fpasswd",
        ".hidden",
        "train",
        "train/",
        "train/images-00001.npy",
        "private-manifest.json",
        "nothing.csv",
        "x" * 5000,
    ],
)
@pytest.mark.usefixtures("data", "team")
def test_nothing_but_the_served_files_can_be_had(alice, staff, release_folder, path):
    assert (release_folder / "solution.parquet").is_file()
    for user in (alice, staff):
        response = signed_in(user).get(f"/competitions/typhoons/data/files/{path}")
        assert response.status_code == 404


def test_the_old_release_is_gone_once_there_is_a_new_one(data, team, alice):
    data.is_current = False
    data.save()
    assert signed_in(alice).get(address()).status_code == 404


# --- A folder that changed under us -----------------------------------------------------------------------


@pytest.fixture
def table(get, data, settings, tmp_path, release_folder):
    """train.csv in a folder of its own, which tests may damage."""
    (tmp_path / "small").mkdir()
    file = tmp_path / "small" / "train.csv"
    file.write_bytes((release_folder / "train.csv").read_bytes())
    os.utime(file, (time.time() - 3600,) * 2)
    settings.RELEASES_DIR = tmp_path
    assert get("train.csv").status_code == 200
    return file


def test_a_file_of_another_size_is_not_sent(get, table):
    table.write_bytes(table.read_bytes() + b"\n")
    response = get("train.csv")
    assert response.status_code == 503
    assert "changed on the server" in response.content.decode()


def test_a_file_of_other_bytes_is_not_sent(get, table):
    table.write_bytes(table.read_bytes()[::-1])
    os.utime(table, (time.time() + 60,) * 2)
    assert get("train.csv").status_code == 503
    assert get("train.csv").status_code == 503


def test_a_restored_file_of_the_same_bytes_is_sent(get, table):
    os.utime(table, (time.time() + 60,) * 2)
    assert get("train.csv").status_code == 200


def test_a_missing_file_is_an_error_of_ours(get, table):
    table.unlink()
    assert get("train.csv").status_code == 503


def test_a_link_is_not_followed(get, table):
    moved = table.rename(table.with_name("moved.csv"))
    table.symlink_to(moved)
    assert get("train.csv").status_code == 503
