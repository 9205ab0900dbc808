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

from msgspec import UNSET

from tap_livechat.api import payloads, replies
from tap_livechat.api.methods import LIST_ARCHIVES, LIST_CHATS
from tap_livechat.errors import RefusedError
from tap_livechat.records import schemas, thread, visitor
from tap_livechat.streams import windows
from tap_livechat.streams.lookahead import Lookahead
from tap_livechat.streams.stream import Batch, LiveChatStream, Record
from tap_livechat.timestamps import latest, render

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
    from datetime import datetime
    from typing import ClassVar

    from singer_sdk.helpers.types import Context
    from singer_sdk.tap_base import Tap

    from tap_livechat.api.client import Client
    from tap_livechat.streams.directory import Agents, Groups
    from tap_livechat.streams.stream import Session
    from tap_livechat.streams.windows import Window

Payload = dict[str, Any]

_MICROSECOND = timedelta(microseconds=1)
_NO_THREAD = payloads.Thread()
_NOTICES = frozenset({"system_message", "system"})


@dataclass(slots=True)
class Row:
    """One row of `list_archives`, with the times that its streams need."""

    chat: payloads.Chat
    thread: payloads.Thread
    last_activity_at: datetime | None
    said_at: datetime | None  # the notice that the chat was closed, and the like, aside

    @classmethod
    def of(cls, chat: payloads.Chat) -> Row:
        thread = chat.thread or _NO_THREAD
        start, events = thread.created_at, thread.events or ()
        said = [event.created_at for event in events if event.type not in _NOTICES]
        noticed = [event.created_at for event in events if event.type in _NOTICES]
        said_at = latest((start, *said))
        return cls(chat, thread, latest((said_at, *noticed)) if noticed else said_at, said_at)


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
        held = {stream.name: windows.Held(open_since, stream.open_since) for stream in streams}
        progress = windows.Progress(window.start)
        with ExitStack() as metrics:
            counters = {
                stream.name: metrics.enter_context(stream.get_record_counter())
                for stream in streams
            }
            for page in self.pages(window, progress):
                with session.termination.held():
                    for stream in streams:
                        records = stream.records(_since(starts[stream.name], page))
                        stream.write(records)
                        stream.save(progress.position, held[stream.name])
                        counters[stream.name].increment(len(records))
                    streams[0].write_state()
            with session.termination.held():
                for stream in streams:
                    stream.save(window.end, held[stream.name])
                streams[0].write_state()

    def pages(self, window: Window, progress: windows.Progress) -> Iterator[list[Row]]:
        """The rows of the window, by the page, in order; moves `progress` before each."""
        session = self._session
        progress.enter(window)
        _, first = self._page(window, None)
        rows = self._rows(first)
        progress.saw([row.thread.created_at for row in rows], window)
        yield rows
        if not first.next_page_id:
            progress.finish(window)
            return
        planner = self._planner(window, first.found_chats, rows, progress)
        last_page = rows
        for part, pages in Lookahead(
            # Without a plan the rest of this window is read, and no row of it twice.
            planner.plan if planner else partial(next, iter((window,)), None),
            lambda part: self._follow(part, None if planner else first.next_page_id),
            replies.archives,
            lambda part, page: self._learn(planner, part, page),
            session.max_concurrent_requests,
        ):
            if planner:
                progress.enter(part)
            # A part begins where the page before it ended.
            seen = {row.thread.id for row in last_page if row.thread.id}
            for page in pages:
                rows = self._rows(page)
                last_page = rows or last_page
                rows = [row for row in rows if row.thread.id not in seen]
                progress.saw([row.thread.created_at for row in rows], part)
                yield rows
            progress.finish(part)

    def trial(self, stream: ArchiveStream) -> Iterator[list[Record]]:
        """One stream's records without reading ahead: a trial run stops early, and pages cost."""
        for rows in self._from_the_beginning(stream):
            yield stream.records(rows)

    def first(self, streams: Sequence[ArchiveStream], limit: int) -> None:
        """Write the first threads to all streams, and move no bookmark."""
        for stream in streams:
            stream.write_schema_once()
        for rows in self._from_the_beginning(streams[0]):
            with self._session.termination.held():
                for stream in streams:
                    stream.write(stream.records(rows[:limit]))
            limit -= len(rows)
            if limit <= 0:
                return

    def _from_the_beginning(self, stream: ArchiveStream) -> Iterator[list[Row]]:
        return (self._rows(page) for _, page in self._follow(stream.window, None))

    def open_since(self) -> datetime | None:
        """The start of the oldest thread that is still open, in one request.

        Sorted by the start of the last thread, oldest first: it is on the first page.
        """
        filters: Payload = {"active": True, "include_chats_without_threads": False}
        if self._session.group_ids:
            filters["group_ids"] = self._session.group_ids
        payload = {"filters": filters, "sort_order": "asc", "limit": 100}
        chats = self._client.call(LIST_CHATS, payload, replies.chats_summary)
        last = (chat.last_thread_summary or chat.last_thread_info for chat in chats)
        starts = (thread.created_at for thread in last if thread and thread.active)
        return min((start for start in starts if start is not None), default=None)

    def _planner(
        self,
        window: Window,
        found: int | None,
        first_page: Sequence[Row],
        progress: windows.Progress,
    ) -> windows.Planner | None:
        """How to cut the rest of the window; None if it is short, or its rows are in no order."""
        session = self._session
        left = (found or 0) - len(first_page)
        count = windows.parts(max(left, 0), session.page_size, session.max_concurrent_requests)
        since = progress.newest_in_order
        first = first_page[0].thread.created_at if first_page else None
        if count == 1 or since is None or first is None or since >= window.end:
            return None
        seconds = (since - first).total_seconds()
        density = len(first_page) / seconds if seconds else None
        return windows.Planner(windows.Window(since, window.end), left, count, density)

    @staticmethod
    def _learn(planner: windows.Planner | None, part: Window, page: payloads.Archives) -> None:
        if planner:
            planner.learn(part, page.found_chats or 0)

    def _follow(
        self, window: Window, page_id: str | None
    ) -> Iterator[tuple[bytes, payloads.Archives]]:
        """The window's pages from `page_id` on, or from its beginning: as sent, and decoded."""
        seen = set()
        while True:
            as_sent, page = self._page(window, page_id)
            yield as_sent, page
            page_id = page.next_page_id
            if not page_id:
                return
            if page_id in seen:
                raise RefusedError(
                    "list_archives: LiveChat repeats a page; run again, or set a smaller page_size"
                )
            seen.add(page_id)

    def _page(self, window: Window, page_id: str | None) -> tuple[bytes, payloads.Archives]:
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
        return self._client.call(LIST_ARCHIVES, payload, replies.archives_as_sent)

    def _rows(self, page: payloads.Archives) -> list[Row]:
        rows = [Row.of(chat) for chat in page.chats or ()]
        if not self._has_warned:
            self._warn_of_partial_access(rows)
        return rows

    def _warn_of_partial_access(self, rows: Iterable[Row]) -> None:
        scopes = self._client.authenticator.scopes
        narrow = scopes is not None and not any(s.startswith("chats--all:") for s in scopes)
        hidden = any(_has_hidden_neighbour(row.thread) for row in rows)
        if narrow or hidden:
            self._has_warned = True
            self._client.warn(
                "LiveChat shows only part of the chats: the token's scope is chats--access:ro, "
                "which covers its owner's groups; use chats--all:ro for all"
            )


class ArchiveStream(LiveChatStream):
    """One of the three; what they share is the pass."""

    method = LIST_ARCHIVES
    smallest: ClassVar[Payload] = {"limit": 1}

    def __init__(self, tap: Tap, session: Callable[[], Session], archives: ArchivePass) -> None:
        self.archives = archives
        archives.streams.append(self)
        super().__init__(tap, session)

    @abstractmethod
    def records(self, rows: Iterable[Row]) -> list[Record]:
        """This stream's records of one page."""

    def batches(self) -> Iterator[Batch]:
        """For a trial run (`--test`): this stream alone, page by page."""
        for records in self.archives.trial(self):
            yield Batch(records)

    def _sync_records(
        self, context: Context | None = None, *, write_messages: bool = True
    ) -> Generator[Record, Any, Any]:
        if self.ABORT_AT_RECORD_COUNT is not None:
            yield from super()._sync_records(context, write_messages=write_messages)
        elif not self.archives.is_done:
            self.archives.is_done = True
            streams = [stream for stream in self.archives.streams if stream.selected]
            if self.session.limit is None:
                self.archives.run(streams)
            else:
                self.archives.first(streams, self.session.limit)


class PeopleStream(ArchiveStream):
    """Records with an e-mail: one that was typed in an earlier chat of this run counts too."""

    def __init__(self, tap: Tap, session: Callable[[], Session], archives: ArchivePass) -> None:
        self._emails = visitor.KnownEmails()
        super().__init__(tap, session, archives)

    def write(self, records: list[Record]) -> None:
        super().write([self._emails.complete(record) for record in records])


class ArchiveVisitors(PeopleStream):
    """One row per visitor and page: a visitor's threads on one page are made one row."""

    name = "visitors"
    primary_keys = ("visitor_id",)
    replication_key = "last_activity_at"
    fields: ClassVar[schemas.Fields] = schemas.VISITOR

    def records(self, rows: Iterable[Row]) -> list[Record]:
        visitors: dict[str, Record] = {}
        for row in rows:
            for customer in visitor.customers(row.chat):
                record = visitor.from_archive(row.chat, customer, row.said_at)
                known = visitors.pop(record["visitor_id"], None)
                # Put last: rows stay in the order of the newest thread.
                visitors[record["visitor_id"]] = (
                    record if known is None else visitor.merge(known, record)
                )
        return list(visitors.values())


class Chats(PeopleStream):
    """One row per thread."""

    name = "chats"
    primary_keys = ("thread_id",)
    replication_key = "last_activity_at"
    fields: ClassVar[schemas.Fields] = schemas.CHAT
    on_request = ("agent_names", "group_names")

    def __init__(
        self,
        tap: Tap,
        session: Callable[[], Session],
        archives: ArchivePass,
        agents: Agents,
        groups: Groups,
    ) -> None:
        self._agents = agents
        self._groups = groups
        super().__init__(tap, session, archives)

    def records(self, rows: Iterable[Row]) -> list[Record]:
        rows = [row for row in rows if row.thread.id]
        agents = groups = None
        # A chat names its agents; only where it does not is there something to ask for.
        if "agent_names" not in self.hidden and any(
            None in visitor.agents(row.chat).values() for row in rows
        ):
            agents = self._agents.names()
        if "group_names" not in self.hidden or self._groups.selected:
            groups = self._groups.names()
        return [thread.chat_record(row.chat, row.thread, agents, groups) for row in rows]


class ChatEvents(ArchiveStream):
    """One row per event of a thread."""

    name = "chat_events"
    primary_keys = ("event_id",)
    replication_key = "created_at"
    fields: ClassVar[schemas.Fields] = schemas.CHAT_EVENT

    def records(self, rows: Iterable[Row]) -> list[Record]:
        return [record for row in rows for record in thread.event_records(row.chat, row.thread)]


def _has_hidden_neighbour(thread: payloads.Thread) -> bool:
    before = thread.previous_thread_id
    return bool(before) and thread.previous_accessible_thread_id not in (before, UNSET)


def _since(start: datetime | None, rows: list[Row]) -> list[Row]:
    """Without what a stream had before: one that was selected later reads further back."""
    if start is None:
        return rows
    return [row for row in rows if row.last_activity_at is None or row.last_activity_at >= start]
