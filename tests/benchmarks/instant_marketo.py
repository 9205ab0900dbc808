"""A Marketo that answers at once, so that the target is what is measured.

Nobody is in it: a lookup finds nobody, and every row that is sent is created. It keeps no people
and reads no further into a request than it must. It stops when its standard input ends, so it never
outlives who started it.

    python -m tests.benchmarks.instant_marketo
"""

from __future__ import annotations

import asyncio
import functools
import json
import sys
from typing import Any

FIELDS = {
    "id": "integer",
    "email": "email",
    "firstName": "string",
    "lastName": "string",
    "phone": "phone",
    "city": "string",
    "state": "string",
    "country": "string",
    "postalCode": "string",
    "leadSource": "string",
}
_END_OF_HEAD = b"\r\n\r\n"
_LENGTH = b"content-length:"


def _reply(body: bytes) -> bytes:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    return head % len(body) + body


def _success(result: object) -> bytes:
    return _reply(json.dumps({"requestId": "1#1", "result": result, "success": True}).encode())


def _describe() -> list[dict[str, Any]]:
    return [
        {
            "id": number,
            "dataType": kind,
            "length": 255 if kind != "integer" else None,
            "rest": {"name": name, "readOnly": name == "id"},
        }
        for number, (name, kind) in enumerate(FIELDS.items())
    ]


_NOBODY = _success([])
_BY_PATH = {
    b"/identity/oauth/token": _reply(
        b'{"access_token": "instant", "token_type": "bearer", "expires_in": 3600}'
    ),
    b"/rest/v1/leads/describe.json": _success(_describe()),
    b"/rest/v1/leads/describe2.json": _success(
        [{"searchableFields": [["id"], ["email"]], "fields": [{"name": name} for name in FIELDS]}]
    ),
    b"/rest/v1/stats/usage.json": _success([{"date": "2026-01-01", "total": 0, "users": []}]),
}


@functools.cache
def _created(rows: int) -> bytes:
    return _success([{"id": number, "status": "created"} for number in range(1, rows + 1)])


class Connection(asyncio.Protocol):
    """As little HTTP as the two clients need."""

    def __init__(self) -> None:
        self._got = bytearray()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        self._got += data
        end = self._got.find(_END_OF_HEAD)
        if end < 0:
            return
        head = bytes(self._got[:end])
        at = head.lower().find(_LENGTH)
        length = int(head[at + len(_LENGTH) :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        if len(self._got) < end + len(_END_OF_HEAD) + length:
            return
        body = self._got[end + len(_END_OF_HEAD) :]
        self._transport.write(self._answer(head.split(b" ", 2)[1], body))
        self._got = bytearray()

    @staticmethod
    def _answer(target: bytes, body: bytearray) -> bytes:
        path = target.split(b"?", 1)[0]
        if path == b"/rest/v1/leads.json":
            return _NOBODY if body.startswith(b"_method") else _created(body.count(b'"email":'))
        return _BY_PATH[path]


async def serve() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Connection, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(serve())
