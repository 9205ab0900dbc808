"""Which data type, and which label, a thing is made with. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from target_marketo.mapping.schema_check import StreamSchema

USUAL = "string"
# What a property is declared as -> Marketo's type. A text may be anything, so it tells nothing.
_OF_SCHEMA = {
    frozenset({"date-time"}): "datetime",
    frozenset({"date"}): "date",
    frozenset({"integer"}): "integer",
    frozenset({"number"}): "float",
    frozenset({"integer", "number"}): "float",
    frozenset({"boolean"}): "boolean",
}
_OF_VALUE = {bool: "boolean", int: "integer", float: "float"}
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")


class DataType(NamedTuple):
    """A type, and what says so: empty where nothing does."""

    name: str
    by: str = ""

    def __str__(self) -> str:
        return f"{self.name} ({self.by})" if self.by else self.name


def data_type(
    schema: StreamSchema, source: str | None, given: str | None, value: Any = None
) -> DataType:
    """The SCHEMA's type if that says more than text, else the entry's `type`, else a string."""
    declared = None if source is None else _OF_SCHEMA.get(schema.types(source) or frozenset())
    declared = declared or _OF_VALUE.get(type(value))
    if declared is not None:
        other = f", not {given}" if given not in (None, declared) else ""
        return DataType(declared, f"by its {'value' if source is None else 'SCHEMA'}{other}")
    return DataType(given, "by `type`") if given else DataType(USUAL)


def label(name: str) -> str:
    """`liveChatLastChatAt` as people read it: Live Chat Last Chat At."""
    words: list[str] = _WORDS.findall(name)
    return " ".join(word[0].upper() + word[1:] for word in words) or name


def api_name(text: str) -> str:
    """`first_page.title` as an API name: firstPageTitle."""
    words: list[str] = _WORDS.findall(text) or ["primary"]
    rest = (word[0].upper() + word[1:] for word in words[1:])
    return words[0].lower() + "".join(rest)
