"""A LiveChat that answers by the method, with bytes that a test wrote down."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Mapping


class Answers:
    """Serves `replies` on loopback while it is entered; `asked` are the methods, in order."""

    def __init__(
        self,
        replies: Mapping[str, bytes | tuple[int, bytes] | list[bytes]],
        *,
        ahead: timedelta | None = timedelta(),
    ) -> None:
        """Of a list each is one reply, in order.

        `ahead`: its clock, of ours; None for a LiveChat that does not tell its time.
        """
        self.asked: list[str] = []
        answers = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                method = self.path.rpartition("/")[2]
                answers.asked.append(method)
                reply = replies[method]
                if isinstance(reply, list):
                    reply = reply[answers.asked.count(method) - 1]
                status, body = (200, reply) if isinstance(reply, bytes) else reply
                self.send_response_only(status)
                if ahead is not None:
                    date = datetime.now(UTC) + ahead
                    self.send_header("Date", format_datetime(date, usegmt=True))
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
                """Nothing: the tests look at what was answered."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
