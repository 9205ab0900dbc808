"""What may be shown of a person, a key or a value. Pure, and the only place that decides it.

Whole records stand in the store alone. Everything else that is written anywhere (logs, tables,
mails, a dry run) shows what these functions return.
"""

from __future__ import annotations

import re
from typing import Any

_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
# Narrower than what a mail server takes: a text that is anything else may be anything.
_ADDRESS = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]+@(?:[A-Za-z0-9-]+\.)+([A-Za-z]{2,24})")
_MASKED = re.compile(r"\S\*\*\*@\S\*\*\*\.[A-Za-z]{2,24}|\(\d+ characters?\)|")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?")


def comparable(key: str) -> str:
    """The key as Marketo compares it: e-mails in any case are one person."""
    return key.strip().lower()  # not casefold, to which ß is ss


def printable(text: str) -> str:
    """Without control characters: PostgreSQL takes no NUL, and a log line is one line."""
    return _CONTROLS.sub("?", text)


def mask(key: str) -> str:
    """`j***@e***.com` of an e-mail address; of any other text its length, and nothing else."""
    if not key:
        return ""
    address = _ADDRESS.fullmatch(key)
    if address is None:
        return f"({len(key)} character{'' if len(key) == 1 else 's'})"
    local, _, domain = key.partition("@")
    return f"{local[0]}***@{domain[0]}***.{address[1]}"


def masked(stored: str) -> str:
    """A mask as a store keeps it. Those of version 0.1 could show half of an odd key."""
    return stored if _MASKED.fullmatch(stored) else "***"


def shape(value: Any) -> str:
    """What kind of value it is, without the value.

    Times, true and false are shown; a day alone is not: it may be that of a birth.
    """
    match value:
        case None:
            kind = "null"
        case bool():
            kind = "true" if value else "false"
        case int() | float():
            kind = "a number"
        case list() | tuple():
            kind = f"a list of {len(value)}"
        case dict():
            kind = f"an object of {len(value)}"
        case _:
            kind = _shape_of_text(str(value))
    return kind


def _shape_of_text(text: str) -> str:
    length = f"{len(text)} characters"
    shapes = (
        (_TIME, text),
        (_DATE, "a date"),
        (_ADDRESS, f"{mask(text)}, {length}"),
        (re.compile(""), "blank text"),
    )
    return next((told for form, told in shapes if form.fullmatch(text)), f"text of {length}")
