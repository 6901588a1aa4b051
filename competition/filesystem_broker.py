"""Kombu's filesystem transport without its races, for running without a server.

Kombu writes a message into a file that readers can already see; one who reads it too early finds nothing,
and the JSON error ends the worker (https://github.com/celery/kombu/issues/1551). Here a message appears
whole, and what cannot be read is passed over: the database knows what is to be done, `reclaim` rings again.
"""

import uuid
from json import JSONDecodeError
from pathlib import Path
from queue import Empty
from time import monotonic
from typing import Any

import structlog
from kombu.transport import filesystem
from kombu.utils.json import dumps

log = structlog.get_logger(__name__)


class Channel(filesystem.Channel):
    def _put(self, queue: str, payload: dict[str, Any], **kwargs: Any) -> None:  # type: ignore[override]
        # The name as kombu's own reader sorts and filters it; with a dot before, it is nobody's message.
        name = f"{round(monotonic() * 1000)}_{uuid.uuid4()}.{queue}.msg"
        folder = Path(self.data_folder_out)
        partial = folder / f".{name}"
        partial.write_text(dumps(payload))
        partial.rename(folder / name)

    def _get(self, queue: str, timeout: float | None = None) -> dict[str, Any]:
        try:
            return super()._get(queue)
        except JSONDecodeError:
            log.warning("broker.message_unreadable", queue=queue)
            raise Empty from None

    def get_table(self, exchange: str) -> list:
        try:
            return super().get_table(exchange)
        except JSONDecodeError:  # a worker that starts is writing it just now
            return []


class Transport(filesystem.Transport):
    Channel = Channel
