"""The demo's broker is a folder: a message in it is whole or nobody's, and a broken one stops no worker."""

import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from queue import Empty

import pytest
from kombu import Connection

import competition  # noqa: F401 - puts the site's transport in the place of kombu's
from competition.filesystem_broker import Channel
from tests.services import wait_until


@pytest.fixture
def channel(tmp_path: Path) -> Iterator[Channel]:
    folders = {
        "data_folder_in": tmp_path,
        "data_folder_out": tmp_path,
        "control_folder": tmp_path / "control",
    }
    with Connection("filesystem://localhost", transport_options=folders) as connection:
        yield connection.channel()


def test_the_site_uses_this_transport(channel: Channel) -> None:
    assert isinstance(channel, Channel)


def test_an_empty_message_is_passed_over_and_the_next_arrives(channel: Channel, tmp_path: Path) -> None:
    (tmp_path / "0_half-written.scoring.msg").touch()
    channel._put("scoring", {"body": "next"})
    with pytest.raises(Empty):
        channel._get("scoring")
    assert channel._get("scoring") == {"body": "next"}


def test_an_exchange_that_is_just_being_written_is_an_empty_one(channel: Channel, tmp_path: Path) -> None:
    (tmp_path / "control").mkdir()
    (tmp_path / "control" / "scoring.exchange").touch()
    assert channel.get_table("scoring") == []


def test_who_reads_while_others_write_gets_every_message_once_and_whole(channel: Channel) -> None:
    bodies = [f"{number} {'x' * 50_000}" for number in range(300)]
    writer = threading.Thread(target=lambda: [channel._put("scoring", {"body": body}) for body in bodies])
    writer.start()
    received: list[str] = []

    def receive_all() -> bool:
        with suppress(Empty):
            received.append(channel._get("scoring")["body"])
        return len(received) == len(bodies)

    wait_until(receive_all, what="every message", every=0)
    assert sorted(received) == sorted(bodies)
