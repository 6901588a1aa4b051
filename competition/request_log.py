"""One event per request, and an id that joins it to everything else that was logged on its behalf."""

import re
import time
import uuid
from collections.abc import Callable

import structlog
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.encoding import escape_uri_path

log = structlog.get_logger(__name__)

HEADER = "X-Request-ID"
_ACCEPTABLE = re.compile(r"[A-Za-z0-9._-]{8,64}")
_TOO_FREQUENT = ("/healthz", "/static/")  # probes and assets would drown the rest


class RequestLogMiddleware:
    """Takes over a proxy's X-Request-ID or makes one, and returns it with the response."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        given = request.headers.get(HEADER, "")
        request_id = given if _ACCEPTABLE.fullmatch(given) else uuid.uuid4().hex
        started = time.perf_counter()
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            response = self.get_response(request)
            user = getattr(request, "user", None)
            write = log.debug if request.path_info.startswith(_TOO_FREQUENT) else log.info
            write(
                "request",
                method=request.method,
                # Without the query, which may hold secrets; escaped, as terminals obey control characters.
                path=escape_uri_path(request.path_info),
                status=response.status_code,
                seconds=round(time.perf_counter() - started, 4),
                user=user.pk if user is not None and user.is_authenticated else None,
            )
        response[HEADER] = request_id
        return response
