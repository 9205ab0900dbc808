"""The kinds of writes, and what is counted of each: rows that are lost, or there twice."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

Logged = dict[str, set[int]]
"""The error log: the numbers of its records by the part that was refused, as `part_of` names it."""


class Kind(StrEnum):
    """What is written."""

    PEOPLE = "people"
    LISTS = "lists"
    STATUS = "status"
    OBJECTS = "objects"
    ACTIVITIES = "activities"

    @property
    def part(self) -> str:
        """What the error log calls it."""
        return _PARTS[self]


_PARTS = dict(zip(Kind, ("person", "list", "program", "object", "activity"), strict=True))


def part_of(part: str) -> str:
    """The first word of a part, such as `list` of `list:Guests`."""
    return part.partition(":")[0].partition("#")[0]


class Finding(NamedTuple):
    """Something is not as it should be; `counts` if a row is lost or there twice."""

    kind: Kind
    sentence: str
    counts: Literal["", "lost", "twice"] = ""


@dataclass(frozen=True)
class Toll:
    """How many rows of a kind are lost, and how many were written twice."""

    lost: int = 0
    twice: int = 0

    def __add__(self, other: Toll) -> Toll:
        return Toll(self.lost + other.lost, self.twice + other.twice)

    def __str__(self) -> str:
        return f"{self.lost:,}/{self.twice:,}"

    @classmethod
    def of(cls, kind: Kind, findings: Iterable[Finding]) -> Toll:
        """What findings count of one kind."""
        mine = [each.counts for each in findings if each.kind is kind]
        return cls(mine.count("lost"), mine.count("twice"))
