"""Rate, slots and daily quota of one Marketo instance, without HTTP and without a clock.

Every integration of the instance shares them. A call counts from the moment it ARRIVES, wherever
its sender believes it to be, and holds a slot until its reply has been sent.
"""

from __future__ import annotations

from collections import Counter, deque
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from .errors import ResponseError

if TYPE_CHECKING:
    from datetime import tzinfo

    from .options import Options

# Adobe writes "12:00AM CST"; connectors that run against it take the zone, not the fixed offset.
ZONES: dict[str, tzinfo] = {
    "chicago": ZoneInfo("America/Chicago"),
    "cst": timezone(timedelta(hours=-6)),
}


def quota_day(now: float, zone: str) -> str:
    """The day whose quota a call at `now` (epoch seconds) uses; `zone` as the option names it."""
    return datetime.fromtimestamp(now, ZONES[zone]).date().isoformat()


def next_reset(now: float, zone: str) -> float:
    """When the quota is next reset, in epoch seconds."""
    tomorrow = datetime.fromtimestamp(now, ZONES[zone]).date() + timedelta(days=1)
    midnight = datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=ZONES[zone])
    return midnight.astimezone(UTC).timestamp()


class SlidingWindow:
    """How many events lie in the last `seconds`; an event exactly that old is out."""

    def __init__(self) -> None:
        self._events: deque[float] = deque()

    def size(self, now: float, seconds: float) -> int:
        events = self._events
        while events and events[0] <= now - seconds:
            events.popleft()
        return len(events)

    def add(self, now: float) -> None:
        self._events.append(now)


class Limits:
    """The instance's three limits and the worst that was seen of each."""

    def __init__(self, options: Options, now: float) -> None:
        self.options = options
        self.in_flight = 0
        self.worst_in_flight = 0
        self.worst_in_window = 0
        # Calls per day and API user: the usage call and the quota read the same figures.
        self.usage: dict[str, Counter[str]] = {}
        self._counted = SlidingWindow()
        self._arrived = SlidingWindow()
        self._start_day(now)

    def arrive(self, now: float, user: str) -> None:
        """Admit a call, which then holds a slot until `leave`; or raise 607, 606 or 615."""
        options = self.options
        refusal = self._refusal(now)
        self._arrived.add(now)
        arrived = self._arrived.size(now, options.rate_seconds)
        self.worst_in_window = max(self.worst_in_window, arrived)
        if refusal is None or options.rejected_calls_count:
            if refusal is not None or options.window_counts == "arrival":
                self._counted.add(now)
            self.usage.setdefault(self._day, Counter())[user] += 1
        if refusal is not None:
            raise refusal
        self.in_flight += 1
        self.worst_in_flight = max(self.worst_in_flight, self.in_flight)

    def leave(self, now: float) -> None:
        """A call that was let in has been answered."""
        self.in_flight -= 1
        if self.options.window_counts == "reply":
            self._counted.add(now)

    def charge(self, now: float, user: str, calls: int, *, in_window: bool) -> None:
        """Calls of another integration: they use up the quota and, if asked for, the window."""
        self._roll(now)
        self.usage.setdefault(self._day, Counter())[user] += calls
        for _ in range(calls if in_window else 0):
            self._counted.add(now)

    def calls_today(self, now: float) -> int:
        self._roll(now)
        return sum(self.usage.get(self._day, Counter()).values())

    def reset_worst(self) -> None:
        """Forget the worst figures, not the limits' own state."""
        self.worst_in_flight = self.in_flight
        self.worst_in_window = 0
        self._arrived = SlidingWindow()

    def _refusal(self, now: float) -> ResponseError | None:
        options = self.options
        if self.calls_today(now) >= options.daily_quota:
            return ResponseError("607")
        counted = self._counted.size(now, options.rate_seconds)
        if options.window_counts == "reply":
            counted += self.in_flight
        if counted >= options.rate_calls:
            return ResponseError("606", options.rate_calls, f"{options.rate_seconds:g}")
        if self.in_flight >= options.slots:
            return ResponseError("615", options.slots)
        return None

    def _roll(self, now: float) -> None:
        if now >= self._reset_at:
            self._start_day(now)

    def _start_day(self, now: float) -> None:
        self._day = quota_day(now, self.options.quota_zone)
        self._reset_at = next_reset(now, self.options.quota_zone)
