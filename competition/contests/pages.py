"""What all pages of a competition share: the lookup with access in it, and the context of their frame."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render

from competition.contests.joining import participation_of
from competition.contests.models import Competition


def visible_competition(request: HttpRequest, slug: str) -> Competition:
    """The competition at `slug`; 404 where this visitor may not know of it."""
    return get_object_or_404(Competition.objects.visible_to(request.user), slug=slug)


def render_page(
    request: HttpRequest,
    template: str,
    competition: Competition,
    *,
    tab: str,
    status: int = 200,
    **context: Any,
) -> HttpResponse:
    """A page inside `contests/layout.html`: `tab` is the one that is marked as current."""
    context.setdefault("participation", participation_of(request.user, competition))
    return render(request, template, {"competition": competition, "tab": tab, **context}, status=status)
