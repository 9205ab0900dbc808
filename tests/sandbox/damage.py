"""Replies that do not arrive as they were meant. Shared by both servers."""

from __future__ import annotations

import asyncio
import gzip
import socket
import struct
from typing import TYPE_CHECKING

from starlette.responses import Response

from tests.sandbox.transport import transport_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import Receive, Scope, Send

    from tests.sandbox.faults import Fault

JSON = "application/json;charset=UTF-8"
HTML = "<html><head><title>{0}</title></head><body><h1>{0}</h1></body></html>"
OVERSIZED_BYTES = 64_000_000
_BLOCK_BYTES = 1_000_000
_BYTES_DRIPPED = 200


def page(status: int) -> Response:
    """What a gateway answers when the API behind it does not."""
    return Response(HTML.format(f"{status} sandbox gateway"), status, media_type="text/html")


def damaged(fault: Fault, body: bytes) -> Response | None:
    """The reply with this body as the fault leaves it; None if it is no fault of transport."""
    make = _DAMAGED.get(fault.what)
    return make(fault, body) if make else None


class Reset(Response):
    """No reply: the connection is reset (TCP RST), not closed in order."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        transport = transport_of(scope)
        sock: socket.socket = transport.get_extra_info("socket")
        # Lingering for no time at all is how a socket is told to reset.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
        await _until_gone()


class _Cut(Response):
    def __init__(self, body: bytes) -> None:
        super().__init__(body, media_type=JSON)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        half = bytes(self.body)[: len(self.body) // 2]
        await send(
            {"type": "http.response.start", "status": 200, "headers": self.raw_headers},
        )
        await send({"type": "http.response.body", "body": half, "more_body": True})
        transport_of(scope).close()
        await _until_gone()


class _Drip(Response):
    def __init__(self, body: bytes, seconds: float) -> None:
        # Blanks are no part of a JSON text, so the reply is whole once it is there.
        super().__init__(b" " * _BYTES_DRIPPED + body, media_type=JSON)
        self._pause = seconds / _BYTES_DRIPPED

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        transport = transport_of(scope)
        await send(
            {"type": "http.response.start", "status": 200, "headers": self.raw_headers},
        )
        body = bytes(self.body)
        for _ in range(_BYTES_DRIPPED):
            if transport.is_closing():
                return
            await send({"type": "http.response.body", "body": body[:1], "more_body": True})
            body = body[1:]
            await asyncio.sleep(self._pause)
        await send({"type": "http.response.body", "body": body})


class _Oversized(Response):
    def __init__(self, body: bytes) -> None:
        super().__init__(body, media_type=JSON)
        self.raw_headers = [item for item in self.raw_headers if item[0] != b"content-length"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        transport = transport_of(scope)
        await send(
            {"type": "http.response.start", "status": 200, "headers": self.raw_headers},
        )
        await send({"type": "http.response.body", "body": self.body, "more_body": True})
        for _ in range(OVERSIZED_BYTES // _BLOCK_BYTES):
            if transport.is_closing():
                return
            blank = b" " * _BLOCK_BYTES
            await send({"type": "http.response.body", "body": blank, "more_body": True})
            await asyncio.sleep(0)
        await send({"type": "http.response.body", "body": b""})


def _bomb(body: bytes) -> bytes:
    return gzip.compress(body + b" " * (4 * OVERSIZED_BYTES), compresslevel=1)


_DAMAGED: dict[str, Callable[[Fault, bytes], Response]] = {
    "cut": lambda _, body: _Cut(body),
    "drip": lambda fault, body: _Drip(body, fault.seconds),
    "truncated": lambda _, body: Response(body[: len(body) // 2], media_type=JSON),
    "empty": lambda _, __: Response(b"", media_type=JSON),
    "html": lambda _, __: Response(HTML.format("Down for maintenance"), media_type="text/html"),
    "oversized": lambda _, body: _Oversized(body),
    "gzip_bomb": lambda _, body: Response(
        _bomb(body), media_type=JSON, headers={"Content-Encoding": "gzip"}
    ),
}


async def _until_gone() -> None:
    """The server must have noticed: it would answer HTTP 500 in our place, or complain."""
    for _ in range(3):
        await asyncio.sleep(0)
