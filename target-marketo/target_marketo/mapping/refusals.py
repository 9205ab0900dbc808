"""What cannot be written as it is, in words that hold no value of a record. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Unfit(ValueError):
    """The value cannot be stored in the field. The text never holds the value."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


@dataclass(frozen=True, slots=True)
class Refused:
    """What cannot be written as it is. `reason` holds no value of the record."""

    code: str
    field: str
    reason: str


class Skip(StrEnum):
    """Why a record makes no step, although nothing is wrong with it. The value is shown."""

    DELETED = "deleted"
    NOT_ASKED_FOR = "not asked for by `only_if`"
    STREAM_LEFT_OUT = "of streams that are left out"
