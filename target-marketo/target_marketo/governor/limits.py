"""What an instance of the API allows, or what we take of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """`calls` in any `seconds`, `concurrent` at a time, `daily` in a US Central day.

    A lease holds for `lease_seconds` if its process does not come back: the client's time-out and
    `grace_seconds`, within which a granted call must be sent.
    """

    calls: int
    seconds: float
    concurrent: int
    daily: int
    lease_seconds: float
    grace_seconds: float = 5.0

    def __post_init__(self) -> None:
        if min(self.calls, self.concurrent, self.daily) < 1 or self.seconds <= 0:
            raise ValueError("limits start at 1 call, 1 slot, 1 call a day and a window above 0 s")
        if not 0 < self.grace_seconds < self.lease_seconds:
            raise ValueError("grace_seconds must lie between 0 and lease_seconds")
