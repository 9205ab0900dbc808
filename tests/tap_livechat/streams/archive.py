"""An archive of chats in memory, and runs that read it."""

from __future__ import annotations

import io
import json
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

import msgspec

from tap_livechat.api.auth import Authenticator
from tap_livechat.api.methods import LIST_ARCHIVES, Method
from tap_livechat.errors import UnavailableError
from tap_livechat.tap import TapLiveChat
from tap_livechat.timestamps import parse, render

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tap_livechat.api.client import Client


START = datetime(2026, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 1, 11, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Row:
    """A thread, by the minutes of its start and end after START, and whose it is."""

    number: int
    created: int
    closed: int
    visitor: int
    group: int = 0  # in which it ends
    first_group: int | None = None  # in which it is while it is open, if in another one


@dataclass
class Archive:
    """list_archives and list_chats as pages in memory; `cut` fails the call of that number."""

    rows: list[Row]
    moment: datetime = NOW  # by LiveChat's clock
    by: str = "created"
    cut: int | None = None
    lag: int = 0  # minutes from a chat's end to its place in the archives
    found: Callable[[int], int] = lambda count: count + count // 37  # an estimate, they say
    ends_after: int | None = None  # of each list; what is behind it is left out
    repeats: bool = False  # each page begins with the row that the one before ended with
    requests: list[str] = field(default_factory=list)
    delivered_rows: int = 0
    authenticator: Authenticator = field(default_factory=lambda: Authenticator("Bearer test"))
    closing: list[Row] = field(default_factory=list)  # so they are after a request, one each
    warnings: list[str] = field(default_factory=list)

    def call(self, method: Method, payload: dict[str, Any], decode: Callable[[bytes], Any]) -> Any:
        if self.cut is not None and len(self.requests) >= self.cut:
            raise UnavailableError("cut here")
        self.requests.append(method.name)
        reply = self._archives(payload) if method is LIST_ARCHIVES else self._chats(payload)
        if self.closing:
            row = self.closing.pop()
            self.rows = [row if each.number == row.number else each for each in self.rows]
        return decode(msgspec.json.encode(reply))

    def now(self) -> datetime:
        return self.moment

    def warn(self, message: str) -> None:
        self.warnings.append(message)

    def close(self) -> None:
        pass

    def _chats(self, payload: dict[str, Any]) -> dict[str, Any]:
        if "page_id" in payload:
            limit, skipped, groups = json.loads(payload["page_id"])
        else:
            limit, skipped = payload["limit"], 0
            groups = payload["filters"].get("group_ids")
        shown = [
            {
                "id": f"chat-{row.visitor}",
                "last_thread_summary": {
                    "id": f"thread-{row.number}",
                    "active": True,
                    "created_at": self._at(row.created),
                },
            }
            for row in sorted(self.rows, key=lambda row: -row.created)
            if self.is_open(row) and (not groups or self._group(row) in groups)
        ]
        reply: dict[str, Any] = {"chats_summary": shown[skipped : skipped + limit]}
        if len(shown) > skipped + limit:
            reply["next_page_id"] = json.dumps([limit, skipped + limit, groups])
        return reply

    def _archives(self, payload: dict[str, Any]) -> dict[str, Any]:
        if "page_id" in payload:
            assert set(payload) == {"page_id"}, "LiveChat refuses filters beside a page_id"
            filters, limit, after, passed = json.loads(payload["page_id"])
        else:
            filters, limit, after, passed = payload["filters"], payload["limit"], None, 0
        assert len(filters.get("chat_ids", ())) <= 1000
        first, last = parse(filters.get("from")), parse(filters.get("to"))
        found = sorted(
            (getattr(row, self.by), row.number, row)
            for row in self.rows
            if self.is_archived(row)
            and (first is None or self._moment(getattr(row, self.by)) >= first)
            and (last is None or self._moment(getattr(row, self.by)) <= last)
            and ("chat_ids" not in filters or f"chat-{row.visitor}" in filters["chat_ids"])
            and ("group_ids" not in filters or row.group in filters["group_ids"])
        )
        rest = [item for item in found if after is None or [item[0], item[1]] > after]
        page = rest[:limit]
        passed += len(page)
        reply: dict[str, Any] = {
            "chats": [self._chat(row) for _, _, row in page],
            "found_chats": self.found(len(found)),
        }
        ends = self.ends_after is not None and passed >= self.ends_after
        if len(rest) > limit and not ends:
            last_row = page[-2] if self.repeats and len(page) > 1 else page[-1]
            reply["next_page_id"] = json.dumps([filters, limit, last_row[:2], passed])
        self.delivered_rows += len(page)
        return reply

    def _chat(self, row: Row) -> dict[str, Any]:
        customer = f"visitor-{row.visitor}"
        return {
            "id": f"chat-{row.visitor}",
            "users": [{"id": customer, "type": "customer", "name": f"Visitor {row.visitor}"}],
            "thread": {
                "id": f"thread-{row.number}",
                "created_at": self._at(row.created),
                "active": False,
                "tags": [f"tag-{row.number % 5}"],
                "access": {"group_ids": [row.group]},
                "events": [
                    {"id": f"{row.number}-{n}", "type": "message", "created_at": self._at(at)}
                    for n, at in enumerate((row.created, row.closed))
                ],
            },
        }

    def is_open(self, row: Row) -> bool:
        return self._moment(row.created) <= self.moment < self._moment(row.closed)

    def is_archived(self, row: Row) -> bool:
        return self._moment(row.closed + self.lag) <= self.moment

    def closed_ids(self) -> set[str]:
        return {f"thread-{row.number}" for row in self.rows if self.is_archived(row)}

    def _group(self, row: Row) -> int:
        if row.first_group is None or not self.is_open(row):
            return row.group
        return row.first_group

    def _at(self, minute: int) -> str:
        return render(self._moment(minute))

    @staticmethod
    def _moment(minute: int) -> datetime:
        return START + minute * MINUTE


@dataclass
class Run:
    records: dict[str, list[dict[str, Any]]]
    state: dict[str, Any] | None
    was_cut: bool

    def ids(self, stream: str, name: str) -> set[str]:
        return {record[name] for record in self.records[stream]}


def run(
    archive: Archive,
    state: dict[str, Any] | None = None,
    *,
    streams: Sequence[str] = ("visitors", "chats", "chat_events"),
    **config: Any,
) -> Run:
    """One run of the tap, up to its end or to where the archive cuts it."""
    tap = TapLiveChat(
        config={"access_token": "test", "page_size": 5, **config},
        state=state or {},
    )
    session = tap.session()
    session.client = cast("Client", archive)
    for name, stream in tap.streams.items():
        stream.selected = name in streams
    written = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    stdout, sys.stdout = sys.stdout, written
    was_cut = False
    try:
        tap.sync_all()
    except UnavailableError:
        was_cut = True
    finally:
        sys.stdout = stdout
    written.flush()
    written.seek(0)
    records: dict[str, list[dict[str, Any]]] = defaultdict(list)
    last: dict[str, Any] | None = None
    for line in written:
        message = json.loads(line)
        if message["type"] == "RECORD":
            records[message["stream"]].append(message["record"])
        elif message["type"] == "STATE":
            last = message["value"]
    return Run(records, last, was_cut)


def remembered(state: dict[str, Any] | None) -> set[str]:
    """The open threads, the same for all streams."""
    assert state is not None
    [each] = {
        frozenset(state["bookmarks"][name].get("open_threads", ()))
        for name in ("visitors", "chats", "chat_events")
    }
    return set(each)


def bookmarks(state: dict[str, Any] | None) -> set[str]:
    assert state is not None
    return {
        state["bookmarks"][name]["replication_key_value"]
        for name in ("visitors", "chats", "chat_events")
    }
