"""What time it is at Marketo: this host's clock may be wrong, the Date of a reply is not."""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_MOST_SECONDS = 86_400.0  # a host further off than that has no TLS: whoever says so is not Marketo


class ServerClock:
    """Follows Marketo's clock, by the `Date` of its replies. Times are seconds since 1970, UTC."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._ahead = 0.0

    def note(self, date: str | None) -> None:
        """A reply has just come, with this header."""
        try:
            ahead = parsedate_to_datetime(date or "").timestamp() - self._now()
        except ValueError:
            return
        if abs(ahead) <= _MOST_SECONDS:
            self._ahead = ahead

    def now(self) -> float:
        """Marketo's time, as far as it is known; this host's before the first reply."""
        return self._now() + self._ahead
