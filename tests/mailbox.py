"""A mail server that keeps what it is given."""

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.services import free_port


class Mailbox:
    """A context manager: an SMTP server at `url`, whose mail `text()` returns, oldest first."""

    def __init__(self) -> None:
        port = free_port()
        self.url = f"smtp://127.0.0.1:{port}"
        self._received: list[str] = []
        self._controller = Controller(self, hostname="127.0.0.1", port=port)

    def __enter__(self) -> "Mailbox":
        self._controller.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._controller.stop()

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        content = envelope.content or b""
        self._received.append(content.decode(errors="replace") if isinstance(content, bytes) else content)
        return "250 OK"

    def text(self) -> str:
        return "\n".join(self._received)
