"""How what failed is tried again: after how long, for how long, and how often in all."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random

CAPACITY = 100.0
COST = 10.0
"""A retry costs what ten good calls earn: in the long run, one retry in ten calls."""


def full_jitter(attempt: int, *, base: float, cap: float, random: Random) -> float:
    """Seconds before retry number `attempt` (from 0): uniform from 0 to min(cap, base x 2^attempt).

    AWS Architecture Blog, "Exponential Backoff and Jitter".
    """
    return random.uniform(0.0, ceiling(attempt, base=base, cap=cap))


def ceiling(attempt: int, *, base: float, cap: float) -> float:
    """min(cap, base x 2^attempt), for any attempt however high."""
    return float(min(cap, base * 2.0 ** min(attempt, 60)))


class Patience:
    """How long something may fail without a break."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._since: float | None = None
        self.count = 0

    def reset(self) -> None:
        self._since, self.count = None, 0

    def lost(self, now: float) -> bool:
        """Count one more failure; whether that is too long."""
        self.count += 1
        self._since = now if self._since is None else self._since
        return now - self._since >= self._seconds


class RetryBudget:
    """Of one process: failures drain it, successes refill it.

    Ten retries may be made at once; after that they must be earned.
    """

    def __init__(self) -> None:
        self._tokens = CAPACITY
        self._lock = Lock()

    def spend(self) -> bool:
        """Whether one more retry is allowed; it is paid for if so."""
        with self._lock:
            if self._tokens < COST:
                return False
            self._tokens -= COST
            return True

    def earn(self) -> None:
        with self._lock:
            self._tokens = min(CAPACITY, self._tokens + 1.0)
