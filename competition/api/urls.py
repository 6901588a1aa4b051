from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path

from competition.api.health import health
from competition.api.v1 import api


def nothing_here(request: HttpRequest, rest: str = "") -> HttpResponse:
    """Every other address below /api/: 404 as a problem, never a redirect to one with a slash."""
    raise Http404


urlpatterns = [
    path("healthz", health, name="health"),
    path("api/v1/", api.urls),
    path("api/<path:rest>", nothing_here),
]
