"""Only a sound release becomes a competition's data, and only what is public of it gets a row."""

import hashlib
import shutil
from pathlib import Path

import pytest

from competition.datasets.models import ReleaseFile
from competition.datasets.registration import available_folders, register_release
from competition.refusal import Refusal
from competition.submissions.models import Submission


@pytest.fixture
def releases(settings, tmp_path, release_folder) -> Path:
    """A folder of releases of one's own: `typhoons`, and `2018/small`."""
    settings.RELEASES_DIR = tmp_path
    shutil.copytree(release_folder, tmp_path / "typhoons")
    shutil.copytree(release_folder, tmp_path / "2018" / "small")
    return tmp_path


@pytest.fixture
def submitted(typhoons, team, alice):
    """Makes a submission to the competition's current release."""
    return lambda release: Submission.objects.create(
        competition=typhoons,
        team=team,
        user=alice,
        release=release,
        filename="a.csv",
        size=1,
        sha256="0" * 64,
    )


def refusal(**arguments) -> Refusal:
    with pytest.raises(Refusal) as caught:
        register_release(**arguments)
    return caught.value


def test_every_served_file_gets_a_row_with_its_size_and_checksum(typhoons, releases):
    release = register_release(competition=typhoons, folder="typhoons")
    assert (release.name, release.is_current, release.folder) == ("synthetic-typhoons", True, "typhoons")
    assert {file.path for file in release.files.all()} == {
        "train/images-00000.npy",
        "test/images-00000.npy",
        "train.csv",
        "test.csv",
        "sample_submission.csv",
        "manifest.json",
        "croissant.json",
    }
    for file in release.files.all():
        content = (releases / "typhoons" / file.path).read_bytes()
        assert (file.size, file.sha256) == (len(content), hashlib.sha256(content).hexdigest())


def test_nothing_of_the_solution_is_kept(typhoons, releases):
    release = register_release(competition=typhoons, folder="typhoons")
    solution = hashlib.sha256((releases / "typhoons" / "solution.parquet").read_bytes()).hexdigest()
    for kept in (str(release.manifest), str(release.overview)):
        assert "solution" not in kept
        assert solution not in kept
        assert "split" not in kept


def test_the_manifest_that_is_served_tells_nothing_of_the_labels(typhoons, releases):
    register_release(competition=typhoons, folder="typhoons")
    text = (releases / "typhoons" / "manifest.json").read_text()
    assert "seed" not in text  # with it anybody could draw the synthetic test images again, labels and all
    release = typhoons.releases.get()
    assert set(release.manifest["counts"]["test"]) == {"images"}


def test_releases_are_found_two_folders_deep(releases):
    (releases / "nothing").mkdir()
    (releases / ".typhoons.partial").mkdir()
    shutil.copy(releases / "typhoons" / "manifest.json", releases / ".typhoons.partial")
    (releases / "broken").mkdir()
    (releases / "broken" / "manifest.json").write_text("{}")
    found = available_folders()
    assert [release.folder for release in found] == ["2018/small", "typhoons"]
    assert (found[0].train_images, found[0].test_images) == (640, 640)
    assert found[0].bytes > 2 * 640 * 64 * 64


def test_a_damaged_byte_is_found(typhoons, releases):
    with (releases / "typhoons" / "train" / "images-00000.npy").open("r+b") as file:
        file.seek(10_000)
        byte = file.read(1)
        file.seek(10_000)
        file.write(bytes([byte[0] ^ 1]))
    said = refusal(competition=typhoons, folder="typhoons")
    assert (said.code, said.status) == ("release_damaged", 422)
    assert "train/images-00000.npy: is damaged" in said.message
    assert not typhoons.releases.exists()


def test_a_test_table_that_tells_more_than_ids_is_refused(typhoons, releases):
    table = releases / "typhoons" / "test.csv"
    lines = table.read_text().splitlines()
    table.write_text("\n".join([f"{lines[0]},basin", *(f"{line},WP" for line in lines[1:])]) + "\n")
    assert "image_id alone" in refusal(competition=typhoons, folder="typhoons").message


def test_a_missing_file_is_found_without_reading_all(typhoons, releases):
    (releases / "typhoons" / "test.csv").unlink()
    said = refusal(competition=typhoons, folder="typhoons", verify=False)
    assert "test.csv" in said.message


def test_a_folder_without_solution_cannot_score(typhoons, releases):
    (releases / "typhoons" / "solution.parquet").unlink()
    assert refusal(competition=typhoons, folder="typhoons").code == "no_solution"


@pytest.mark.parametrize(
    "folder",
    ["", ".", "..", "../typhoons", "/etc", "typhoons/..", "2018/../typhoons", ".typhoons.partial", "a/b/c"],
)
def test_only_folders_below_the_folder_of_releases_are_read(typhoons, releases, folder):
    assert refusal(competition=typhoons, folder=folder).code == "release_folder"


@pytest.mark.parametrize("folder", ["nothing", "2018", "typhoons/train"])
def test_a_folder_that_is_no_release_is_refused(typhoons, releases, folder):
    assert refusal(competition=typhoons, folder=folder).code == "no_release"


def test_new_data_replaces_the_old_before_the_first_submission(typhoons, releases):
    old = register_release(competition=typhoons, folder="typhoons", verify=False)
    rewrite_manifest(releases / "2018" / "small")
    new = register_release(competition=typhoons, folder="2018/small", verify=False)
    old.refresh_from_db()
    assert new.pk != old.pk
    assert (old.is_current, new.is_current) == (False, True)
    assert old.files.exists()


def test_data_with_submissions_stays(typhoons, releases, submitted):
    release = register_release(competition=typhoons, folder="typhoons", verify=False)
    submitted(release)
    rewrite_manifest(releases / "2018" / "small")
    assert refusal(competition=typhoons, folder="2018/small", verify=False).code == "has_submissions"
    release.refresh_from_db()
    assert release.is_current


def test_the_same_data_may_be_registered_again_and_moves(typhoons, releases, submitted):
    release = register_release(competition=typhoons, folder="typhoons", verify=False)
    submitted(release)
    again = register_release(competition=typhoons, folder="2018/small")
    assert again.pk == release.pk
    assert again.folder == "2018/small"
    assert again.registered_at > release.registered_at
    assert ReleaseFile.objects.count() == 7


def rewrite_manifest(folder: Path) -> None:
    """Another version of the same files."""
    manifest = folder / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"version":', '"version" :', 1))
