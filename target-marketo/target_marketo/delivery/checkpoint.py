"""Which STATE may be written.

Singer's contract: a STATE line promises that everything before it has arrived. So every record
takes a ticket, the ticket is settled once the record is in Marketo, needs no change, was skipped,
or stands in the error log, and a STATE is safe as soon as every ticket handed out before it is
settled.

A ticket is the number of the stretch between two STATE messages in which the record came. One
counter per stretch is enough, so a million open records cost no more memory than ten.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

Ticket = int


@dataclass(slots=True)
class _Stretch:
    open: int = 0
    state: Any = None
    ended: bool = False


class Checkpoint:
    """Hands out tickets to records and says which STATE they allow."""

    def __init__(self) -> None:
        self._first = 0
        self._last = _Stretch()
        self._stretches: deque[_Stretch] = deque([self._last])

    @property
    def open(self) -> int:
        """Records that were received and not settled yet."""
        return sum(stretch.open for stretch in self._stretches)

    def received(self) -> Ticket:
        """Takes in one record, which holds back every STATE that comes after it."""
        self._last.open += 1
        return self._first + len(self._stretches) - 1

    def settled(self, tickets: Iterable[Ticket]) -> None:
        """Notes that the records with these tickets can no longer be lost."""
        for ticket, times in Counter(tickets).items():
            stretch = self._stretches[ticket - self._first]
            stretch.open -= times
            if stretch.open < 0:
                raise ValueError(f"ticket {ticket} was settled more often than it was handed out")

    def state(self, value: Any) -> None:
        """Takes in a STATE message: it covers every record received so far."""
        self._last.state, self._last.ended = value, True
        self._last = _Stretch()
        self._stretches.append(self._last)

    def take(self) -> Any | None:
        """The newest STATE that is safe now and was not taken before; None if there is none."""
        safe = None
        while self._stretches[0].ended and not self._stretches[0].open:
            safe = self._stretches.popleft().state
            self._first += 1
        return safe
