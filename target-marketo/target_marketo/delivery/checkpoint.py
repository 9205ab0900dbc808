"""Which STATE may be written.

Singer's contract: a STATE line promises that everything before it has arrived. So every record
takes a ticket, the ticket is settled once the record is in Marketo, needs no change, was skipped,
or stands in the error log, and a STATE is safe as soon as every ticket handed out before it is
settled.

A ticket is the number of the stretch between two STATE messages in which the record came. One
counter per stretch is enough, so a million open records cost no more memory than ten. A stretch
without open records leaves its STATE to the one before it, whose STATE nobody will ask for any
more: behind a call that hangs there are as many stretches as there are with open records.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

Ticket = int


@dataclass(slots=True)
class _Stretch:
    ticket: Ticket
    before: _Stretch | None
    after: _Stretch | None = None
    open: int = 0
    absent: int = 0  # of the open ones
    state: bytes | None = None  # None: its STATE has not come yet


class Checkpoint:
    """Hands out tickets to records and says which STATE they allow.

    `bytes` is how much STATE waits for records.
    """

    def __init__(self) -> None:
        self._last = _Stretch(0, None)
        self._stretches = {0: self._last}  # those with open records, and the last
        self._safe: bytes | None = None
        self.bytes = 0

    @property
    def open(self) -> int:
        """Records that were received and not settled yet."""
        return sum(stretch.open for stretch in self._stretches.values())

    def received(self) -> Ticket:
        """Takes in one record, which holds back every STATE that comes after it."""
        stretch = self._last
        stretch.open += 1
        return stretch.ticket

    def settled(self, tickets: Iterable[Ticket]) -> None:
        """Notes that the records with these tickets can no longer be lost."""
        for ticket, times in Counter(tickets).items():
            stretch = self._stretches.get(ticket)
            if stretch is None or stretch.open < times:
                raise ValueError(f"ticket {ticket} was settled more often than it was handed out")
            stretch.open -= times
            self._merge(stretch)

    def absent(self, tickets: Iterable[Ticket], times: int = 1) -> None:
        """Notes that these open records wait for all others before the next STATE.

        With -1 they do not any more.
        """
        for ticket in tickets:
            self._stretches[ticket].absent += times

    def quiet_before(self, *, ended: bool) -> Ticket:
        """Up to this ticket, not included, only records are open that wait for the others.

        Args:
            ended: No more records come: what follows the last STATE is over, too.
        """
        for ticket, stretch in self._stretches.items():
            over = ended or stretch.state is not None
            if not over or stretch.open > stretch.absent:
                return ticket
        return self._last.ticket + 1

    def state(self, value: bytes) -> None:
        """Takes in a STATE message: it covers every record received so far."""
        ended = self._last
        ended.state = value
        self.bytes += len(value)
        self._last = ended.after = _Stretch(ended.ticket + 1, ended)
        self._stretches[self._last.ticket] = self._last
        self._merge(ended)

    def take(self) -> bytes | None:
        """The newest STATE that is safe now and was not taken before; None if there is none."""
        safe, self._safe = self._safe, None
        return safe

    def _merge(self, stretch: _Stretch) -> None:
        """Takes out a stretch that has ended and has no open records."""
        before, after = stretch.before, stretch.after
        if stretch.open or stretch.state is None or after is None:
            return
        after.before = before
        if before is None:
            self._safe = stretch.state
            self.bytes -= len(stretch.state)
        else:
            assert before.state is not None  # noqa: S101 - only the last has none
            before.after = after
            self.bytes -= len(before.state)
            before.state = stretch.state
        del self._stretches[stretch.ticket]
