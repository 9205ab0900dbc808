"""Random delays, so that what failed together does not come back together."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random


def full_jitter(attempt: int, *, base: float, cap: float, random: Random) -> float:
    """Seconds before retry number `attempt` (from 0): uniform from 0 to min(cap, base x 2^attempt).

    AWS Architecture Blog, "Exponential Backoff and Jitter".
    """
    return random.uniform(0.0, ceiling(attempt, base=base, cap=cap))


def ceiling(attempt: int, *, base: float, cap: float) -> float:
    """min(cap, base x 2^attempt), for any attempt however high."""
    return float(min(cap, base * 2.0 ** min(attempt, 60)))
