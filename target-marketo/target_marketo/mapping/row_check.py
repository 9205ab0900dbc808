"""The last look at rows before they leave: a JSON Schema made from Marketo's describe. Pure.

Values are converted one by one when a record is mapped; what a row says as a whole is only known
after the decision, when lists were appended to and values of several records met. One value that
Marketo cannot store makes it skip the person, so such a row never leaves.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from jsonschema_rs import Draft202012Validator, ValidationErrorKind

from target_marketo.mapping import field_types
from target_marketo.mapping.refusals import Refusal, Refused
from target_marketo.mapping.texts import STRING_CHARACTERS, TEXT_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from target_marketo.mapping.field_types import Field

_TYPES: dict[str, dict[str, Any]] = {
    "boolean": {"type": ["boolean", "null"]},
    "currency": {"type": ["number", "null"]},
    "date": {"type": ["string", "null"], "format": "marketo-date"},
    "datetime": {"type": ["string", "null"], "format": "marketo-datetime"},
    "email": {"type": ["string", "null"], "format": "marketo-email", "maxLength": 255},
    "float": {"type": ["number", "null"]},
    "integer": {"type": ["integer", "null"]},
    "percent": {"type": ["integer", "null"]},
    "score": {"type": ["integer", "null"]},
    "text": {"type": ["string", "null"], "format": "marketo-text"},
}
# JSON Schema counts characters; Marketo counts the bytes of a text (Adobe: "Field types").
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_DATETIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z")
_FORMATS: dict[str, Callable[[str], bool]] = {
    "marketo-date": lambda text: _DATE.fullmatch(text) is not None,
    "marketo-datetime": lambda text: _DATETIME.fullmatch(text) is not None,
    "marketo-email": field_types.is_email,
    "marketo-text": lambda text: len(text.encode()) <= TEXT_BYTES,
}
_REASONS = {
    "format": (Refusal.INVALID_VALUE, "not in the form that Marketo asks for"),
    "maxLength": (Refusal.TOO_LONG, "longer than the field"),
    "type": (Refusal.WRONG_TYPE, "not of the field's type"),
}


def row_schema(described: Iterable[Field]) -> dict[str, Any]:
    """The JSON Schema of a row with some of these fields."""
    properties: dict[str, Any] = {"id": {"type": "integer"}}
    for field in described:
        limit = {"maxLength": field.length or STRING_CHARACTERS}
        text = {"type": ["string", "null"], **limit}
        properties[field.name] = _TYPES.get(field.data_type, text)
    return {"type": "object", "properties": properties, "additionalProperties": False}


def row_check(
    described: Iterable[Field],
) -> Callable[[Sequence[Mapping[str, Any]]], Refused | None]:
    """A function that says what is wrong with one of some rows, if anything is."""
    rows_schema = {"type": "array", "items": row_schema(described)}
    validator = Draft202012Validator(rows_schema, formats=_FORMATS, validate_formats=True)

    def check(rows: Sequence[Mapping[str, Any]]) -> Refused | None:
        if validator.is_valid(rows):
            return None
        error = next(validator.iter_errors(rows))
        # Not its text, which may repeat the value.
        kind = error.kind.name
        if isinstance(error.kind, ValidationErrorKind.Format):
            kind = "maxLength" if error.kind.format == "marketo-text" else kind
        code, reason = _REASONS.get(kind, (Refusal.WRONG_TYPE, "does not fit"))
        field = next((part for part in error.instance_path if isinstance(part, str)), "?")
        return Refused(code, field, reason)

    return check
