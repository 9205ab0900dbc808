"""Decided rows that wait for company, and how many of them fit into one call."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from target_marketo.marketo.call import MAX_BODY_BYTES

if TYPE_CHECKING:
    from target_marketo.delivery.entry import Entry, PersonId

_BODY_BYTES = MAX_BODY_BYTES - 2_000  # room for the head of the request


@dataclass
class Pending:
    """People whose rows go out with one action, in the order in which they were decided.

    `oldest` tells since when one of them has waited, None if nobody has: not always the first, as
    who comes back with another record stands last.
    """

    entries: dict[PersonId, Entry] = field(default_factory=dict)
    rows: int = 0
    bytes: int = 0
    oldest: float | None = None

    def put(self, entry: Entry) -> None:
        """Adds a person who is not waiting here yet."""
        self.entries[entry.person] = entry
        if self.oldest is None or entry.since < self.oldest:
            self.oldest = entry.since
        self.rows += len(entry.rows)
        self.bytes += entry.size

    def pop(self, entry: Entry) -> None:
        """Takes one person out. Most are put back at once, so `oldest` stays while others wait."""
        del self.entries[entry.person]
        self.rows -= len(entry.rows)
        self.bytes -= entry.size
        if not self.entries:
            self.oldest = None

    def ripe(self, size: int, came_before: float) -> bool:
        """Enough for a call of `size` rows, or somebody is there since `came_before`."""
        if self.rows >= size or self.bytes >= _BODY_BYTES:
            return True
        if self.oldest is None:
            return False
        # Where a bad row is being isolated nobody else is waited for.
        return self.oldest <= came_before or bool(next(iter(self.entries.values())).batch_limit)

    def take(self, size: int) -> list[Entry]:
        """The people of one call: those that share the first one's limit, as many as fit."""
        batch_limit = next(iter(self.entries.values())).batch_limit
        limit = min(size, batch_limit or size)
        taken: list[Entry] = []
        rows = filled = 0
        for entry in self.entries.values():
            if entry.batch_limit != batch_limit:
                continue
            rows += len(entry.rows)
            filled += entry.size
            if taken and (rows > limit or filled > _BODY_BYTES):
                break
            taken.append(entry)
        if len(taken) == len(self.entries):
            self.entries.clear()
            self.rows = self.bytes = 0
            self.oldest = None
            return taken
        for entry in taken:
            self.pop(entry)
        self.oldest = min(entry.since for entry in self.entries.values())
        return taken
