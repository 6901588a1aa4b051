"""Releases as image files, and back."""

import shutil
import zipfile

import numpy as np
import polars as pl
import pytest
from PIL import Image

from cloud_images import About, ReleaseError
from cloud_images.exports import Layout, export_release, import_images, restore_release
from cloud_images.verify import examine_release, verify_release

ABOUT = About("old", "1.0.0", "Old", "Files.", "CC0-1.0", "https://example.org/", "made up", "nobody")


def same_files(one, other) -> bool:
    names = sorted(path.relative_to(one) for path in one.rglob("*") if path.is_file())
    assert names == sorted(path.relative_to(other) for path in other.rglob("*") if path.is_file())
    return all((one / name).read_bytes() == (other / name).read_bytes() for name in names)


@pytest.mark.parametrize("layout", list(Layout))
def test_an_export_with_its_solution_is_restored_bit_by_bit(synthetic_release, tmp_path, layout):
    export_release(synthetic_release, tmp_path / "files", layout=layout, with_solution=True)
    restored = restore_release(tmp_path / "files", tmp_path / "again")
    assert same_files(synthetic_release.directory, restored.directory)


@pytest.mark.parametrize("layout", list(Layout))
def test_an_export_for_participants_lacks_the_solution_and_so_does_what_it_gives_back(
    synthetic_release, tmp_path, layout
):
    export_release(synthetic_release, tmp_path / "files", layout=layout)
    assert not list((tmp_path / "files").rglob("solution*"))
    restored = restore_release(tmp_path / "files", tmp_path / "again")
    found = examine_release(restored.directory)
    assert found.problems == []
    assert [omission.file for omission in found.not_checked] == ["solution.parquet"]


def test_png_archives_are_stored_and_named_by_id(synthetic_release, tmp_path):
    export_release(synthetic_release, tmp_path / "files", layout=Layout.PNG)
    with zipfile.ZipFile(tmp_path / "files" / "test" / "images-00000.zip") as archive:
        assert archive.namelist() == [f"{name}.png" for name in synthetic_release.test_ids()]
        assert {member.compress_type for member in archive.infolist()} == {zipfile.ZIP_STORED}
        with Image.open(archive.open("test_0000005.png")) as picture:
            assert np.array_equal(np.asarray(picture), synthetic_release.test_images[5])


def test_the_layout_of_2018_has_a_folder_for_each_label(synthetic_release, tmp_path):
    export_release(synthetic_release, tmp_path / "files", layout=Layout.TIFF)
    table = synthetic_release.train_table()
    for label, folder in ((1, "True"), (0, "False")):
        names = sorted(path.stem for path in (tmp_path / "files" / "train" / folder).glob("*.tif"))
        assert names == table.filter(label=label)["image_id"].to_list()
    assert len(list((tmp_path / "files" / "test").glob("*.tif"))) == 640


def test_exports_that_were_damaged_are_refused_and_leave_nothing(synthetic_release, tmp_path):
    export_release(synthetic_release, tmp_path / "files", layout=Layout.TIFF)
    path = tmp_path / "files" / "test" / "test_0000007.tif"
    image = np.asarray(Image.open(path)).copy()

    image[3, 3] ^= 1
    Image.fromarray(image).save(path)
    with pytest.raises(ReleaseError, match="does not give the release of its manifest: test/images-00000"):
        restore_release(tmp_path / "files", tmp_path / "again")
    Image.fromarray(image[:32]).save(path)
    with pytest.raises(
        ReleaseError, match=r"test_0000007.tif is 64 by 32 points of mode L; images are 64 by 64"
    ):
        restore_release(tmp_path / "files", tmp_path / "again")
    path.write_text("no image")
    with pytest.raises(ReleaseError, match=r"test_0000007.tif is no readable image"):
        restore_release(tmp_path / "files", tmp_path / "again")
    path.unlink()
    with pytest.raises(ReleaseError, match=r"holds neither test_0000007.tif nor"):
        restore_release(tmp_path / "files", tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_damaged_archives_are_refused(synthetic_release, tmp_path):
    export_release(synthetic_release, tmp_path / "files")
    path = tmp_path / "files" / "train" / "images-00000.zip"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 255
    path.write_bytes(data)
    with pytest.raises(ReleaseError, match=r"images-00000\.zip"):
        restore_release(tmp_path / "files", tmp_path / "again")
    path.write_bytes(data[:1000])
    with pytest.raises(ReleaseError, match=r"images-00000\.zip is damaged"):
        restore_release(tmp_path / "files", tmp_path / "again")
    with zipfile.ZipFile(path, "w"):
        pass
    with pytest.raises(ReleaseError, match=r"lacks an image: .*train_0000000"):
        restore_release(tmp_path / "files", tmp_path / "again")


def test_what_cannot_be_exported_or_restored_is_refused(release_copy, tmp_path):
    (tmp_path / "full" / "of").mkdir(parents=True)
    with pytest.raises(ReleaseError, match="is not empty"):
        export_release(release_copy, tmp_path / "full")
    with pytest.raises(ReleaseError, match="is not empty"):
        restore_release(release_copy.directory, tmp_path / "full")
    with pytest.raises(
        ReleaseError, match=r"is no export: it has no manifest.json. Files from elsewhere need a table"
    ):
        restore_release(tmp_path / "full", tmp_path / "again")
    release_copy.solution_path.unlink()
    with pytest.raises(ReleaseError, match="only organizers have it"):
        export_release(release_copy, tmp_path / "files", with_solution=True)


@pytest.fixture
def old_files(synthetic_release, tmp_path):
    """Files as somebody else would bring them: other names, no manifest, and one table about all."""
    folder = tmp_path / "old"
    export_release(synthetic_release, folder, layout=Layout.TIFF)
    for path in folder.iterdir():
        if path.is_file():
            path.unlink()
    for path in list(folder.rglob("*.tif")):
        path.rename(path.with_name("olr-" + path.name))
    tables = [synthetic_release.train_table(), synthetic_release.solution_table().drop("split")]
    table = pl.concat(tables).select(
        pl.format("olr-{}.tif", "image_id").alias("file"), pl.exclude("image_id")
    )
    table.write_csv(tmp_path / "table.csv", datetime_format="%Y-%m-%dT%H:%M:%SZ")
    return folder, tmp_path / "table.csv"


def test_files_of_2018_become_a_release_with_the_same_images_and_labels(
    synthetic_release, old_files, tmp_path
):
    folder, table = old_files
    release = import_images(folder, tmp_path / "new", table=table, about=ABOUT, seed=1)
    assert verify_release(release.directory) == []
    for images, rows, before, told in (
        (
            release.train_images,
            release.train_table(),
            synthetic_release.train_images,
            synthetic_release.train_table(),
        ),
        (
            release.test_images,
            release.solution_table(),
            synthetic_release.test_images,
            synthetic_release.solution_table(),
        ),
    ):
        new = {
            image.tobytes(): (row[0], row[1])
            for image, row in zip(images, rows.select("label", "storm_id").rows(), strict=True)
        }
        old = {
            image.tobytes(): (row[0], row[1])
            for image, row in zip(before, told.select("label", "storm_id").rows(), strict=True)
        }
        assert new == old
    assert "olr-" not in (tmp_path / "new" / "train.csv").read_text()


def test_files_and_table_that_do_not_belong_together_are_refused(old_files, tmp_path):
    folder, table = old_files
    rows = pl.read_csv(table, infer_schema=False)

    def refused(changed: pl.DataFrame, message: str) -> None:
        changed.write_csv(tmp_path / "changed.csv")
        with pytest.raises(ReleaseError, match=message):
            import_images(folder, tmp_path / "new", table=tmp_path / "changed.csv", about=ABOUT, seed=1)
        assert not (tmp_path / "new").exists()

    refused(rows.drop("storm_id", "time"), "lacks the columns storm_id, time. Storms and times are needed")
    refused(rows.tail(-1), "tells nothing of 1 files, first .*olr-train_0000000.tif")
    refused(pl.concat([rows, rows.head(1)]), "tells of olr-train_0000000.tif more than once")
    refused(rows.with_columns(time=pl.lit("yesterday")), "unreadable time")
    extra = rows.head(1).with_columns(file=pl.lit("lost.tif"))
    refused(pl.concat([rows, extra]), "tells of 1 files that .* does not hold, first lost.tif")
    turned = rows.with_columns(label=pl.when(pl.col("label") == "1").then(pl.lit("0")).otherwise(pl.lit("1")))
    refused(turned, "lies in (True|False) and .* gives it the label")
    with pytest.raises(ReleaseError, match="missing"):
        import_images(folder, tmp_path / "new", table=tmp_path / "none.csv", about=ABOUT, seed=1)
    shutil.rmtree(folder / "test")
    refused(rows, "holds no images in test")
