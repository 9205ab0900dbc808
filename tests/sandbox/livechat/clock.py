"""The sandbox's own time, in microseconds since 1970."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

SECOND = 1_000_000


class Clock:
    """Starts at `start` and runs `speed` times as fast as `timer`, in seconds; 0 stands still."""

    def __init__(
        self, start: int, speed: float = 0.0, timer: Callable[[], float] = time.monotonic
    ) -> None:
        self._start = start
        self._speed = speed
        self._timer = timer
        self._started = timer()

    def now(self) -> int:
        if not self._speed:  # exact, so that two questions at one time have one answer
            return self._start
        return self._start + round((self._timer() - self._started) * self._speed * SECOND)

    def advance(self, seconds: float) -> None:
        self._start += round(seconds * SECOND)

    def set(self, now: int) -> None:
        self._start = now
        self._started = self._timer()
