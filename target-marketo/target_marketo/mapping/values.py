"""Values of fields, and how two of them compare: times as times, never as strings. Pure."""

from __future__ import annotations

from datetime import UTC, date, datetime
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Value: TypeAlias = "str | int | float | bool | tuple[str, ...] | AsOf | None"
Values: TypeAlias = "Mapping[str, Value]"


class AsOf(msgspec.Struct, frozen=True, gc=False):
    """A `newest` value of a folded step that is older than the step's greatest value."""

    at: Value  # of the leader, in the record that brought the value
    value: Value


class Kind(Enum):
    """How two values of a field are compared."""

    TEXT = auto()
    EMAIL = auto()  # Marketo finds e-mails in any case: a change of case alone is no change
    NUMBER = auto()
    BOOLEAN = auto()
    DATE = auto()
    DATETIME = auto()


def is_empty(value: object) -> bool:
    """Nothing there. Marketo reads an unset boolean as false, so a boolean is never empty."""
    return value is None or (isinstance(value, (str, tuple)) and not value)


def _instant(value: object) -> datetime:
    moment = datetime.fromisoformat(str(value))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


# How a value that is not empty compares. Marketo answers times in whole seconds.
_COMPARED: dict[Kind, Callable[[object], Any]] = {
    Kind.TEXT: str,
    Kind.EMAIL: lambda value: str(value).lower(),
    Kind.NUMBER: lambda value: float(str(value)),
    Kind.DATE: lambda value: date.fromisoformat(str(value)[:10]),
    Kind.DATETIME: lambda value: _instant(value).replace(microsecond=0),
}


def comparable(kind: Kind, value: object) -> Any:
    """The value as something that compares as its kind does: times as times, never as strings.

    Raises:
        ValueError: The value is not of that kind.
    """
    if kind is Kind.BOOLEAN:
        return bool(value)  # Marketo reads an unset boolean as false
    return None if is_empty(value) else _COMPARED[kind](value)


def same(kind: Kind, left: object, right: object) -> bool:
    """Whether two values of a field mean the same."""
    if left == right and type(left) is type(right):
        return True
    try:
        return bool(comparable(kind, left) == comparable(kind, right))
    except ValueError:
        return False
