"""Decided rows that wait for company, and how many of them fit into one call."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

from target_marketo.delivery.entry import Item

if TYPE_CHECKING:
    from collections.abc import Iterator

T = TypeVar("T", bound=Item)


@dataclass(frozen=True, slots=True)
class Size:
    """What fits into one call, and how long (in seconds) somebody waits for it to be full."""

    rows: int
    max_age: float
    bytes: int = 998_000


@dataclass
class Pending(Generic[T]):
    """Items whose rows go out in the same calls, in the order in which they were decided.

    `oldest` tells since when one of them has waited, None if none has: not always the first, as
    who comes back with another record stands last.
    """

    size: Size
    items: dict[T, None] = field(default_factory=dict)
    rows: int = 0
    bytes: int = 0
    oldest: float | None = None

    def put(self, item: T) -> None:
        """Adds an item that is not waiting here yet."""
        self.items[item] = None
        if self.oldest is None or item.since < self.oldest:
            self.oldest = item.since
        self.rows += len(item.rows)
        self.bytes += item.size

    def pop(self, item: T) -> None:
        """Takes one item out. Most are put back at once, so `oldest` stays while others wait."""
        del self.items[item]
        self.rows -= len(item.rows)
        self.bytes -= item.size
        if not self.items:
            self.oldest = None

    def calls(self, now: float, *, all_of_it: bool) -> Iterator[list[T]]:
        """Takes out what need not wait any longer, a call at a time."""
        while self.items and (all_of_it or self._ripe(now)):
            yield self._take()

    def _ripe(self, now: float) -> bool:
        """Enough for a call, or somebody has waited for as long as they may."""
        if self.rows >= self.size.rows or self.bytes >= self.size.bytes:
            return True
        if self.oldest is not None and now - self.oldest >= self.size.max_age:
            return True
        # Where a bad row is being isolated nobody else is waited for.
        return bool(next(iter(self.items)).batch_limit)

    def _take(self) -> list[T]:
        """The items of one call: those that share the first one's limit, as many as fit."""
        fit = self.rows <= self.size.rows and self.bytes <= self.size.bytes
        if fit and {item.batch_limit for item in self.items} == {0}:  # as a rule
            return self._take_all()
        batch_limit = next(iter(self.items)).batch_limit
        limit = min(self.size.rows, batch_limit or self.size.rows)
        taken: list[T] = []
        rows = filled = 0
        for item in self.items:
            if item.batch_limit != batch_limit:
                continue
            rows += len(item.rows)
            filled += item.size
            if taken and (rows > limit or filled > self.size.bytes):
                break
            taken.append(item)
        if len(taken) == len(self.items):
            return self._take_all()
        for item in taken:
            self.pop(item)
        self.oldest = min(item.since for item in self.items)
        return taken

    def _take_all(self) -> list[T]:
        taken = list(self.items)
        self.items.clear()
        self.rows = self.bytes = 0
        self.oldest = None
        return taken
