"""The retry budget: failures drain it, successes refill it; an outage cannot double the traffic."""

from __future__ import annotations

from threading import Lock

CAPACITY = 100.0
COST = 10.0
"""A retry costs what ten good calls earn: in the long run, one retry in ten calls."""


class RetryBudget:
    """Of one process. Ten retries may be made at once; after that they must be earned."""

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
