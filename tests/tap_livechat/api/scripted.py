"""A server that answers as a test says, and a client of it."""

from __future__ import annotations

import json
import logging
import socketserver
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec

from tap_livechat.api import auth
from tap_livechat.api.client import Client

if TYPE_CHECKING:
    from collections.abc import Iterator


SECRET = "dal:very-secret-token"
PERSONAL = "anna.nowak@example.com"
Script = list[bytes | None]
decode = msgspec.json.Decoder(dict[str, Any]).decode


def reply(status: int, body: object, **headers: str) -> bytes:
    if isinstance(body, bytes):
        content = body
    else:
        content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(content)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


def error(status: int, kind: str, **data: str) -> bytes:
    return reply(status, {"error": {"type": kind, "message": PERSONAL, "data": data}})


OK = reply(200, {"chats": []})
RESET: None = None


class Scripted:
    """A server that answers what it is told, in turn; None resets the connection."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.headers: list[dict[str, str]] = []
        self.bodies: list[bytes] = []
        self.url = ""


@contextmanager
def scripted(*script: bytes | None) -> Iterator[Scripted]:
    told = Scripted(list(script))
    turn = threading.Lock()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while self.rfile.readline():
                headers = {}
                while (line := self.rfile.readline().decode().strip()) != "":
                    name, _, value = line.partition(": ")
                    headers[name] = value
                body = self.rfile.read(int(headers["Content-Length"]))
                with turn:
                    told.headers.append(headers)
                    told.bodies.append(body)
                    answer = told.script.pop(0) if told.script else OK
                if answer is None:
                    return
                self.wfile.write(answer)
                if b"Connection: close" in answer:
                    return

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        told.url = f"http://127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield told
        finally:
            server.shutdown()


@contextmanager
def client(url: str, **config: Any) -> Iterator[Client]:
    given = {
        "api_url": url,
        "cdp_url": f"{url}/cdp",
        "accounts_url": f"{url}/accounts",
        "api_version": "3.6",
        "access_token": SECRET,
        **config,
    }
    made = Client(given, auth.authenticator(given), logging.getLogger("tap-livechat"), "test")
    try:
        yield made
    finally:
        made.close()
