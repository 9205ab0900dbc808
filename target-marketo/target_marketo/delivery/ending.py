"""Why a run ends before its input does. The first cause counts."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class Ending:
    """The one owner of that: whoever learns of a cause reports it here.

    `signal` is the number of the signal that came, 0 if none did. `incomplete` is a cause to fail
    after all else is delivered: a part of the work could not be done.
    """

    def __init__(self) -> None:
        self.cause: Exception | None = None
        self.incomplete: Exception | None = None
        self.signal = 0
        self._waits_itself = True

    @property
    def has_come(self) -> bool:
        """No more is begun."""
        return bool(self.signal) or self.cause is not None

    def because(self, error: Exception) -> None:
        """Something came up that ends the run."""
        self.cause = self.cause or error

    def although(self, error: Exception) -> None:
        """Something came up that the run survives, and has to tell at its end."""
        self.incomplete = self.incomplete or error

    @property
    def may_leave_at_once(self) -> bool:
        """The run's own thread waits for the API: it takes in nothing meanwhile."""
        return self._waits_itself

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """While the run's own thread waits for the API, a signal does not."""
        self._waits_itself = True
        try:
            yield
        finally:
            self._waits_itself = False
