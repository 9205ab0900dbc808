"""The queue of one process: first come, first served, and only the first asks the store."""

from __future__ import annotations

from collections import deque
from contextlib import contextmanager
from threading import Event, Lock
from typing import TYPE_CHECKING

from target_marketo.governor.errors import Cancelled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from target_marketo.governor.clock import Clock

LOOK_SECONDS = 0.5
"""How often a waiting thread looks whether it is cancelled."""


class Turnstile:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._queue: deque[Event] = deque()
        self._queue_lock = Lock()

    @contextmanager
    def turn(self, cancelled: Callable[[], bool]) -> Iterator[None]:
        """Wait until the threads that came before have gone through."""
        mine = Event()
        with self._queue_lock:
            self._queue.append(mine)
            if self._queue[0] is mine:
                mine.set()
        try:
            while not mine.is_set():
                if cancelled():
                    raise Cancelled("cancelled while waiting for a call")
                self._clock.wait(mine, LOOK_SECONDS)
            yield
        finally:
            with self._queue_lock:
                self._queue.remove(mine)
                if self._queue:
                    self._queue[0].set()


def rest(clock: Clock, event: Event, seconds: float, cancelled: Callable[[], bool]) -> None:
    """Sleep until the event is set, the time is over or the caller is cancelled."""
    end = clock.monotonic() + seconds
    while not cancelled():
        left = end - clock.monotonic()
        if left <= 0 or clock.wait(event, min(left, LOOK_SECONDS)):
            return
