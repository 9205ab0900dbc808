"""What enormous pages take of memory: a page has a hundred threads, and a thread what was said.

    uv run python -m tests.benchmarks.large_pages [--events 10000] [--pages 3]

The whole command against a server that has the pages ready; its peak as the kernel counts it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

from tests.benchmarks.table import Table, measure
from tests.benchmarks.tap_livechat import tap_command

if TYPE_CHECKING:
    from collections.abc import Iterator

THREADS = 100
MEBIBYTE = 2**20
_NOTHING_OPEN = b'{"chats_summary":[],"found_chats":0}'


class Pages(ThreadingHTTPServer):
    """`list_archives` with so many pages of a hundred threads with so many events each."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.pages = 0
        self.page = b""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def serve_pages(self, pages: int, events: int) -> None:
        self.pages = pages
        self.page = b",".join(_chat(number, events) for number in range(THREADS))

    def answer(self, path: str, asked: dict[str, str]) -> bytes:
        if not path.endswith("list_archives"):
            return _NOTHING_OPEN
        number = int(asked.get("page_id", 0))
        more = b',"next_page_id":"%d"' % (number + 1) if number + 1 < self.pages else b""
        found = b'],"found_chats":%d%b}' % (self.pages * THREADS, more)
        # Each page has threads and visitors of its own.
        return b'{"chats":[' + self.page.replace(b"#page#", b"%06d" % number) + found


class _Handler(BaseHTTPRequestHandler):
    server: Pages
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        body = self.server.answer(self.path, asked)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        pass


def _chat(number: int, events: int) -> bytes:
    """Its events are a minute long, and say 140 characters each, as those of people do."""
    key = f"#page#-{number:03}"
    at = f"2026-01-01T{number // 60:02}:{number % 60:02}"
    person = {"id": f"V{key}", "type": "customer", "name": "Ann Lee", "email": f"v{key}@x.example"}
    said = ",".join(
        f'{{"id":"T{key}_{line}","created_at":"{at}:{line % 60:02}.000000Z","visibility":"all",'
        f'"type":"message","author_id":"V{key}","text":"{"It does not work. " * 3}{line}"}}'
        for line in range(events)
    )
    thread = {"id": f"T{key}", "active": False, "created_at": f"{at}:00.000000Z"}
    head = json.dumps({"id": f"C{key}", "users": [person]})[:-1]
    return f'{head},"thread":{json.dumps(thread)[:-1]},"events":[{said}]}}}}'.encode()


@contextlib.contextmanager
def serving() -> Iterator[Pages]:
    with Pages() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def main() -> None:
    parser = argparse.ArgumentParser(description="What enormous pages take of memory.")
    parser.add_argument("--events", type=int, default=10_000, help="of each thread")
    parser.add_argument("--pages", type=int, default=3)
    asked = parser.parse_args()
    table = Table("events", "page MiB", "s", "peak MiB")
    with tempfile.TemporaryDirectory() as folder, serving() as server:
        for streams in (("visitors", "chats"), ("visitors", "chats", "chat_events")):
            command = tap_command(Path(folder), server.url, streams)
            for events in (10, asked.events):
                server.serve_pages(asked.pages, events)
                run = measure(command, feed=["true"], env=dict(os.environ))
                size = f"{len(server.page) / MEBIBYTE:.1f}"
                cells = (f"{events:,}", size, f"{run.seconds:.1f}", f"{run.mebibytes:.0f}")
                table.row(", ".join(streams), *cells)


if __name__ == "__main__":
    main()
