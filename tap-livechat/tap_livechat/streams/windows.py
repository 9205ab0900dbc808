"""The arithmetic of time: which window a run reads, how it is split, how far it has come. Pure.

Windows are half-open, [start, end). LiveChat does not say whether its `to` is inclusive, so each
window is sent its exact edges: a row on an edge may come twice, and cannot be lost.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

# What is written now may be listed a moment later.
SAFETY_LAG = timedelta(seconds=15)
# Parts shorter than this are not worth a partly filled page.
FEWEST_PAGES = 10
# So many pages may be held ready for their turn, by all parts that are read ahead together.
AHEAD_PAGES = 112
_SHORTEST = timedelta(seconds=1)
_ODD_MICROSECOND = 500_001


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


def parts(rows: int, page_size: int, concurrency: int) -> int:
    """In how many parts to read so many rows.

    Each part may end with a page that is partly filled, so n parts cost at most n - 1 requests
    more than one. Two connections, as by default, make no more than two parts, however long: what
    cannot be held ready waits, and no request is paid for speed. More connections make two parts
    each where there is enough, so that one that turns out long does not keep all others waiting,
    and cut further what cannot be held ready (`most_pages`).
    """
    pages = math.ceil(rows / page_size)
    enough = pages // FEWEST_PAGES
    if concurrency == 1 or enough < 2:  # noqa: PLR2004 - two is plural
        return 1
    if concurrency == 2:  # noqa: PLR2004 - as above
        # The row that the first page ended with comes again: on full pages it would take one more.
        return 1 if rows % page_size == 0 else 2
    wanted = 2 * concurrency if enough >= 2 * concurrency else concurrency
    return max(min(wanted, enough), math.ceil(pages / most_pages(concurrency)))


def most_pages(concurrency: int) -> int:
    """How long a part of several connections may be: while one is written, the others are ready."""
    return max(FEWEST_PAGES, AHEAD_PAGES // (concurrency - 1))


class Planner:
    """Cuts a window into parts of about the same number of rows, one when it is asked for.

    How the rows lie in time is not known beforehand. The first page tells how dense they are at
    the start, and each part's own estimate how dense they are there. The last part takes all that
    is left, so wrong estimates cost time, and never more parts than were meant.
    """

    def __init__(self, window: Window, rows: int, count: int, density: float | None) -> None:
        """`density` in rows per second, as on the first page."""
        self._start = window.start
        self._end = window.end
        self._parts_left = count
        self._rows_left = float(max(rows, 1))
        self._expected: dict[Window, float] = {}
        self._density = max(density or 0.0, self._even_density)

    def plan(self) -> Window | None:
        if not self._parts_left:
            return None
        start, end = self._start, self._end
        rows = self._rows_left / self._parts_left
        if self._parts_left > 1 and start is not None:
            step = max(timedelta(seconds=rows / self._density), _SHORTEST)
            # Off the full second, where a row would lie on the edge and be read from both sides.
            end = min(end, (start + step).replace(microsecond=_ODD_MICROSECOND))
        self._parts_left = 0 if end == self._end else self._parts_left - 1
        self._start = end
        part = Window(start, end)
        self._expected[part] = rows
        self._rows_left -= rows
        return part

    def learn(self, part: Window, rows: int) -> None:
        """`rows` as LiveChat estimates them for this part."""
        self._rows_left = max(self._rows_left + self._expected.pop(part) - rows, 1.0)
        if self._parts_left and part.start is not None:
            seconds = (part.end - part.start).total_seconds()
            self._density = max(rows / seconds, self._even_density)

    @property
    def _even_density(self) -> float:
        """As if what is left were spread evenly over the time that is left."""
        if self._start is None:
            return 1.0
        seconds = (self._end - self._start).total_seconds()
        return self._rows_left / max(seconds, _SHORTEST.total_seconds())


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


@dataclass(frozen=True, slots=True)
class Held:
    """What the bookmark must not pass: chats that are open, or were when the last run looked.

    A chat that has closed since may not be in the archives yet, and is not among the open ones any
    more. The next run finds it.
    """

    open_since: datetime | None = None  # the start of the oldest one that is open now
    before: datetime | None = None  # of the oldest one that was

    @property
    def back_to(self) -> datetime | None:
        return min((m for m in (self.open_since, self.before) if m is not None), default=None)


NOT_HELD = Held()


def bookmark(
    previous: datetime | None, position: datetime | None, back_to: datetime | None
) -> datetime | None:
    """Never back behind `previous` for reading its lookback again, never past `back_to`."""
    reached = max((m for m in (previous, position) if m is not None), default=None)
    if reached is None or back_to is None:
        return reached
    return min(reached, back_to)
