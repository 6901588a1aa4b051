"""Translations do what their definitions say."""

import numpy as np
import pytest
import torch
from scipy.stats import wasserstein_distance

from cloud_images import open_release
from cloud_images.scale import grey_to_olr, olr_of_brightness_temperature
from starter_kit.configuration.sections import ValidationConfig
from starter_kit.errors import StarterKitError
from starter_kit.images.data import load_training_data
from starter_kit.observation.distances import (
    brightness_temperature_of_olr,
    measure_distances,
    power_spectrum,
)
from starter_kit.observation.fourier_style import StyleLender, with_style
from starter_kit.observation.learn import learn, matched_rows
from starter_kit.observation.quantile_mapping import histogram, quantile_map
from starter_kit.observation.translated_release import translate_release
from starter_kit.observation.translation import FourierStyle, HistogramMatching, open_translation
from tests.starter_kit.observed_images import observations

CPU = torch.device("cpu")


def noise(seed: int, *, mean: float = 120, spread: float = 30, count: int = 200) -> np.ndarray:
    grey = np.random.default_rng(seed).normal(mean, spread, (count, 64, 64))
    return grey.round().clip(0, 255).astype(np.uint8)


def test_quantile_mapping_makes_the_histograms_equal():
    before, after = noise(1), noise(2, mean=80, spread=20)
    mapped = quantile_map(histogram(before), histogram(after))[before]
    reached, wanted = (np.cumsum(histogram(each)) / each.size for each in (mapped, after))
    largest = max(histogram(each).max() / each.size for each in (before, after))
    assert np.abs(reached - wanted).max() <= largest
    assert abs(mapped.mean() - 80) < 0.5
    assert abs(mapped.std() - 20) < 0.5


def test_quantile_mapping_between_equal_domains_is_the_identity():
    images = noise(1, mean=40)  # many at grey 0: a tie of a tenth of all pixels
    assert np.array_equal(quantile_map(histogram(images), histogram(images))[images], images)


def test_quantile_mapping_keeps_the_order_of_the_greys():
    table = quantile_map(histogram(noise(1)), histogram(noise(2, mean=200, spread=60)))
    assert (np.diff(table.astype(int)) >= 0).all()


def test_histogram_matching_goes_both_ways():
    simulated, observed = noise(1), noise(2, mean=90, spread=40)
    matching = HistogramMatching.learn(simulated, observed)
    there = matching.translate(simulated, "observed")
    assert np.abs(matching.translate(there, "simulated").astype(int) - simulated).mean() < 2


def test_fourier_style_is_its_formula():
    image, style = noise(1, count=1)[0].astype(float), noise(2, count=1)[0].astype(float)
    spectrum, lent = np.fft.fft2(image), np.abs(np.fft.fft2(style))
    number = np.abs(np.fft.fftfreq(64, 1 / 64))
    low = (number[:, None] <= 3) & (number <= 3)
    wanted = np.fft.ifft2(np.where(low, lent, np.abs(spectrum)) * np.exp(1j * np.angle(spectrum))).real
    got = with_style(*(torch.from_numpy(each[None]).to(torch.uint8) for each in (image, style)), 3)
    assert np.abs(got[0].numpy() - wanted.clip(0, 255)).max() <= 0.51


def test_an_image_in_its_own_style_is_itself():
    images = torch.from_numpy(noise(1, count=4))
    assert torch.equal(with_style(images, images, 32), images)


def test_wave_number_0_lends_the_mean_alone():
    images, styles = (
        torch.from_numpy(noise(seed, mean=mean, count=3)) for seed, mean in ((1, 100), (2, 140))
    )
    restyled = with_style(images, styles, 0).float()
    assert torch.allclose(restyled.mean(dim=(1, 2)), styles.float().mean(dim=(1, 2)), atol=0.51)
    assert torch.allclose(restyled.std(dim=(1, 2)), images.float().std(dim=(1, 2)), atol=0.3)


def test_a_share_of_the_images_is_restyled():
    images = torch.from_numpy(noise(1, count=400))
    restyled = StyleLender(noise(2, mean=60, count=5), 3).restyle(images, np.random.default_rng(0), 0.25)
    changed = (restyled != images).flatten(1).any(dim=1).float().mean()
    assert 0.18 < changed < 0.32


def test_fourier_translation_follows_its_seed():
    style = FourierStyle(noise(1, count=9), noise(2, count=9), 3)
    images = noise(3, count=5)
    assert np.array_equal(
        style.translate(images, "observed", seed=1), style.translate(images, "observed", seed=1)
    )
    assert not np.array_equal(
        style.translate(images, "observed", seed=1), style.translate(images, "observed", seed=2)
    )


def test_brightness_temperature_is_the_inverse_of_what_a_release_is_built_with():
    kelvin = np.linspace(180, 320, 50)
    back = brightness_temperature_of_olr(olr_of_brightness_temperature(kelvin))
    assert np.abs(back - kelvin).max() < 1e-6


def test_the_distance_of_a_heap_to_itself_is_nothing():
    told = measure_distances(noise(1), noise(1))
    assert (told.olr, told.kelvin, told.spectrum) == (0, 0, 0)


def test_the_distance_in_watts_is_that_of_scipy():
    one, other = noise(1, count=3), noise(2, mean=90, count=3)
    wanted = wasserstein_distance(grey_to_olr(one).ravel(), grey_to_olr(other).ravel())
    assert measure_distances(one, other).olr == pytest.approx(wanted, rel=1e-5)


def test_the_spectrum_of_a_wave_peaks_at_its_number():
    wave = 128 + 100 * np.cos(2 * np.pi * 9 * np.arange(64) / 64)
    images = np.broadcast_to(wave.round().astype(np.uint8), (2, 64, 64)).copy()
    assert power_spectrum(images).argmax() + 1 == 9


def test_a_smoother_heap_has_another_spectrum_and_the_same_values():
    rough = noise(1)
    same_values = np.sort(rough.reshape(len(rough), -1), axis=1).reshape(rough.shape)
    told = measure_distances(rough, same_values)
    assert told.olr == 0
    assert told.spectrum > 3


def test_simulated_images_are_drawn_with_the_wanted_share_of_storms():
    labels = (np.arange(1000) % 10 == 0).astype(np.uint8)
    rows = matched_rows(labels, np.arange(1000), 0.25, 200, np.random.default_rng(0))
    assert (len(rows), len(set(rows.tolist())), labels[rows].sum()) == (200, 200, 50)
    few = matched_rows(labels, np.arange(1000), 0.5, 1000, np.random.default_rng(0))
    assert (len(few), labels[few].sum()) == (200, 100)  # there are but 100 storms


def test_a_release_without_storms_cannot_stand_beside_observed_ones():
    with pytest.raises(StarterKitError, match="no training images of storms"):
        matched_rows(np.zeros(9, np.uint8), np.arange(9), 0.5, 4, np.random.default_rng(0))


@pytest.fixture(scope="module")
def data(release):
    return load_training_data(release, ValidationConfig())


@pytest.fixture(scope="module")
def matched(release, data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("translation") / "matched"
    learn("histogram", data, observations(release, warmer=30), folder, source=("world", "darker"))
    return folder


def test_a_translation_learned_from_a_warmer_sky_darkens_and_survives_its_folder(release, matched):
    translation, record = open_translation(matched, CPU)
    images = release.train_images[:300]
    change = translation.translate(images, "observed").astype(int) - images
    assert -40 < change.mean() < -10
    assert (record.method, record.images) == ("histogram", 60)


def test_learning_again_with_other_images_is_refused(release, data, matched):
    with pytest.raises(StarterKitError, match="holds another translation already"):
        learn("histogram", data, observations(release, episodes=3), matched, source=("world", "darker"))


def test_other_waves_are_another_translation(release, data, tmp_path):
    observed = observations(release)
    learn("fourier", data, observed, tmp_path / "style", source=("a", "b"), waves=3)
    learn("fourier", data, observed, tmp_path / "style", source=("a", "b"), waves=3)
    with pytest.raises(StarterKitError, match="holds another translation already"):
        learn("fourier", data, observed, tmp_path / "style", source=("a", "b"), waves=5)


def test_a_translated_release_is_a_release_with_the_same_tables(release, matched, tmp_path):
    translation, _ = open_translation(matched, CPU)
    translated = translate_release(release, translation, tmp_path / "observed", title="darker")
    again = open_release(translated.directory)
    assert again.train_table().equals(release.train_table())
    assert again.solution_table().equals(release.solution_table())
    assert np.array_equal(again.test_images[:50], translation.translate(release.test_images[:50], "observed"))
    with pytest.raises(StarterKitError, match="is not empty"):
        translate_release(release, translation, tmp_path / "observed", title="darker")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "translation.json").unlink(), "is no translation: translation.json"),
        (lambda folder: (folder / "translation.json").write_text("{}"), "cannot be read"),
        (lambda folder: (folder / "translation.safetensors").write_bytes(b"x"), "cannot be read"),
    ],
)
def test_a_damaged_translation_is_refused(matched, tmp_path, damage, message):
    for file in matched.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    damage(tmp_path)
    with pytest.raises(StarterKitError, match=message):
        open_translation(tmp_path, CPU)


def test_a_grey_stands_for_the_middle_of_its_quantiles():
    only_100, every_grey = np.bincount([100], minlength=256), np.ones(256, np.int64)
    assert quantile_map(only_100, every_grey)[100] == 127  # the median, not the brightest
