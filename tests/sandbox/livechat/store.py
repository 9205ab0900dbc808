"""The crowd as LiveChat's data: what can be seen of it at a given moment. Pure; times are µs."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Literal

from tests.sandbox.crowd import microseconds

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.sandbox.crowd import Crowd, Event, LightCrowd, Thread, Visit, Visitor

Order = Literal["created_at", "closed_at"]


@dataclass(frozen=True, slots=True)
class CustomerState:
    """A customer as of one moment."""

    visitor: Visitor
    threads_count: int
    chats_count: int
    visits: Sequence[Visit]  # those begun
    last_agent_event: Event | None
    last_customer_event: Event | None
    chatting: bool
    settles_at: int  # from then on nothing changes before the next thread or visit begins

    @property
    def visits_count(self) -> int:
        return len(self.visits)

    @property
    def page_views_count(self) -> int:
        return sum(len(visit.pages) for visit in self.visits)


class Timeline:
    """The threads in order of one of their times; a row is a place in that order."""

    def __init__(self, times: array[int], closed: array[int], positions: Sequence[int]) -> None:
        self.times = times
        self.positions = positions
        self._closed = closed
        self._latest_close = array("q", accumulate((closed[each] for each in positions), max))

    def between(self, low: int, high: int) -> range:
        """Rows whose time is in [low, high)."""
        return range(bisect_left(self.times, low), bisect_left(self.times, high))

    def all_closed(self, rows: range, by: int) -> bool:
        return not rows or self._latest_close[rows[-1]] <= by


class Store:
    def __init__(self, crowd: Crowd | LightCrowd) -> None:
        self.crowd = crowd
        self.created = crowd.created
        self.closed = crowd.closed
        count = len(self.created)
        by_closing = array("q", sorted(range(count), key=self.closed.__getitem__))
        self.timelines: dict[Order, Timeline] = {
            "created_at": Timeline(self.created, self.closed, range(count)),
            "closed_at": Timeline(
                array("q", (self.closed[each] for each in by_closing)), self.closed, by_closing
            ),
        }
        self._longest = max(
            (end - start for start, end in zip(self.created, self.closed, strict=True)), default=0
        )
        self._visitor_numbers: dict[str, int] | None = None
        self._positions: dict[str, int] | None = None
        self._chats: dict[str, int] | None = None
        self._states: dict[int, tuple[tuple[int, int], CustomerState]] = {}

    # Where things are. Made on the first question: a crowd of 200,000 may never be asked.

    def visitor_number(self, customer_id: str) -> int | None:
        if self._visitor_numbers is None:
            self._visitor_numbers = {each.id: each.number for each in self.crowd.visitors}
        return self._visitor_numbers.get(customer_id)

    def position_of(self, thread_id: str) -> int | None:
        if self._positions is None:
            self._positions = {each.id: at for at, each in enumerate(self.crowd.threads)}
        return self._positions.get(thread_id)

    def visitor_of_chat(self, chat_id: str) -> int | None:
        if self._chats is None:
            self._chats = {
                each.chat_id: each.number for each in self.crowd.visitors if each.chat_id
            }
        return self._chats.get(chat_id)

    # Threads

    def active(self, position: int, now: int) -> bool:
        return self.created[position] <= now < self.closed[position]

    def begun(self, visitor: int, now: int) -> Sequence[int]:
        """Positions of the visitor's threads that have begun."""
        positions = self.crowd.threads_of(visitor)
        return positions[: bisect_right(positions, now, key=self.created.__getitem__)]

    def archived(
        self,
        timeline: Timeline,
        rows: range,
        now: int,
        *,
        lag: int,
        include_active: bool,
        wanted: Callable[[int], bool] | None,
    ) -> Sequence[int]:
        """The rows that the archives show: closed `lag` ago, and open ones if they are included."""
        by = now - lag
        if timeline.all_closed(rows, by) and wanted is None:
            return rows
        positions = timeline.positions
        return [
            row
            for row in rows
            if (
                self.closed[positions[row]] <= by
                or (include_active and self.created[positions[row]] <= now)
            )
            and (wanted is None or wanted(positions[row]))
        ]

    def latest_threads(self, now: int) -> list[int]:
        """The last thread of every chat, in order of creation."""
        begun = bisect_right(self.created, now)
        chats: set[int] = set()
        latest = []
        for position in range(begun - 1, -1, -1):
            visitor = self.crowd.visitor_of(position)
            if visitor not in chats:
                chats.add(visitor)
                latest.append(position)
        return latest[::-1]

    def open_threads(self, now: int) -> list[int]:
        """Threads begun and not closed, in order of creation: one per chat at most."""
        first = bisect_left(self.created, now - self._longest)
        begun = bisect_right(self.created, now)
        return [position for position in range(first, begun) if self.closed[position] > now]

    def events(self, thread: Thread, now: int) -> Sequence[Event]:
        """The events said by now."""
        events = thread.events
        if not events or microseconds(events[-1].created_at) <= now:
            return events
        return events[: bisect_right(events, now, key=lambda event: microseconds(event.created_at))]

    # Customers

    def known_customers(self, now: int) -> list[CustomerState]:
        return [
            self.customer(visitor.number, now)
            for visitor in self.crowd.visitors
            if microseconds(visitor.created_at) <= now
        ]

    def customer(self, number: int, now: int) -> CustomerState:
        begun = self.begun(number, now)
        held = self._states.get(number)
        if held is not None and now >= held[1].settles_at:
            visits = held[1].visitor.visits
            if held[0] == (len(begun), _count_begun(visits, now)):
                return held[1]
        state = self._customer(self.crowd.visitors[number], begun, now)
        if now >= state.settles_at:
            self._states[number] = ((len(begun), len(state.visits)), state)
        return state

    def _customer(self, visitor: Visitor, begun: Sequence[int], now: int) -> CustomerState:
        visits = visitor.visits[: _count_begun(visitor.visits, now)]
        of_agent: Event | None = None
        of_customer: Event | None = None
        for position in reversed(begun):
            for event in reversed(self.events(self.crowd.threads[position], now)):
                if event.author_id is None:
                    continue
                if event.author_id == visitor.id:
                    of_customer = of_customer or event
                else:
                    of_agent = of_agent or event
            if of_agent and of_customer:
                break
        chatting = bool(begun) and self.active(begun[-1], now)
        return CustomerState(
            visitor=visitor,
            threads_count=len(begun),
            chats_count=1 if begun else 0,
            visits=visits,
            last_agent_event=of_agent,
            last_customer_event=of_customer,
            chatting=chatting,
            settles_at=max(
                (self.closed[begun[-1]] if begun else 0),
                (microseconds(visits[-1].ended_at) if visits else 0),
            ),
        )


def _count_begun(visits: Sequence[Visit], now: int) -> int:
    if visits and microseconds(visits[-1].started_at) <= now:
        return len(visits)
    return bisect_right(visits, now, key=lambda visit: microseconds(visit.started_at))
