"""Sharing between processes: who lets whom go first, and how often each may ask."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from random import Random

WAKE_UPS_PER_SECOND = 50.0
"""Of all processes together; more would only keep the store busy."""

SHORTEST_SECONDS = 0.002
"""Two clocks may round an instant to either side of it."""


def must_yield(mine: int, waiting: Iterable[int], *, free: int, slack: int) -> bool:
    """Whether the free places belong to others that wait and hold clearly less than this process.

    `waiting` are the places that the other waiting processes hold. Without slack every place would
    wait for the one process that is poorest, which may be the last to wake.
    """
    return free <= sum(held + slack < mine for held in waiting)


def delay(until_free: float, processes: int, random: Random) -> float:
    """Seconds to sleep before asking again for a place that is free in `until_free` seconds.

    Alone, exactly until then. With others, spread over the time in which each of them may wake
    once.
    """
    turn = (processes - 1) / WAKE_UPS_PER_SECOND
    return max(until_free, 0.5 * turn, SHORTEST_SECONDS) + random.uniform(0.0, turn)
