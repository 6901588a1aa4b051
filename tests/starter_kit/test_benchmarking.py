"""The benchmark compares like with like; its speed is for `make bench`, not for a test."""

import json
import time
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from starter_kit.benchmark import feeds as feeds_module
from starter_kit.benchmark.case import temporary_case
from starter_kit.benchmark.compare import compare
from starter_kit.benchmark.feeds import Feeds, UnequalError
from starter_kit.benchmark.ordinary import ordinary_batches
from starter_kit.benchmark.report import IMAGE_BY_IMAGE, LIMIT, ORDINARY, OURS
from starter_kit.benchmark.watch import measure
from starter_kit.configuration.reading import load_config
from starter_kit.configuration.sections import AugmentConfig
from starter_kit.errors import StarterKitError
from starter_kit.inference.predict import eight_views
from starter_kit.training.launch import start_fabric
from tests.starter_kit.command_line import Shell

CPU = torch.device("cpu")
NEEDS_CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA GPU")
SMALL = ("train.batch_size=16", "model.width=2")
QUICK = ("--images", "100", "--seconds", "0.05", "--rounds", "2", "--workers", "1", "--device", "cpu")


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    with temporary_case(100, tmp_path_factory.mktemp("case")) as made:
        yield made


def feeds_of(case, augment: AugmentConfig) -> Feeds:
    return Feeds(case, augment, start_fabric(load_config("baseline", SMALL).train), 16, workers=1, seed=5)


@pytest.fixture(scope="module")
def printed(tmp_path_factory):
    knobs = [word for knob in SMALL for word in ("--set", knob)]
    folder = tmp_path_factory.mktemp("benchmark")
    ended = Shell()("benchmark", *QUICK, *knobs, "--folder", folder, "--json")
    assert ended.status == 0, ended.err
    assert list(folder.iterdir()) == []  # nothing is left behind
    return ended


@pytest.fixture(scope="module")
def report(printed):
    return json.loads(printed.out)


def test_the_report_says_what_was_measured_on_what(report, printed):
    assert "All ways deliver the same images" in printed.err
    assert report["delivered_equal"] is True
    assert (report["device"], report["images"], report["batch_size"]) == ("cpu", 100, 16)
    assert (report["rounds"], report["seconds"], report["workers"]) == (2, 0.05, 1)
    assert (report["training_precision"], report["inference_precision"]) == ("float32", "float32")
    assert report["peak_device_mebibytes"] is None
    assert report["cores"] >= 1
    assert report["shard_bytes"] == 64 * 64
    assert 100 < report["png_bytes"] < 8192
    assert report["versions"]["albumentations"] == "2.0.8"


def test_delivery_has_every_way_and_its_ratio(report):
    ways = {way["name"]: way for way in report["delivery"]}
    assert list(ways) == [ORDINARY, IMAGE_BY_IMAGE, OURS]
    for way in ways.values():
        assert len(way["images"]) == len(way["seconds"]) == 2
        speeds = [images / seconds for images, seconds in zip(way["images"], way["seconds"], strict=True)]
        assert way["images_per_second"] == pytest.approx(np.median(speeds))
        assert way["ratio"] == pytest.approx(ways[OURS]["images_per_second"] / way["images_per_second"])


@pytest.mark.parametrize(("work", "names"), [("training", 3), ("inference", 2)])
def test_each_work_is_compared_with_resident_data(report, work, names):
    limit, ways = report[work]["limit"], report[work]["ways"]
    assert limit["name"] == LIMIT
    assert limit["waiting_share"] < 0.5
    assert len(ways) == names
    for way in ways:
        assert way["share_of_limit"] == pytest.approx(way["images_per_second"] / limit["images_per_second"])
        assert 0 <= way["waiting_share"] <= 1
        assert all(images > 0 for images in way["images"])


def test_inference_tells_the_time_for_all_images_of_the_competition(report):
    assert report["inference"]["all_images"] == 1_120_000
    for way in (report["inference"]["limit"], *report["inference"]["ways"]):
        assert way["seconds_for_all"] == pytest.approx(1_120_000 / way["images_per_second"])


def test_stages_are_told_for_every_way(report):
    assert [stages["name"] for stages in report["stages"]] == [ORDINARY, IMAGE_BY_IMAGE, OURS]
    for stages in report["stages"]:
        assert stages.keys() == {"name", "read", "augment", "to_device", "train", "infer"}
        assert all(stages[name] > 0 for name in ("read", "augment", "to_device", "train", "infer"))


def test_people_get_tables(shell, tmp_path):
    knobs = [word for knob in SMALL for word in ("--set", knob)]
    ended = shell("benchmark", *QUICK, *knobs, "--rounds", "1", "--folder", tmp_path)
    assert ended.status == 0, ended.err
    for said in ("small_cnn", ORDINARY, LIMIT, "of the limit", "device waits", "1,120,000 images"):
        assert said in ended.out


def test_every_way_varies_images_into_their_eight_views_and_keeps_their_labels(case):
    """They draw different chances, so this is what can be equal."""
    order = np.random.default_rng(5).permutation(100)
    for name, feed in feeds_of(case, AugmentConfig()).training().items():
        batches, seen, turned = feed(), 0, Counter()
        while seen < 96:
            images, labels = next(batches)
            for image, label in zip(images, labels, strict=True):
                original = torch.from_numpy(case.images[order[seen]])[None]
                views = [torch.equal(image, view[0]) for view in eight_views(original)]
                assert any(views), name
                turned[views.index(True)] += 1
                assert label == case.labels[order[seen]]
                seen += 1
        assert len(turned) == 8, name


def test_workers_draw_different_chances(case):
    """Else every image would be varied as that of the other worker."""
    batches = ordinary_batches(
        case, np.zeros(32, np.int64), AugmentConfig(path="image"), CPU, batch_size=16, workers=2, seed=5
    )
    (first, _), (second, _) = batches
    assert not torch.equal(first, second)


@pytest.mark.parametrize("what", ["images", "labels"])
def test_ways_that_deliver_other_images_or_labels_stop_it(case, monkeypatch, what):
    if what == "images":
        monkeypatch.setattr(
            "starter_kit.benchmark.ordinary.read_png", lambda file: np.zeros((64, 64), np.uint8)
        )
    else:
        monkeypatch.setattr("starter_kit.benchmark.ordinary.int", lambda label: 1 - label, raising=False)
    with pytest.raises(UnequalError, match=f"{ORDINARY} delivers other images or labels"):
        feeds_of(case, AugmentConfig()).compare()


def test_a_way_that_delivers_too_few_stops_it(case, monkeypatch):
    whole = feeds_module.ordinary_batches
    monkeypatch.setattr(
        feeds_module, "ordinary_batches", lambda case, drawn, *a, **k: whole(case, drawn[:-1], *a, **k)
    )
    with pytest.raises(UnequalError, match=f"{ORDINARY} delivers 99 images of 100"):
        feeds_of(case, AugmentConfig()).compare()


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=NEEDS_CUDA)])
def test_waiting_is_the_time_that_batches_take_to_come(device):
    on = torch.device(device)

    def slow(seconds):
        while True:
            time.sleep(seconds)
            yield (torch.zeros(4, 1, device=on),)

    def use(batches):
        for _ in batches:
            time.sleep(0.01)

    waiting = measure(slow(0.03), use, on, seconds=0.4)
    assert 0.5 < waiting.waiting_share < 0.9  # 0.75 on a machine with nothing else to do
    assert waiting.waited < waiting.seconds
    assert measure(slow(0.0), use, on, seconds=0.2).waiting_share < 0.2
    assert measure(slow(0.0), use, on, seconds=9, most=10).images == 12  # whole batches


@NEEDS_CUDA
def test_a_gpu_is_measured_too(shell, tmp_path):
    ended = shell(
        "benchmark", *QUICK[:-1], "cuda", "--folder", tmp_path, "--json", "--set", "train.batch_size=16"
    )
    assert ended.status == 0, ended.err
    report = json.loads(ended.out)
    assert report["device"] == "cuda"
    assert report["peak_device_mebibytes"] > 0
    for work in ("training", "inference"):
        for way in (report[work]["limit"], *report[work]["ways"]):
            assert 0 <= way["waiting_share"] <= 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ("--images", "10"),
            "10 images are too few to measure with: 4 batches of 128 take 512. Raise --images",
        ),
        (
            ("--images", "1000000000"),
            "MB free. Ask for fewer with --images, or name another place with --fol",
        ),
        (("--folder", "nowhere"), "There is no folder nowhere to write the images into"),
        (("--config", "winner"), "one is wanted here"),
        (("--set", "train.speed=9"), "train.speed"),
    ],
)
def test_what_cannot_be_measured_is_refused(shell, tmp_path, monkeypatch, words, said):
    monkeypatch.chdir(tmp_path)
    ended = shell("benchmark", *words)
    assert ended.status == 1
    assert said in ended.err
    assert ended.out == ""


@pytest.mark.skipif(torch.cuda.is_available(), reason="a CUDA GPU is there")
def test_a_gpu_that_is_not_there_is_refused_before_anything_is_drawn(shell, tmp_path):
    ended = shell("benchmark", "--device", "cuda", "--folder", tmp_path)
    assert ended.status == 1
    assert "A CUDA GPU was asked for" in ended.err
    assert "Drawing" not in ended.err


def test_an_unknown_device_is_a_mistake_of_usage(shell):
    assert shell("benchmark", "--device", "abacus").status == 2


def test_a_folder_that_cannot_be_written_to_is_named(monkeypatch):
    """/proc is a folder in which nobody writes, not even root."""
    monkeypatch.setattr("shutil.disk_usage", lambda folder: SimpleNamespace(free=10**12))  # it tells 0
    with pytest.raises(StarterKitError, match=r"not be written to /proc: .* --folder names another place"):
        compare(load_config("baseline", SMALL), images=100, folder=Path("/proc"))


def test_help_teaches_without_torch(shell):
    out = shell("benchmark", "--help").out
    for said in ("device waits", "--folder", "of the limit", "--device cuda"):
        assert said in out
