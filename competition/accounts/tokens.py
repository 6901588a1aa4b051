"""API tokens: made once, shown once, kept as a digest."""

import hashlib
import secrets
from datetime import datetime, timedelta

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from competition.accounts.models import ApiToken, User
from competition.refusal import Refusal

SCHEME = "tmg_"  # lets people, and scanners of published code, recognise a leaked token
MAX_TOKENS = 50
# One write a minute says when a token was last used as well as one per request does.
LAST_USED_RESOLUTION = timedelta(minutes=1)


def create_token(*, user: User, name: str, expires_at: datetime | None = None) -> tuple[ApiToken, str]:
    """Make a token and return it with its secret, which is kept nowhere: show it now or never.

    Raises Refusal for a name that is empty or too long, an end in the past, or more than MAX_TOKENS tokens.
    A verified e-mail address is the login's business: whoever is signed in has one.
    """
    name = name.strip()
    longest = ApiToken._meta.get_field("name").max_length or 0
    if not name or len(name) > longest:
        raise Refusal(
            _("Give the token a name of 1 to %(longest)d characters.") % {"longest": longest},
            code="token_name",
            status=422,
        )
    if expires_at is not None and expires_at <= timezone.now():
        raise Refusal(
            _("The token would expire in the past; choose a later day."), code="token_expiry", status=422
        )
    if not user.is_active:
        raise Refusal(_("This account is closed."), code="inactive", status=403)
    if user.api_tokens.count() >= MAX_TOKENS:
        raise Refusal(
            _("You have %(count)d tokens already; revoke one that you no longer use.")
            % {"count": MAX_TOKENS},
            code="too_many_tokens",
        )
    secret = SCHEME + secrets.token_urlsafe(32)
    token = ApiToken.objects.create(
        user=user, name=name, prefix=secret[:12], digest=_digest(secret), expires_at=expires_at
    )
    return token, secret


def revoke_token(*, user: User, token: ApiToken) -> None:
    """Delete the token; from now on its secret opens nothing."""
    if token.user_id != user.pk:
        raise Refusal(_("This token belongs to somebody else."), code="not_yours", status=403)
    token.delete()


def authenticate_token(secret: str) -> User | None:
    """Whose token this is; None where it is unknown, expired, or its owner's account is closed.

    The lookup compares digests, so that its timing tells nothing about the secret.
    """
    now = timezone.now()
    token = (
        ApiToken.objects.select_related("user")
        .filter(
            Q(expires_at__isnull=True) | Q(expires_at__gt=now), digest=_digest(secret), user__is_active=True
        )
        .first()
    )
    if token is None:
        return None
    if token.last_used_at is None or now - token.last_used_at >= LAST_USED_RESOLUTION:
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
    return token.user


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
