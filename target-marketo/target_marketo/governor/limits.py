"""What an instance of the API allows, or what we take of it, and how a call ended."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True, slots=True)
class Limits:
    """`calls` in any `seconds`, `concurrent` at a time, `daily` in a US Central day.

    A lease holds for `lease_seconds` if its process does not come back: the client's time-out and
    `grace_seconds`, within which a granted call must be sent. `ceiling` is what the instance allows
    all integrations together in `seconds`.
    """

    calls: int
    seconds: float
    concurrent: int
    daily: int
    lease_seconds: float
    grace_seconds: float = 5.0
    ceiling: int = 100  # Adobe: "Error codes", 606

    def __post_init__(self) -> None:
        if min(self.calls, self.concurrent, self.daily) < 1 or self.seconds <= 0:
            raise ValueError("limits start at 1 call, 1 slot, 1 call a day and a window above 0 s")
        if not 0 < self.grace_seconds < self.lease_seconds:
            raise ValueError("grace_seconds must lie between 0 and lease_seconds")


class Outcome(Enum):
    """How a lease ended. A reply that refuses one record, or one request, is OK: it was served."""

    OK = "ok"
    RATE_LIMITED = "rate limited"  # Adobe: "Error codes", 606
    CONCURRENCY_LIMITED = "concurrency limited"  # 615
    QUOTA_SPENT = "quota spent"  # 607
    UNAVAILABLE = "unavailable"  # 608, 614, HTTP 5xx, connection refused: nothing is running there
    UNKNOWN = "unknown"  # time-out, reset after the send: it may still be running there
    NOT_SENT = "not sent"  # the call was not made: everything is given back

    @property
    def answered(self) -> bool:
        """A reply of the API itself, which shows that it is up."""
        return self not in {Outcome.UNAVAILABLE, Outcome.UNKNOWN, Outcome.NOT_SENT}
