"""The pause after a refusal, for every process on the instance.

Pausing only the worker that was refused leaves the others to be refused in turn; where refused
calls count in the API's window too, that never ends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from target_marketo.governor.retries import ceiling

if TYPE_CHECKING:
    from random import Random

STAND_BACK_AFTER = 2
"""A refusal that follows so many others is no accident of a burst. The others' own retries, 20-40 s
later, are what fills the window by then: it empties only if we leave it to them for long enough.
"""


class Pause(msgspec.Struct, frozen=True):
    """`repeats` counts the refusals that each came within a window of the last pause."""

    until: float = -1e18
    repeats: int = 0

    def after_rate_limited(self, now: float, window: float, random: Random) -> Pause:
        """1-2 s for a window of 20 s, then 2-4 s; then 2-3 windows, doubling up to 8-12."""
        repeats = self.repeats + 1 if now < self.until + window else 0
        further = repeats - STAND_BACK_AFTER
        if further >= 0:
            length = random.uniform(2.0, 3.0) * ceiling(further, base=window, cap=4.0 * window)
        else:
            length = random.uniform(0.5, 1.0) * window / 10.0 * 2.0**repeats
        return Pause(max(self.until, now + length), repeats)

    def after_concurrency_limited(self, now: float, window: float, random: Random) -> Pause:
        """0.1-0.5 s of a 20 s window: the time in which some call ends."""
        scale = window / 20.0
        return Pause(max(self.until, now + random.uniform(0.1, 0.5) * scale), self.repeats)
