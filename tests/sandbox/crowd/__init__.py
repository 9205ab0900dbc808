"""A crowd: visitors, what they said and when, and what Marketo knew of them before.

`Crowd` is pure and deterministic: the same seed, number of visitors and times give the same crowd,
and more visitors only add to it. `LightCrowd` has the same face for hundreds of thousands of small
threads, which it makes when they are asked for. Times are aware and in UTC.
"""

from __future__ import annotations

from array import array
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from tests.sandbox.crowd import conversation, leads, people
from tests.sandbox.crowd.directory import AGENTS, BOTS, GROUPS, TAGS
from tests.sandbox.crowd.light import LightCrowd
from tests.sandbox.crowd.model import (
    Agent,
    Bot,
    Event,
    Group,
    Kind,
    Person,
    Place,
    Tag,
    Thread,
    Visit,
    Visitor,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "AGENTS",
    "BOTS",
    "GROUPS",
    "TAGS",
    "Agent",
    "Bot",
    "Crowd",
    "Event",
    "Group",
    "Kind",
    "LightCrowd",
    "Person",
    "Place",
    "Tag",
    "Thread",
    "Visit",
    "Visitor",
    "microseconds",
]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def microseconds(moment: datetime) -> int:
    """Since 1970, exactly: floats lose microseconds."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


class Crowd:
    """Visitors and threads of one period; `threads` is in order of creation."""

    def __init__(self, seed: int, visitors: int, start: datetime, end: datetime) -> None:
        if end <= start:
            raise ValueError("the crowd's end must come after its start")
        self.seed = seed
        self.start = start
        self.end = end
        self._behind = [people.person_behind(seed, number) for number in range(visitors)]
        self.persons: Sequence[Person] = [
            people.person(seed, number) for number in sorted(set(self._behind))
        ]

    # Leads are asked for without visitors, by the side that does not serve them.

    @cached_property
    def _met(self) -> tuple[list[Visitor], list[Thread]]:
        persons = {who.number: who for who in self.persons}
        visitors: list[Visitor] = []
        threads: list[Thread] = []
        for number, behind in enumerate(self._behind):
            who = persons[behind]
            visitor, stays = people.visitor(self.seed, number, who, self.start, self.end)
            visitors.append(visitor)
            threads += conversation.threads(self.seed, visitor, who, stays)
        return visitors, sorted(threads, key=lambda each: (each.created_at, each.id))

    @property
    def visitors(self) -> Sequence[Visitor]:
        return self._met[0]

    @property
    def threads(self) -> Sequence[Thread]:
        return self._met[1]

    @cached_property
    def created(self) -> array[int]:
        return array("q", (microseconds(each.created_at) for each in self.threads))

    @cached_property
    def closed(self) -> array[int]:
        return array("q", (microseconds(each.closed_at) for each in self.threads))

    @cached_property
    def _threads_of(self) -> list[list[int]]:
        positions: list[list[int]] = [[] for _ in self.visitors]
        for position, thread in enumerate(self.threads):
            positions[thread.visitor].append(position)
        return positions

    def threads_of(self, visitor: int) -> Sequence[int]:
        """Positions in `threads`, in order of time."""
        return self._threads_of[visitor]

    def visitor_of(self, position: int) -> int:
        return self.threads[position].visitor

    def marketo_leads(self) -> list[leads.Lead]:
        """Rows to seed Marketo with: the people it knew before they came to chat."""
        return leads.leads(self.seed, self.persons)
