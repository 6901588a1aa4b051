"""What the benchmark found, as numbers and as tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from rich.table import Table

from starter_kit.benchmark.watch import Run

ORDINARY = "PNG files, DataLoader"
IMAGE_BY_IMAGE = "this kit, image by image"
OURS = "this kit"
LIMIT = "resident data"
ALL_IMAGES = 1_120_000


@dataclass
class Measured:
    """All runs of one way of feeding; its numbers are their medians."""

    name: str
    runs: list[Run] = field(default_factory=list)

    @property
    def images_per_second(self) -> float:
        return median(run.images_per_second for run in self.runs)

    @property
    def waiting_share(self) -> float:
        return median(run.waiting_share for run in self.runs)

    def to_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "images_per_second": self.images_per_second,
            "waiting_share": self.waiting_share,
            "images": [run.images for run in self.runs],
            "seconds": [run.seconds for run in self.runs],
        }


@dataclass
class Work:
    """Training, or inference with test-time augmentation. ways: by name; limit: the same work on one batch
    that is on the device, again and again."""

    limit: Measured
    ways: dict[str, Measured]

    def to_dict(self) -> dict[str, Any]:
        told = [
            way.to_dict() | {"share_of_limit": way.images_per_second / self.limit.images_per_second}
            for way in self.ways.values()
        ]
        return {"limit": self.limit.to_dict(), "ways": told}


@dataclass
class Report:
    """setting: what was measured on what; stages: microseconds of an image in each stage, by way; delivery:
    images that come to the device, without a model."""

    setting: dict[str, Any]
    stages: dict[str, dict[str, float]]
    delivery: dict[str, Measured]
    training: Work
    inference: Work

    def to_dict(self) -> dict[str, Any]:
        """What `python -m starter_kit benchmark --json` prints; docs/participants/training-speed.md describes
        it."""
        ours = self.delivery[OURS].images_per_second
        inference = self.inference.to_dict()
        for way in (inference["limit"], *inference["ways"]):
            way["seconds_for_all"] = ALL_IMAGES / way["images_per_second"]
        return self.setting | {
            "delivered_equal": True,
            "delivery": [
                way.to_dict() | {"ratio": ours / way.images_per_second} for way in self.delivery.values()
            ],
            "stages": [{"name": name} | stages for name, stages in self.stages.items()],
            "training": self.training.to_dict(),
            "inference": inference | {"all_images": ALL_IMAGES},
        }


def tables(told: dict[str, Any]) -> Iterator[Table]:
    """The report of `to_dict` for people."""
    delivery = _table("Images that come to the device", "images/s", "this kit is")
    for way in told["delivery"]:
        ratio = way["ratio"]
        delivery.add_row(
            way["name"], f"{way['images_per_second']:,.0f}", "" if ratio == 1 else f"{ratio:,.1f} × as fast"
        )
    yield delivery
    names = ["read", "augment", "to_device", "train", "infer"]
    stages = _table("µs for an image, each stage alone", *(name.replace("_", " ") for name in names))
    for way in told["stages"]:
        stages.add_row(way["name"], *(f"{way[name]:,.1f}" for name in names))
    yield stages
    for title, work in (("Training", told["training"]), ("Inference, 8 views", told["inference"])):
        in_all = "seconds_for_all" in work["limit"]
        columns = ["images/s", "of the limit", "device waits", *(["1,120,000 images"] if in_all else [])]
        table = _table(title, *columns)
        for way in (work["limit"], *work["ways"]):
            table.add_row(
                way["name"],
                f"{way['images_per_second']:,.0f}",
                f"{way.get('share_of_limit', 1):.1%}",
                f"{way['waiting_share']:.1%}",
                *([_duration(way["seconds_for_all"])] if in_all else []),
            )
        yield table


def _table(title: str, *numbers: str) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column("")
    for number in numbers:
        table.add_column(number, justify="right")
    return table


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"
