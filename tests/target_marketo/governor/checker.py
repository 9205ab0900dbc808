"""The strict checker: what an instance of the API admits, judged by arrivals alone."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

OK, RATE_LIMITED, CONCURRENCY_LIMITED = 200, 606, 615


@dataclass
class Checker:
    """At most `calls` arrivals in any `seconds`, and `concurrent` calls between arrival and reply.

    Whether a refused call counts is not documented (facts: 1.5): `refused_count` says it does.
    """

    calls: int
    seconds: float
    concurrent: int
    refused_count: bool = False
    in_flight: int = 0
    most_in_flight: int = 0
    most_in_window: int = 0
    counted: deque[float] = field(default_factory=deque)

    def arrive(self, now: float) -> int:
        """The verdict; after OK, `depart` is to follow when the reply is sent."""
        while self.counted and self.counted[0] <= now - self.seconds:
            self.counted.popleft()
        verdict = OK
        if len(self.counted) >= self.calls:
            verdict = RATE_LIMITED
        elif self.in_flight >= self.concurrent:
            verdict = CONCURRENCY_LIMITED
        if verdict == OK or self.refused_count:
            self.counted.append(now)
            self.most_in_window = max(self.most_in_window, len(self.counted))
        if verdict == OK:
            self.in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self.in_flight)
        return verdict

    def depart(self) -> None:
        self.in_flight -= 1
