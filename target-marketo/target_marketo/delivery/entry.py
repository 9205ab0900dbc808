"""Records waiting for their lookup, one entry per person.

Streams that name the same key field share a buffer: a person who is in two streams, or five times
in one, is looked up once and written once, with the records applied in the order in which they
came.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from target_marketo.mapping.lenient_json import is_nested_deeply, read_for_the_log
from target_marketo.mapping.rules import Decision, Step, fold

if TYPE_CHECKING:
    from target_marketo.delivery.checkpoint import Ticket
    from target_marketo.mapping.plan import Mapped, StreamPlan
    from target_marketo.mapping.record_reader import Record

_RECORD_BYTES = 300  # what is kept of a record besides its line: objects, and mapped values

PersonId = tuple[str, str]  # key field, key as Marketo compares it


class Received(msgspec.Struct, frozen=True, gc=False):
    """A record as it came, with the ticket that holds back STATE until it is settled.

    `written` is the line that it came on. `number` counts the records of a run.
    """

    ticket: Ticket
    stream: str
    written: Record | bytes
    number: int = 0

    @property
    def weight(self) -> int:
        """What it takes of memory until it is settled, in bytes."""
        return _RECORD_BYTES + (len(self.written) if isinstance(self.written, bytes) else 0)

    @property
    def record(self) -> Record:
        """The whole record, in a form that can be stored. It is read for those refused only.

        Nobody has looked at all of its bytes yet, so whatever stands in them is taken.
        """
        written = self.written
        if not isinstance(written, bytes):
            return written
        try:
            if not is_nested_deeply(written):
                return msgspec.json.decode(written.decode("utf-8", "replace"), type=_Line).record
        except msgspec.DecodeError:
            pass
        try:
            return dict(read_for_the_log(written)["record"])
        except (ValueError, TypeError, KeyError, RecursionError):
            return {"line": written.decode("utf-8", "replace")}


class _Line(msgspec.Struct):
    record: dict[str, Any]


class Entry(msgspec.Struct, eq=False, gc=False):
    """One person and what the records say of them."""

    person: PersonId
    key: str
    since: float
    steps: list[Step] = []  # a list of its own for each: that is how msgspec takes a default
    received: list[Received] = []
    known_fields: frozenset[str] = frozenset()  # what the last lookup asks for
    leads: list[dict[str, Any]] | None = None  # what the lookup found; None before it
    decision: Decision | None = None
    rows: list[bytes] = []  # what is to be sent
    size: int = 0  # in bytes, of the rows and the commas between them
    batch_limit: int = 0  # people in one call; shrinks while a bad row is being isolated
    attempts: int = 0  # writes that Marketo answered with something that may pass
    losses: int = 0  # writes whose outcome nobody knows
    through: int = 0  # how many writes of others had got through by the last of these
    losses_alone: int = 0  # those of a call without anybody else
    sightings: int = 0  # how often writes of others got through between two of the losses
    weight: int = 0  # what the records take of memory, in bytes

    def add(self, plan: StreamPlan, mapped: Mapped, received: Received) -> None:
        """Applies one more record, after those that are here."""
        self.received.append(received)
        self.weight += received.weight
        steps, rules = self.steps, plan.rules
        if steps and steps[-1].rules is rules:
            steps[-1] = Step(rules, fold(rules, steps[-1].values, mapped.values))
        else:
            steps.append(Step(rules, mapped.values))

    def take_rows(self, rows: list[bytes]) -> None:
        """What is to be sent, encoded."""
        self.rows = rows
        self.size = len(b",".join(rows)) + 1


class Buffer:
    """Entries of one key field that wait for company until a lookup is full."""

    def __init__(self, key_field: str, size: int) -> None:
        self.key_field = key_field
        self.lookup_fields: frozenset[str] = frozenset()
        self.entries: dict[PersonId, Entry] = {}
        self._size = size

    def serve(self, plan: StreamPlan) -> None:
        """Makes the next lookup ask for what this plan needs."""
        self.lookup_fields |= frozenset(plan.lookup_fields)

    @property
    def full(self) -> bool:
        """Enough people for one lookup."""
        return len(self.entries) >= self._size

    @property
    def oldest(self) -> float | None:
        """Since when one of them has waited. Who was parked stands last, and may be the one."""
        return min((entry.since for entry in self.entries.values()), default=None)

    def put(self, entry: Entry) -> None:
        """Adds an entry of a person who is not waiting here yet."""
        self.entries[entry.person] = entry

    def take(self) -> list[Entry]:
        """Up to one lookup full of entries, oldest first; they leave the buffer."""
        if len(self.entries) <= self._size:
            taken = list(self.entries.values())
            self.entries.clear()
            return taken
        first = [person for person, _ in zip(self.entries, range(self._size), strict=False)]
        return [self.entries.pop(person) for person in first]
