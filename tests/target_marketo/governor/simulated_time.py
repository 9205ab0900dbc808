"""Simulated time for real threads: one runs at a time, and time passes only while all of them wait.

Hours pass in seconds, and a run with the same seeds takes the same course.
"""

from __future__ import annotations

import heapq
import itertools
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

START = datetime(2026, 11, 20, 12, tzinfo=UTC)


@dataclass(eq=False)
class _Parked:
    until: float
    order: int
    event: Event
    baton: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        self.baton.acquire()


class SimulatedTime:
    """A `Clock`; `spawn` threads and `at` times before and during `run`."""

    def __init__(self, start: datetime = START) -> None:
        self.now = 0.0
        self.start = start
        self._parked: list[_Parked] = []
        self._calls: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._finished = Lock()
        self._error: BaseException | None = None

    def monotonic(self) -> float:
        return self.now

    def utc(self) -> datetime:
        return self.start + timedelta(seconds=self.now)

    def sleep(self, seconds: float) -> None:
        self.wait(Event(), seconds)

    def wait(self, event: Event, seconds: float) -> bool:
        if not event.is_set():
            me = self._park(event, self.now + seconds)
            self._pass_on()
            me.baton.acquire()
        return event.is_set()

    def at(self, time: float, call: Callable[[], None]) -> None:
        """Make a call, which must not wait, at that time."""
        heapq.heappush(self._calls, (time, next(self._order), call))

    def spawn(self, work: Callable[[], None]) -> None:
        me = self._park(Event(), self.now)

        def body() -> None:
            me.baton.acquire()
            try:
                work()
            except BaseException as error:  # noqa: BLE001 - raised again by run()
                self._error = self._error or error
            self._pass_on()

        Thread(target=body, daemon=True).start()

    def run(self) -> None:
        """Until every spawned thread has ended."""
        self._finished.acquire()
        self._pass_on()
        self._finished.acquire()
        self._finished.release()
        if self._error:
            raise self._error

    def _park(self, event: Event, until: float) -> _Parked:
        parked = _Parked(until, next(self._order), event)
        self._parked.append(parked)
        return parked

    def _pass_on(self) -> None:
        """Let the thread that is next go on: one whose event was set, else the earliest."""
        if not self._parked or self._error:
            self._finished.release()
            return
        while True:
            ready = [parked for parked in self._parked if parked.event.is_set()]
            if ready:
                following = ready[0]
                break
            following = min(self._parked, key=lambda parked: (parked.until, parked.order))
            if not self._calls or self._calls[0][0] > following.until:
                self.now = max(self.now, following.until)
                break
            time, _, call = heapq.heappop(self._calls)
            self.now = max(self.now, time)
            call()
        self._parked.remove(following)
        following.baton.release()
