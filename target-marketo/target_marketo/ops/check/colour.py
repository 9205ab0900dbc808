"""How a line of the check ends."""

from __future__ import annotations

from enum import StrEnum


class Colour(StrEnum):
    """Green is right, red ends with exit code 1, grey was not tried, amber is worth a look."""

    GREEN = "green"
    AMBER = "amber"
    RED = "red"
    GREY = "grey"
