"""Places: when one is free, at what pace they are taken, and which process goes first. Pure.

A place in the window is held from the grant until the reply + the window + `MARGIN_SECONDS`.
Whenever the call arrived, it was before its reply; so the next call in this place arrives a whole
window later, whatever the latency, and no N + 1 arrivals fall into one window. It costs latency /
window of the ceiling. A log of send times with the same budget lets arrivals bunch and is refused.

Alone, a hundred calls may leave at once. Beside other integrations such a burst fills the API's
window for all the time until it slides on, and whoever calls then is refused. So a budget that
others have reduced is spent evenly: the window is then full for moments, not for most of it.

One run at a time writes, but dry runs, `explain`, `replay`, `check` and runs that wait for their
turn look up beside it: they share the places with it, and none is left standing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from random import Random

MARGIN_SECONDS = 0.01
"""The drift of two clocks within a window, and the rounding of both."""

CATCH_UP = 2.0
"""How many calls that came late may follow at once where they are spent evenly."""

WAKE_UPS_PER_SECOND = 50.0
"""Of all processes together; more would only keep the store busy."""

SHORTEST_SECONDS = 0.002
"""Two clocks may round an instant to either side of it."""


def free_at(untils: Iterable[float], budget: int, now: float) -> float:
    """The earliest instant from `now` on at which fewer than `budget` places are held.

    `untils` are the ends of the places held, of which those up to `now` are over.
    """
    held = [until for until in untils if until > now]
    over = len(held) - budget
    return sorted(held)[over] if over >= 0 else now


def next_call_at(previous: float, *, budget: int, window: float, now: float) -> float:
    """The earliest instant of the next call, after one that was granted `now`."""
    interval = window / budget
    return max(previous, now - CATCH_UP * interval) + interval


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
