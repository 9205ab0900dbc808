"""Calls: threads that wait for the network, in which order they are given work, and who rests.

The owner of everything else never waits for the network.
"""

from __future__ import annotations

import heapq
import itertools
import threading
from collections import deque
from dataclasses import dataclass
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from target_marketo.delivery.ending import Ending


class Workers:
    """So many calls at once. The thread that made a call reports its result.

    `waiting` holds the calls that no thread has taken up yet.
    """

    def __init__(self, number: int) -> None:
        self.waiting: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._to_come = number  # threads that no call has needed so far

    def start(self, call: Callable[[], Any], tell: Callable[[Any], None]) -> None:
        """Has a call made; `tell` is given what it returned or raised, on another thread."""

        def work() -> None:
            try:
                result = call()
            except Exception as error:  # noqa: BLE001 - whatever it is, the owner decides
                result = error
            tell(result)

        self.waiting.put(work)
        if self._to_come:
            self._to_come -= 1
            # A daemon: a call that hangs must not hold up a process that is to end.
            threading.Thread(target=self._work_on, name="marketo", daemon=True).start()

    def _work_on(self) -> None:
        while True:
            self.waiting.get()()


class Owner(Protocol):
    """Who started a call, and hears its end."""

    def ended(self, call: Call, result: Any) -> None:
        """Takes in what the call returned or raised."""


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """One call on its way.

    `lane` is what its rows have in common; None for a lookup. A write `started` when its rows no
    longer waited for company: since then what Marketo holds may have changed.
    """

    owner: Owner
    lane: Any
    items: list[Any]
    started: float
    reads: bool = False


class Done(NamedTuple):
    """What arrives in the inbox when a call is over."""

    call: Call
    result: Any


class Dispatch:
    """Hands calls to the workers, writes before reads: what was decided grows old.

    `flying` counts those that were handed over and are not over.
    """

    def __init__(
        self, workers: Workers, inbox: SimpleQueue[Any], ending: Ending, concurrent: int
    ) -> None:
        self._workers = workers
        self._inbox = inbox
        self._ending = ending
        self._most = self._at_once = concurrent + 1  # one is there when another ends
        self._writes: deque[tuple[Call, Callable[[], Any]]] = deque()
        self._reads: deque[tuple[Call, Callable[[], Any]]] = deque()
        self._stopped = False
        self.flying = 0

    @property
    def waits(self) -> bool:
        """There is more to do than can be done now."""
        return bool(self._writes or self._reads)

    def start(self, call: Call, work: Callable[[], Any]) -> None:
        """Has a call made, when it is its turn."""
        (self._reads if call.reads else self._writes).append((call, work))
        self._go_on()

    def take_in(self, done: Done) -> None:
        """A call is over: its owner hears of it, and the next begins."""
        self.flying -= 1
        done.call.owner.ended(done.call, done.result)
        self._go_on()

    def stop(self) -> None:
        """Begins no more calls; those under way still arrive in the inbox."""
        self._stopped = True
        self._writes.clear()
        self._reads.clear()

    def was_late(self) -> None:
        """A write waited so long for its slot that it was not sent: fewer calls wait from now."""
        self._at_once = max(1, self._at_once // 2)

    def was_in_time(self) -> None:
        """A write was sent in time."""
        self._at_once = min(self._at_once + 1, self._most)

    def _go_on(self) -> None:
        if self._stopped or self._ending.has_come:
            return  # what waits stays unsettled: the next run brings it again
        while self.flying < self._at_once and (self._writes or self._reads):
            call, work = (self._writes or self._reads).popleft()
            self.flying += 1
            self._workers.start(work, partial(self._over, call))

    def _over(self, call: Call, result: Any) -> None:
        """Told by a worker."""
        self._inbox.put(Done(call, result))


class Rests:
    """What is to be done when somebody has rested."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._number = itertools.count()
        self._heap: list[tuple[float, int, Callable[[], None]]] = []

    @property
    def next(self) -> float | None:
        """The moment at which the first has rested; None if nobody rests."""
        return self._heap[0][0] if self._heap else None

    def put(self, seconds: float, then: Callable[[], None]) -> None:
        """Has `then` done after so many seconds."""
        heapq.heappush(self._heap, (self._now() + seconds, next(self._number), then))

    def work_off(self) -> None:
        """Does what is due."""
        now = self._now()
        while self._heap and self._heap[0][0] <= now:
            heapq.heappop(self._heap)[2]()
