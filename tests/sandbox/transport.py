"""The connection below a request, for faults that HTTP has no words for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

if TYPE_CHECKING:
    import asyncio

    from starlette.types import Scope

_KEY = "sandbox.transport"


class OpenProtocol(HttpToolsProtocol):
    """Uvicorn's protocol, with the transport within reach of the application."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["state"][_KEY] = self.transport


def transport_of(scope: Scope) -> asyncio.Transport:
    """The transport that the request came by."""
    transport: asyncio.Transport = scope["state"][_KEY]
    return transport
