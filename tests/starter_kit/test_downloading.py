"""Downloads over a network that breaks: resumed, checked, and never written outside their folder."""

import hashlib

import numpy as np
import pytest

from starter_kit.errors import StarterKitError
from starter_kit.site.client import Client, RemoteFile
from starter_kit.site.credentials import Credentials
from starter_kit.site.download import download_files, target_path
from tests.starter_kit.local_site import TOKEN, LocalSite

SHARD = np.random.default_rng(0).bytes(300_000)
FILES = {"train/images-00000.npy": SHARD, "train.csv": b"image_id,label\n", "empty.txt": b""}


@pytest.fixture
def site():
    with LocalSite(dict(FILES)) as site:
        yield site


@pytest.fixture
def typed(site, shell, monkeypatch):
    """The command line of somebody who is logged in."""
    monkeypatch.setenv("TAMAGO_URL", site.url)
    monkeypatch.setenv("TAMAGO_TOKEN", TOKEN)
    return shell


def fetch(site, directory, **changed):
    """Download as the command does, without pauses; returns the sum of on_bytes."""
    counted = []
    with Client(Credentials(url=site.url, token=TOKEN), pause=0.0) as client:
        files = [file.model_copy(update=changed) for file in client.files("typhoons")]
        download_files(client, files, directory, on_bytes=counted.append, pause=0.0)
    return sum(counted)


def contents(directory):
    return {
        path.relative_to(directory).as_posix(): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file()
    }


def test_every_file_arrives_under_its_name(typed, tmp_path):
    ended = typed("download", "typhoons", "--out", tmp_path / "data")
    assert ended.status == 0, ended.err
    assert contents(tmp_path / "data") == FILES
    assert "3 files" in ended.out
    assert "python -m starter_kit train --data" in ended.out


def test_a_second_download_fetches_nothing(site, typed, tmp_path):
    typed("download", "typhoons", "--out", tmp_path)
    before = len(site.ranges)
    ended = typed("download", "typhoons", "--out", tmp_path)
    assert "0 came now" in ended.out
    assert len(site.ranges) == before


def test_a_broken_download_goes_on_where_it_stopped(site, tmp_path):
    site.faults.break_after = [100_000, 50_000]
    total = fetch(site, tmp_path)
    assert contents(tmp_path) == FILES
    assert site.ranges[:3] == ["", "bytes=100000-", "bytes=150000-"]
    assert total == sum(map(len, FILES.values()))


def test_another_call_goes_on_where_the_last_one_gave_up(site, tmp_path):
    site.faults.break_after = [120_000, 0, 0, 0, 0, 0]
    with pytest.raises(StarterKitError, match=r"stops at 120,000 of 300,000 bytes.*goes on from there"):
        fetch(site, tmp_path)
    site.ranges.clear()
    total = fetch(site, tmp_path)
    assert site.ranges[0] == "bytes=120000-"
    assert contents(tmp_path) == FILES
    assert total == sum(map(len, FILES.values()))


def test_a_file_that_changed_meanwhile_is_fetched_whole(site, tmp_path):
    site.faults.break_after = [120_000, 0, 0, 0, 0, 0]
    with pytest.raises(StarterKitError):
        fetch(site, tmp_path)
    site.files["train/images-00000.npy"] = SHARD[::-1]
    site.ranges.clear()
    fetch(site, tmp_path)
    assert site.ranges == ["bytes=120000-", ""]  # the server's one answer was the whole file; then train.csv
    assert (tmp_path / "train/images-00000.npy").read_bytes() == SHARD[::-1]


def test_a_server_without_ranges_sends_it_whole(site, tmp_path):
    site.faults.break_after = [120_000]
    site.faults.ignore_ranges = True
    total = fetch(site, tmp_path)
    assert contents(tmp_path) == FILES
    assert total == sum(map(len, FILES.values()))


def test_a_damaged_rest_on_disk_is_noticed_and_fetched_anew(site, tmp_path):
    site.faults.break_after = [120_000, 0, 0, 0, 0, 0]
    with pytest.raises(StarterKitError):
        fetch(site, tmp_path)
    partial = tmp_path / "train/images-00000.npy.partial"
    partial.write_bytes(b"\0" * partial.stat().st_size)
    fetch(site, tmp_path)
    assert contents(tmp_path) == FILES


def test_a_file_that_arrives_damaged_twice_is_refused(site, tmp_path):
    site.faults.damage = {"train/images-00000.npy"}
    with pytest.raises(StarterKitError, match=r"images-00000\.npy arrived damaged twice: its SHA-256"):
        fetch(site, tmp_path)
    assert contents(tmp_path) == {}


def test_a_damaged_file_on_disk_is_replaced(site, tmp_path):
    fetch(site, tmp_path)
    (tmp_path / "train/images-00000.npy").write_bytes(SHARD[:-1] + b"x")
    fetch(site, tmp_path)
    assert contents(tmp_path) == FILES


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "a/../../evil", "..\\evil", "C:evil", "", "a\nb"])
def test_a_name_that_leads_out_of_the_folder_is_refused(tmp_path, name):
    with pytest.raises(StarterKitError, match="leads out"):
        target_path(tmp_path, name)


def test_nothing_is_written_for_a_name_that_leads_out(site, tmp_path):
    site.files["../evil"] = b"x"
    with pytest.raises(StarterKitError, match="leads out"):
        fetch(site, tmp_path / "data")
    assert contents(tmp_path) == {}


def test_a_full_disk_is_said_before_the_download(site, tmp_path):
    with pytest.raises(StarterKitError, match=r"need .* GB more; the disk"):
        fetch(site, tmp_path, size=10**18)
    assert not site.ranges


def test_the_token_is_not_sent_to_another_server(tmp_path):
    with LocalSite(dict(FILES)) as site, LocalSite(dict(FILES)) as store:
        site.files_at = store.url
        fetch(site, tmp_path)
        assert contents(tmp_path) == FILES
        assert set(store.tokens) == {""}
        assert set(site.tokens) == {f"Bearer {TOKEN}"}


def test_who_has_not_joined_is_told_where_the_rules_are(site, typed, tmp_path):
    site.joined = False
    ended = typed("download", "typhoons", "--out", tmp_path)
    assert ended.status == 1
    assert f"{site.url}/competitions/typhoons/" in ended.err
    assert "join typhoons --accept-rules" in ended.err


def test_joining_needs_the_word(site, typed):
    site.joined = False
    ended = typed("join", "typhoons")
    assert ended.status == 1
    assert f"Read them at {site.url}/competitions/typhoons/" in ended.err
    assert not site.joined
    ended = typed("join", "typhoons", "--accept-rules")
    assert ended.status == 0
    assert "as Alice" in ended.out
    assert site.joined


def test_a_competition_that_is_not_there_is_said_plainly(typed, tmp_path):
    ended = typed("download", "hurricanes", "--out", tmp_path)
    assert ended.status == 1
    assert "nothing at this address" in ended.err


def test_a_file_in_the_place_of_the_folder_is_said_plainly(typed, tmp_path):
    (tmp_path / "data").write_text("")
    ended = typed("download", "typhoons", "--out", tmp_path / "data")
    assert ended.status == 1
    assert "cannot be written" in ended.err


def test_what_is_there_is_judged_by_its_bytes_not_its_size(site, tmp_path):
    file = RemoteFile(name="a", size=3, sha256=hashlib.sha256(b"abc").hexdigest(), url=f"{site.url}/nowhere")
    (tmp_path / "a").write_bytes(b"abc")
    with Client(Credentials(url=site.url, token=TOKEN), pause=0.0) as client:
        assert download_files(client, [file], tmp_path, on_bytes=lambda n: None) == []
        (tmp_path / "a").write_bytes(b"abd")
        with pytest.raises(StarterKitError, match="nothing at this address"):
            download_files(client, [file], tmp_path, on_bytes=lambda n: None)
