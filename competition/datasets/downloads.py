"""Files of a release on their way out: who may have them, and the bytes they asked for.

Ranges are those of RFC 9110: one range is answered with 206, several with the whole file (which the RFC
allows and every client understands), one that lies outside with 416. The ETag is the file's SHA-256.
"""

import hashlib
import os
import re
import stat
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import BinaryIO

import structlog
from django.conf import settings
from django.core.cache import cache
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.cache import get_conditional_response
from django.utils.encoding import iri_to_uri
from django.utils.http import content_disposition_header, http_date, parse_http_date
from django.utils.translation import gettext as _

from competition.contests.models import Competition, Participation
from competition.datasets.models import Release, ReleaseFile
from competition.refusal import Refusal

log = structlog.get_logger(__name__)

BLOCK = 1024**2  # bytes: 2.6 GB/s where the default of 4 KiB gave 0.5
CONTENT_TYPES = {".csv": "text/csv; charset=utf-8", ".json": "application/json"}
_SINGLE_RANGE = re.compile(r"bytes=\s*(\d{0,19})\s*-\s*(\d{0,19})\s*", re.ASCII | re.IGNORECASE)


def current_release(competition: Competition) -> Release | None:
    return competition.releases.filter(is_current=True).first()


def may_download(*, user, competition: Competition) -> bool:
    """Participants once the competition is open, and after it; its organizers and staff at any time."""
    if not user.is_authenticated:
        return False
    if user.is_staff or competition.is_organized_by(user):
        return True
    began = competition.state in (Competition.State.OPEN, Competition.State.CLOSED)
    return began and Participation.objects.filter(competition=competition, user=user).exists()


def refuse_download(*, user, competition: Competition) -> None:
    """Raises Refusal that says what is missing where the user may not download."""
    if may_download(user=user, competition=competition):
        return
    if not user.is_authenticated:
        raise Refusal(_("Log in to download the data."), code="not_authenticated", status=401)
    if competition.state in (Competition.State.OPEN, Competition.State.CLOSED):
        raise Refusal(
            _("Join the competition to download its data: you only have to accept the rules."),
            code="not_joined",
            status=403,
        )
    raise Refusal(_("The data can be downloaded once the competition opens."), code="not_open", status=403)


def downloadable_file(*, user, competition: Competition, path: str) -> ReleaseFile:
    """The file at `path` of the competition's current release.

    Only what has a row can be had: no path that a visitor makes up ever reaches the file system. Raises
    Refusal where the user may not download, Http404 where there is no such file.
    """
    refuse_download(user=user, competition=competition)
    if "\0" in path:  # PostgreSQL takes no such text
        raise Http404
    file = (
        ReleaseFile.objects.select_related("release")
        .filter(release__competition=competition, release__is_current=True, path=path)
        .first()
    )
    if file is None:
        raise Http404(_("There is no such file in this competition's data."))
    return file


def file_response(request: HttpRequest, file: ReleaseFile) -> HttpResponseBase:
    """The file, or the part of it that the request's headers ask for.

    Raises Refusal (503) where the bytes on disk are no longer those that were registered.
    """
    content = _open_unchanged(file)
    headers = {
        "Content-Type": CONTENT_TYPES.get(PurePosixPath(file.path).suffix, "application/octet-stream"),
        # train/images-00000.npy and test/images-00000.npy must not meet in one folder of downloads.
        "Content-Disposition": content_disposition_header(True, file.path.replace("/", "-")) or "attachment",
        # Only for whoever asked; and compressed on the way, ranges would count other bytes.
        "Cache-Control": "private, no-transform",
        "Accept-Ranges": "bytes",
    }
    etag, modified = f'"{file.sha256}"', int(os.fstat(content.fileno()).st_mtime)
    headers |= {"ETag": etag, "Last-Modified": http_date(modified)}
    unmet = get_conditional_response(request, etag=etag, last_modified=modified)
    if unmet is not None:
        content.close()
        for name in ("ETag", "Last-Modified", "Cache-Control"):
            unmet[name] = headers[name]
        return unmet
    if settings.ACCEL_REDIRECT:
        content.close()
        # nginx sends the file and picks the ranges, under this ETag: deploy/nginx.conf.template passes it on.
        target = f"{settings.ACCEL_REDIRECT.rstrip('/')}/{file.release.folder}/{file.path}"
        return HttpResponse(headers={**headers, "X-Accel-Redirect": iri_to_uri(target)})

    try:
        part = _requested_range(request, size=file.size, etag=etag, modified=modified)
    except _UnsatisfiableError:
        content.close()
        return HttpResponse(
            _("The file has %(size)d bytes; the range asked for lies outside.") % {"size": file.size},
            status=416,
            headers={
                "Content-Type": "text/plain; charset=utf-8",
                "Content-Range": f"bytes */{file.size}",
                "Accept-Ranges": "bytes",
            },
        )
    if part is None:
        part, status = range(file.size), 200
    else:
        status = 206
        headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{file.size}"
    headers["Content-Length"] = str(len(part))
    if request.method == "HEAD":
        content.close()
        return HttpResponse(headers=headers)
    return StreamingHttpResponse(_Blocks(content, part), status=status, headers=headers)


class _UnsatisfiableError(Exception):
    pass


def _requested_range(request: HttpRequest, *, size: int, etag: str, modified: int) -> range | None:
    """The bytes asked for; None for the whole file. Raises _UnsatisfiableError where they lie outside."""
    match = _SINGLE_RANGE.fullmatch(request.headers.get("Range", ""))
    if request.method != "GET" or match is None or match.groups() == ("", ""):
        return None
    unchanged_since = request.headers.get("If-Range")
    if unchanged_since is not None and unchanged_since.strip() != etag:
        try:
            if parse_http_date(unchanged_since) != modified:
                return None
        except ValueError:  # another ETag: the client's first part is of another file
            return None
    first, last = match.groups()
    if first == "":
        start, stop = max(size - int(last), 0), size
    else:
        start, stop = int(first), min(int(last) + 1, size) if last else size
        if last and int(last) < start:
            return None  # no range at all, says the RFC
    if start >= stop:
        raise _UnsatisfiableError
    return range(start, stop)


class _Blocks:
    """The bytes `part` of an open file in blocks; whoever stops in the middle closes it."""

    def __init__(self, content: BinaryIO, part: range) -> None:
        self._content = content
        self._part = part

    def __iter__(self) -> Iterator[bytes]:
        self._content.seek(self._part.start)
        left = len(self._part)
        while left:
            block = self._content.read(min(BLOCK, left))
            if not block:
                # The length is promised already: breaking off is the one way left to say so.
                raise OSError(f"{self._content.name} became shorter while it was sent")
            left -= len(block)
            yield block

    def close(self) -> None:
        self._content.close()


def _open_unchanged(file: ReleaseFile) -> BinaryIO:
    """Open a file of a release as it was registered. Raises Refusal (503) where it is gone or differs.

    Size and modification time tell. One that is only newer (a restored backup) is hashed once, then trusted.
    """
    path = file.release.directory / file.path
    try:
        content = open(path, "rb", buffering=0, opener=_no_symlink)  # noqa: SIM115 - the response closes it
    except OSError as error:
        log.error("release.file_unreadable", release=file.release_id, path=file.path, reason=str(error))
        raise _changed() from error
    status = os.fstat(content.fileno())
    unchanged = stat.S_ISREG(status.st_mode) and status.st_size == file.size
    if unchanged and status.st_mtime > file.release.registered_at.timestamp():
        key = f"release-file:{file.pk}:{status.st_mtime_ns}"
        unchanged = cache.get(key)
        if unchanged is None:
            unchanged = hashlib.file_digest(content, "sha256").hexdigest() == file.sha256
            cache.set(key, unchanged, timeout=7 * 86400)
    if not unchanged:
        content.close()
        log.error("release.file_changed", release=file.release_id, path=file.path)
        raise _changed()
    return content


def _no_symlink(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)


def _changed() -> Refusal:
    return Refusal(
        _(
            "This file has changed on the server since it was published, so it is not handed out. "
            "The organizers have to register the data again; please tell them."
        ),
        code="file_changed",
        status=503,
    )
