from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path, re_path
from django.views.decorators.csrf import csrf_exempt

from competition.api.health import health
from competition.api.v1 import api


@csrf_exempt  # what is not there cannot be forged
def nothing_here(request: HttpRequest, *args: str) -> HttpResponse:
    """Every other address below /api/: 404 as a problem, never a redirect to one with a slash."""
    raise Http404


urlpatterns = [
    path("healthz", health, name="health"),
    path("api/v1/", nothing_here),  # before ninja's own, which knows no problems
    path("api/v1/", api.urls),
    re_path("^api(/|$)", nothing_here),
]
