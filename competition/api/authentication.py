"""Who asks: a program with a bearer token, a browser with the site's session, or anybody.

Each sets `request.auth` and `request.user` to the person, so that rules need not know which way they came.
"""

from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja.errors import AuthenticationError
from ninja.security import APIKeyCookie, HttpBearer
from ninja.utils import check_csrf

from competition.accounts.models import User
from competition.accounts.tokens import authenticate_token
from competition.refusal import Refusal


class PersonRequest(HttpRequest):
    """A request that `PERSON` let in."""

    user: User
    auth: User


class BearerToken(HttpBearer):
    """An API token. A wrong one is an error, even where none is needed: its sender expects to be known."""

    def authenticate(self, request: HttpRequest, token: str) -> User:
        user = authenticate_token(token.strip())
        if user is None:
            raise AuthenticationError
        request.user = user
        return user


class SessionCookie(APIKeyCookie):
    """The cookie of the site's own pages. What changes something needs the CSRF token as well."""

    param_name = settings.SESSION_COOKIE_NAME

    def _get_key(self, request: HttpRequest) -> str | None:
        return request.COOKIES.get(self.param_name)

    def authenticate(self, request: HttpRequest, key: str | None) -> User | None:
        if not request.user.is_authenticated:
            return None
        if check_csrf(request) is not None:
            raise Refusal(
                _("The CSRF token is missing or wrong; send it as X-CSRFToken, or use an API token."),
                code="csrf",
                status=HTTPStatus.FORBIDDEN,
            )
        return request.user


class Anybody:
    """For what is public: comes last, and stands for whoever said nothing about themselves."""

    def __call__(self, request: HttpRequest) -> AnonymousUser:
        return AnonymousUser()


PERSON = [BearerToken(), SessionCookie()]
# The keywords of an operation that is public; OpenAPI says "no key needed" by an empty alternative.
PUBLIC: dict[str, Any] = {"auth": [*PERSON, Anybody()], "openapi_extra": {"security": [{}]}}
