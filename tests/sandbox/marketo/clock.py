"""The sandbox's clock: it starts where it is told to, runs on, and can be put forward."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


class Clock:
    def __init__(self, start: datetime | None = None) -> None:
        first = time.time() if start is None else start.timestamp()
        # Monotonic: a host that sets its clock must not empty a rate window.
        self._offset = first - time.monotonic()

    def now(self) -> float:
        """Epoch seconds."""
        return self._offset + time.monotonic()

    def advance(self, seconds: float) -> None:
        if seconds < 0:
            raise ValueError("the clock only goes forward")
        self._offset += seconds
