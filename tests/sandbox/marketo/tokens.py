"""Access tokens of one custom service, without HTTP and without a clock."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from .errors import ResponseError

if TYPE_CHECKING:
    from random import Random


class Tokens:
    """One live token at a time: whoever asks before it expires is given the same one again."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._current = ""
        self._expires_at = 0.0
        # Expired tokens that have not been used since: their next use is the one that says 602.
        self._lapsed: set[str] = set()

    def grant(self, now: float, lifetime: float) -> tuple[str, int]:
        """The token and the whole seconds it has left."""
        self._expire(now)
        if not self._current:
            self._current = f"{uuid.UUID(int=self._random.getrandbits(128), version=4)}:int"
            self._expires_at = now + lifetime
        return self._current, int(self._expires_at - now)

    def check(self, token: str, now: float) -> None:
        """Raise 600 without a token, 602 at the first use of an expired one, else 601."""
        self._expire(now)
        if token and token == self._current:
            return
        if not token:
            raise ResponseError("600")
        if token in self._lapsed:
            self._lapsed.remove(token)
            raise ResponseError("602")
        raise ResponseError("601")

    def lapse(self) -> None:
        """Let the live token expire now."""
        if self._current:
            self._lapsed.add(self._current)
            self._current = ""

    def revoke(self) -> None:
        """Make the live token one that was never valid."""
        self._current = ""

    def _expire(self, now: float) -> None:
        if now >= self._expires_at:
            self.lapse()
