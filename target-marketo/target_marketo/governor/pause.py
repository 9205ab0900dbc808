"""The pause after a refusal, for every process on the instance.

Pausing only the worker that was refused leaves the others to be refused in turn; where refused
calls count in the API's window too, that never ends.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from target_marketo.governor.jitter import ceiling

if TYPE_CHECKING:
    from random import Random

CAP_SECONDS = 40.0


@dataclass(frozen=True, slots=True)
class Pause:
    until: float = -1e18
    repeats: int = 0

    def after_rate_limited(self, now: float, window: float, random: Random) -> Pause:
        """1-2 s x 2^k for a window of 20 s; k counts refusals within a window of the last pause."""
        repeats = self.repeats + 1 if now < self.until + window else 0
        scale = window / 20.0
        longest = ceiling(repeats, base=2.0 * scale, cap=CAP_SECONDS * scale)
        return Pause(max(self.until, now + random.uniform(0.5, 1.0) * longest), repeats)

    def after_concurrency_limited(self, now: float, window: float, random: Random) -> Pause:
        """0.1-0.5 s of a 20 s window: the time in which some call ends."""
        scale = window / 20.0
        return Pause(max(self.until, now + random.uniform(0.1, 0.5) * scale), self.repeats)
