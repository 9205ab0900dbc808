"""The circuit breaker: while the API is down, one probe at a time asks whether it is back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from target_marketo.governor.retries import ceiling

if TYPE_CHECKING:
    from random import Random

FAILURES_TO_OPEN = 5
FIRST_PROBE_SECONDS = 2.0
PROBE_SECONDS = 12.0
"""Some five probes a minute of an outage, and no longer than this to notice its end."""


class Breaker(msgspec.Struct, frozen=True):
    """Closed while `opened_at` is None; half open while `probe` names the lease that asks."""

    failures: int = 0
    opened_at: float | None = None
    attempt: int = 0
    probe_at: float = 0.0
    probe: str | None = None
    probe_until: float = 0.0

    @property
    def is_open(self) -> bool:
        return self.opened_at is not None

    def probing(self, now: float) -> bool:
        """A probe is out; one whose process was killed ends with its lease."""
        return self.probe is not None and now < self.probe_until

    def send_probe(self, lease: str, until: float) -> Breaker:
        return replace(self, probe=lease, probe_until=until)

    def after_answer(self, lease: str, granted: float) -> Breaker:
        """Up again; unless the answer is to a call that was sent before the breaker opened."""
        if self.opened_at is None:
            return Breaker() if self.failures else self
        if lease == self.probe or granted > self.opened_at:
            return Breaker()
        return self

    def after_failure(self, lease: str, now: float, random: Random) -> Breaker:
        if self.opened_at is None:
            failed = replace(self, failures=self.failures + 1)
            if failed.failures < FAILURES_TO_OPEN:
                return failed
            return failed.wait(now, random, opened_at=now)
        if lease != self.probe:
            return self
        return self.wait(now, random, opened_at=self.opened_at)

    def without_probe(self, lease: str) -> Breaker:
        """The probe was not sent: the next one may go at once."""
        return replace(self, probe=None) if lease == self.probe else self

    def wait(self, now: float, random: Random, *, opened_at: float) -> Breaker:
        """Open, until the next probe; the waits double up to `PROBE_SECONDS`."""
        longest = ceiling(self.attempt, base=FIRST_PROBE_SECONDS, cap=PROBE_SECONDS)
        return replace(
            self,
            opened_at=opened_at,
            attempt=self.attempt + 1,
            probe_at=now + random.uniform(0.8, 1.0) * longest,
            probe=None,
        )
