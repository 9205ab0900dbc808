"""The sliding window and the slots in flight, as lists of the instants at which places end.

A place in the window is held from the grant until the reply + the window + `MARGIN_SECONDS`.
Whenever the call arrived, it was before its reply; so the next call in this place arrives a whole
window later, whatever the latency, and no N + 1 arrivals fall into one window. It costs latency /
window of the ceiling. A log of send times with the same budget lets arrivals bunch and is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

MARGIN_SECONDS = 0.01
"""The drift of two clocks within a window, and the rounding of both."""


def free_at(untils: Iterable[float], budget: int, now: float) -> float:
    """The earliest instant from `now` on at which fewer than `budget` places are held.

    `untils` are the ends of the places held, of which those up to `now` are over.
    """
    held = [until for until in untils if until > now]
    over = len(held) - budget
    return sorted(held)[over] if over >= 0 else now
