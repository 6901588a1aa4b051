"""Pictures of training images: which ones the data page shows, and each as a PNG."""

import io
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import structlog
from django.urls import reverse
from django.utils.translation import gettext as _
from PIL import Image

import cloud_images
from cloud_images.shards import ShardedImages
from competition.contests.models import Competition
from competition.datasets.models import Release
from competition.datasets.overview import GROUP_NAMES
from competition.refusal import Refusal

log = structlog.get_logger(__name__)

PAGE_SIZE = 24


@dataclass(frozen=True)
class Picture:
    """One training image as the gallery shows it."""

    n: int  # position in the training shards
    url: str
    caption: str
    alt: str


@dataclass(frozen=True)
class Group:
    """Images of one class and lead time."""

    key: str  # for ?group=
    name: str
    rows: int  # in the whole training set
    current: bool


@dataclass(frozen=True)
class Gallery:
    groups: list[Group]
    pictures: list[Picture]
    page: int  # from 1
    pages: int

    @property
    def page_numbers(self) -> range:
        return range(1, self.pages + 1)

    @property
    def group(self) -> Group:
        return next(group for group in self.groups if group.current)


def gallery(*, release: Release, competition: Competition, group: str = "", page: int = 1) -> Gallery:
    """A page of the gallery, always the same. An unknown group is the first, a page outside the nearest."""
    shown = release.overview["gallery"]
    keys = [key for key in GROUP_NAMES if key in shown]
    key = group if group in keys else keys[0]
    pages = math.ceil(len(shown[key]) / PAGE_SIZE)
    page = min(max(page, 1), pages)
    return Gallery(
        groups=[
            Group(each, str(GROUP_NAMES[each]), release.overview["groups"][each], each == key)
            for each in keys
        ],
        pictures=[
            _picture(image, competition, str(GROUP_NAMES[key]))
            for image in shown[key][(page - 1) * PAGE_SIZE : page * PAGE_SIZE]
        ],
        page=page,
        pages=pages,
    )


def gallery_rows(release: Release) -> Iterator[int]:
    """The positions of all images that the gallery shows."""
    return (image["n"] for images in release.overview["gallery"].values() for image in images)


def png_of(release: Release, n: int) -> bytes:
    """Training image `n` as a greyscale PNG of 64 × 64. Raises IndexError where there is none."""
    if not 0 <= n < release.manifest["counts"]["train"]["images"]:
        raise IndexError(n)
    try:
        grey = _train_images(release.directory, release.registered_at.timestamp())[n]
    except cloud_images.ReleaseError as error:
        log.error("release.images_unreadable", release=release.pk, reason=str(error))
        raise Refusal(
            _("The images cannot be read at present; please tell the organizers."),
            code="file_changed",
            status=503,
        ) from error
    png = io.BytesIO()
    Image.fromarray(grey).save(png, "PNG")
    return png.getvalue()


@lru_cache(maxsize=8)
def _train_images(directory: Path, registered: float) -> ShardedImages:
    """Memory maps of the shards, opened once per process and registration."""
    return cloud_images.open_release(directory).train_images


def _picture(image: dict, competition: Competition, group: str) -> Picture:
    where = _position(image["latitude"], image["longitude"])
    lead = image["lead_time_hours"]
    if lead is None:
        told = group
    elif lead > 0:
        told = _("%(hours)g h before genesis") % {"hours": lead}
    else:
        told = _("%(hours)g h after genesis") % {"hours": -lead}
    caption = f"{told} · {image['basin']} · {image['time'][:10]} · {where}"
    return Picture(
        n=image["n"],
        url=reverse("datasets:image", args=[competition.slug, image["n"]]),
        caption=caption,
        alt=_("Satellite-like image of clouds, cold tops white: %(caption)s") % {"caption": caption},
    )


def _position(latitude: float, longitude: float) -> str:
    return (
        f"{abs(latitude):.1f}° {'N' if latitude >= 0 else 'S'} "
        f"{abs(longitude):.1f}° {'E' if longitude >= 0 else 'W'}"
    )
