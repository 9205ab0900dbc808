"""Codes in words, and a record's shape: what may be shown of a rejected record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from target_marketo.mapping.refusals import OWN
from target_marketo.marketo.codes import Family, family_of, is_documented, of_row
from target_marketo.privacy import mask, shape

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAME_LENGTH = 60


class Explained(NamedTuple):
    """What a code means and what a person can do."""

    meaning: str
    cure: str


def is_ours(code: str) -> bool:
    """Whether the mapping refused the record, and Marketo never saw it."""
    return code in OWN


def explained(code: str, advice: str = "", part: str = "") -> Explained:
    """A code of ours or of Marketo's in words; `advice` is what the log says of an unknown one.

    Of what is attached to a person the log says more than the code: which list is not there.
    """
    if (ours := OWN.get(code)) is not None:
        return Explained(ours.meaning, ours.cure)
    family = family_of(part)
    known = of_row(code, family)
    if family is not Family.PEOPLE and advice:
        return Explained(known.meaning, advice)
    if advice and known.cure.startswith("nothing"):
        return Explained(known.meaning, advice)  # what was tried again came to nothing
    if is_documented(code) or not advice:
        return Explained(known.meaning, known.cure)
    return Explained(advice, "see what Marketo holds, correct the value or `streams`, then replay")


def shapes(record: Mapping[str, Any]) -> dict[str, str]:
    """Each property of a record with the shape of its value."""
    return {_name(name): shape(value) for name, value in record.items()}


def sample(
    stream: str, field: str, record: Mapping[str, Any], streams: Mapping[str, Any] | None
) -> str:
    """The shape of the value that a field was to be filled with; empty where that is unknown."""
    from target_marketo.mapping.default_streams import DEFAULT_STREAMS  # noqa: PLC0415 - takes a second to import

    fields = ((streams or DEFAULT_STREAMS).get(stream) or {}).get("fields") or {}
    spec = fields.get(field) if field else None
    source = spec.get("from") if isinstance(spec, dict) else spec
    if not isinstance(source, str) or source not in record:
        return ""
    return f"{_name(source)} is {shape(record[source])}"


def _name(name: str) -> str:
    """A property's name; one that looks like a value is masked like one."""
    return (mask(name) if "@" in name else name)[:_NAME_LENGTH]
