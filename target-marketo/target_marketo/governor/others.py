"""What the other integrations use of the window, from two readings of the API's own count. Pure.

The count is of the day and of all users, and it may come late. So what we use ourselves is taken
out by the API's own count of our user where it tells one: that is just as late.
"""

from __future__ import annotations

import math

import msgspec

APART_SECONDS = 10.0
"""Two readings that are nearer tell nothing."""

SAME_DAY_SECONDS = 86_400.0

MARGIN = 2.0
"""Standard deviations of what others call in a window, which is left to them beside the mean."""


class Reading(msgspec.Struct, frozen=True):
    """The day's calls of all others, and when they were told (Unix time)."""

    at: float
    others: int


def rate(earlier: Reading | None, later: Reading) -> float | None:
    """Calls a second that the others made in between; None if the two do not tell.

    A count that fell began again in between.
    """
    if earlier is None or later.others < earlier.others:
        return None
    apart = later.at - earlier.at
    if not APART_SECONDS <= apart < SAME_DAY_SECONDS:
        return None
    return (later.others - earlier.others) / apart


def left_over(ceiling: int, window: float, others: float) -> float:
    """Calls in a window that others, who make so many a second, leave of the instance's."""
    expected = others * window
    return ceiling - expected - MARGIN * math.sqrt(expected)
