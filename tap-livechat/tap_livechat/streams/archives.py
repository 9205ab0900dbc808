"""`visitors`, `chats` and `chat_events` from one pass over `list_archives`.

The SDK syncs streams one after the other. The first of the three that it comes to drives the pass
for all that are selected; the others then find it done. Every stream writes its rows of what was
read; after that one STATE moves all their bookmarks.

A pass asks, in this order:

    list_chats       which threads are open, and what LiveChat's time is: ceil(open / 100) requests
    list_archives    by `chat_ids`: those that were open and are no more; none where all are known
    list_archives    by time: the window, ceil(threads / page size) requests, at least one, and one
                     more where the list ends before `found_chats` have come
"""

from __future__ import annotations

from abc import abstractmethod
from contextlib import ExitStack
from datetime import timedelta
from functools import cached_property
from operator import attrgetter
from typing import TYPE_CHECKING, Any, cast

from msgspec import UNSET

from tap_livechat.api import paging, payloads, replies
from tap_livechat.api.methods import LIST_AGENTS, LIST_ARCHIVES, LIST_CHATS, LIST_GROUPS
from tap_livechat.records import schemas, thread, visitor
from tap_livechat.records.row import Row
from tap_livechat.streams import windows
from tap_livechat.streams.rows import Reading
from tap_livechat.streams.stream import LiveChatStream, Record
from tap_livechat.streams.windows import OpenThread, OpenThreads, Window
from tap_livechat.timestamps import render

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import datetime
    from typing import ClassVar

    from tap_livechat.api.methods import Method
    from tap_livechat.streams.stream import Session

Payload = dict[str, Any]

_MICROSECOND = timedelta(microseconds=1)
_OPEN_CHATS_LIMIT = 100
_CHAT_IDS_LIMIT = 1000
_ESTIMATE_MAY_BE_OFF = 0.05


class ArchivePass:
    """Reads the archives once for all of its streams."""

    def __init__(self, session: Session, streams: Sequence[ArchiveStream]) -> None:
        self._session = session
        self._client = session.client
        self._streams = streams
        self._has_warned = False
        # Most of a reply is what was said: it is read where somebody wants it.
        transcribes = any(isinstance(stream, ChatEvents) for stream in streams)
        self._decode = replies.transcripts if transcribes else replies.archives

    def run(self) -> None:
        """Write everything new to the streams, batch by batch, each with its STATE."""
        streams = self._streams
        for stream in streams:
            stream.check_state()
            stream.write_schema_once()
        listed, now = self._open_threads()
        for stream in streams:
            stream.check_time(now)
        window = windows.run_window((s.start for s in streams), now, self._session.end_date)
        with ExitStack() as counters:
            feeds = [
                _Feed(
                    stream,
                    listed,
                    windows.waited_for(stream.open_threads, stream.bookmark, now),
                    counters.enter_context(stream.get_record_counter()).increment,
                )
                for stream in streams
            ]
            for feed in feeds:
                feed.forget(now - windows.FORGOTTEN_AFTER)
            for rows in self._closed(feeds, listed, window):
                self._write(feeds, rows, None)
            if not window.is_empty:
                for rows, position in self.rows(window):
                    self._write(feeds, rows, position)
            self._write(feeds, [], None if window.is_empty else window.end)

    def _write(self, feeds: Sequence[_Feed], rows: list[Row], position: datetime | None) -> None:
        with self._session.termination.held():
            for feed in feeds:
                feed.write(rows, position)
            feeds[0].stream.write_state()

    def _open_threads(self) -> tuple[OpenThreads, datetime]:
        """What is open, and LiveChat's time when it was so.

        Not by group: a chat that is handed to one of ours tomorrow is open in another today. The
        newest come first: should pages shift while we read, those are not missed.
        """
        filters: Payload = {"active": True, "include_chats_without_threads": False}
        payload = {"filters": filters, "sort_order": "desc", "limit": _OPEN_CHATS_LIMIT}
        first, last = self._session.start_date, self._session.end_date
        threads: OpenThreads = {}
        now = None
        for page in paging.follow(self._client, LIST_CHATS, payload, replies.open_chats):
            now = now or self._client.now()
            for chat_id, thread_id, start in page.threads:
                # Of a period with an end: what began in it. What did not is another period's.
                if last is None or (start < last and (first is None or first <= start)):
                    threads[thread_id] = OpenThread(chat_id, start, now)
        return threads, now or self._client.now()

    def _closed(
        self, feeds: Sequence[_Feed], listed: OpenThreads, window: Window
    ) -> Iterator[list[Row]]:
        """The archived form of threads that were open, by the ids of their chats."""
        groups = frozenset(self._session.group_ids)
        wanted: OpenThreads = {}
        for feed in feeds:
            wanted |= windows.closed(feed.threads, listed, window)
        started: dict[str, datetime] = {}  # the oldest first
        for each in sorted(wanted.values(), key=attrgetter("started_at")):
            started.setdefault(each.chat_id, each.started_at)
        for number in range(0, len(started), _CHAT_IDS_LIMIT):
            chat_ids = list(started)[number : number + _CHAT_IDS_LIMIT]
            # Not from the beginning: the chat may have years of other threads.
            for page in self._archives(started[chat_ids[0]], chat_ids=chat_ids):
                for chats in page:
                    rows = [row for row in map(Row.of, chats) if row.thread.id in wanted]
                    ours = [row for row in rows if _is_of(row, groups)]
                    kept = {row.thread.id for row in ours}
                    for feed in feeds:
                        feed.drop_final(row for row in rows if row.thread.id not in kept)
                    yield ours

    def rows(self, window: Window) -> Iterator[tuple[list[Row], datetime | None]]:
        """The window's rows in order, each batch with how far everything has been read."""
        filters: Payload = {"to": render(window.end)}
        if self._session.group_ids:
            filters["group_ids"] = self._session.group_ids
        since: datetime | None = window.start
        ended_with, counted = "", None
        reading = Reading(window.end)
        while True:
            found, listed, last = 0, 0, None
            for page in self._archives(since, **filters):
                found = found or page.found_chats or 0
                reading.turn_page()
                for chats in page:
                    listed += len(chats)
                    last = chats[-1].thread
                    rows = reading.take(chats)
                    if not self._has_warned:
                        self._warn_of_partial_access(rows)
                    yield rows, reading.position
            counted = found if counted is None else counted
            # A list may end early: once more from where it ended. Whatever it is sorted by, nothing
            # in it began later than its last row was over; that row itself may have begun days ago.
            if listed >= found or last is None or last.id == ended_with:
                break
            since, ended_with = reading.newest_start, last.id
        missing = counted - reading.count
        # It is an estimate, LiveChat says.
        if missing > counted * _ESTIMATE_MAY_BE_OFF:
            self._client.warn(
                f"list_archives: LiveChat counts {counted} chats and, asked once more, lists "
                f"{missing} fewer; if they are missing, run again without a state"
            )

    def _archives(self, since: datetime | None, **filters: Any) -> Iterator[replies.ArchivesPage]:
        if since is not None:
            # A microsecond early: `from` may be exclusive, and a row on the edge is not lost.
            filters["from"] = render(since - _MICROSECOND)
        payload = {"filters": filters, "sort_order": "asc", "limit": self._session.page_size}
        return paging.follow(self._client, LIST_ARCHIVES, payload, self._decode)

    def first(self, limit: int) -> None:
        """Write the first threads to all streams, and move no bookmark."""
        for stream in self._streams:
            stream.write_schema_once()
        for rows, _ in self.rows(Window(self._streams[0].start, self._client.now())):
            with self._session.termination.held():
                for stream in self._streams:
                    stream.write(stream.records(rows[:limit]))
            limit -= len(rows)
            if limit <= 0:
                break

    def _warn_of_partial_access(self, rows: Iterable[Row]) -> None:
        grant = self._client.authenticator.grant
        narrow = grant is not None and grant.sees_part_of_the_chats
        hidden = any(_has_hidden_neighbour(row.thread) for row in rows)
        if narrow or hidden:
            self._has_warned = True
            self._client.warn(
                "LiveChat shows only part of the chats: the token's scope is chats--access:ro, "
                "which covers its owner's groups; use chats--all:ro for all"
            )


class _Feed:
    """One stream of the pass: where it goes on, and which open threads it remembers."""

    def __init__(
        self,
        stream: ArchiveStream,
        listed: OpenThreads,
        before: OpenThreads,
        count: Callable[[int], None],
    ) -> None:
        self.stream = stream
        self.threads: OpenThreads = before | listed
        self._listed = listed
        self._start = stream.start
        self._no_further = stream.open_since
        self._count = count

    def drop(self, thread_ids: Iterable[str]) -> None:
        for thread_id in thread_ids:
            self.threads.pop(thread_id, None)

    def drop_final(self, rows: Iterable[Row]) -> None:
        """Of an open chat nobody knows yet in which group it ends."""
        self.drop(row.thread.id for row in rows if self._is_final(row))

    def forget(self, before: datetime) -> None:
        outdated = [key for key, each in self.threads.items() if each.seen_at < before]
        self.drop(outdated)
        if outdated:
            self.stream.logger.warning(
                "%s: %d chats that were open came to no archive in %d days (deleted, or moved to "
                "groups that the token does not see); they are waited for no more",
                *(self.stream.name, len(outdated), windows.FORGOTTEN_AFTER.days),
            )

    def _is_final(self, row: Row) -> bool:
        """Whether it is the archived form: nothing is said in it any more."""
        active = row.thread.active
        return active is False or (not active and row.thread.id not in self._listed)

    def write(self, rows: list[Row], position: datetime | None) -> None:
        records = self.stream.records([row for row in rows if self._wants(row)])
        self.stream.write(records)
        self._count(len(records))
        if self.threads:
            self.drop_final(rows)
        if position and self._no_further:
            position = min(position, self._no_further)
        self.stream.save(position, self.threads)

    def _wants(self, row: Row) -> bool:
        """Not what it had before: a stream that was selected later reads further back."""
        return (
            self._start is None
            or row.last_activity_at >= self._start
            or row.thread.id in self.threads
        )


class ArchiveStream(LiveChatStream):
    """One of the three; what they share is the pass."""

    method = LIST_ARCHIVES
    smallest: ClassVar[Payload] = {"limit": 1}
    obeys_limit = True
    state_of: ClassVar[tuple[str, ...]] = ("group_ids",)

    @abstractmethod
    def records(self, rows: Sequence[Row]) -> list[Record]:
        """This stream's records of one page."""

    def read(self, limit: int | None) -> None:
        # The visitors first, and their chats before what was said; the SDK goes by the alphabet.
        streams = [
            stream
            for stream in reversed(self._tap.streams.values())
            if isinstance(stream, ArchiveStream)
            and stream.selected
            and stream.name not in self._tap.left_out
        ]
        if self is streams[-1]:
            archives = ArchivePass(self.session, streams)
            if limit is None:
                archives.run()
            else:
                archives.first(limit)


class PeopleStream(ArchiveStream):
    """Records with an e-mail: one that was typed in an earlier chat of this run counts too."""

    @cached_property
    def _emails(self) -> visitor.KnownEmails:
        return visitor.KnownEmails()

    def write(self, records: list[Record]) -> None:
        super().write([self._emails.complete(record) for record in records])


class ArchiveVisitors(PeopleStream):
    """One row per visitor and page: a visitor's threads on one page are made one row."""

    name = "visitors"
    primary_keys = ("visitor_id",)
    replication_key = "last_activity_at"
    fields: ClassVar[schemas.Fields] = schemas.VISITOR
    state_of = ("visitor_source", "group_ids")

    def records(self, rows: Sequence[Row]) -> list[Record]:
        visitors: dict[str, Record] = {}
        for row in rows:
            for customer in row.customers:
                record = visitor.from_archive(row, customer)
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

    @property
    def needs(self) -> dict[str, Method]:
        lists = zip(self.on_request, (LIST_AGENTS, LIST_GROUPS), strict=True)
        named = {f"{self.name}.{name}": it for name, it in lists if name not in self.hidden}
        return super().needs | named

    def records(self, rows: Sequence[Row]) -> list[Record]:
        lists = self._tap.streams
        agents = groups = None
        # A chat names its agents; only where it does not is there something to ask for.
        if "agent_names" not in self.hidden and any(None in row.agents.values() for row in rows):
            agents = lists["agents"].names
        if "group_names" not in self.hidden or lists["groups"].selected:
            groups = lists["groups"].names
        return [thread.chat_record(row, agents, groups) for row in rows]


class ChatEvents(ArchiveStream):
    """One row per event of a thread."""

    name = "chat_events"
    primary_keys = ("event_id",)
    replication_key = "created_at"
    fields: ClassVar[schemas.Fields] = schemas.CHAT_EVENT

    def records(self, rows: Sequence[Row]) -> list[Record]:
        # The pass reads them so where this stream is selected.
        chats = (cast("payloads.TranscribedChat", row.chat) for row in rows)
        return [record for chat in chats for record in thread.event_records(chat)]


def _has_hidden_neighbour(thread: payloads.Thread) -> bool:
    before = thread.previous_thread_id
    return bool(before) and thread.previous_accessible_thread_id not in (before, UNSET)


def _is_of(row: Row, groups: frozenset[int]) -> bool:
    """Whether it ended in one of these groups; no groups are all of them."""
    return not (groups and row.group_ids) or not groups.isdisjoint(row.group_ids)
