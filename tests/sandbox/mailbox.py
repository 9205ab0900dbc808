"""A mail server on loopback, and what arrived there."""

from __future__ import annotations

import socket
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from typing import TYPE_CHECKING, Any

from aiosmtpd.controller import Controller

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import EmailMessage


@dataclass
class Mailbox:
    """What a mail server saw, and how it answers.

    `refused` has the next answers to each recipient, `on_data` those to whole mails.
    """

    port: int
    messages: list[EmailMessage] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    refused: dict[str, list[str]] = field(default_factory=dict)
    on_data: list[str] = field(default_factory=list)

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: Any, session: Any, envelope: Any, address: str, *_: Any
    ) -> str:
        answers = self.refused.get(address, [])
        if answers:
            return answers.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - as above
        if self.on_data:
            return self.on_data.pop(0)
        self.raw.append(envelope.content)
        self.recipients.append(list(envelope.rcpt_tos))
        self.messages.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 OK"

    def bodies(self, number: int = -1) -> tuple[str, str]:
        """Text and HTML of a mail."""
        parts = [self.messages[number].get_body((kind,)) for kind in ("plain", "html")]
        text, html = (str(part.get_content()) for part in parts if part is not None)
        return text, html


@contextmanager
def open_mailbox() -> Iterator[Mailbox]:
    """A server without encryption, as it is allowed on the host itself."""
    mailbox = Mailbox(free_port())
    controller = Controller(mailbox, hostname="127.0.0.1", port=mailbox.port)
    controller.start()
    try:
        yield mailbox
    finally:
        controller.stop()


def free_port() -> int:
    """A port of the loopback address that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
