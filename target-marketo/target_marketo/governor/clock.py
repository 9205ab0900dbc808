"""Time as the governor sees it; tests put a scripted clock in its place."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from threading import Event


class Clock(Protocol):
    def monotonic(self) -> float:
        """Seconds that never jump."""

    def utc(self) -> datetime:
        """The wall clock; only the day is read from it."""

    def wait(self, event: Event, seconds: float) -> bool:
        """Sleep until the event is set or the time is over; whether it is set."""


class SystemClock:
    def monotonic(self) -> float:
        return time.monotonic()

    def utc(self) -> datetime:
        return datetime.now(UTC)

    def wait(self, event: Event, seconds: float) -> bool:
        return event.wait(seconds)
