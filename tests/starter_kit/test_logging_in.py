"""Where the token is kept, who may read it, and whom it is sent to."""

import os
import stat
from pathlib import Path

import pytest

from starter_kit.errors import StarterKitError
from starter_kit.site.credentials import Credentials, credentials_path, load_credentials, save_credentials
from tests.starter_kit.local_site import TOKEN, LocalSite


@pytest.fixture
def site():
    with LocalSite() as site:
        yield site


@pytest.fixture(autouse=True)
def _empty_home(shell):
    """Every test begins logged out."""


def test_login_tries_the_token_and_keeps_it(site, shell):
    ended = shell("login", site.url, stdin=f"{TOKEN}\n")
    assert ended.status == 0, ended.err
    assert "typhoons" in ended.out
    assert load_credentials() == Credentials(url=site.url, token=TOKEN)


def test_only_its_owner_can_read_the_token(site, shell):
    shell("login", site.url, stdin=TOKEN)
    assert stat.S_IMODE(credentials_path().stat().st_mode) == 0o600


def test_a_token_that_was_readable_by_others_is_so_no_more(site, shell):
    save_credentials(Credentials(url=site.url, token="tmg_old"))
    credentials_path().chmod(0o644)
    shell("login", site.url, stdin=TOKEN)
    assert stat.S_IMODE(credentials_path().stat().st_mode) == 0o600


def test_the_token_is_not_printed(site, shell):
    ended = shell("login", site.url, stdin=TOKEN)
    assert TOKEN not in ended.out + ended.err


def test_a_wrong_token_is_not_kept(site, shell):
    ended = shell("login", site.url, stdin="tmg_mallory")
    assert ended.status == 1
    assert "Send a valid API token." in ended.err
    assert not credentials_path().exists()


@pytest.mark.parametrize("token", ["", "two words", "tmg_\x00", "tmg_é"])
def test_what_cannot_be_a_token_is_refused_unsent(site, shell, token):
    ended = shell("login", site.url, stdin=token)
    assert ended.status == 1
    assert "no token" in ended.err
    assert not site.requests


@pytest.mark.parametrize("url", ["example.org", "ftp://example.org", "https://", ""])
def test_what_is_no_address_is_refused(shell, url):
    ended = shell("login", url, stdin=TOKEN)
    assert ended.status == 1
    assert "no address of a site" in ended.err


def test_nobody_logged_in_is_told_how(shell):
    ended = shell("competitions")
    assert ended.status == 1
    assert "login URL" in ended.err


def test_the_environment_goes_before_the_file(site, monkeypatch):
    save_credentials(Credentials(url="https://other.example.org", token="tmg_other"))
    monkeypatch.setenv("TAMAGO_URL", f"{site.url}/")
    monkeypatch.setenv("TAMAGO_TOKEN", TOKEN)
    assert load_credentials() == Credentials(url=site.url, token=TOKEN)


def test_a_token_goes_to_no_other_site_than_its_own(monkeypatch):
    save_credentials(Credentials(url="https://home.example.org", token=TOKEN))
    monkeypatch.setenv("TAMAGO_URL", "https://elsewhere.example.org")
    with pytest.raises(StarterKitError, match=r"No token for https://elsewhere\.example\.org"):
        load_credentials()


def test_a_damaged_file_is_named(shell):
    credentials_path().parent.mkdir(parents=True)
    credentials_path().write_text("{")
    ended = shell("competitions")
    assert ended.status == 1
    assert str(credentials_path()) in ended.err


def test_an_unencrypted_site_elsewhere_brings_a_warning(shell, monkeypatch):
    monkeypatch.setattr("starter_kit.site.client.ATTEMPTS", 1)
    assert "not encrypted" in shell("login", "http://192.0.2.1:9", stdin="two words").err


def test_a_server_that_is_not_there_is_said_plainly(shell, monkeypatch):
    monkeypatch.setattr("starter_kit.site.client.ATTEMPTS", 1)
    ended = shell("login", "http://127.0.0.1:9", stdin=TOKEN)
    assert ended.status == 1
    assert "http://127.0.0.1:9 cannot be reached" in ended.err


def test_a_site_that_is_no_tamago_is_said_plainly(tmp_path, shell):
    with LocalSite() as site:
        site.faults.answers = [(200, {}, ["something", "else"])]
        ended = shell("login", site.url, stdin=TOKEN)
    assert ended.status == 1
    assert "does not understand" in ended.err


def test_a_home_that_cannot_be_written_is_said_plainly(site, shell, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CONFIG_HOME", os.fspath(Path(tmp_path / "file")))
    ended = shell("login", site.url, stdin=TOKEN)
    assert ended.status == 1
    assert "cannot be made" in ended.err
