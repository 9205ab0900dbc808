"""A budget that gives way to others: additive increase, multiplicative decrease (as TCP).

Used twice: for the calls in a window (cut by 606) and for the slots in flight (cut by 615).
"""

from __future__ import annotations

import msgspec
from msgspec.structs import replace


class Reduced(msgspec.Struct, frozen=True):
    """A budget as the instance's processes share it; None: not reduced.

    `cut_at` is when it was last cut. A refusal of a call that was granted before says nothing new:
    one cut per flight, or ten calls refused together would cut to a fifth.
    """

    calls: float | None = None
    cut_at: float = -1e18
    clean_since: float = 0.0
    good: int = 0

    def now(self, limit: int, *, floor: int = 1) -> int:
        """The budget of a process that is configured with `limit`."""
        if self.calls is None:
            return limit
        return min(limit, max(floor, int(self.calls)))

    def is_news(self, granted: float) -> bool:
        return granted > self.cut_at

    def cut(
        self, *, limit: int, used: int, factor: float, floor: int, now: float, clean_since: float
    ) -> Reduced:
        """Others use what we are refused: shrink from what we really used.

        `clean_since` is from when on time without a refusal counts.
        """
        base = min(limit if self.calls is None else self.calls, limit, max(used, floor))
        calls = max(float(floor), base * factor)
        return Reduced(calls=calls, cut_at=now, clean_since=clean_since)

    def begin(self, calls: float, *, limit: int, floor: int, now: float) -> Reduced:
        """So many, for others use the rest; if that is all, it is not reduced."""
        calls = max(calls, float(floor))
        return replace(self, calls=None if calls >= limit else calls, clean_since=now)

    def after_time(self, *, limit: int, step: float, every: float, now: float) -> Reduced:
        """Grow by `step` for each stretch of `every` seconds without a refusal."""
        stretches = int((now - self.clean_since) / every)
        if self.calls is None or stretches < 1:
            return self
        clean_since = self.clean_since + stretches * every
        return replace(
            self, calls=_grown(self.calls, step * stretches, limit), clean_since=clean_since
        )

    def after_success(self, *, limit: int, step: float, every: int) -> Reduced:
        """Grow by `step` for each `every` good calls."""
        if self.calls is None:
            return self
        if self.good + 1 < every:
            return replace(self, good=self.good + 1)
        return replace(self, good=0, calls=_grown(self.calls, step, limit))


def _grown(calls: float, step: float, limit: int) -> float | None:
    return None if calls + step >= limit else calls + step
