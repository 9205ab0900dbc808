"""Sources: how `from` names a property, or a path into nested values. Pure.

city                            a property
session_fields.plan             a property of that whole name or, failing that, a path
form_answers."Role, e.g. CTO"   a path; a part in quotes may hold dots
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

_PART = re.compile(r'"((?:[^"\\]|\\.)*)"(?=\.|\Z)|([^".][^.]*|)(?=\.|\Z)', re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


def parts(source: str) -> tuple[str, ...]:
    r"""The keys on the way, outermost first; a name that is no path is its own only part.

    A quote within quotes is written as `\"`. Quotes that do not pair belong to the name.
    """
    found: list[str] = []
    at = 0
    while (part := _PART.match(source, at)) is not None:
        quoted, plain = part.groups()
        found.append(plain if quoted is None else _ESCAPED.sub(r"\1", quoted))
        at = part.end() + 1
        if at > len(source):
            return tuple(found)
    return tuple(source.split("."))


def properties(source: str) -> tuple[str, ...]:
    """The properties that a source may stand for: of its whole name first, then its first part."""
    keys = parts(source)
    is_quoted = source.startswith('"') or '."' in source
    return tuple(dict.fromkeys((keys[0],) if is_quoted else (source, keys[0])))


def written(keys: Sequence[str]) -> str:
    """A path as `from` takes it."""
    return ".".join(_quoted(key) if "." in key or '"' in key else key for key in keys)


def value_at(value: Any, keys: Sequence[str]) -> Any:
    """What stands at the end of a path into nested values; None if there is nothing."""
    for key in keys:
        if isinstance(value, dict):
            value = value.get(key)
        elif isinstance(value, list) and key.isdecimal() and int(key) < len(value):
            value = value[int(key)]
        else:
            return None
    return value


def _quoted(key: str) -> str:
    escaped = key.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
