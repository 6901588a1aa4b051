"""An augmentation gives what it says, one by one (albumentations) and in batches (torch) alike."""

from collections import Counter

import numpy as np
import pytest
import torch
from scipy import ndimage

from cloud_images.manifest import Scale
from starter_kit.configuration.sections import AugmentConfig
from starter_kit.images.augment import build_augmentation
from starter_kit.images.batch_augment import (
    MEAN_GREY,
    build_batch_augmentation,
    mixed,
    moved,
    pasted,
    shifted,
)

IMAGE = np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8)
SMOOTH = ndimage.gaussian_filter(IMAGE.astype(float), 3)
SMOOTH = ((SMOOTH - SMOOTH.min()) / np.ptp(SMOOTH) * 200 + 20).astype(np.uint8)
TURNS = [np.rot90(IMAGE, quarter) for quarter in range(4)]
ALL_VIEWS = TURNS + [view[:, ::-1] for view in TURNS]
PATHS = ["batch", "image"]
PLAIN = {"flips": False, "rotations": False}


def varied(config: AugmentConfig, images: np.ndarray, seed: int = 0) -> np.ndarray:
    """As a training does it: each image, then the batch."""
    each = build_augmentation(config, Scale(), seed)
    batch = build_batch_augmentation(config, Scale(), seed)
    return batch(torch.from_numpy(each(images)), torch.zeros(len(images)))[0].numpy()


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("knobs", "views"),
    [
        ({}, ALL_VIEWS),
        ({"flips": False}, TURNS),
        ({"rotations": False}, [IMAGE, IMAGE[::-1], IMAGE[:, ::-1], IMAGE[::-1, ::-1]]),
        ({"rotations": False, "east_west": False}, [IMAGE, IMAGE[::-1]]),  # the true symmetry alone
        ({"east_west": False}, ALL_VIEWS),
        (PLAIN, [IMAGE]),
    ],
)
def test_each_view_is_equally_likely_and_no_other_comes(path, knobs, views):
    images = varied(AugmentConfig(path=path, **knobs), np.repeat(IMAGE[None], 1600, axis=0))
    counts = Counter(image.tobytes() for image in images)
    assert set(counts) == {view.tobytes() for view in views}
    expected = 1600 / len(views)
    assert max(abs(count - expected) for count in counts.values()) < 5 * expected**0.5


EVERYTHING = {"rotate_degrees": 15, "shift_pixels": 4, "brightness": 8, "cutout_pixels": 20}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("knobs", [{}, EVERYTHING])
def test_shape_and_type_stay(path, knobs):
    images = varied(AugmentConfig(path=path, **knobs), np.repeat(IMAGE[None], 3, axis=0))
    assert (images.shape, images.dtype) == ((3, 64, 64), np.uint8)


@pytest.mark.parametrize("knobs", [{}, {"flips": False}, {"rotations": False}, EVERYTHING])
def test_a_varied_batch_lies_in_memory_as_one_that_was_read(knobs):
    """Else a compiled model would be compiled anew for it."""
    batch = build_batch_augmentation(AugmentConfig(**knobs), Scale(), 0)
    images, _ = batch(torch.from_numpy(np.repeat(IMAGE[None], 20, axis=0)), torch.zeros(20))
    assert images.is_contiguous()


@pytest.mark.parametrize("path", PATHS)
def test_the_seed_decides(path):
    batch = np.repeat(IMAGE[None], 50, axis=0)
    config = AugmentConfig(path=path, **EVERYTHING)
    first, same, other = (varied(config, batch, seed) for seed in (0, 0, 1))
    assert np.array_equal(first, same)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("path", PATHS)
def test_shifts_are_whole_points_up_to_the_limit_with_mirrored_edges(path):
    images = varied(AugmentConfig(path=path, shift_pixels=2, **PLAIN), np.repeat(IMAGE[None], 1000, axis=0))
    padded = np.pad(IMAGE, 2, mode="reflect")
    allowed = {
        padded[down : down + 64, right : right + 64].tobytes() for down in range(5) for right in range(5)
    }
    assert {image.tobytes() for image in images} == allowed


def test_a_shift_down_and_right_is_one():
    ours = shifted(torch.from_numpy(IMAGE[None]), torch.tensor([[3, 1]])).numpy()[0]
    assert np.array_equal(ours[3:, 1:], IMAGE[:-3, :-1])


@pytest.mark.parametrize(("degrees", "down", "right"), [(0, 2, -3), (10, 0, 0), (-25, 4, 1)])
def test_turning_in_a_batch_equals_scipys(degrees, down, right):
    ours = moved(torch.from_numpy(SMOOTH[None]), torch.tensor([degrees]), torch.tensor([[down, right]]))
    angle, centre = np.radians(degrees), np.array([31.5, 31.5])
    # Where a place (row, column) of the new image comes from; rows run down, so counter-clockwise is this.
    back = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    offset = centre - back @ (centre + np.array([down, right]))
    expected = ndimage.affine_transform(SMOOTH.astype(float), back, offset, order=1, mode="mirror")
    assert np.abs(ours.numpy()[0] - expected).max() <= 1


def test_a_quarter_turn_by_degrees_is_the_quarter_turn():
    ours = moved(torch.from_numpy(IMAGE[None]), torch.tensor([90.0]), torch.zeros(1, 2))
    assert np.abs(ours.numpy()[0].astype(int) - np.rot90(IMAGE).astype(int)).max() <= 1


@pytest.mark.parametrize("path", PATHS)
def test_small_turns_stay_within_their_limit(path):
    """Told by a point far out: how far it moves off the axis."""
    image = np.zeros((64, 64), np.uint8)
    image[31:33, 56:60] = 255
    config = AugmentConfig(path=path, rotate_degrees=12, **PLAIN)
    rows, columns = np.mgrid[:64, :64] - 31.5
    angles = []
    for turned in varied(config, np.repeat(image[None], 300, axis=0)).astype(float):
        mass = turned.sum()
        angles.append(np.degrees(np.arctan2((turned * rows).sum() / mass, (turned * columns).sum() / mass)))
    assert 10 < max(angles) < 12.5
    assert -12.5 < min(angles) < -10


@pytest.mark.parametrize("path", PATHS)
def test_brightness_moves_the_olr_of_the_whole_image_up_to_its_limit(path):
    middle = np.full((500, 64, 64), 120, np.uint8)
    images = varied(AugmentConfig(path=path, brightness=10, **PLAIN), middle).astype(int)
    assert (np.ptp(images, axis=(1, 2)) == 0).all()
    olr = -(images[:, 0, 0] - 120) * (300 - 85) / 255  # W m⁻²
    assert 9 < olr.max() < 10.5
    assert -10.5 < olr.min() < -9
    assert abs(olr.mean()) < 1.5


@pytest.mark.parametrize("path", PATHS)
def test_brightness_stops_at_the_limits_of_the_scale(path):
    for end in (0, 255):
        images = varied(
            AugmentConfig(path=path, brightness=30, **PLAIN), np.full((200, 64, 64), end, np.uint8)
        )
        assert end in images
        assert np.abs(images.astype(int) - end).max() <= 36  # nothing wraps round


@pytest.mark.parametrize("path", PATHS)
def test_cutout_covers_one_square_in_half_of_the_images(path):
    images = varied(
        AugmentConfig(path=path, cutout_pixels=16, **PLAIN), np.full((400, 64, 64), 200, np.uint8)
    )
    covered = images != 200
    assert set(covered.sum(axis=(1, 2))) == {0, 16 * 16}
    assert set(np.unique(images)) == {200, MEAN_GREY}
    assert 140 < covered.any(axis=(1, 2)).sum() < 260
    for hole in covered[covered.any(axis=(1, 2))]:
        rows, columns = np.flatnonzero(hole.any(axis=1)), np.flatnonzero(hole.any(axis=0))
        assert len(rows) == len(columns) == np.ptp(rows) + 1 == np.ptp(columns) + 1 == 16
    assert covered.mean(axis=0).min() < 0.02 < covered.mean(axis=0).max()  # anywhere, the middle most


def pair() -> tuple[torch.Tensor, torch.Tensor]:
    images = torch.stack([torch.full((64, 64), 40), torch.full((64, 64), 240)]).to(torch.uint8)
    return images, torch.tensor([1.0, 0.0])


def test_mixup_mixes_images_and_labels_by_the_same_share():
    images, labels = mixed(*pair(), torch.tensor([0.25, 1.0]), torch.tensor([1, 0]))
    assert (images[0] == 190).all()
    assert (images[1] == 240).all()
    assert labels.tolist() == [0.25, 0.0]


def test_cutmix_pastes_a_box_and_counts_its_area():
    boxes = torch.tensor([[[0, 16], [32, 64]], [[0, 0], [0, 64]]])  # rows, columns
    images, labels = pasted(*pair(), boxes, torch.tensor([1, 0]))
    assert (images[0, :16, 32:] == 240).all()
    assert (images[0] == 240).sum() == 16 * 32
    assert (images[1] == 240).all()
    assert labels.tolist() == [1 - 16 * 32 / 64**2, 0.0]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("mixture", ["mixup", "cutmix"])
def test_a_mixture_keeps_the_mean_label_and_the_share_is_in_the_image(path, mixture):
    """White positives, black negatives: an image's mean grey says what its label must be."""
    labels = (torch.arange(400) % 4 == 0).float()
    images = (labels[:, None, None] * 255).to(torch.uint8).expand(400, 64, 64)
    vary = build_batch_augmentation(AugmentConfig(path=path, **{mixture: 1.0}, **PLAIN), Scale(), 0)
    new_images, new_labels = vary(images, labels)
    grey = new_images.float().mean(dim=(1, 2)) / 255
    torch.testing.assert_close(grey, new_labels, atol=0.01, rtol=0)
    assert 0.2 < new_labels.mean() < 0.3
    assert ((new_labels > 0.1) & (new_labels < 0.9)).sum() > 50


def test_mixup_and_cutmix_together_are_refused():
    with pytest.raises(ValueError, match="alternatives"):
        AugmentConfig(mixup=0.2, cutmix=1.0)
