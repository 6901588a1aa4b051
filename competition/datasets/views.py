"""The data page, downloads, and pictures of training images."""

from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.cache import get_conditional_response
from django.views.decorators.http import require_safe

from competition.contests.joining import participation_of
from competition.contests.models import Competition
from competition.datasets.charts import charts
from competition.datasets.downloads import (
    current_release,
    downloadable_file,
    file_response,
    may_download,
)
from competition.datasets.gallery import gallery, gallery_rows, png_of
from competition.refusal import Refusal


@require_safe
def data(request: HttpRequest, slug: str) -> HttpResponse:
    """The data page, `datasets/data.html`. Public where the competition is; downloads need joining.

    Context: `competition`, `participation` (or None), `tab` = "data", `release` (or None: no data yet), and
    with a release
    - `manifest`: name, version, title, description, licence {name, url}, source, attribution, url, counts
      {train {images, positives, negatives, storms}, test {images}}, created
    - `files`: ReleaseFile rows (path, size in bytes, sha256, get_absolute_url); `total_size` in bytes
    - `may_download`: whether the links work for this visitor
    - `gallery`: groups [key, name, rows, current], group (the current one), pictures [n, url, caption, alt]
      (64 × 64 PNG: show enlarged with `image-rendering: pixelated`, `loading="lazy"`), page, pages; chosen by
      ?group=KEY&page=N
    - `charts`: {% include "datasets/charts.html" %} shows them, and "datasets/gallery.html" the gallery
    htmx requests for the target `gallery` get `datasets/gallery.html` alone.
    """
    competition = _competition(request, slug)
    release = current_release(competition)
    context: dict[str, Any] = {
        "competition": competition,
        "participation": participation_of(request.user, competition),
        "tab": "data",
        "release": release,
        "may_download": may_download(user=request.user, competition=competition),
    }
    if release is not None and release.overview:
        number = request.GET.get("page", "1")
        context["gallery"] = gallery(
            release=release,
            competition=competition,
            group=request.GET.get("group", ""),
            page=int(number) if number.isdecimal() and len(number) < 6 else 1,
        )
        if request.headers.get("HX-Target") == "gallery":
            return render(request, "datasets/gallery.html", context)
        context["charts"] = charts(release=release, competition=competition)
    if release is not None:
        files = list(release.files.all())
        for file in files:
            release.competition = competition
            file.release = release  # its link names the competition: no query per file
        context |= {
            "manifest": release.manifest,
            "files": files,
            "total_size": sum(file.size for file in files),
        }
    return render(request, "datasets/data.html", context)


@require_safe
def download(request: HttpRequest, slug: str, path: str) -> HttpResponseBase:
    """A file of the current release, with `Range`, `ETag`, `If-Range`, `HEAD`."""
    competition = _competition(request, slug)
    try:
        file = downloadable_file(user=request.user, competition=competition, path=path)
        return file_response(request, file)
    except Refusal as refusal:
        if refusal.code == "not_authenticated":
            return redirect_to_login(request.get_full_path())
        if refusal.code == "not_joined":
            return redirect("contests:join", slug=competition.slug)
        if refusal.status == 403:
            raise PermissionDenied(refusal.message) from refusal
        return HttpResponse(refusal.message, status=refusal.status, content_type="text/plain; charset=utf-8")


@require_safe
def image(request: HttpRequest, slug: str, n: int) -> HttpResponse:
    """A training image as PNG: of the gallery for all who see the competition, others for participants."""
    competition = _competition(request, slug)
    release = current_release(competition)
    if release is None or not release.overview:
        raise Http404
    if n not in gallery_rows(release) and not may_download(user=request.user, competition=competition):
        raise Http404
    etag = f'"{release.pk}-{release.registered_at.timestamp()}-{n}"'
    response = get_conditional_response(request, etag=etag)
    if response is None:
        try:
            response = HttpResponse(png_of(release, n), content_type="image/png")
        except IndexError:
            raise Http404 from None
        except Refusal as refusal:
            return HttpResponse(
                refusal.message, status=refusal.status, content_type="text/plain; charset=utf-8"
            )
    response["ETag"] = etag
    response["Cache-Control"] = f"{'private' if competition.published_at is None else 'public'}, max-age=3600"
    return response


def _competition(request: HttpRequest, slug: str) -> Competition:
    return get_object_or_404(Competition.objects.visible_to(request.user), slug=slug)
