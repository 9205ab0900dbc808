"""Reads several windows at once and hands out their pages in order.

One thread per window follows its `page_id`s; the window whose turn it is hands its pages over
as they come, a few ahead. Windows further on read ahead too, and keep what they have compressed
(replies are ten times smaller then), up to `AHEAD_PAGES`: memory does not grow with the back-fill.
The threads are daemons: a signal does not wait for LiveChat's answer.
"""

from __future__ import annotations

import threading
import zlib
from collections import deque
from typing import TYPE_CHECKING, Generic, TypeVar

from tap_livechat.errors import LiveChatError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

W = TypeVar("W")
# The bytes of one page after the other; what fetches them raises LiveChatError.
Pages = "Iterator[bytes]"

HEAD_PAGES = 4
AHEAD_PAGES = 150
_FASTEST = 1


class Lookahead(Generic[W]):
    def __init__(
        self, windows: Sequence[W], fetch: Callable[[W], Iterator[bytes]], concurrency: int
    ) -> None:
        self._windows = windows
        self._fetch = fetch
        self._concurrency = concurrency

    def __iter__(self) -> Iterator[tuple[W, Iterator[bytes]]]:
        """Each window with its pages; take all of its pages before the next window."""
        waiting = deque(self._windows)
        running: deque[tuple[W, _Reader]] = deque()
        try:
            while waiting or running:
                while waiting and len(running) < self._concurrency:
                    window = waiting.popleft()
                    running.append((window, _Reader(self._fetch(window))))
                window, reader = running[0]
                yield window, reader.pages()
                running.popleft()
        finally:
            for _, reader in running:
                reader.stop()


class _Reader:
    """One window's thread, and the pages that wait to be taken."""

    def __init__(self, source: Iterator[bytes]) -> None:
        self._source = source
        self._changed = threading.Condition()  # guards everything below
        self._waiting: deque[tuple[bool, bytes]] = deque()
        self._is_head = False
        self._is_stopped = False
        self._is_finished = False
        self._error: BaseException | None = None
        threading.Thread(target=self._read, name="lookahead", daemon=True).start()

    def pages(self) -> Iterator[bytes]:
        with self._changed:
            self._is_head = True
            self._changed.notify_all()
        while True:
            with self._changed:
                while not self._waiting and not self._is_finished:
                    self._changed.wait()
                if not self._waiting:
                    if self._error is not None:
                        raise self._error
                    return
                is_compressed, page = self._waiting.popleft()
                self._changed.notify_all()
            yield zlib.decompress(page) if is_compressed else page

    def stop(self) -> None:
        with self._changed:
            self._is_stopped = True
            self._changed.notify_all()

    def _read(self) -> None:
        try:
            for page in self._source:
                # Read without the lock: a window that becomes the head just now may compress once.
                kept = (False, page) if self._is_head else (True, zlib.compress(page, _FASTEST))
                with self._changed:
                    self._waiting.append(kept)
                    self._changed.notify_all()
                    while not self._is_stopped and len(self._waiting) >= self._room:
                        self._changed.wait()
                    if self._is_stopped:
                        return
        except LiveChatError as error:
            self._error = error
        except Exception as error:  # noqa: BLE001 - told by the thread that asked for the pages
            self._error = error
        finally:
            with self._changed:
                self._is_finished = True
                self._changed.notify_all()

    @property
    def _room(self) -> int:
        return HEAD_PAGES if self._is_head else AHEAD_PAGES
