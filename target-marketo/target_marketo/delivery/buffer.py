"""Records waiting for their lookup, one entry per person.

Streams that name the same key field share a buffer: a person who is in two streams, or five times
in one, is looked up once and written once, with the records applied in the order in which they
came.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from target_marketo.delivery.entry import Entry, PersonId
    from target_marketo.mapping.plan import StreamPlan


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
