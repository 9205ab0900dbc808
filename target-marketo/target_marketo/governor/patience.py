"""How long to put up with something that fails."""

from __future__ import annotations


class Patience:
    """How long something may fail without a break."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._since: float | None = None
        self.count = 0

    def reset(self) -> None:
        self._since, self.count = None, 0

    def lost(self, now: float) -> bool:
        """Count one more failure; whether that is too long."""
        self.count += 1
        self._since = now if self._since is None else self._since
        return now - self._since >= self._seconds
