"""A lease, and what stands around it: what is wanted, why it is denied, how it ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from target_marketo.governor.decisions import Why
    from target_marketo.governor.governor import Governor
    from target_marketo.governor.limits import Outcome


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to make one call, to be sent by `send_before` and over by `until`.

    Both are on this process's monotonic clock; `granted` is on the store's, and lasts `seconds`.
    """

    id: str
    granted: float
    seconds: float
    send_before: float
    until: float
    _governor: Governor = field(repr=False, compare=False)

    def check(self) -> None:
        """To be called just before the call is sent.

        Raises:
            LeaseLost: this process was frozen for too long; the lease is given back.
        """
        self._governor.check(self)

    def seconds_left(self) -> float:
        """How long the call may still be at work, should nobody hear of its end."""
        return self._governor.seconds_left(self)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A lease of so many seconds."""

    seconds: float
    reads_usage: bool


@dataclass(frozen=True, slots=True)
class Denied:
    why: Why
    seconds: float


@dataclass(slots=True, eq=False)
class Ended:
    """A call that ended, which the store is to be told; `tried` if that was tried once."""

    lease: Lease
    outcome: Outcome
    at_work: bool
    tried: bool = False
