"""`verify` finds every kind of damage, and names the file."""

import json
import shutil
from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from cloud_images import Release, ReleaseError, open_release
from cloud_images.release import describe_file
from cloud_images.verify import examine_release, verify_release


def change_manifest(release: Release, change: Callable[[dict], object]) -> None:
    path = release.directory / "manifest.json"
    manifest = json.loads(path.read_text())
    change(manifest)
    path.write_text(json.dumps(manifest))


def sign(release: Release, *paths: str) -> None:
    """Give changed files honest checksums, so that only what they say is wrong."""

    def change(manifest):
        for path in paths:
            for file in manifest["files"]:
                if file["path"] == path:
                    file |= describe_file(release.directory, release.directory / path).model_dump()  # noqa: PLW2901

    change_manifest(release, change)
    described = release.directory / "croissant.json"
    croissant = json.loads(described.read_text())
    sums = {
        file["path"]: file["sha256"]
        for file in json.loads((release.directory / "manifest.json").read_text())["files"]
    }
    for file in croissant["distribution"]:
        file["sha256"] = sums.get(file["@id"], file["sha256"])
    described.write_text(json.dumps(croissant))
    if "croissant.json" not in paths:
        sign(release, "croissant.json")


def rewrite_csv(release: Release, name: str, change: Callable[[list[str]], object]) -> None:
    path = release.directory / name
    lines = path.read_text().splitlines()
    change(lines)
    path.write_text("\n".join(lines) + "\n")
    sign(release, name)


def rewrite_solution(release: Release, change: Callable[[pl.DataFrame], pl.DataFrame]) -> None:
    change(release.solution_table()).write_parquet(release.solution_path)
    sign(release, "solution.parquet")


def messages(release: Release) -> list[str]:
    return [str(problem) for problem in verify_release(release.directory)]


def test_a_sound_release_has_no_problems(synthetic_release):
    found = examine_release(synthetic_release.directory)
    assert found.problems == []
    assert found.not_checked == []


def test_signing_a_copy_anew_leaves_it_sound(release_copy):
    sign(release_copy, "train.csv")
    assert messages(release_copy) == []


@pytest.mark.parametrize(
    "name",
    [
        "train/images-00000.npy",
        "test/images-00000.npy",
        "train.csv",
        "test.csv",
        "sample_submission.csv",
        "solution.parquet",
        "croissant.json",
    ],
)
def test_one_flipped_bit_anywhere_is_found(release_copy, name):
    path = release_copy.directory / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    assert any(line.startswith(f"{name}: is damaged") for line in messages(release_copy))


def test_a_truncated_file_is_told_with_its_sizes(release_copy):
    path = release_copy.directory / "train" / "images-00000.npy"
    size = path.stat().st_size
    path.write_bytes(path.read_bytes()[:-1])
    assert f"train/images-00000.npy: has {size - 1} bytes, not {size} as the manifest says" in messages(
        release_copy
    )


@pytest.mark.parametrize(
    "name", ["train/images-00000.npy", "test.csv", "sample_submission.csv", "croissant.json"]
)
def test_a_missing_file_is_found(release_copy, name):
    (release_copy.directory / name).unlink()
    assert f"{name}: is missing" in messages(release_copy)


def test_files_folders_and_links_that_do_not_belong_are_found(release_copy):
    folder = release_copy.directory
    (folder / "notes.txt").write_text("label of test_0000004: 1")
    (folder / "test" / "images-00001.npy").write_bytes(b"")
    (folder / "more").mkdir()
    (folder / "train" / "link.npy").symlink_to(folder / "train" / "images-00000.npy")
    found = messages(release_copy)
    assert "notes.txt: is not in the manifest" in found
    assert "test/images-00001.npy: is not in the manifest" in found
    assert "more: is not in the manifest" in found
    assert "train/link.npy: is a link; a release holds its files itself" in found


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((640, 32, 32), np.uint8), r"holds uint8 (640, 32, 32)"),
        (np.zeros((640, 64, 64), np.float32), r"holds float32 (640, 64, 64)"),
        (np.zeros((639, 64, 64), np.uint8), r"holds uint8 (639, 64, 64)"),
        (np.zeros((640, 64, 64), np.uint8, order="F"), "in Fortran order"),
        (np.array([{}], object), "is no readable .npy file"),
    ],
)
def test_a_shard_of_another_kind_is_found(release_copy, array, message):
    np.save(release_copy.directory / "test" / "images-00000.npy", array)
    sign(release_copy, "test/images-00000.npy")
    (problem,) = messages(release_copy)
    assert problem.startswith("test/images-00000.npy: ")
    assert message in problem


@pytest.mark.parametrize("name", ["train.csv", "test.csv", "sample_submission.csv"])
def test_ids_that_clash_or_are_out_of_step_with_the_images_are_found(release_copy, name):
    def repeat(lines):
        lines[5] = lines[5].replace(lines[5].split(",")[0], lines[4].split(",")[0])

    rewrite_csv(release_copy, name, repeat)
    side = name.split(".")[0].replace("sample_submission", "test")
    found = messages(release_copy)
    assert f"{name}: has 1 ids more than once, first {side}_0000003" in found
    assert any(f"{name}: row 4 is {side}_0000003; it must be {side}_0000004" in line for line in found)


@pytest.mark.parametrize("name", ["train.csv", "test.csv", "sample_submission.csv"])
def test_rows_in_another_order_or_number_than_the_images_are_found(release_copy, name):
    def swap(lines):
        lines[3], lines[9] = lines[9], lines[3]

    rewrite_csv(release_copy, name, swap)
    assert any(line.startswith(f"{name}: row 2 is ") for line in messages(release_copy))
    rewrite_csv(release_copy, name, swap)
    assert messages(release_copy) == []
    rewrite_csv(release_copy, name, lambda lines: lines.pop())
    assert f"{name}: has 639 rows for 640 images" in messages(release_copy)


def test_labels_that_contradict_the_metadata_or_the_counts_are_found(release_copy):
    def turn(lines):
        row = next(index for index, line in enumerate(lines) if ",0,," in line)
        lines[row] = lines[row].replace(",0,,", ",1,,")

    rewrite_csv(release_copy, "train.csv", turn)
    found = messages(release_copy)
    assert any("train.csv: has a positive label without storm_id in 1 rows" in line for line in found)
    assert "train.csv: has 21 positives and the manifest says 20" in found


@pytest.mark.parametrize("value", ["2", "yes", ""])
def test_unreadable_labels_are_found(release_copy, value):
    def spoil(lines):
        lines[1] = lines[1].replace(",0,", f",{value},", 1)

    rewrite_csv(
        release_copy,
        "train.csv",
        lambda lines: lines.insert(1, lines.pop(next(i for i, line in enumerate(lines) if ",0,," in line))),
    )
    rewrite_csv(release_copy, "train.csv", spoil)
    assert any("train.csv: " in line and ("label" in line) for line in messages(release_copy))


def test_metadata_of_test_images_that_would_tell_the_answer_is_found(release_copy):
    shutil.copyfile(release_copy.directory / "sample_submission.csv", release_copy.directory / "test.csv")
    rewrite_csv(release_copy, "test.csv", lambda lines: lines.__setitem__(0, "image_id,latitude"))
    assert "test.csv: tells latitude; it may hold image_id alone" in messages(release_copy)


def test_a_sample_submission_that_holds_the_answer_is_found(release_copy):
    solution = release_copy.solution_table()
    solution.select("image_id", score=pl.col("label").cast(float)).write_csv(
        release_copy.directory / "sample_submission.csv"
    )
    sign(release_copy, "sample_submission.csv")
    assert "sample_submission.csv: holds different values of score; a sample says nothing" in messages(
        release_copy
    )


def test_a_storm_in_both_public_and_private_is_found(release_copy):
    storm = (
        release_copy.solution_table()["storm_id"].drop_nulls().value_counts().sort("count")["storm_id"][-1]
    )
    row = release_copy.solution_table()["storm_id"].eq(storm).fill_null(False).arg_true()[0]

    def move(solution):
        split = solution["split"].to_list()
        split[row] = "private" if split[row] == "public" else "public"
        return solution.with_columns(split=pl.Series(split))

    rewrite_solution(release_copy, move)
    assert f"solution.parquet: storm {storm} lies in both public and private" in messages(release_copy)


def test_a_storm_in_both_train_and_test_is_found(release_copy):
    storm = release_copy.train_table()["storm_id"].drop_nulls()[0]
    taken = release_copy.solution_table()["storm_id"].drop_nulls()[0]
    rewrite_solution(
        release_copy, lambda table: table.with_columns(storm_id=pl.col("storm_id").replace(taken, storm))
    )
    assert f"solution.parquet: storm {storm} lies in both train and test" in messages(release_copy)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table.reverse(), "row 0 is test_0000639; it must be test_0000000"),
        (lambda table: table.head(600), "has 600 rows for 640 images"),
        (lambda table: table.with_columns(split=pl.lit("secret")), "splits into secret"),
        (lambda table: table.with_columns(split=pl.lit("public")), "splits into public"),
        (lambda table: table.drop("split"), "has the columns image_id,label,storm_id"),
        (lambda table: table.with_columns(label=pl.lit("cyclone")), "unreadable value"),
        (
            lambda table: table.with_columns(
                split=pl.when(pl.col("label") == 1).then(pl.lit("private")).otherwise("split")
            ),
            "the public part lacks positives or negatives",
        ),
    ],
)
def test_a_solution_out_of_step_with_the_test_is_found(release_copy, change, message):
    rewrite_solution(release_copy, change)
    assert any(line.startswith("solution.parquet: ") and message in line for line in messages(release_copy))


def test_a_solution_without_a_public_part_is_sound(release_copy):
    rewrite_solution(release_copy, lambda table: table.with_columns(split=pl.lit("private")))
    assert messages(release_copy) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: [f.update(served=True) for f in m["files"]], "marks solution.parquet as served"),
        (lambda m: m["files"].append(m["files"][0]), "lists croissant.json more than once"),
        (lambda m: m["files"].pop(0), "does not list croissant.json"),
        (lambda m: m["files"][0].update(path="../outside"), "lies outside the release"),
        (lambda m: m["files"][0].update(path="/etc/passwd"), "lies outside the release"),
        (lambda m: m["files"][0].update(size=None), "does not tell the size of croissant.json"),
        (lambda m: m["counts"]["test"].update(images=70_000), "does not list test/images-00001.npy"),
    ],
)
def test_a_manifest_that_lies_is_found(release_copy, change, message):
    change_manifest(release_copy, change)
    assert any(line.startswith("manifest.json: ") and message in line for line in messages(release_copy))


def test_a_manifest_that_tells_the_number_of_test_positives_is_refused(release_copy):
    change_manifest(release_copy, lambda manifest: manifest["counts"]["test"].update(positives=20))
    with pytest.raises(ReleaseError, match=r"counts.test.positives"):
        open_release(release_copy.directory)


def test_a_croissant_description_of_other_files_is_found(release_copy):
    path = release_copy.directory / "croissant.json"
    path.write_text(path.read_text().replace('"train.csv"', '"other.csv"'))
    change_manifest(
        release_copy,
        lambda manifest: manifest["files"][0].update(
            describe_file(release_copy.directory, path).model_dump()
        ),
    )
    assert "croissant.json: does not describe train.csv as the manifest does" in messages(release_copy)
    path.write_text("[]")
    assert "croissant.json: is no readable Croissant description" in messages(release_copy)


def test_a_participants_copy_is_sound_and_what_it_lacks_is_said(release_copy):
    release_copy.solution_path.unlink()
    found = examine_release(release_copy.directory)
    assert found.problems == []
    assert [omission.file for omission in found.not_checked] == ["solution.parquet"]
