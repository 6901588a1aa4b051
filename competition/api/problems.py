"""Errors as RFC 9457 `application/problem+json`, whatever goes wrong and wherever."""

import json
from collections.abc import Callable
from http import HTTPStatus

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _
from ninja import NinjaAPI, Schema
from ninja.errors import AuthenticationError, HttpError, Throttled, ValidationError
from pydantic import Field

from competition.refusal import Refusal

CONTENT_TYPE = "application/problem+json"
PREFIX = "/api/"
MULTIPART_ROOM = 1024**2  # for what surrounds the file in a form


class FileProblem(Schema):
    """One thing to repair in a submission's file."""

    kind: str = Field(description="A stable word for programs", examples=["missing_id"])
    message: str = Field(examples=["412 of 1120000 images have no prediction; first test_0000007"])
    rows: list[int] = Field(description="Rows of the file, from 1; at most 20")
    total: int = Field(description="How many of this kind there are")


class AnyProblem(FileProblem):
    """One thing to repair in a file or in the request itself."""

    location: list[str] | None = Field(
        None, description="Where in the request", examples=[["body", "body", "accept_rules"]]
    )


class Problem(Schema):
    """An error, as RFC 9457 describes it."""

    type: str = Field(description="A URI that names the kind of problem", examples=["urn:tamago:daily_limit"])
    title: str = Field(description="The HTTP status in words", examples=["Too Many Requests"])
    status: int = Field(examples=[429])
    detail: str = Field(description="For the person who reads it, in the language of Accept-Language")
    code: str = Field(description="A stable word for programs", examples=["daily_limit"])
    problems: list[AnyProblem] | None = Field(None, description="Everything that has to be repaired")
    id: str | None = Field(None, description="The submission that was kept although its file is invalid")


def problems(*statuses: int) -> dict[int, type[Problem]]:
    """The `response=` of an operation for these statuses."""
    return dict.fromkeys(statuses, Problem)


def problem(
    status: int,
    detail: str,
    *,
    code: str | None = None,
    retry_after: int | None = None,
    **members: object,
) -> HttpResponse:
    """A problem response. `members` extend it; those that are None are left out."""
    phrase = HTTPStatus(status).phrase
    code = code or phrase.lower().replace(" ", "_").replace("-", "_")
    body = {"type": f"urn:tamago:{code}", "title": phrase, "status": status, "detail": detail, "code": code}
    body |= {name: value for name, value in members.items() if value is not None}
    response = HttpResponse(json.dumps(body, ensure_ascii=False), status=status, content_type=CONTENT_TYPE)
    if status == HTTPStatus.UNAUTHORIZED:
        response["WWW-Authenticate"] = 'Bearer realm="Tamago"'
    if retry_after is not None:
        response["Retry-After"] = str(retry_after)
    response["Cache-Control"] = "no-store"
    return response


def add_problem_handlers(api: NinjaAPI) -> None:
    """What ninja raises or catches becomes a problem. An error of ours goes on to Django, which logs it."""

    @api.exception_handler(Refusal)
    def refused(request: HttpRequest, refusal: Refusal) -> HttpResponse:
        return problem(refusal.status, refusal.message, code=refusal.code, retry_after=refusal.retry_after)

    @api.exception_handler(AuthenticationError)
    def unauthenticated(request: HttpRequest, error: AuthenticationError) -> HttpResponse:
        return problem(
            401,
            _("Send a valid API token as “Authorization: Bearer …”; you make one in your settings."),
            code="not_authenticated",
        )

    @api.exception_handler(Throttled)
    def throttled(request: HttpRequest, error: Throttled) -> HttpResponse:
        return problem(429, _("Too many requests; wait a moment."), code="throttled")

    @api.exception_handler(ValidationError)
    def invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
        found = [
            {
                "kind": each["type"],
                "message": f"{each['loc'][-1]}: {each['msg']}",
                "rows": [],
                "total": 1,
                "location": [str(part) for part in each["loc"]],
            }
            for each in error.errors
        ]
        detail = _("The request is not as documented: %(problems)s") % {
            "problems": "; ".join(each["message"] for each in found)
        }
        return problem(422, detail, code="invalid_request", problems=found)

    @api.exception_handler(HttpError)
    def http_error(request: HttpRequest, error: HttpError) -> HttpResponse:
        return problem(error.status_code, error.message)

    @api.exception_handler(Exception)
    def unexpected(request: HttpRequest, error: Exception) -> HttpResponse:
        raise error


class ProblemMiddleware:
    """Below /api/, errors that Django answers with a page (404, 405, 500, …) leave as problems too.

    It stands first in MIDDLEWARE, so that it sees what all the others say.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not f"{request.path_info}/".startswith(PREFIX):
            return self.get_response(request)
        announced = request.headers.get("Content-Length", "")
        if announced.isdecimal() and int(announced[:19]) > settings.MAX_UPLOAD_BYTES + MULTIPART_ROOM:
            return problem(
                413,
                _("The request is larger than the %(limit)d MiB that this site takes.")
                % {"limit": settings.MAX_UPLOAD_BYTES // 1024**2},
                code="too_large",
            )
        response = self.get_response(request)
        if response.status_code < 400 or response.get("Content-Type", "").startswith(CONTENT_TYPE):
            return response
        said = problem(response.status_code, _detail(response.status_code))
        for name, value in response.items():
            # Such as Allow, Content-Range, Vary and the security headers.
            if name not in ("Content-Type", "Content-Length"):
                said.setdefault(name, value)
        return said


def _detail(status: int) -> str:
    return {
        400: _("The request cannot be understood."),
        403: _("This is not allowed."),
        404: _("There is nothing at this address, or nothing that you may see."),
        405: _("This address does not take this method; Allow names those that it does."),
        413: _("The request is too large."),
        416: _("The range lies outside the file; Content-Range names its size."),
    }.get(status, _("Something went wrong on our side; it has been logged.") if status >= 500 else "")
