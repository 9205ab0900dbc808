"""A clock that stands still until it is told; sleeping moves it on at once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from target_marketo.governor import Governor, Outcome
from target_marketo.store.clock import Reading

if TYPE_CHECKING:
    from collections.abc import Callable
    from threading import Event

LATENCY = 0.2
NOON = datetime(2026, 11, 20, 18, tzinfo=UTC)  # in Chicago


class ScriptedClock:
    """A `Clock`, and a `StoreClock` of the same time.

    `wall_ahead` and `boot` are the wall clock's error and the boot id.
    """

    expression = "0.0"

    def __init__(self) -> None:
        self.now = 1000.0
        self.wall_ahead = timedelta()
        self.boot = "boot 1"
        self.sleeps: list[float] = []
        self.while_asleep: Callable[[], None] = lambda: None

    def monotonic(self) -> float:
        return self.now

    def utc(self) -> datetime:
        return NOON + timedelta(seconds=self.now - 1000.0) + self.wall_ahead

    def wait(self, event: Event, seconds: float) -> bool:
        self.while_asleep()
        if not event.is_set():
            self.sleeps.append(seconds)
            self.now += seconds
        return event.is_set()

    def own(self) -> float:
        return self.now

    def reading(self, shown: float, before: float) -> Reading:
        return Reading(self.boot, self.now, before, self.now)


def call(governor: Governor, clock: ScriptedClock, outcome: Outcome = Outcome.OK) -> float:
    """One call; when it was sent."""
    lease = governor.acquire()
    governor.check(lease)
    sent = clock.now
    clock.now += LATENCY
    governor.release(lease, outcome)
    return sent


def after(clock: ScriptedClock, seconds: float) -> None:
    clock.now += seconds


def fail_until_it_opens(governor: Governor, clock: ScriptedClock) -> None:
    while governor.snapshot().breaker == "closed":
        call(governor, clock, Outcome.UNAVAILABLE)
