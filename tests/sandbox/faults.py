"""A script of faults, without HTTP: which call is struck by what.

A fault is data: what happens, to which kinds of calls, how often. The script counts the calls that
each fault is about and draws from a random generator of its own, so that one seed strikes the same
calls in the same order of arrival.
"""

from __future__ import annotations

import time
from random import Random
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

T = TypeVar("T")

What = Literal[
    "answer",  # an error of the API: `code` is Marketo's code, or LiveChat's type of error
    "status",  # a gateway's HTML with the HTTP status `code`
    "reset",  # the connection is reset, without a reply
    "late",  # the call takes `seconds` more, which its client may not wait for
    "token_expires",  # the live token ends just before the call
    "row",  # a part of the rows, `share`, is skipped with `code`
    "changes",  # Marketo's options change, as `options` say, just before the call
    # The first part of the rows, `share`, is carried out; the call is answered by an error with
    # `code`, or reset if there is none.
    "partly",
    # The call is carried out, and its reply is damaged on the way:
    "cut",  # the connection ends in the middle of the body
    "truncated",  # half of the JSON, in a complete reply
    "empty",  # no body
    "html",  # a page, with HTTP 200
    "wrong_type",  # JSON of another shape
    "oversized",  # the JSON and then very much more of it
    "gzip_bomb",  # a small body that unpacks to a very large one
    "drip",  # one byte at a time, for `seconds`
    # ... or tells of other rows than it was asked for:
    "no_result",
    "short",
    "long",
    "reordered",
]


class Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One kind of trouble. Times are seconds."""

    what: What
    # Kinds of calls, as the journal names them; none means every kind.
    calls: tuple[str, ...] = ()
    # Only calls whose body holds this text, in any case.
    holding: str = ""
    # Which of those calls: by number, from 1, or each with this probability; at most so many.
    at: tuple[int, ...] = ()
    probability: float = 1.0
    at_most: int | None = None
    # It is over so many seconds after the first call that it struck.
    lasts: float | None = None

    code: str = ""
    # Whether a call that is answered by an error, or reset, is carried out all the same.
    applied: bool = False
    # With a reset: the call is carried out so long after its connection was lost.
    seconds: float = 0.0
    share: float = 0.1
    # With an error of LiveChat: the header Retry-After.
    retry_after: float | None = None
    options: dict[str, Any] = {}


def carried_out(fault: Fault | None, rows: Sequence[T]) -> Sequence[T]:
    """The rows of a call that its fault lets be carried out."""
    if fault is None or fault.what != "partly":
        return rows
    return rows[: int(len(rows) * fault.share)]


class Script:
    """Says for each call, in the order in which they arrive, what happens to it."""

    def __init__(self, faults: Sequence[Fault], seed: int) -> None:
        self._lines = [_Line(fault, seed, number) for number, fault in enumerate(faults)]

    @property
    def strikes(self) -> int:
        """How many calls were struck so far."""
        return sum(line.strikes for line in self._lines)

    def draw(self, kind: str, body: bytes = b"") -> Fault | None:
        """The fault that strikes this call, the first of several; None as a rule."""
        if not self._lines:
            return None
        struck = [line for line in self._lines if line.is_about(kind, body) and line.counts()]
        if not struck:
            return None
        struck[0].strikes += 1
        return struck[0].fault


class _Line:
    """A fault with its counters."""

    def __init__(self, fault: Fault, seed: int, number: int) -> None:
        self.fault = fault
        self.strikes = 0
        self._calls = 0
        self._first: float | None = None
        self._random = Random(f"{seed}/faults/{number}")

    def is_about(self, kind: str, body: bytes) -> bool:
        fault = self.fault
        if fault.calls and kind not in fault.calls:
            return False
        return not fault.holding or fault.holding.lower().encode() in body.lower()

    def counts(self) -> bool:
        """Counts one more call, and says whether this is one to be struck."""
        fault = self.fault
        self._calls += 1
        drawn = self._random.random() < fault.probability
        # One that is drawn never would prove nothing: by then it would have been, on average.
        drawn = drawn or (not self.strikes and self._calls * fault.probability >= 1)
        hit = self._calls in fault.at if fault.at else drawn
        return hit and (fault.at_most is None or self.strikes < fault.at_most) and self._lasts()

    def _lasts(self) -> bool:
        """Whether the trouble, which begins with the first call that it strikes, is not over."""
        if self.fault.lasts is None:
            return True
        now = time.monotonic()
        self._first = now if self._first is None else self._first
        return now - self._first < self.fault.lasts
