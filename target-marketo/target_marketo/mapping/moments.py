"""Dates and times as people and programs write them. Pure.

Marketo answers times in UTC and whole seconds; a fraction would look like a change for ever.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from target_marketo.mapping.refusals import Refusal, Unfit

# An epoch is known by its size: seconds from September 2001 to 2286, milliseconds, microseconds
# likewise. A number of another size is no time that anybody meant, a year above all.
_EPOCHS = ((10**9, 10**10, 1), (10**12, 10**13, 1000), (10**15, 10**16, 10**6))
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?", re.ASCII)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_DIGITS_OF_A_DAY = re.compile(r"\d{8}", re.ASCII)
# "Z+0000" is how Marketo's own Asset API ends its times.
_ZULU_TWICE = re.compile(r"Z[+-]00:?00\Z")
_START = datetime(1970, 1, 1, tzinfo=UTC)


def as_datetime(value: Any) -> str | None:
    """An instant as Marketo's datetime fields have it; None for a blank text.

    A time without offset is one in UTC.

    Raises:
        Unfit: It is no time.
    """
    moment = _moment(value)
    if moment is None:
        return None
    try:
        # In UTC the first and the last hours of the calendar may lie beyond it.
        moment = moment.astimezone(UTC)
    except OverflowError:
        raise Unfit(Refusal.WRONG_TYPE, "not a date and time (ISO 8601)") from None
    # Not strftime, which writes the year 1 with one digit.
    return moment.replace(microsecond=0, tzinfo=None).isoformat() + "Z"


def as_date(value: Any) -> str | None:
    """A day as Marketo's date fields have it, the day that was written, whatever its offset.

    Raises:
        Unfit: It is no day.
    """
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    try:
        moment = _moment(value)
    except Unfit:
        raise Unfit(Refusal.WRONG_TYPE, "not a date (ISO 8601)") from None
    return moment.date().isoformat() if moment is not None else None


def _moment(value: Any) -> datetime | None:
    """With the offset that was written; UTC where none was."""
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return _epoch(value)
    if not isinstance(value, str):
        raise Unfit(Refusal.WRONG_TYPE, "not a date and time (ISO 8601)")
    text = value.strip()
    if not text:
        return None
    if _NUMBER.fullmatch(text) and not _DIGITS_OF_A_DAY.fullmatch(text):
        return _epoch(Decimal(text))
    try:
        moment = datetime.fromisoformat(_ZULU_TWICE.sub("Z", text))
    except (ValueError, OverflowError):
        raise Unfit(Refusal.WRONG_TYPE, "not a date and time (ISO 8601)") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _epoch(number: float | Decimal) -> datetime:
    for least, beyond, units in _EPOCHS:
        if least <= number < beyond:
            return _START + timedelta(microseconds=int(number * (10**6 // units)))
    raise Unfit(Refusal.WRONG_TYPE, "a number that is neither epoch seconds nor milliseconds")
