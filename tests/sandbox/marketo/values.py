"""What Marketo accepts as the value of a field, and how the value reads back.

An `Accept` turns what was sent into what is stored, `None` for empty, or raises a `RecordError`.
They are compiled once per field, since 300 rows of a call go through them in milliseconds.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from .errors import RecordError, ResponseError
from .fields import COMPANY

if TYPE_CHECKING:
    from .errors import MarketoError
    from .fields import Field, Schema
    from .options import Options

Accept = Callable[[Any], Any]

# The value of a field that a row may name, but that is not stored.
IGNORED = object()
TEXT_BYTES = 30_000  # Adobe, "Field types": text is limited in bytes, string in characters
INTEGERS = range(-(2**31), 2**31)
MAX_EMAIL = 255
EMAIL = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z]{2,}"
)
# W3C date and time; milliseconds are seen accepted, finer fractions are not.
DATETIME = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?(?:Z|[+-]\d\d:?\d\d)?", re.ASCII
)
UTC_DATETIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)  # as it reads back
FOUR_BYTES = re.compile(r"[\U00010000-\U0010FFFF]")
DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
INTEGER = re.compile(r"[+-]?\d{1,10}", re.ASCII)
NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_SIZES: dict[str, Callable[[str], int]] = {
    "characters": len,
    "utf16": lambda text: len(text.encode("utf-16-le", "surrogatepass")) // 2,
    "bytes": lambda text: len(text.encode("utf-8", "surrogatepass")),
}
BOOLEANS = {"true": True, "false": False, "1": True, "0": False}


def acceptors(schema: Schema, options: Options) -> dict[str, Accept]:
    """What to do with each field's values in a sync, by the field's REST name."""
    return {name: _acceptor(field, options) for name, field in schema.by_name.items()}


def seed_acceptors(schema: Schema, options: Options) -> dict[str, Accept]:
    """As `acceptors`, for people who are there already: any field may hold a value."""
    return {name: _checked(field, options) for name, field in schema.by_name.items()}


def read(data_type: str, value: Any) -> Any:
    """A value as this type of field stores it.

    Raises:
        ValueError: It is not of the type.
    """
    return _READERS[data_type](value)


def format_instant(seconds: float) -> str:
    """Epoch seconds as a lead's datetime fields read."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _acceptor(field: Field, options: Options) -> Accept:
    if field.name in COMPANY and options.company_fields == "1021":
        return _refused("1021", field.name)
    if field.read_only:
        if options.read_only_field == "ignore":
            return lambda _: IGNORED
        error = ResponseError if options.read_only_field == "response" else RecordError
        return _refused("1003", f"Field '{field.name}' is read only", error)
    return _checked(field, options)


def _refused(code: str, text: str, error: type[MarketoError] = RecordError) -> Accept:
    def accept(_: Any) -> Any:
        raise error(code, text)

    return accept


def _checked(field: Field, options: Options) -> Accept:
    accept = _shortened(field, options)
    if options.four_bytes == "store" or field.data_type not in _TEXTUAL:
        return accept
    replaces = options.four_bytes == "replace"

    def without_four_bytes(value: Any) -> Any:
        if type(value) is not str or not FOUR_BYTES.search(value):
            return accept(value)
        if replaces:
            return accept(FOUR_BYTES.sub("?", value))
        raise RecordError("1003", f"Invalid value for field '{field.name}'")

    return without_four_bytes


def _shortened(field: Field, options: Options) -> Accept:
    """The general rule, behind a shortcut for the values that most rows carry."""
    general = _general(field, options)
    quick = _QUICK.get(field.data_type)
    if quick is not None:
        return quick(general)
    if field.data_type not in _TEXTUAL:
        return general
    # No character is longer than four bytes, so this many fit any limit.
    surely_fits = (TEXT_BYTES if field.data_type == "text" else field.length or TEXT_BYTES) // 4

    def accept(value: Any) -> Any:
        if type(value) is str and 0 < len(value) <= surely_fits:
            return value
        return general(value)

    return accept


def _quick_integer(general: Accept) -> Accept:
    def accept(value: Any) -> Any:
        if type(value) is int and -(2**31) <= value < 2**31:
            return value
        return general(value)

    return accept


def _quick_email(general: Accept) -> Accept:
    match = EMAIL.fullmatch

    def accept(value: Any) -> Any:
        if type(value) is str and len(value) <= MAX_EMAIL and match(value):
            return value
        return general(value)

    return accept


def _quick_datetime(general: Accept) -> Accept:
    parse = datetime.fromisoformat
    match = UTC_DATETIME.fullmatch

    def accept(value: Any) -> Any:
        if type(value) is str and match(value):
            try:
                parse(value)
            except ValueError:
                return general(value)
            return value
        return general(value)

    return accept


def _general(field: Field, options: Options) -> Accept:
    read = _READERS[field.data_type]
    name = field.name
    limit = TEXT_BYTES if field.data_type == "text" else field.length
    size_of = _SIZES["bytes" if field.data_type == "text" else options.text_measure]
    empty_clears = options.empty_string == "clears"

    def accept(value: Any) -> Any:
        if value is None or (value == "" and empty_clears):
            return None
        try:
            result = read(value)
        except ValueError:
            text = f"Invalid value for field '{name}' and value '{_shown(value)}'"
            raise RecordError("1003", text) from None
        if limit is not None and isinstance(result, str):
            return _fitted(name, result, limit, size_of, options.too_long)
        return result

    return accept


def _fitted(name: str, text: str, limit: int, size_of: Callable[[str], int], too_long: str) -> str:
    if size_of(text) <= limit:
        return text
    if too_long == "truncate":
        while size_of(text) > limit:
            text = text[:-1]
        return text
    if too_long == "1077":
        raise RecordError("1077", name)
    raise RecordError("1003", f"Invalid value for field '{name}' and value '{text[:50]}…'")


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, (bool, int, float)):
        return _shown(value)
    raise ValueError(value)


def _email(value: Any) -> str:
    if isinstance(value, str) and (value == "" or EMAIL.fullmatch(value)):
        return value
    raise ValueError(value)


def _integer(value: Any) -> int:
    if isinstance(value, str) and INTEGER.fullmatch(value):
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and value in INTEGERS:
        return value
    raise ValueError(value)


def _number(value: Any) -> float:
    if isinstance(value, str) and NUMBER.fullmatch(value):
        return float(value)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value
    raise ValueError(value)


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, (str, int)) and str(value).lower() in BOOLEANS:
        return BOOLEANS[str(value).lower()]
    raise ValueError(value)


def _date(value: Any) -> str:
    if isinstance(value, str) and DATE.fullmatch(value):
        return date.fromisoformat(value).isoformat()
    raise ValueError(value)


def _datetime(value: Any) -> str:
    if not (isinstance(value, str) and DATETIME.fullmatch(value)):
        raise ValueError(value)
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


_READERS: dict[str, Accept] = {
    "string": _text,
    "text": _text,
    "phone": _text,
    "url": _text,
    "link": _text,
    "formula": _text,
    "email": _email,
    "integer": _integer,
    "percent": _integer,
    "reference": _integer,
    "float": _number,
    "currency": _number,
    "boolean": _boolean,
    "date": _date,
    "datetime": _datetime,
}
_TEXTUAL = frozenset({"string", "text", "phone", "url"})
_QUICK: dict[str, Callable[[Accept], Accept]] = {
    "email": _quick_email,
    "integer": _quick_integer,
    "percent": _quick_integer,
    "datetime": _quick_datetime,
}
