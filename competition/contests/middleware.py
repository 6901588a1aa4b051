"""A refusal, wherever a view meets it, becomes a page with its message and its HTTP status.

So does the visit of an address that only takes forms, where a new sign-in or another language may lead.
"""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _

from competition.refusal import Refusal

_FORMS_ONLY = _("This address carries out an action and is no page. Go back and press the button again.")


class RefusalMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if response.status_code == 405 and request.method == "GET" and not response.content:
            page = _page(request, Refusal(_FORMS_ONLY, code="method_not_allowed", status=405))
            page["Allow"] = response["Allow"]
            return page
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, Refusal):
            return None
        return _page(request, exception)


def _page(request: HttpRequest, refusal: Refusal) -> HttpResponse:
    response = render(request, "refusal.html", {"refusal": refusal}, status=refusal.status)
    if refusal.retry_after is not None:
        response["Retry-After"] = str(refusal.retry_after)
    return response
