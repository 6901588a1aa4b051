"""A release folder becomes a competition's data."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

import cloud_images
from cloud_images.manifest import MANIFEST_NAME
from cloud_images.release import SOLUTION_NAME, describe_file
from cloud_images.verify import verify_release
from competition.contests.models import Competition
from competition.datasets.models import Release, ReleaseFile
from competition.datasets.overview import make_overview
from competition.refusal import Refusal

log = structlog.get_logger(__name__)

# What participants may be given. Whatever else lies in the folder stays there, whatever its manifest says.
SERVED = re.compile(
    r"(train|test)/images-\d{5}\.npy|train\.csv|test\.csv|sample_submission\.csv|manifest\.json|croissant\.json"
)
DEEPEST = 2  # folders below RELEASES_DIR: `typhoons` or `typhoons/2026`
SHOWN_PROBLEMS = 20


@dataclass(frozen=True)
class Folder:
    """A release that lies below RELEASES_DIR, ready to be registered."""

    folder: str  # relative to RELEASES_DIR, as `register_release` takes it
    name: str
    version: str
    title: str
    train_images: int
    test_images: int
    bytes: int  # of the files that participants would download


@dataclass(frozen=True)
class UnreadableFolder:
    """A folder below RELEASES_DIR that means to be a release and cannot be opened as one."""

    folder: str  # relative to RELEASES_DIR
    reason: str


def available_folders() -> list[Folder]:
    """The releases below RELEASES_DIR, by folder."""
    return [found for found in _folders() if isinstance(found, Folder)]


def unreadable_folders() -> list[UnreadableFolder]:
    """What to tell an organizer who looks for a folder that is not among the available ones."""
    return [found for found in _folders() if isinstance(found, UnreadableFolder)]


def _folders() -> list[Folder | UnreadableFolder]:
    """All folders with a manifest, by name; hidden ones are passed over."""
    found: list[Folder | UnreadableFolder] = []
    for depth in range(1, DEEPEST + 1):
        for manifest in settings.RELEASES_DIR.glob("/".join(["*"] * depth + [MANIFEST_NAME])):
            path = manifest.parent.relative_to(settings.RELEASES_DIR)
            if any(part.startswith(".") for part in path.parts):
                continue
            folder = path.as_posix()
            try:
                about = cloud_images.open_release(manifest.parent).manifest
            except cloud_images.ReleaseError as error:
                found.append(UnreadableFolder(folder, str(error)))
                continue
            found.append(
                Folder(
                    folder=folder,
                    name=about.name,
                    version=about.version,
                    title=about.title,
                    train_images=about.counts.train.images,
                    test_images=about.counts.test.images,
                    bytes=sum(file.size or 0 for file in about.served_files()),
                )
            )
    return sorted(found, key=lambda each: each.folder)


def register_release(
    *,
    competition: Competition,
    folder: str,
    verify: bool = True,
    refuse_unfit: Callable[[Path], None] | None = None,
) -> Release:
    """Make the release in `folder` (relative to RELEASES_DIR) the competition's current data.

    With `verify` every byte is read, and nothing may give the answer away; leave it out only for a folder
    that was written a moment ago. A competition that has submissions keeps its data, because its scores must
    stay comparable; registering the very same release again is allowed then too, and makes restored or moved
    files trusted again. `refuse_unfit` gets the solution of a release that is new here, and raises Refusal
    where the competition cannot use it. Raises Refusal that lists what is wrong.
    """
    opened = _open(folder)
    if verify:
        _refuse_damaged(opened.directory)
    files = _served_files(opened)
    overview = make_overview(opened)
    manifest = opened.manifest
    with transaction.atomic():
        Competition.objects.select_for_update().get(pk=competition.pk)
        current = competition.releases.filter(is_current=True).first()
        if current is not None and _same_data(current, files):
            release = current
            release.files.all().delete()
        elif competition.submissions.exists():
            raise Refusal(
                _(
                    "This competition has submissions, and their scores must stay comparable: its data "
                    "cannot be replaced any more. Create a new competition for the new data."
                ),
                code="has_submissions",
            )
        else:
            if refuse_unfit is not None:
                refuse_unfit(opened.directory / SOLUTION_NAME)
            competition.releases.update(is_current=False)
            release = Release(competition=competition)
        release.folder, release.name, release.version = folder, manifest.name, manifest.version
        release.manifest, release.overview = {**manifest.model_dump(mode="json"), "files": files}, overview
        release.save()
        # Files younger than this are looked at anew before they are sent.
        Release.objects.filter(pk=release.pk).update(registered_at=timezone.now())
        release.refresh_from_db()
        ReleaseFile.objects.bulk_create(ReleaseFile(release=release, **file) for file in files)
    log.info("release.registered", release=release.pk, competition=competition.slug, folder=folder)
    return release


def _open(folder: str) -> cloud_images.Release:
    parts = Path(folder).parts
    inside = 0 < len(parts) <= DEEPEST and not any(part.startswith((".", "/")) for part in parts)
    if not inside:
        raise Refusal(
            _("Name a folder inside the folder of releases, such as “typhoons” or “typhoons/2026”."),
            code="release_folder",
            status=422,
        )
    try:
        opened = cloud_images.open_release(settings.RELEASES_DIR / folder)
    except cloud_images.ReleaseError as error:
        raise Refusal(str(error), code="no_release", status=422) from error
    if not opened.has_solution:
        raise Refusal(
            _("The folder has no solution.parquet; without it no submission can be scored."),
            code="no_solution",
            status=422,
        )
    return opened


def _refuse_damaged(directory: Path) -> None:
    problems = [str(problem) for problem in verify_release(directory)]
    if problems:
        more = len(problems) - SHOWN_PROBLEMS
        lines = problems[:SHOWN_PROBLEMS] + ([_("and %(count)d more") % {"count": more}] if more > 0 else [])
        raise Refusal(
            "\n".join([_("This release is damaged, so it was not registered:"), *lines]),
            code="release_damaged",
            status=422,
        )


def _served_files(opened: cloud_images.Release) -> list[dict]:
    """The rows of ReleaseFile, without their release: {"path", "size", "sha256"}."""
    served = [file for file in opened.manifest.served_files() if SERVED.fullmatch(file.path)]
    # The manifest cannot name itself.
    served.append(describe_file(opened.directory, opened.directory / MANIFEST_NAME))
    for file in served:
        path = opened.directory / file.path
        if not path.is_file() or path.stat().st_size != file.size:
            raise Refusal(
                _("%(file)s is missing or has not the size that the manifest says.") % {"file": file.path},
                code="release_damaged",
                status=422,
            )
    return [file.model_dump(include={"path", "size", "sha256"}) for file in served]


def _same_data(current: Release, files: list[dict]) -> bool:
    """Whether it is the registered one: a manifest names the checksum of every file, and the solution's."""
    manifest = next(file["sha256"] for file in files if file["path"] == MANIFEST_NAME)
    return current.files.filter(path=MANIFEST_NAME, sha256=manifest).exists()
