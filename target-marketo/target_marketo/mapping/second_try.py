"""A row that Marketo refused for one field: once more without it. Pure.

Adobe, "Error codes": 1003 is an invalid value, 1006 a field that is not found, 1021 a field of
the company. The texts have changed over the years and repeat the value: of them nothing is used but
a name that is one of the row's own fields.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from target_marketo.mapping.marketo_fields import COMPANY
from target_marketo.mapping.rules import Step

if TYPE_CHECKING:
    from collections.abc import Collection

_FOR_A_FIELD = frozenset({"1003", "1006", "1021", "1077"})
OF_THE_COMPANY = "1021"
_QUOTED = re.compile(r"['\"`]([A-Za-z0-9_]{1,255})['\"`]")


def refused_fields(code: str, message: str, fields: Collection[str]) -> frozenset[str]:
    """The fields of the row that it was refused for; empty if that is not certain.

    Args:
        code: Of the row's first reason.
        message: Its text. The first name in quotes counts: what follows may be the value.
        fields: The row's own.
    """
    if code == OF_THE_COMPANY:
        return frozenset(fields) & COMPANY
    named = _QUOTED.search(message) if code in _FOR_A_FIELD else None
    return frozenset({named[1]} & set(fields)) if named else frozenset()


def without(step: Step, fields: Collection[str]) -> Step:
    """The step less these fields, and less what is only as new as one of them tells."""
    left = {name: value for name, value in step.values.items() if name not in fields}
    for newest in step.rules.newest:
        if newest.leader.field in fields:
            for rule in newest.followers:
                left.pop(rule.field, None)
    return Step(step.rules, left)
