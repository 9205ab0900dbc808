"""tap-livechat against an instant server: threads a second, peak memory, and what latency costs.

    python -m tests.benchmarks.tap_livechat [--quick]

Each line of the table is one process of its own, its output thrown away. The stock stream is the
SDK's `RESTStream` as its documentation teaches it, with the same fields made by the same function.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import os
import socket
import socketserver
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
from singer_sdk import RESTStream, Tap
from singer_sdk.pagination import JSONPathPaginator

from tap_livechat.api import payloads
from tap_livechat.records import schemas, visitor
from tap_livechat.records.row import Row
from tap_livechat.timestamps import parse
from tests.benchmarks.figures import Figure, note
from tests.sandbox.livechat.client import LiveChatSandbox
from tests.sandbox.livechat.samples import GEOLOCATION

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection

PAGE = 100
ROUNDS = 3
# One page a minute, from here on.
FIRST = datetime(2026, 1, 1, tzinfo=UTC)
_DATE_LENGTH = len("2026-01-01T00:00")
_NO_DATE = "0000-00-00T00:00"
_NO_PAGE = "%%%%%%"


# The server


def chat(number: int) -> dict[str, Any]:
    """The thread at this place of a page: a visitor with a profile, a form and six messages."""
    customer_id = f"b7eff798-f8df-4364-8059-{_NO_PAGE}{number:06}"
    thread_id = f"T{_NO_PAGE}{number:03}"

    def at(second: float) -> str:
        return f"{_NO_DATE}:{min(second, 59.99):09.6f}Z"

    second = number * 0.59
    said = [
        {
            "id": f"{thread_id}_{line}",
            "created_at": at(second + line / 100),
            "visibility": "all",
            "type": "message",
            "author_id": "smith@example.com" if line % 2 else customer_id,
            "text": "What is the difference between the two plans, and can I change later?",
        }
        for line in range(2, 8)
    ]
    form = {
        "id": f"{thread_id}_1",
        "created_at": at(second),
        "visibility": "all",
        "type": "filled_form",
        "form_type": "prechat",
        "form_id": "1473433500211",
        "author_id": customer_id,
        "fields": [
            {"type": "name", "id": "1", "label": "Your name", "answer": "Thomas Anderson"},
            {"type": "email", "id": "2", "label": "Your email", "answer": "thomas@example.com"},
            {
                "type": "radio",
                "id": "3",
                "label": "Purpose",
                "answer": {"id": "0", "label": "Sales"},
            },
        ],
    }
    name = f"{['Thomas', 'Grace', 'Noah', 'Chloe'][number % 4]} {_LAST[number % len(_LAST)]}"
    return {
        "id": f"C{_NO_PAGE}{number:03}",
        "users": [
            {
                "id": customer_id,
                "type": "customer",
                "present": False,
                "name": name,
                "email": f"visitor{_NO_PAGE}{number:03}@example.com",
                "created_at": "2025-10-11T15:19:21.010200Z",
                "visit": {
                    "started_at": at(0),
                    "ended_at": at(59),
                    "ip": "198.51.100.7",
                    "user_agent": "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101",
                    "referrer": "https://www.example.org/",
                    "geolocation": GEOLOCATION,
                    "last_pages": [
                        {
                            "opened_at": at(page),
                            "url": f"https://www.example.com/{page}",
                            "title": "Home",
                        }
                        for page in range(3)
                    ],
                },
                "session_fields": [{"plan": "team"}, {"customer": "10042"}],
                "statistics": {
                    "chats_count": 1,
                    "threads_count": 3,
                    "visits_count": 6,
                    "page_views_count": 20,
                },
                "agent_last_event_created_at": at(second),
                "customer_last_event_created_at": at(second + 0.01),
            },
            {
                "id": "smith@example.com",
                "type": "agent",
                "name": "Agent Smith",
                "email": "smith@example.com",
                "present": False,
                "visibility": "all",
            },
        ],
        "thread": {
            "id": thread_id,
            "active": False,
            "user_ids": [customer_id, "smith@example.com"],
            "events": [form, *said],
            "properties": {"routing": {"continuous": False}, "rating": {"score": 1}},
            "tags": ["sales"],
            "access": {"group_ids": [0]},
            "created_at": at(second),
        },
        "properties": {},
        "access": {"group_ids": [0]},
        "is_followed": False,
    }


_LAST = ("Anderson", "Nowakowska", "Okafor", "Jensen", "Lefevre", "Rossi", "Patel", "Novak")
_TEMPLATE = json.dumps([chat(number) for number in range(PAGE)]).encode()


def page_bytes(number: int, end: int, total: int) -> bytes:
    date = (FIRST + timedelta(minutes=number)).isoformat()[:_DATE_LENGTH]
    chats = _TEMPLATE.replace(_NO_DATE.encode(), date.encode())
    chats = chats.replace(_NO_PAGE.encode(), f"{number:06}".encode())
    tail = f',"found_chats":{total}'
    if number + 1 < end:
        tail += f',"next_page_id":"{number + 1}-{end}"'
    return b'{"chats":' + chats + tail.encode() + b"}"


class Instant(socketserver.StreamRequestHandler):
    """As little HTTP as the clients need; a page costs it less than a tenth of a millisecond."""

    pages = 0

    def handle(self) -> None:
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while line := self.rfile.readline():
            length = 0
            while (header := self.rfile.readline()) not in {b"\r\n", b""}:
                if header.lower().startswith(b"content-length:"):
                    length = int(header.split(b":")[1])
            body = self.answer(line.split()[1].decode(), json.loads(self.rfile.read(length)))
            self.wfile.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "
                + str(len(body)).encode()
                + b"\r\n\r\n"
                + body
            )

    def answer(self, path: str, asked: dict[str, Any]) -> bytes:
        if not path.endswith("list_archives"):
            return b'{"chats_summary":[],"found_chats":0}'
        if "page_id" in asked:
            number, end = map(int, asked["page_id"].split("-"))
        else:
            filters = asked.get("filters", {})
            number = max(self.minutes(filters.get("from")) or 0, 0)
            last = self.minutes(filters.get("to"))
            end = self.pages if last is None else min(last, self.pages)
        if number >= end:
            return b'{"chats":[],"found_chats":0}'
        return page_bytes(number, end, (end - number) * PAGE)

    @staticmethod
    def minutes(text: str | None) -> int | None:
        moment = parse(text)
        return None if moment is None else -((FIRST - moment) // timedelta(minutes=1))


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


def serve(pages: int, ready: Connection) -> None:
    Instant.pages = pages
    with Server(("127.0.0.1", 0), Instant) as server:
        ready.send(server.server_address[1])
        server.serve_forever()


@contextlib.contextmanager
def instant_server(threads: int) -> Iterator[str]:
    here, there = multiprocessing.Pipe()
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=serve, args=(threads // PAGE, there), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{here.recv()}"
    finally:
        process.terminate()
        process.join()


# The stock stream


class StockVisitors(RESTStream[str]):
    """What one would write with the SDK's documentation at hand."""

    name = "visitors"
    path = "/v3.6/agent/action/list_archives"
    http_method = "POST"
    records_jsonpath = "$.chats[*]"
    primary_keys = ("visitor_id",)
    replication_key = "last_activity_at"
    schema = schemas.to_schema(schemas.VISITOR, ("visitor_id",))

    @property
    def url_base(self) -> str:
        return str(self.config["api_url"])

    def get_new_paginator(self) -> JSONPathPaginator:
        return JSONPathPaginator("$.next_page_id")

    def prepare_request_payload(
        self,
        context: Any,
        next_page_token: str | None,
    ) -> dict[str, Any]:
        if next_page_token:
            return {"page_id": next_page_token}
        return {"filters": {}, "sort_order": "asc", "limit": PAGE}

    def post_process(self, row: dict[str, Any], context: Any = None) -> dict[str, Any]:
        chat = msgspec.convert(row, payloads.Chat)
        found = Row.of(chat)
        return visitor.from_archive(found, found.customers[0])


class StockTap(Tap):
    """The stock stream's tap."""

    name = "tap-stock"
    config_jsonschema: ClassVar[dict[str, Any]] = {"properties": {"api_url": {"type": "string"}}}

    def discover_streams(self) -> list[StockVisitors]:
        return [StockVisitors(self)]


# The runs


@dataclass(frozen=True)
class Run:
    seconds: float
    mebibytes: float


def measure(command: list[str]) -> Run:
    """Run it to its end, its output thrown away."""
    started = time.perf_counter()
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            errors.seek(0)
            raise RuntimeError(errors.read().decode()[-2000:])
    return Run(time.perf_counter() - started, usage.ru_maxrss / 1024)


def best(command: list[str], rounds: int) -> Run:
    """The fastest of several runs: the machine is not ours alone."""
    return min((measure(command) for _ in range(rounds)), key=lambda run: run.seconds)


def tap_command(folder: Path, url: str, streams: tuple[str, ...], **settings: Any) -> list[str]:
    config = {"access_token": "instant", "api_url": url, **settings}
    (folder / "config.json").write_text(json.dumps(config))
    tap = str(Path(sys.executable).with_name("tap-livechat"))
    found = subprocess.run([tap, "--discover"], capture_output=True, check=True).stdout
    catalog = json.loads(found)
    for stream in catalog["streams"]:
        for item in stream["metadata"]:
            if not item["breadcrumb"]:
                item["metadata"]["selected"] = stream["stream"] in streams
    (folder / "catalog.json").write_text(json.dumps(catalog))
    paths = ["--config", str(folder / "config.json"), "--catalog", str(folder / "catalog.json")]
    return [tap, *paths]


def stock_command(folder: Path, url: str) -> list[str]:
    (folder / "stock.json").write_text(json.dumps({"api_url": url}))
    code = "from tests.benchmarks.tap_livechat import StockTap; StockTap.cli()"
    return [sys.executable, "-c", code, "--config", str(folder / "stock.json")]


def row(name: str, threads: int, run: Run, note: str = "") -> None:
    rate = threads / run.seconds
    print(
        f"{name:<44}{threads:>9,}{run.seconds:>9.2f}{rate:>11,.0f}{run.mebibytes:>9.1f}  {note}",
        flush=True,
    )


def throughput(sizes: tuple[int, ...], rounds: int, folder: Path) -> None:
    """Each size's tap and stock stream, the smallest size several times."""
    tap_peaks = []
    for threads in sizes:
        rounds = rounds if threads == sizes[0] else 1
        with instant_server(threads) as url:
            visitors = best(tap_command(folder, url, ("visitors",)), rounds)
            stock = best(stock_command(folder, url), rounds)
            ratio = stock.seconds / visitors.seconds
            row("tap-livechat, visitors", threads, visitors, f"{ratio:.2f} times the stock stream")
            row("stock RESTStream, visitors", threads, stock)
            note(
                Figure(
                    what=f"visitors a second, {threads:,} threads",
                    ours=f"{threads / visitors.seconds:,.0f}",
                    beside=f"{threads / stock.seconds:,.0f} (stock RESTStream)",
                    ratio=ratio,
                    goal="10,000 and 1.5 times",
                )
            )
            everything = ("visitors", "chats", "chat_events")
            row(
                "tap-livechat, visitors, chats, chat_events",
                threads,
                best(tap_command(folder, url, everything), 1),
            )
            tap_peaks.append(visitors.mebibytes)
    growth = 100 * (tap_peaks[-1] / tap_peaks[0] - 1)
    print(f"peak memory of {sizes[-1]:,} threads against {sizes[0]:,}: {growth:+.1f} %")
    what = f"peak memory, {sizes[-1]:,} threads ({sizes[0]:,} threads)"
    note(Figure(what=what, ours=f"{tap_peaks[-1]:.0f} MiB ({growth:+.1f} %)", goal="120 MiB, +5 %"))


def latency(threads: int, seconds: float, folder: Path) -> None:
    """Against the sandbox, which honours `from` and `to` to the microsecond."""
    with LiveChatSandbox(light_threads=threads, latency_seconds=seconds) as livechat:
        settings: dict[str, Any] = {"access_token": livechat.settings.access_token}

        def commands(periods: int) -> list[list[str]]:
            edges = [
                livechat.start + (livechat.end - livechat.start) / periods * number
                for number in range(periods + 1)
            ]
            found = []
            for number, (start, end) in enumerate(pairwise(edges)):
                own = folder / f"period-{number}"
                own.mkdir(exist_ok=True)
                more = {"start_date": start.isoformat(), "end_date": end.isoformat()}
                found.append(tap_command(own, livechat.api_url, ("visitors",), **settings, **more))
            return found

        [command] = commands(1)
        one = measure(command)
        name = f"{seconds * 1000:.0f} ms latency"
        row(f"{name}, 1 request at a time", threads, one)
        for periods, goal in ((2, ""), (4, "")):
            several = commands(periods)
            way = f"{periods} periods side by side"
            started = time.perf_counter()
            with ThreadPoolExecutor(len(several)) as together:
                runs = list(together.map(measure, several))
            many = Run(time.perf_counter() - started, sum(run.mebibytes for run in runs))
            ratio = one.seconds / many.seconds
            row(f"{name}, {way}", threads, many, f"{ratio:.2f} times as fast as one")
            beside = f"{one.seconds:.1f} s (one request)"
            ours = f"{many.seconds:.1f} s"
            note(Figure(what=f"{name}, {way}", ours=ours, beside=beside, ratio=ratio, goal=goal))


def main() -> None:
    parser = argparse.ArgumentParser(description="Benchmarks of tap-livechat.")
    parser.add_argument("--quick", action="store_true", help="small, and each line once")
    quick = parser.parse_args().quick
    sizes = (2_000, 20_000) if quick else (20_000, 200_000)
    print(f"{'':<44}{'threads':>9}{'s':>9}{'threads/s':>11}{'peak MiB':>9}")
    with tempfile.TemporaryDirectory() as folder:
        throughput(sizes, 1 if quick else ROUNDS, Path(folder))
        latency(4_000 if quick else 16_000, 0.4, Path(folder))


if __name__ == "__main__":
    main()
