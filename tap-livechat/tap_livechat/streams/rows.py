"""The rows of `list_archives`, as they are read: which are new, and how far that brings us."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from tap_livechat.errors import RefusedError
from tap_livechat.records.row import Row

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from tap_livechat.api import payloads

# A row that comes again within so many pages is passed over.
_RECENT_PAGES = 10
# Pages without anything new, one after the other, before it is an endless list. Each is billed.
_IDLE_PAGES = 10


class Reading:
    """How far a window has been read.

    LiveChat does not say by which of a thread's times it filters and sorts. The start of the last
    thread is safe if the threads came in that order; if ever they do not, only the end of the
    window is.
    """

    def __init__(self, end: datetime) -> None:
        self.count = 0
        self._end = end
        self._idle = 0
        self._pages: deque[set[str]] = deque([set()])
        self._recent: set[str] = set()  # the ids of all these pages
        self._start: datetime | None = None
        self.newest_start: datetime | None = None
        self._in_order = True

    @property
    def position(self) -> datetime | None:
        """Everything before it has been read; None if that is unknown."""
        return min(self._start, self._end) if self._in_order and self._start else None

    def turn_page(self) -> None:
        self._idle = 0 if self._pages[-1] else self._idle + 1
        if self._idle > _IDLE_PAGES:
            raise RefusedError("list_archives: LiveChat's pages do not end; run again")
        if self._pages[-1]:
            self._pages.append(set())
        if len(self._pages) > _RECENT_PAGES:
            self._recent -= self._pages.popleft()

    def take(self, chats: Iterable[payloads.Chat]) -> list[Row]:
        """Those that have not come of late."""
        rows = []
        for row in map(Row.of, chats):
            thread_id, start = row.thread.id, row.thread.created_at
            if thread_id in self._recent:
                continue
            self._recent.add(thread_id)
            self._pages[-1].add(thread_id)
            rows.append(row)
            self._in_order &= start >= (self._start or start)
            self._start = start
            self.newest_start = max(start, self.newest_start or start)
        self.count += len(rows)
        return rows
