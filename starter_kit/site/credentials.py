"""Which site, and who asks: an address and an API token, in a file that only its owner can read."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlsplit

from platformdirs import user_config_path
from pydantic import BaseModel, ConfigDict, ValidationError

from starter_kit.atomic_file import written_whole
from starter_kit.errors import StarterKitError

LOGIN_HINT = "`python -m starter_kit login URL` with a token from the site's settings puts that right."


class Credentials(BaseModel):
    """The site's address without a trailing slash, and the token for it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str
    token: str


def credentials_path() -> Path:
    return user_config_path("tamago") / "credentials.json"


def save_credentials(credentials: Credentials) -> Path:
    """Keep them for later commands, readable by their owner alone; returns the file."""
    path = credentials_path()
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StarterKitError(f"{path.parent} cannot be made: {error.strerror}.") from None
    with written_whole(path, owner_only=True) as draft:
        draft.write_text(credentials.model_dump_json(indent=1) + "\n", encoding="utf-8")
    return path


def load_credentials() -> Credentials:
    """From TAMAGO_URL and TAMAGO_TOKEN where they are set, else from the last `login`.

    A stored token is for the site that it was stored with: under another TAMAGO_URL it stays at home.
    Raises StarterKitError where address or token are not known.
    """
    stored = _read_stored()
    url, token = os.environ.get("TAMAGO_URL", ""), os.environ.get("TAMAGO_TOKEN", "")
    url = checked_url(url) if url else (stored.url if stored else "")
    if not url:
        raise StarterKitError(f"No site is known yet. {LOGIN_HINT}")
    if not token and stored and stored.url == url:
        token = stored.token
    if not token:
        raise StarterKitError(f"No token for {url} is known. {LOGIN_HINT}")
    return Credentials(url=url, token=checked_token(token))


def checked_url(url: str) -> str:
    """The address without a trailing slash. Raises StarterKitError for what is none."""
    parts = urlsplit(url.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise StarterKitError(f"“{url}” is no address of a site; it begins with https:// (or http://).")
    return f"{parts.scheme}://{parts.netloc}{parts.path}".rstrip("/")


def checked_token(token: str) -> str:
    """The token without surrounding space. Raises StarterKitError for what cannot be one."""
    token = token.strip()
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise StarterKitError("That is no token: it is one word, as the site's settings show it once.")
    return token


def sends_token_in_the_open(url: str) -> bool:
    """Whether others on the way could read the token: plain http to another machine."""
    parts = urlsplit(url)
    return parts.scheme == "http" and parts.hostname not in ("localhost", "127.0.0.1", "::1")


def _read_stored() -> Credentials | None:
    path = credentials_path()
    try:
        return Credentials.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError):
        raise StarterKitError(f"{path} cannot be read. Remove it; {LOGIN_HINT}") from None
