"""Addresses that nobody types by accident."""

from urllib.parse import unquote

import pytest
from django.urls import Resolver404, resolve, reverse
from structlog.testing import capture_logs


@pytest.mark.parametrize("address", ["/people/mio\0/", "/invitations/co\0de/"])
def test_no_address_with_a_nul_reaches_a_database_that_takes_none(address):
    resolve(address.replace("\0", ""))
    with pytest.raises(Resolver404):
        resolve(address)


@pytest.mark.parametrize("username", ["mio", "mio@example.org", "O’Neil", "台風 1号"])
def test_everybody_has_a_page_whatever_their_name(username):
    match = resolve(unquote(reverse("accounts:person", args=[username])))
    assert match.view_name == "accounts:person"


def test_no_address_moves_the_cursor_of_who_reads_the_log(client, db):
    with capture_logs() as logged:
        client.get("/nowhere/%1b[2J%00%0a")
    (request,) = [event for event in logged if event["event"] == "request"]
    assert request["path"] == "/nowhere/%1B%5B2J%00%0A"
    assert request["status"] == 404
