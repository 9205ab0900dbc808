"""The arithmetic of time: which window a run reads, how it is split, how far it has come. Pure.

Windows are half-open, [start, end). LiveChat does not say whether its `to` is inclusive, so each
window is sent its exact edges: a row on an edge may come twice, and cannot be lost.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

# What is written now may be listed a moment later.
SAFETY_LAG = timedelta(seconds=15)
# Windows shorter than this are not worth a partly filled page, longer ones too much to hold ready.
FEWEST_PAGES = 10
MOST_PAGES = 125


@dataclass(frozen=True, slots=True)
class Window:
    start: datetime | None  # None: from the beginning
    end: datetime

    @property
    def is_empty(self) -> bool:
        return self.start is not None and self.start >= self.end


def run_window(
    starts: Iterable[datetime | None], lookback: timedelta, first: datetime | None, now: datetime
) -> Window:
    """One window for streams that got as far as `starts`; `first` is the setting `start_date`."""
    earliest: datetime | None = None
    for number, start in enumerate(starts):
        from_here = start_of(start, lookback, first)
        if from_here is None:
            earliest = None
            break
        if number == 0 or (earliest is not None and from_here < earliest):
            earliest = from_here
    return Window(earliest, now - SAFETY_LAG)


def start_of(
    bookmark: datetime | None, lookback: timedelta, first: datetime | None
) -> datetime | None:
    """Where a stream goes on: its bookmark less the lookback, but never before `first`."""
    if bookmark is None:
        return first
    start = bookmark - lookback
    return start if first is None else max(start, first)


def split(window: Window, rows: int, page_size: int, concurrency: int) -> list[Window]:
    """The window in parts of about equal length, to be read side by side.

    Each part may end with a page that is partly filled, so n parts cost at most n - 1 requests
    more than the whole. Up to `MOST_PAGES` times `concurrency` pages there are no more parts than
    that; beyond it, at most one request in `MOST_PAGES` is surplus.
    """
    pages = math.ceil(rows / page_size)
    parts = max(min(concurrency, pages // FEWEST_PAGES), math.ceil(pages / MOST_PAGES))
    if window.start is None or concurrency < 2 or parts < 2:  # noqa: PLR2004 - two is plural
        return [window]
    step = (window.end - window.start) / parts
    edges = [window.start, *(window.start + step * n for n in range(1, parts)), window.end]
    return [Window(start, end) for start, end in pairwise(edges)]


class Progress:
    """How far a pass has come, as one moment: everything before it has been written.

    LiveChat does not say by which of a thread's times it filters and sorts. The start of the last
    thread written is safe if the threads came in that order; if ever they do not, only the edge
    of a window that was read to its end is.
    """

    def __init__(self, start: datetime | None) -> None:
        self.position = start
        self._edge = start
        self._newest: datetime | None = None
        self._in_order = True

    def enter(self, window: Window) -> None:
        self._edge = window.start
        self._newest = None
        self._in_order = True

    def saw(self, starts: Sequence[datetime | None], window: Window) -> None:
        for start in starts:
            if start is None or (self._newest is not None and start < self._newest):
                self._in_order = False
            else:
                self._newest = start
        if self._in_order and self._newest is not None:
            self._advance(min(self._newest, window.end))

    @property
    def newest_in_order(self) -> datetime | None:
        return self._newest if self._in_order else None

    def finish(self, window: Window) -> None:
        self._advance(window.end)

    def _advance(self, moment: datetime) -> None:
        if self.position is None or moment > self.position:
            self.position = moment


def bookmark(
    previous: datetime | None, position: datetime | None, open_since: datetime | None
) -> datetime | None:
    """Never back behind `previous` for reading its lookback again, never past an open chat."""
    reached = max((m for m in (previous, position) if m is not None), default=None)
    if reached is None or open_since is None:
        return reached
    return min(reached, open_since)
