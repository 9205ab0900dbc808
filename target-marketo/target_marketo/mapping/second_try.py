"""A row that Marketo refused for one field: once more without it. Pure.

Adobe, "Error codes": 1003 is an invalid value, 1006 a field that is not found, 1021 a field of
the company. The texts have changed over the years and repeat the value: of them nothing is used but
a name that is one of the row's own fields.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from target_marketo.mapping.marketo_fields import COMPANY

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from target_marketo.mapping.values import Value

_FOR_A_FIELD = frozenset({"1003", "1006", "1021", "1077"})
_OF_THE_COMPANY = "1021"
_QUOTED = re.compile(r"['\"`]([A-Za-z0-9_]{1,255})['\"`]")


def refused_fields(code: str, message: str, fields: Collection[str]) -> frozenset[str]:
    """The fields of the row that it was refused for; none if that cannot be told for certain.

    Args:
        code: Of the row's first reason.
        message: Its text. The first name in quotes counts: what follows may be the value.
        fields: The row's own.
    """
    if code == _OF_THE_COMPANY:
        return frozenset(fields) & COMPANY
    named = _QUOTED.search(message) if code in _FOR_A_FIELD else None
    return frozenset({named[1]} & set(fields)) if named else frozenset()


def without(
    values: Mapping[str, Value], fields: Collection[str], needed: Collection[str]
) -> dict[str, Value] | None:
    """The row less these fields; None if nothing would be left, or if a needed one is among them.

    `needed` are the fields by which Marketo knows the person.
    """
    if not fields or any(name in needed for name in fields):
        return None
    left = {name: value for name, value in values.items() if name not in fields}
    return left if left.keys() - set(needed) else None
