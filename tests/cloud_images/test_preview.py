"""The contact sheet."""

import numpy as np
import pytest
from PIL import Image

from cloud_images import ReleaseError
from cloud_images.preview import OTHER_ROWS, STORM_ROWS, draw_contact_sheet


def sheet_of(release, path, **options) -> np.ndarray:
    return np.asarray(Image.open(draw_contact_sheet(release, path, **options)))


def test_an_organizers_sheet_shows_train_and_test_and_a_participants_train_alone(release_copy, tmp_path):
    whole = sheet_of(release_copy, tmp_path / "whole.png")
    release_copy.solution_path.unlink()
    train = sheet_of(release_copy, tmp_path / "train.png")
    assert whole.shape[1] == train.shape[1]
    assert whole.shape[0] > 1.9 * train.shape[0] - 100
    assert np.array_equal(whole[: train.shape[0] - 30], train[:-30])


def test_the_images_on_the_sheet_are_images_of_the_release(release_copy, tmp_path):
    release_copy.solution_path.unlink()
    lines = [line.tobytes() for line in sheet_of(release_copy, tmp_path / "sheet.png")[..., 0]]
    everything = b"|".join(lines)
    first_lines = [np.repeat(image[0], 2).tobytes() for image in release_copy.train_images]
    found = sum(line in everything for line in first_lines)
    assert found >= len(STORM_ROWS) + len(OTHER_ROWS)
    assert found < len(first_lines) / 4


def test_every_image_finds_its_row(synthetic_release):
    table = synthetic_release.train_table()
    for label, rows in ((1, STORM_ROWS), (0, OTHER_ROWS)):
        images = table.filter(label=label)
        counts = [images.filter(chosen).height for chosen in rows.values()]
        assert sum(counts) == images.height


def test_the_sheet_is_the_same_each_time_and_another_with_another_seed(synthetic_release, tmp_path):
    first = sheet_of(synthetic_release, tmp_path / "a.png")
    assert np.array_equal(first, sheet_of(synthetic_release, tmp_path / "b.png"))
    assert not np.array_equal(first, sheet_of(synthetic_release, tmp_path / "c.png", seed=1))


def test_a_place_that_cannot_be_written_is_named(synthetic_release, tmp_path):
    with pytest.raises(ReleaseError, match=r"nowhere/sheet.png cannot be written: No such file"):
        draw_contact_sheet(synthetic_release, tmp_path / "nowhere" / "sheet.png")
