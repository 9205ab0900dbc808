"""Marketo's field types: how a value of a record becomes one that Marketo accepts. Pure.

One bad value makes Marketo skip the whole person, so what cannot fit is refused here, by name.
Sources: Adobe, "Field types" (255 characters a string, 30,000 bytes a text, W3C dates), "Leads"
(ASCII e-mails); recorded traffic (a percent is an integer, answers carry whole seconds).
"""

from __future__ import annotations

import re
import string
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from target_marketo.mapping.rules import Kind, Value

if TYPE_CHECKING:
    from collections.abc import Callable

TEXT_BYTES = 30_000
STRING_CHARACTERS = 255

# Not people's fields: sync refuses them with 1021 or ignores them, although describe says writable.
COMPANY_FIELDS = frozenset(
    {
        "annualRevenue",
        "billingCity",
        "billingCountry",
        "billingPostalCode",
        "billingState",
        "billingStreet",
        "company",
        "industry",
        "mainPhone",
        "mktoCompanyNotes",
        "numberOfEmployees",
        "sicCode",
        "site",
        "website",
    }
)
# Marketo's own: describe says writable, but writing them is meaningless or harmful.
SYSTEM_FIELDS = frozenset(
    {"anonymousIP", "cookies", "emailInvalid", "id", "isAnonymous", "leadPartitionId"}
)
GEOGRAPHY_FIELDS = frozenset({"address", "city", "country", "postalCode", "state"})

# Local part and domain as Marketo stores them: ASCII, one @, a domain of at least two labels.
_LOCAL = "!#$%&'*+-./=?^_`{|}~" + string.ascii_letters + string.digits
_DOMAIN = re.compile(
    r"(?=.{4,253}\Z)(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z][A-Za-z0-9-]{0,61}[A-Za-z0-9]"
)
_LOCAL_CHARACTERS = 64
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
_TRUE = frozenset({"true", "yes", "1"})
_FALSE = frozenset({"false", "no", "0"})
_MAX_INTEGER = 2**31 - 1


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


@dataclass(frozen=True, slots=True)
class Limit:
    """How long a text may be, and whether a longer one is cut instead of refused."""

    characters: int | None = None
    bytes: int | None = None
    truncate: bool = False


def kind_of(data_type: str) -> Kind:
    """How two values of a Marketo data type are compared."""
    return _KINDS.get(data_type, Kind.TEXT)


def limit_of(data_type: str, length: int | None, *, truncate: bool) -> Limit:
    """The limit that Marketo documents for a data type with describe's `length`."""
    if data_type == "text":
        return Limit(bytes=TEXT_BYTES, truncate=truncate)
    return Limit(characters=length or STRING_CHARACTERS, truncate=truncate)


def converter(data_type: str, limit: Limit, delimiter: str = ";") -> Callable[[Any], Value]:
    """A function from a record's value, never None, to Marketo's form of it.

    It returns None for a value that says nothing (blank text), and raises `Unfit`.
    """
    if data_type == "email":
        return _email
    simple: dict[Kind, Callable[[Any], Value]] = {
        Kind.BOOLEAN: _boolean,
        Kind.DATE: _date,
        Kind.DATETIME: _datetime,
        Kind.NUMBER: _number if data_type in ("float", "currency") else _integer,
    }
    if kind := simple.get(kind_of(data_type)):
        return kind

    always_fits = text_that_fits(data_type, limit)

    def text(value: Any) -> Value:
        if type(value) is not str:
            value = _as_text(value, delimiter)
        value = value.strip()
        return (value if len(value) <= always_fits else _fitted(value, limit)) or None

    return text


def text_that_fits(data_type: str, limit: Limit) -> int:
    """Of a text with up to so many characters the converter does no more than strip the blanks.

    Below zero for data types that are no text.
    """
    if kind_of(data_type) is not Kind.TEXT:
        return -1
    return limit.characters if limit.characters is not None else (limit.bytes or 0) // 4


@lru_cache(maxsize=8192)  # asked of a record, and again of the row that leaves for it
def is_email(text: str) -> bool:
    """Whether Marketo accepts the address: ASCII, and of the usual form."""
    local, _, domain = text.partition("@")
    return (
        0 < len(local) <= _LOCAL_CHARACTERS
        and not local.strip(_LOCAL)  # nothing is left: it has these characters only
        and ".." not in local
        and local[0] != "."
        and local[-1] != "."
        and _is_domain(domain)
    )


@lru_cache(maxsize=4096)  # most addresses share a few
def _is_domain(text: str) -> bool:
    return bool(_DOMAIN.fullmatch(text))


def items(value: Any) -> tuple[str, ...]:
    """A list's items, or a single value, as the texts that `append` adds."""
    values = value if isinstance(value, list | tuple) else [value]
    return tuple(
        text for item in values if item is not None and (text := _as_text(item, ";").strip())
    )


def _as_text(value: Any, delimiter: str) -> str:
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int() | float() | Decimal() | date():
            return str(value)
        case list() | tuple():
            return delimiter.join(_as_text(item, delimiter) for item in value if item is not None)
        case dict():
            raise Unfit("wrong_type", "a nested value does not fit; name a part of it in `from`")
        case _:
            raise Unfit("wrong_type", "not a value that can be stored")


def _fitted(text: str, limit: Limit) -> str:
    if limit.characters is not None and len(text) > limit.characters:
        if limit.truncate:
            return text[: limit.characters].rstrip()
        raise Unfit(
            "too_long", f"longer than {limit.characters} characters; `truncate` would cut it"
        )
    if limit.bytes is not None and len(text) * 4 > limit.bytes:
        encoded = text.encode("utf-8", "surrogatepass")
        if len(encoded) > limit.bytes:
            if limit.truncate:
                return encoded[: limit.bytes].decode("utf-8", "ignore").rstrip()
            raise Unfit("too_long", f"longer than {limit.bytes} bytes; `truncate` would cut it")
    return text


def _email(value: Any) -> Value:
    if not isinstance(value, str):
        raise Unfit("invalid_email", "not an e-mail address")
    text = value.strip()
    if not text:
        return None
    if not is_email(text):
        raise Unfit("invalid_email", "not an e-mail address that Marketo accepts")
    if len(text) > STRING_CHARACTERS:
        raise Unfit("too_long", f"longer than {STRING_CHARACTERS} characters")
    return text


def _number(value: Any) -> Value:
    if isinstance(value, str):
        value = value.strip()
        if not value:
            return None
        if "_" in value:  # Python would read 1_000 as a number
            raise Unfit("wrong_type", "not a number")
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise Unfit("wrong_type", "not a number")
    try:
        number = float(value)
    except (ValueError, OverflowError):
        raise Unfit("wrong_type", "not a number") from None
    if number != number or number in (float("inf"), float("-inf")):  # noqa: PLR0124 - NaN
        raise Unfit("wrong_type", "not a finite number")
    return number


def _integer(value: Any) -> Value:
    number = _number(value)
    if number is None:
        return None
    whole = int(value) if isinstance(value, int) else int(float(str(number)))
    if whole != number:
        raise Unfit("wrong_type", "not a whole number")
    if abs(whole) > _MAX_INTEGER:
        raise Unfit("wrong_type", "beyond Marketo's integers")
    return whole


def _boolean(value: Any) -> Value:
    if isinstance(value, bool):
        return value
    text = str(value).strip().lower()
    if not text:
        return None
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise Unfit("wrong_type", "not true or false")


def _is_blank(value: Any) -> bool:
    return isinstance(value, str) and not value.strip()


def _moment(value: Any) -> datetime:
    try:
        moment = (
            value if isinstance(value, datetime) else datetime.fromisoformat(str(value).strip())
        )
        # In UTC the first and the last hours of the calendar may lie beyond it.
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Unfit("wrong_type", "not a date and time (ISO 8601)") from None


def _datetime(value: Any) -> Value:
    if _is_blank(value):
        return None
    # Whole seconds: that is what Marketo answers, and a fraction would look like a change for ever.
    # Not strftime, which writes the year 1 with one digit.
    return _moment(value).replace(microsecond=0, tzinfo=None).isoformat() + "Z"


def _date(value: Any) -> Value:
    if _is_blank(value):
        return None
    if isinstance(value, str) and len(value.strip()) == len("2026-01-31"):
        try:
            return date.fromisoformat(value.strip()).isoformat()
        except ValueError:
            raise Unfit("wrong_type", "not a date (ISO 8601)") from None
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    return _moment(value).date().isoformat()
