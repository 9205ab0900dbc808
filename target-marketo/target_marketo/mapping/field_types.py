"""Marketo's field types: how a value of a record becomes one that Marketo accepts. Pure.

One bad value makes Marketo skip the whole person, so what cannot fit is refused here, by name.
Sources: Adobe, "Field types", "Leads" (ASCII e-mails); recorded traffic (a percent is an integer,
answers carry whole seconds).
"""

from __future__ import annotations

import math
import re
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec

from target_marketo.mapping.moments import as_date, as_datetime
from target_marketo.mapping.refusals import Refusal, Unfit
from target_marketo.mapping.texts import STRING_CHARACTERS, Limit
from target_marketo.mapping.values import Kind, Value

if TYPE_CHECKING:
    from collections.abc import Callable

# Local part and domain as Marketo stores them: ASCII, one @, a domain of at least two labels.
_LOCAL = re.compile(r"(?!\.|[^@]*\.[.@])[A-Za-z0-9!#$%&'*+./=?^_`{|}~-]{1,64}@")
_DOMAIN = re.compile(
    r"(?=.{4,253}\Z)(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z][A-Za-z0-9-]{0,61}[A-Za-z0-9]"
)
_KINDS = {
    "boolean": Kind.BOOLEAN,
    "currency": Kind.NUMBER,
    "date": Kind.DATE,
    "datetime": Kind.DATETIME,
    "email": Kind.EMAIL,
    "float": Kind.NUMBER,
    "integer": Kind.NUMBER,
    "percent": Kind.NUMBER,
    "score": Kind.NUMBER,
}
_TRUE = frozenset({"true", "t", "yes", "y", "on", "1", "1.0"})
_FALSE = frozenset({"false", "f", "no", "n", "off", "0", "0.0"})
_MAX_INTEGER = 2**31 - 1


class Field(msgspec.Struct, frozen=True):
    """A field of a person as Marketo describes it."""

    name: str
    data_type: str
    length: int | None = None
    read_only: bool = False
    searchable: bool = False
    display_name: str = ""


def kind_of(data_type: str) -> Kind:
    """How two values of a Marketo data type are compared."""
    return _KINDS.get(data_type, Kind.TEXT)


def converter(data_type: str, limit: Limit, delimiter: str = ";") -> Callable[[Any], Value]:
    """A function from a record's value, never None, to Marketo's form of it.

    It returns None for a value that says nothing (blank text), and raises `Unfit`.
    """
    if data_type == "email":
        return _email
    simple: dict[Kind, Callable[[Any], Value]] = {
        Kind.BOOLEAN: _boolean,
        Kind.DATE: as_date,
        Kind.DATETIME: as_datetime,
        Kind.NUMBER: _number if data_type in ("float", "currency") else _integer,
    }
    if kind := simple.get(kind_of(data_type)):
        return kind

    always_fits = text_that_fits(data_type, limit)

    def text(value: Any) -> Value:
        if type(value) is not str:
            value = as_text(value, delimiter)
        value = value.strip()
        return (value if len(value) <= always_fits else _fitted(value, limit)) or None

    return text


def text_that_fits(data_type: str, limit: Limit) -> int:
    """Of a text with up to so many characters the converter does no more than strip the blanks.

    Below zero for data types that are no text.
    """
    if kind_of(data_type) is not Kind.TEXT:
        return -1
    return limit.surely_fits


@lru_cache(maxsize=8192)  # asked of a record, and again of the row that leaves for it
def is_email(text: str) -> bool:
    """Whether Marketo accepts the address: ASCII, and of the usual form."""
    local = _LOCAL.match(text)
    return local is not None and _is_domain(text[local.end() :])


@lru_cache(maxsize=4096)  # most addresses share a few
def _is_domain(text: str) -> bool:
    return bool(_DOMAIN.fullmatch(text))


def items(value: Any) -> tuple[str, ...]:
    """A list's items, an object's values, or a single value, as the texts that `append` adds."""
    values = list(value.values()) if isinstance(value, dict) else value
    values = values if isinstance(values, list | tuple) else [values]
    return tuple(
        text for item in values if item is not None and (text := as_text(item, ";").strip())
    )


def as_text(value: Any, delimiter: str = ";", levels: int = 8) -> str:
    """A value as a text shows it: whole numbers without `.0`, the items of a list joined.

    Raises:
        Unfit: It is nested.
    """
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case float() | Decimal() if math.isfinite(value) and int(value) == value:
            return str(int(value))
        case int() | float() | Decimal() | date():
            return str(value)
        case list() | tuple() if levels:
            given = (item for item in value if item is not None)
            return delimiter.join(as_text(item, delimiter, levels - 1) for item in given)
        case dict():
            raise Unfit(
                Refusal.WRONG_TYPE, "a nested value does not fit; name a part of it in `from`"
            )
        case _:
            raise Unfit(Refusal.WRONG_TYPE, "not a value that can be stored")


def _fitted(text: str, limit: Limit) -> str:
    if limit.fits(text):
        return text
    if limit.truncate:
        return limit.cut(text)
    raise Unfit(Refusal.TOO_LONG, f"{limit.over(text)}; `truncate` would cut it")


def _email(value: Any) -> Value:
    if not isinstance(value, str):
        raise Unfit(Refusal.INVALID_EMAIL, "not an e-mail address")
    text = value.strip()
    if not text:
        return None
    if not is_email(text):
        raise Unfit(Refusal.INVALID_EMAIL, "not an e-mail address that Marketo accepts")
    if len(text) > STRING_CHARACTERS:
        raise Unfit(Refusal.TOO_LONG, f"{len(text)} characters, {STRING_CHARACTERS} allowed")
    return text


def _number(value: Any) -> Value:
    if isinstance(value, str):
        value = value.strip()
        if not value:
            return None
        if "_" in value:  # Python would read 1_000 as a number
            raise Unfit(Refusal.WRONG_TYPE, "not a number")
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise Unfit(Refusal.WRONG_TYPE, "not a number")
    try:
        number = float(value)
    except (ValueError, OverflowError):
        raise Unfit(Refusal.WRONG_TYPE, "not a number") from None
    if number != number or number in (float("inf"), float("-inf")):  # noqa: PLR0124 - NaN
        raise Unfit(Refusal.WRONG_TYPE, "not a finite number")
    return number


def _integer(value: Any) -> Value:
    number = _number(value)
    if number is None:
        return None
    whole = int(value) if isinstance(value, int) else int(float(str(number)))
    if whole != number:
        raise Unfit(Refusal.WRONG_TYPE, "not a whole number")
    if abs(whole) > _MAX_INTEGER:
        raise Unfit(Refusal.WRONG_TYPE, "beyond Marketo's integers")
    return whole


def _boolean(value: Any) -> Value:
    if isinstance(value, bool):
        return value
    text = str(value).strip().lower() if isinstance(value, str | int | float | Decimal) else "?"
    if not text:
        return None
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise Unfit(Refusal.WRONG_TYPE, "not true or false")
