"""What cannot be written as it is, in words that hold no value of a record. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Self


class Refusal(StrEnum):
    """Our own codes, of records and values that are refused before they reach Marketo.

    Each has a meaning, what a person can do, and whether a replay can help once that is done: where
    only the source can mend a record, the next one brings it, not a replay.
    """

    meaning: str
    cure: str
    replay: bool

    def __new__(cls, code: str, meaning: str, cure: str, replay: bool) -> Self:  # noqa: FBT001 - a column of the table
        member = str.__new__(cls, code)
        member._value_ = code
        member.meaning, member.cure, member.replay = meaning, cure, replay
        return member

    INVALID_EMAIL = (
        "invalid_email",
        "not an e-mail address",
        "correct it at its source; the person's next chat brings it again",
        True,
    )
    KEY_WITH_COMMA = (
        "key_with_comma",
        "the key has a comma, so Marketo cannot look it up",
        "correct it at its source",
        True,
    )
    KEY_CONFLICT = (
        "key_conflict",
        "the e-mail address belongs to somebody with another key",
        "merge the two in Marketo, or correct the key or the address at their source, then replay",
        True,
    )
    UNKNOWN_ID = (
        "unknown_id",
        "Marketo has nobody with this id",
        "the person was deleted or merged into another: correct the id at its source, then replay",
        True,
    )
    MISSING_KEY = (
        "missing_key",
        "the record lacks a key property of its stream",
        "correct it at its source",
        False,
    )
    MISSING = (
        "missing",
        "the record lacks what an activity or object cannot be without",
        "map another property in `streams`, or correct it at its source",
        True,
    )
    UNDECIDED = (
        "undecided",
        "nobody can tell whether the activity was written",
        "look for it in Marketo, then marketo-ops errors decide ID --written, or --send and replay",
        True,
    )
    TOO_LONG = (
        "too_long",
        "a value is longer than Marketo's field",
        "set `truncate: true` for the field, then replay",
        True,
    )
    WRONG_TYPE = (
        "wrong_type",
        "a value does not fit the type of Marketo's field",
        "map another property in `streams`, or correct the value at its source, then replay",
        True,
    )
    INVALID_VALUE = (
        "invalid_value",
        "a value is not in the form that Marketo's field asks for",
        "map another property in `streams`, or correct the value at its source, then replay",
        True,
    )


OWN = {str(code): code for code in Refusal}
"""Our codes by their names: any other is Marketo's."""


class Unfit(ValueError):
    """The value cannot be stored in the field. The text never holds the value."""

    def __init__(self, code: Refusal, reason: str) -> None:
        super().__init__(reason)
        self.code = code


@dataclass(frozen=True, slots=True)
class Refused:
    """What cannot be written as it is. `reason` holds no value of the record.

    `part` is what is not written, as the error log names it, where that is no field of the person;
    `once` is the key of its own, if the part has one.
    """

    code: Refusal
    field: str
    reason: str
    part: str = ""
    once: str | None = None


class Skip(StrEnum):
    """Why a record makes no step, although nothing is wrong with it. The value is shown."""

    DELETED = "deleted"
    NOT_ASKED_FOR = "not asked for by `only_if`"
    STREAM_LEFT_OUT = "of streams that are left out"
