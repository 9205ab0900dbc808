"""What may turn a call away before its method is reached.

A gate is asked in turn with the method's name and the monotonic time; it raises `ApiError`, or lets
the call pass. What a script of faults does is `trouble.py`'s business.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Protocol

from tests.sandbox.livechat.errors import ApiError

if TYPE_CHECKING:
    from tests.sandbox.livechat.options import Options


class Gate(Protocol):
    def check(self, method: str, now: float, options: Options) -> None: ...


class RateLimit:
    """So many calls in a sliding window; refused calls do not count."""

    def __init__(self) -> None:
        self._admitted: deque[float] = deque()

    def check(self, method: str, now: float, options: Options) -> None:
        if not options.rate_calls:
            return
        while self._admitted and self._admitted[0] <= now - options.rate_seconds:
            self._admitted.popleft()
        if len(self._admitted) >= options.rate_calls:
            raise too_many_requests(options.retry_after_seconds)
        self._admitted.append(now)


class Refusals:
    """Refuses as many calls as a test asks for."""

    def __init__(self) -> None:
        self._left = 0
        self._kind = "too_many_requests"
        self._retry_after: float | None = None

    def refuse(self, count: int, kind: str, retry_after_seconds: float | None) -> None:
        self._left, self._kind, self._retry_after = count, kind, retry_after_seconds

    def check(self, method: str, now: float, options: Options) -> None:
        if self._left:
            self._left -= 1
            raise ApiError(self._kind, headers=_retry_after(self._retry_after))


def too_many_requests(retry_after_seconds: float | None) -> ApiError:
    return ApiError("too_many_requests", headers=_retry_after(retry_after_seconds))


def _retry_after(seconds: float | None) -> dict[str, str]:
    return {} if seconds is None else {"Retry-After": f"{seconds:g}"}
