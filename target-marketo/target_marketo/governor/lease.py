"""A lease, and what stands around it: what is wanted, why it is denied, how it ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from target_marketo.governor.decisions import Why
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
    """A call that ended, to be noted in the store; `tried` if that was tried once."""

    lease: Lease
    outcome: Outcome
    at_work: bool
    tried: bool = False
