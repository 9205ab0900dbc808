"""The pace of calls beside other integrations.

Alone, a hundred calls may leave at once. Beside others such a burst fills the API's window for all
the time until it slides on, and whoever calls then is refused. So a budget that others have reduced
is spent evenly: the window is then full for moments, not for most of it.
"""

from __future__ import annotations

CATCH_UP = 2.0
"""How many calls that came late may follow at once."""


def next_call_at(previous: float, *, budget: int, window: float, now: float) -> float:
    """The earliest instant of the next call, after one that was granted `now`."""
    interval = window / budget
    return max(previous, now - CATCH_UP * interval) + interval
