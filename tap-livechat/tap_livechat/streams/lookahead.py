"""Reads several windows at once and hands out their pages in order.

One thread per window follows its `page_id`s. The window whose turn it is hands its pages over as
they come, a few ahead. Windows further on read ahead too, and keep what they have compressed
(replies are ten times smaller then), up to `AHEAD_PAGES` in all: memory does not grow with the
back-fill. A window is planned when there is a connection for it: the first pages of those before
have told by then how many rows they hold, so it is cut better.

The threads are daemons: a signal does not wait for LiveChat's answer.
"""

from __future__ import annotations

import threading
import zlib
from collections import deque
from typing import TYPE_CHECKING, Generic, TypeVar

from tap_livechat.streams.windows import AHEAD_PAGES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

W = TypeVar("W")  # a window
P = TypeVar("P")  # a page, decoded

HEAD_PAGES = 4
_FASTEST = 1


class _Compressed(bytes):
    """A page as it was sent, compressed."""

    __slots__ = ()


class _Reader(Generic[W, P]):
    """One window, and the pages of it that wait to be taken."""

    def __init__(self, window: W) -> None:
        self.window = window
        self.pages: deque[P | _Compressed] = deque()
        self.has_begun = False
        self.is_finished = False
        self.error: Exception | None = None


class Lookahead(Generic[W, P]):
    def __init__(
        self,
        plan: Callable[[], W | None],
        fetch: Callable[[W], Iterator[tuple[bytes, P]]],
        decode: Callable[[bytes], P],
        learn: Callable[[W, P], None],
        concurrency: int,
    ) -> None:
        """`plan` gives the next window or None; `learn` is told each window's first page.

        Both are called under the lock, one at a time. `fetch` runs in the window's own thread and
        gives each page as it was sent, and decoded; `decode` decodes one again.
        """
        self._plan = plan
        self._fetch = fetch
        self._decode = decode
        self._learn = learn
        self._concurrency = concurrency
        self._changed = threading.Condition()  # guards the readers and all that is in them
        self._readers: deque[_Reader[W, P]] = deque()
        self._is_stopped = False

    def __iter__(self) -> Iterator[tuple[W, Iterator[P]]]:
        """Each window with its pages; take all of its pages before the next window."""
        try:
            with self._changed:
                self._start_more()
            while self._readers:
                reader = self._readers[0]
                yield reader.window, self._taken(reader)
                with self._changed:
                    self._readers.popleft()
                    self._start_more()
                    self._changed.notify_all()
        finally:
            with self._changed:
                self._is_stopped = True
                self._changed.notify_all()

    def _taken(self, reader: _Reader[W, P]) -> Iterator[P]:
        while True:
            with self._changed:
                while not reader.pages and not reader.is_finished:
                    self._changed.wait()
                if not reader.pages:
                    if reader.error is not None:
                        raise reader.error
                    return
                page = reader.pages.popleft()
                self._changed.notify_all()
            yield self._decode(zlib.decompress(page)) if isinstance(page, _Compressed) else page

    def _start_more(self) -> None:
        """Begin windows while there are connections for them; the lock is held."""
        while self._has_connection() and (window := self._plan()) is not None:
            reader: _Reader[W, P] = _Reader(window)
            self._readers.append(reader)
            threading.Thread(target=self._read, args=(reader,), daemon=True).start()

    def _has_connection(self) -> bool:
        reading = sum(not reader.is_finished for reader in self._readers)
        return (
            not self._is_stopped
            and reading < self._concurrency
            # Windows that have been read and wait for their turn take memory.
            and len(self._readers) < 2 * self._concurrency
            and not any(reader.error for reader in self._readers)
        )

    def _read(self, reader: _Reader[W, P]) -> None:
        try:
            for as_sent, page in self._fetch(reader.window):
                # Without the lock: a window that becomes the first just now compresses once more.
                is_ahead = self._readers[0] is not reader
                kept = _Compressed(zlib.compress(as_sent, _FASTEST)) if is_ahead else page
                with self._changed:
                    if not reader.has_begun:
                        reader.has_begun = True
                        self._learn(reader.window, page)
                        self._start_more()
                    reader.pages.append(kept)
                    self._changed.notify_all()
                    while not self._is_stopped and not self._has_room(reader):
                        self._changed.wait()
                    if self._is_stopped:
                        return
        except Exception as error:  # noqa: BLE001 - raised where the pages are taken
            reader.error = error
        finally:
            with self._changed:
                reader.is_finished = True
                self._start_more()
                self._changed.notify_all()

    def _has_room(self, reader: _Reader[W, P]) -> bool:
        if self._readers[0] is reader:
            return len(reader.pages) < HEAD_PAGES
        return sum(len(each.pages) for each in self._readers if each is not self._readers[0]) < (
            AHEAD_PAGES
        )
