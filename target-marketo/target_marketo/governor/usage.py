"""What is going on on an instance, for a person or a program to read."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from target_marketo.governor import day as days
from target_marketo.governor.decisions import RATE_FLOOR, wall_time

if TYPE_CHECKING:
    from collections.abc import Collection

    from target_marketo.governor.decisions import Now
    from target_marketo.governor.limits import Limits
    from target_marketo.governor.state import State
    from target_marketo.store.leases import Row


@dataclass(frozen=True, slots=True)
class Holder:
    """A process that made calls within the last window; `since` is the oldest it still holds."""

    host: str
    pid: int
    since: datetime
    in_flight: int
    in_window: int


@dataclass(frozen=True, slots=True)
class Usage:
    """A moment of one instance.

    `calls_budget` and `slots_budget` are the limits as 606 and 615 have reduced them.
    `today_everybody` counts every integration's calls if the API's own count was noted today, else
    ours.
    """

    instance: str
    calls_limit: int
    window_seconds: float
    calls_budget: int
    calls_in_window: int
    slots_limit: int
    slots_budget: int
    slots_in_flight: int
    holders: tuple[Holder, ...]
    day: str
    today_ours: int
    today_everybody: int
    everybody_known: bool
    daily_limit: int
    day_ends: datetime
    quota_spent: bool
    paused_until: datetime | None
    breaker: str
    breaker_opened: datetime | None
    rejected_606: int
    rejected_615: int
    waiting_processes: int

    def as_dict(self) -> dict[str, Any]:
        """For `--json`: times as RFC 3339."""
        return {key: _plain(value) for key, value in asdict(self).items()}


def usage(instance: str, state: State, rows: Collection[Row], limits: Limits, now: Now) -> Usage:
    day, breaker = state.day, state.breaker
    closed = "half open" if breaker.probing(now.store) else "open"
    paused = state.pause.until > now.store
    return Usage(
        instance=instance,
        calls_limit=limits.calls,
        window_seconds=limits.seconds,
        calls_budget=state.rate.now(limits.calls, floor=RATE_FLOOR),
        calls_in_window=sum(row.window_until > now.store for row in rows),
        slots_limit=limits.concurrent,
        slots_budget=state.slots.now(limits.concurrent),
        slots_in_flight=sum(row.busy_until > now.store for row in rows),
        holders=_holders(rows, now),
        day=day.date,
        today_ours=day.ours,
        today_everybody=day.everybody,
        everybody_known=day.noted_total is not None,
        daily_limit=limits.daily,
        day_ends=days.day_ends(now.utc),
        quota_spent=day.spent,
        paused_until=wall_time(now, state.pause.until) if paused else None,
        breaker=closed if breaker.is_open else "closed",
        breaker_opened=None if breaker.opened_at is None else wall_time(now, breaker.opened_at),
        rejected_606=day.rate_limited,
        rejected_615=day.concurrency_limited,
        waiting_processes=len(state.waiting),
    )


def _holders(rows: Collection[Row], now: Now) -> tuple[Holder, ...]:
    in_flight = Counter(row.process for row in rows if row.busy_until > now.store)
    in_window = Counter(row.process for row in rows if row.window_until > now.store)
    oldest: dict[str, Row] = {}
    for row in sorted(rows, key=lambda row: row.granted):
        oldest.setdefault(row.process, row)
    return tuple(
        Holder(
            host=row.host,
            pid=row.pid,
            since=wall_time(now, row.granted),
            in_flight=in_flight[process],
            in_window=in_window[process],
        )
        for process, row in oldest.items()
    )


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value
