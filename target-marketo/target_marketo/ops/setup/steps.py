"""A plan: what the mapping names, whether Marketo has it, what is to be made, in order. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from target_marketo.marketo.activities import ActivityType, Attribute
    from target_marketo.marketo.lead_fields import NewField


class Mark(StrEnum):
    """What is done about a thing, as Terraform marks it."""

    MAKE = "+"
    THERE = "="
    CANNOT = "!"


@dataclass(frozen=True)
class Row:
    """One thing that the mapping names."""

    mark: Mark
    what: str
    name: str
    text: str = ""


@dataclass(frozen=True)
class MakeField:
    field: NewField


@dataclass(frozen=True)
class MakeType:
    """A draft, with its primary attribute alone."""

    type: ActivityType


@dataclass(frozen=True)
class AddAttributes:
    """To the draft of a type."""

    type: str
    attributes: tuple[Attribute, ...]


@dataclass(frozen=True)
class Approve:
    type: str


@dataclass(frozen=True)
class MakeList:
    name: str
    folder: int


Act: TypeAlias = MakeField | MakeType | AddAttributes | Approve | MakeList


@dataclass
class Plan:
    """All rows, and the acts behind those that are to be made."""

    rows: list[Row] = field(default_factory=list)
    acts: list[Act] = field(default_factory=list)

    def add(self, mark: Mark, what: str, name: str, text: str = "") -> None:
        self.rows.append(Row(mark, what, name, text))

    def count(self, mark: Mark) -> int:
        return sum(row.mark is mark for row in self.rows)

    @property
    def warnings(self) -> list[str]:
        """What to know before it is made: it cannot be undone."""
        found = []
        if any(isinstance(act, MakeField) for act in self.acts):
            found.append(
                "A field that was made can be hidden later, but never deleted, and its API name "
                "stays: look twice at names and types."
            )
        if any(isinstance(act, MakeType) for act in self.acts):
            found.append(
                "The names of an activity type and its primary attribute stay as they are from "
                "its approval on."
            )
        return found
