"""Records waiting for their lookup, one entry per person.

Streams that name the same key field share a buffer: a person who is in two streams, or five times
in one, is looked up once and written once, with the records applied in the order in which they
came.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from target_marketo.rules import Decision, Step, fold

if TYPE_CHECKING:
    from target_marketo.checkpoint import Ticket
    from target_marketo.mapping import Mapped, Record, StreamPlan

PersonId = tuple[str, str]  # key field, key as Marketo compares it


class Received(NamedTuple):
    """A record as it came, with the ticket that holds back STATE until it is settled.

    `number` counts the records of a run.
    """

    ticket: Ticket
    stream: str
    written: Record | msgspec.Raw
    number: int = 0

    @property
    def record(self) -> Record:
        """The whole record. It is read for those that are refused only."""
        if not isinstance(self.written, msgspec.Raw):
            return self.written
        # Nobody has looked at all of its bytes yet.
        text = bytes(self.written).decode("utf-8", "replace")
        return msgspec.json.decode(text, type=dict[str, Any])


@dataclass(slots=True, eq=False)
class Entry:
    """One person and what the records say of them."""

    person: PersonId
    key: str
    since: float
    steps: list[Step] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)
    known_fields: frozenset[str] = frozenset()  # what the last lookup asks for
    leads: list[dict[str, Any]] | None = None  # what the lookup found; None before it
    decision: Decision | None = None
    rows: list[bytes] = field(default_factory=list)  # what is to be sent
    batch_limit: int = 0  # people in one call; shrinks while a bad row is being isolated
    attempts: int = 0  # writes whose outcome was not final

    def add(self, plan: StreamPlan, mapped: Mapped, received: Received) -> None:
        """Applies one more record, after those that are here."""
        last = self.steps[-1] if self.steps else None
        if last is not None and last.rules is plan.rules:
            self.steps[-1] = Step(plan.rules, fold(plan.rules, last.values, mapped.values))
        else:
            self.steps.append(Step(plan.rules, mapped.values))
        self.received.append(received)


class Buffer:
    """Entries of one key field that wait for company until a lookup is full."""

    def __init__(self, key_field: str, size: int) -> None:
        self.key_field = key_field
        self.lookup_fields: frozenset[str] = frozenset()
        self._plan: StreamPlan | None = None
        self._size = size
        self._entries: dict[PersonId, Entry] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def serve(self, plan: StreamPlan) -> None:
        """Makes the next lookup ask for what this plan needs."""
        if plan is not self._plan:  # mostly the same as before
            self._plan = plan
            self.lookup_fields |= frozenset(plan.lookup_fields)

    @property
    def full(self) -> bool:
        """Enough people for one lookup."""
        return len(self._entries) >= self._size

    @property
    def oldest(self) -> float | None:
        """When the first of the waiting people came."""
        return next(iter(self._entries.values())).since if self._entries else None

    def get(self, person: PersonId) -> Entry | None:
        """The entry of a person, if one is waiting."""
        return self._entries.get(person)

    def put(self, entry: Entry) -> None:
        """Adds an entry of a person who is not waiting here yet."""
        self._entries[entry.person] = entry

    def take(self) -> list[Entry]:
        """Up to one lookup full of entries, oldest first; they leave the buffer."""
        if len(self._entries) <= self._size:
            taken = list(self._entries.values())
            self._entries.clear()
            return taken
        first = [person for person, _ in zip(self._entries, range(self._size), strict=False)]
        return [self._entries.pop(person) for person in first]
