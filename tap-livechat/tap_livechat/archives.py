"""`visitors`, `chats` and `chat_events` from one pass over `list_archives`.

The SDK syncs streams one after the other. The first of the three that it comes to drives the pass
for all that are selected; the others then find it done. Of each page, every stream writes its
rows; after that one STATE moves all their bookmarks.

What a pass costs: ceil(threads / page size) requests, one for the chats that are still open, and
at most one for each window beyond the first (see `windows.split`).
"""

from __future__ import annotations

from abc import abstractmethod
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from tap_livechat import replies, schemas, thread, visitor, windows
from tap_livechat.errors import RefusedError
from tap_livechat.lookahead import Lookahead
from tap_livechat.methods import LIST_ARCHIVES, LIST_CHATS
from tap_livechat.stream import Batch, LiveChatStream, Record
from tap_livechat.timestamps import latest, parse, render

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
    from datetime import datetime
    from typing import ClassVar

    from singer_sdk.helpers.types import Context
    from singer_sdk.tap_base import Tap

    from tap_livechat.client import Client
    from tap_livechat.stream import Session
    from tap_livechat.windows import Window

Payload = dict[str, Any]

_MICROSECOND = timedelta(microseconds=1)


@dataclass(slots=True)
class Thread:
    """One row of `list_archives`, with the times that every stream needs."""

    chat: Payload
    events: list[Payload]
    times: list[datetime | None]
    created_at: datetime | None
    last_activity_at: datetime | None

    @classmethod
    def of(cls, chat: Payload) -> Thread:
        events = thread.events_of(chat)
        times = thread.event_times(events)
        created_at = parse((chat.get("thread") or {}).get("created_at"))
        return cls(chat, events, times, created_at, latest((created_at, *times)))

    @property
    def id(self) -> object:
        return (self.chat.get("thread") or {}).get("id")


class ArchivePass:
    """Reads the archives once for all of its streams."""

    def __init__(self, session: Callable[[], Session]) -> None:
        self.streams: list[ArchiveStream] = []
        self.is_done = False
        self._make_session = session
        self._has_warned = False

    @property
    def _session(self) -> Session:
        return self._make_session()

    @property
    def _client(self) -> Client:
        return self._session.client

    def run(self, streams: Sequence[ArchiveStream]) -> None:
        """Write everything new to `streams`, page by page, each page with its STATE."""
        starts = {stream.name: stream.start for stream in streams}
        session = self._session
        window = windows.run_window(
            [stream.bookmark for stream in streams],
            session.lookback,
            session.start_date,
            session.now,
        )
        if window.is_empty:
            return
        for stream in streams:
            stream.write_schema_once()
        # Asked before the first page: a chat that closes while we read is then counted as open.
        open_since = self.open_since()
        progress = windows.Progress(window.start)
        with ExitStack() as metrics:
            counters = {
                stream.name: metrics.enter_context(stream.get_record_counter())
                for stream in streams
            }
            for threads in self.pages(window, progress):
                with session.termination.held():
                    for stream in streams:
                        rows = stream.rows(_since(starts[stream.name], threads))
                        stream.write(rows)
                        stream.save(progress.position, open_since)
                        counters[stream.name].increment(len(rows))
                    streams[0].write_state()
            with session.termination.held():
                for stream in streams:
                    stream.save(window.end, open_since)
                streams[0].write_state()

    def pages(self, window: Window, progress: windows.Progress) -> Iterator[list[Thread]]:
        """The threads of the window, by the page, in order; moves `progress` before each."""
        session = self._session
        progress.enter(window)
        first, cursor = self._page(window, None)
        threads = self._threads(first)
        progress.saw([item.created_at for item in threads], window)
        yield threads
        if not cursor.next_page_id:
            progress.finish(window)
            return
        planner = self._planner(window, cursor, threads, progress)
        last_page = threads
        for part, pages in Lookahead(
            # Without a plan the rest of this window is read, and no row of it twice.
            planner.plan if planner else partial(next, iter((window,)), None),
            lambda part: self._follow(part, None if planner else cursor.next_page_id),
            lambda part, page: self._learn(planner, part, page),
            session.max_concurrent_requests,
        ):
            if planner:
                progress.enter(part)
            # A part begins where the page before it ended.
            seen = {item.id for item in last_page}
            for page in pages:
                threads = self._threads(page)
                last_page = threads or last_page
                threads = [item for item in threads if item.id not in seen]
                progress.saw([item.created_at for item in threads], part)
                yield threads
            progress.finish(part)

    def trial(self, stream: ArchiveStream) -> Iterator[list[Record]]:
        """One stream's rows without reading ahead: a trial run stops early, and pages cost."""
        for page in self._follow(stream.window, None):
            yield stream.rows(self._threads(page))

    def open_since(self) -> datetime | None:
        """The start of the oldest thread that is still open, in one request.

        Sorted by the start of the last thread, oldest first: it is on the first page.
        """
        filters: Payload = {"active": True, "include_chats_without_threads": False}
        if self._session.group_ids:
            filters["group_ids"] = self._session.group_ids
        payload = {"filters": filters, "sort_order": "asc", "limit": 100}
        chats = self._client.call(LIST_CHATS, payload, replies.chats_summary)
        last = (chat.get("last_thread_summary") or chat.get("last_thread_info") for chat in chats)
        starts = (parse(item.get("created_at")) for item in last if item and item.get("active"))
        return min((start for start in starts if start is not None), default=None)

    def _planner(
        self,
        window: Window,
        cursor: replies.Cursor,
        threads: Sequence[Thread],
        progress: windows.Progress,
    ) -> windows.Planner | None:
        """How to cut the rest of the window; None if it is short, or its rows are in no order."""
        session = self._session
        rows = (cursor.found_chats or 0) - len(threads)
        count = windows.parts(max(rows, 0), session.page_size, session.max_concurrent_requests)
        since, first = progress.newest_in_order, threads[0].created_at if threads else None
        if count == 1 or since is None or first is None or since >= window.end:
            return None
        seconds = (since - first).total_seconds()
        density = len(threads) / seconds if seconds else None
        return windows.Planner(windows.Window(since, window.end), rows, count, density)

    @staticmethod
    def _learn(planner: windows.Planner | None, part: Window, page: bytes) -> None:
        if planner:
            planner.learn(part, replies.cursor(page).found_chats or 0)

    def _follow(self, window: Window, page_id: str | None) -> Iterator[bytes]:
        """The window's pages from `page_id` on, or from its beginning."""
        seen = set()
        while True:
            page, cursor = self._page(window, page_id)
            yield page
            page_id = cursor.next_page_id
            if not page_id:
                return
            if page_id in seen:
                raise RefusedError(
                    "list_archives: LiveChat repeats a page; run again, or set a smaller page_size"
                )
            seen.add(page_id)

    def _page(self, window: Window, page_id: str | None) -> tuple[bytes, replies.Cursor]:
        payload: Payload = {"page_id": page_id}
        if page_id is None:
            filters: Payload = {"to": render(window.end)}
            if window.start is not None:
                # A microsecond early: `from` may be exclusive, and a row on the edge is not lost.
                filters["from"] = render(window.start - _MICROSECOND)
            if self._session.group_ids:
                filters["group_ids"] = self._session.group_ids
            payload = {
                "filters": filters,
                "sort_order": "asc",
                "limit": self._session.page_size,
            }
        return self._client.call(LIST_ARCHIVES, payload, replies.whole)

    def _threads(self, page: bytes) -> list[Thread]:
        threads = [Thread.of(chat) for chat in replies.chats(page)]
        if not self._has_warned:
            self._warn_of_partial_access(threads)
        return threads

    def _warn_of_partial_access(self, threads: Iterable[Thread]) -> None:
        scopes = self._client.authenticator.scopes
        narrow = scopes is not None and not any(s.startswith("chats--all:") for s in scopes)
        hidden = any(_has_hidden_neighbour(item.chat.get("thread") or {}) for item in threads)
        if narrow or hidden:
            self._has_warned = True
            self._client.warn(
                "LiveChat shows only part of the chats: the token's scope is chats--access:ro, "
                "which covers its owner's groups; use chats--all:ro for all"
            )


class ArchiveStream(LiveChatStream):
    """One of the three; what they share is the pass."""

    def __init__(self, tap: Tap, session: Callable[[], Session], archives: ArchivePass) -> None:
        self.archives = archives
        archives.streams.append(self)
        super().__init__(tap, session)

    @abstractmethod
    def rows(self, threads: Iterable[Thread]) -> list[Record]:
        """This stream's rows of one page."""

    def batches(self) -> Iterator[Batch]:
        """For a trial run (`--test`): this stream alone, page by page."""
        for rows in self.archives.trial(self):
            yield Batch(rows)

    def _sync_records(
        self, context: Context | None = None, *, write_messages: bool = True
    ) -> Generator[Record, Any, Any]:
        if self.ABORT_AT_RECORD_COUNT is not None:
            yield from super()._sync_records(context, write_messages=write_messages)
        elif not self.archives.is_done:
            self.archives.is_done = True
            self.archives.run([stream for stream in self.archives.streams if stream.selected])


class ArchiveVisitors(ArchiveStream):
    """One row per visitor and page: a visitor's threads on one page are made one row."""

    name = "visitors"
    primary_keys = ("visitor_id",)
    replication_key = "last_activity_at"
    fields: ClassVar[schemas.Fields] = schemas.VISITOR

    def rows(self, threads: Iterable[Thread]) -> list[Record]:
        visitors: dict[str, Record] = {}
        for item in threads:
            for customer in visitor.customers(item.chat):
                record = visitor.from_archive(item.chat, customer, item.last_activity_at)
                known = visitors.pop(record["visitor_id"], None)
                # Put last: rows stay in the order of the newest thread.
                visitors[record["visitor_id"]] = (
                    record if known is None else visitor.merge(known, record)
                )
        return list(visitors.values())


class Chats(ArchiveStream):
    """One row per thread."""

    name = "chats"
    primary_keys = ("thread_id",)
    replication_key = "last_activity_at"
    fields: ClassVar[schemas.Fields] = schemas.CHAT

    def rows(self, threads: Iterable[Thread]) -> list[Record]:
        return [
            thread.chat_record(item.chat, item.events, item.times) for item in threads if item.id
        ]


class ChatEvents(ArchiveStream):
    """One row per event of a thread."""

    name = "chat_events"
    primary_keys = ("event_id",)
    replication_key = "created_at"
    fields: ClassVar[schemas.Fields] = schemas.CHAT_EVENT

    def rows(self, threads: Iterable[Thread]) -> list[Record]:
        return [
            row
            for item in threads
            for row in thread.event_records(item.chat, item.events, item.times)
        ]


def _has_hidden_neighbour(payload: Payload) -> bool:
    before = payload.get("previous_thread_id")
    return bool(before) and payload.get("previous_accessible_thread_id", before) != before


def _since(start: datetime | None, threads: list[Thread]) -> list[Thread]:
    """Without what a stream had before: one that was selected later reads further back."""
    if start is None:
        return threads
    return [
        item for item in threads if item.last_activity_at is None or item.last_activity_at >= start
    ]
