"""A stream's SCHEMA, as far as a mapping needs it: which properties, of which types. Pure.

Types are said once. By an entry, what may fit fits: a text without a format may be anything (taps
for CSV files declare nothing else). By names, only what certainly fits does.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from target_marketo.mapping import paths

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_TEXTS = frozenset({"string", "text", "phone", "url"})
_WHOLE = frozenset({"integer", "score", "percent"})
_NUMBERS = _WHOLE | {"float", "currency"}
_TIMES = frozenset({"date", "datetime"})
_ANY = _TEXTS | _NUMBERS | _TIMES | {"email", "boolean", "reference", "formula"}

# What a property is declared as -> the Marketo types whose values it may hold, by an entry.
_MAY_FIT: dict[str, frozenset[str]] = {
    "string": _ANY,
    "date-time": _TEXTS | _TIMES,
    "date": _TEXTS | _TIMES,
    "integer": _TEXTS | _NUMBERS | _TIMES | {"boolean"},
    "number": _TEXTS | _NUMBERS | _TIMES | {"boolean"},
    "boolean": _TEXTS | {"boolean"},
    "object": frozenset(),
    "array": frozenset(),
}
# The same, by names.
_FITS: dict[str, frozenset[str]] = {
    "string": _TEXTS | {"email"},
    "date-time": frozenset({"datetime"}),
    "date": frozenset({"date"}),
    "integer": _NUMBERS,
    "number": frozenset({"float", "currency"}),
    "boolean": frozenset({"boolean"}),
    "object": frozenset(),
    "array": frozenset(),
}
# What a property is declared as -> the JSON values that it may hold, beside null. Of a text without
# a format some taps send anything.
_VALUES: dict[str, tuple[type, ...]] = {
    "string": (str, int, float, bool),
    "date-time": (str,),
    "date": (str,),
    "integer": (int, float),
    "number": (int, float),
    "boolean": (bool,),
    "object": (),
    "array": (),
}
_FORMATS = frozenset({"date-time", "date"})
_NESTED = frozenset({"object", "array"})
_COMBINED = ("anyOf", "oneOf", "allOf")


@dataclass(frozen=True)
class StreamSchema:
    """The properties of a stream; records of an open one may have others too."""

    properties: Mapping[str, Any] = field(default_factory=dict)
    is_open: bool = True

    @classmethod
    def of(cls, schema: Mapping[str, Any]) -> StreamSchema:
        """Of any JSON Schema: what `anyOf` and the like on top offer is taken together.

        Raises:
            ValueError: `properties` is no object.
        """
        properties: dict[str, Any] = {}
        closed = False
        for each in _branches(schema):
            found = each.get("properties")
            if found is not None and not isinstance(found, dict):
                raise ValueError("properties")
            properties |= found or {}
            closed = closed or each.get("additionalProperties") is False
        return cls(properties, is_open=not closed or bool(schema.get("patternProperties")))

    def types(self, source: str) -> frozenset[str] | None:
        """What a source is declared as; None if it is not, empty if it may be anything."""
        if source in self.properties:
            return types_of(self.properties[source])
        found: Any = None
        properties, is_open = self.properties, self.is_open
        for key in paths.parts(source):
            if key not in properties:
                return frozenset() if found is not None and not properties and is_open else None
            found = properties[key]
            inside = StreamSchema.of(found) if isinstance(found, dict) else StreamSchema()
            properties, is_open = inside.properties, inside.is_open
            if types_of(found) == {"array"}:
                return frozenset()  # its items are numbered
        return types_of(found)

    def lacks_for_certain(self, source: str) -> bool:
        """Whether no record can have the source."""
        properties, is_open = self.properties, self.is_open
        if source in properties:
            return False
        for key in paths.parts(source):
            if key not in properties:
                return not is_open and bool(properties)
            found = properties[key]
            kinds = types_of(found)
            if kinds and not kinds & _NESTED:
                return key != paths.parts(source)[-1]
            if "array" in kinds:
                return False
            inside = StreamSchema.of(found) if isinstance(found, dict) else StreamSchema()
            properties, is_open = inside.properties, inside.is_open
        return False

    def outline(self, most: int = 200) -> dict[str, Any]:
        """A JSON Schema of names, types and formats alone; without names where there are more."""
        outlined = {name: _outline(declared) for name, declared in self.properties.items()}
        few = len(self.names) <= most
        return {"properties": outlined if few else {}, "additionalProperties": self.is_open}

    @property
    def names(self) -> dict[str, frozenset[str]]:
        """Every property, those within objects too, as `from` names it, and its types."""
        return dict(_names(self.properties, ()))


def types_of(declared: Any) -> frozenset[str]:
    """The types of one property without null, date-time and date apart; empty if any."""
    if not isinstance(declared, dict):
        return frozenset()
    found: set[str] = set()
    for each in _branches(declared):
        kinds = each.get("type")
        for kind in [kinds] if isinstance(kinds, str) else kinds or ():
            written = each.get("format")
            found.add(written if kind == "string" and written in _FORMATS else str(kind))
        if "properties" in each and not kinds:
            found.add("object")
    return frozenset(found - {"null"})


def may_fit(declared: Iterable[str], data_type: str, *, appends: bool) -> bool:
    """Whether a field that an entry names may take a value of one of these types."""
    kinds = frozenset(declared)
    return (
        not kinds
        or appends
        or any(kind not in _MAY_FIT or data_type in _MAY_FIT[kind] for kind in kinds)
        or data_type not in _ANY
    )


def may_be(declared: Iterable[str], value: Any) -> bool:
    """Whether a property that is declared as one of these types may hold this very value."""
    kinds = frozenset(declared)
    return (
        not kinds
        or value is None
        or any(kind not in _VALUES or type(value) in _VALUES[kind] for kind in kinds)
    )


def fits(declared: Iterable[str], data_type: str) -> bool:
    """Whether a field takes every value of these types; what is not declared is not known."""
    return all(data_type in _FITS.get(kind, frozenset()) for kind in declared)


def shown(declared: Iterable[str]) -> str:
    """Types as a person reads them."""
    return " or ".join(sorted(declared)) or "anything"


def _outline(declared: Any) -> dict[str, Any]:
    kinds = types_of(declared)
    types = [
        {"type": "string", "format": kind} if kind in _FORMATS else {"type": kind}
        for kind in sorted(kinds)
    ]
    outlined: dict[str, Any] = {"anyOf": types} if types else {}
    if isinstance(declared, dict) and isinstance(declared.get("properties"), dict):
        inside = StreamSchema.of(declared)
        outlined |= {
            "properties": {name: _outline(each) for name, each in inside.properties.items()},
            "additionalProperties": inside.is_open,
        }
    return outlined


def _branches(schema: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield schema
    for word in _COMBINED:
        branches = schema.get(word)
        for each in branches if isinstance(branches, list) else ():
            if isinstance(each, dict):
                yield from _branches(each)


def _names(
    properties: Mapping[str, Any], above: tuple[str, ...]
) -> Iterator[tuple[str, frozenset[str]]]:
    for name, declared in properties.items():
        path = (*above, name)
        yield (name if not above else paths.written(path)), types_of(declared)
        if isinstance(declared, dict) and isinstance(declared.get("properties"), dict):
            yield from _names(declared["properties"], path)
