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
    """Entries of one key field that wait for company until a lookup is full.

    `oldest` tells since when one of them has waited, None if none has: not always the first, as who
    was parked stands last.
    """

    def __init__(self, key_field: str, size: int) -> None:
        self.key_field = key_field
        self.lookup_fields: frozenset[str] = frozenset()
        self.entries: dict[PersonId, Entry] = {}
        self.oldest: float | None = None
        self._size = size

    def serve(self, plan: StreamPlan) -> None:
        """Makes the next lookup ask for what this plan needs."""
        self.lookup_fields |= frozenset(plan.lookup_fields)

    @property
    def full(self) -> bool:
        """Enough people for one lookup."""
        return len(self.entries) >= self._size

    def put(self, entry: Entry) -> None:
        """Adds an entry of a person who is not waiting here yet."""
        self.entries[entry.person] = entry
        if self.oldest is None or entry.since < self.oldest:
            self.oldest = entry.since

    def drop(self, entry: Entry) -> None:
        """Takes out one who need not be looked up."""
        del self.entries[entry.person]
        if self.oldest is None or entry.since <= self.oldest:
            self._look_for_oldest()

    def take(self) -> list[Entry]:
        """Up to one lookup full of entries, oldest first; they leave the buffer."""
        if len(self.entries) <= self._size:
            taken = list(self.entries.values())
            self.entries.clear()
            self.oldest = None
            return taken
        first = [person for person, _ in zip(self.entries, range(self._size), strict=False)]
        taken = [self.entries.pop(person) for person in first]
        self._look_for_oldest()
        return taken

    def _look_for_oldest(self) -> None:
        self.oldest = min((entry.since for entry in self.entries.values()), default=None)
