"""How far a run reads: one window of time, and the chats that are open. Pure.

A window is half-open, [start, end). LiveChat does not say whether its `to` is inclusive, so it is
sent its exact edges: a row on an edge may come twice, and cannot be lost.

The bookmark goes on to the window's end whatever is open. A thread that was seen open is remembered
by its id until its archived form has been seen: however long it lasts, and whenever it is archived.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# What is written now may be listed a moment later.
SAFETY_LAG = timedelta(seconds=15)
# Such a chat was deleted, or went where the token does not see it. Asking for it is billed.
FORGOTTEN_AFTER = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Window:
    start: datetime | None  # None: from the beginning
    end: datetime

    @property
    def is_empty(self) -> bool:
        return self.start is not None and self.start >= self.end

    def holds(self, moment: datetime) -> bool:
        return moment < self.end and (self.start is None or moment >= self.start)


def run_window(
    starts: Iterable[datetime | None], now: datetime, last: datetime | None = None
) -> Window:
    """One window for streams that go on from `starts`; `last` is the setting `end_date`."""
    known = list(starts)
    start = None if None in known else min(filter(None, known))
    end = now - SAFETY_LAG
    return Window(start, end if last is None else min(end, last))


def start_of(
    bookmark: datetime | None, lookback: timedelta, first: datetime | None
) -> datetime | None:
    """Where a stream goes on: its bookmark less the lookback, but never before `first`."""
    if bookmark is None:
        return first
    start = bookmark - lookback
    return start if first is None else max(start, first)


_Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class OpenThread(msgspec.Struct, frozen=True, array_like=True):
    """A thread that was open when we looked."""

    chat_id: str
    started_at: _Moment
    seen_at: _Moment  # when it was last seen open, and then when it first was not


OpenThreads = dict[str, OpenThread]
"""By the thread's id."""


def from_state(value: object) -> OpenThreads:
    """What `to_state` made; `msgspec.ValidationError` for anything else."""
    return msgspec.convert(value, OpenThreads)


def to_state(threads: Mapping[str, OpenThread], bookmark: datetime) -> dict[str, Any]:
    """Those that a run from this bookmark on would not come across: `{thread: [chat, …]}`."""
    passed = {key: each for key, each in threads.items() if each.started_at <= bookmark}
    found: dict[str, Any] = msgspec.to_builtins(passed)
    return found


def waited_for(
    threads: Mapping[str, OpenThread], bookmark: datetime | None, now: datetime
) -> OpenThreads:
    """Those of a state, were they listed no more.

    The wait for the archived form of one that the last run saw open, which may be weeks ago, begins
    now: at the time of this run's bookmark, so that the next run sees no open one in it.
    """
    begins = now - SAFETY_LAG
    return {
        key: each
        if bookmark and each.seen_at <= bookmark
        else msgspec.structs.replace(each, seen_at=begins)
        for key, each in threads.items()
    }


def closed(
    remembered: Mapping[str, OpenThread], listed: Mapping[str, OpenThread], window: Window
) -> OpenThreads:
    """Those that are open no more, and that the window does not bring."""
    return {
        thread_id: each
        for thread_id, each in remembered.items()
        if thread_id not in listed
        and (window.is_empty or (window.start is not None and each.started_at < window.start))
    }
