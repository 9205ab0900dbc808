"""No row leaves that Marketo would skip for its values."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from target_marketo.mapping.field_types import Field
from target_marketo.mapping.refusals import Refused
from target_marketo.mapping.row_check import row_check, row_schema

FIELDS = [
    Field("email", "email", 255),
    Field("city", "string", 10),
    Field("notes", "text"),
    Field("chats", "integer"),
    Field("revenue", "currency"),
    Field("optIn", "boolean"),
    Field("born", "date"),
    Field("lastChatAt", "datetime"),
]


@pytest.mark.parametrize(
    "row",
    [
        {},
        {"id": 7, "city": None},
        {"email": "a@example.com", "city": "Roma città", "notes": "é" * 15_000},
        {"chats": 3, "revenue": 3.5, "optIn": False, "born": "2026-01-31"},
        {"lastChatAt": "2026-01-31T10:00:00Z"},
    ],
)
def test_a_row_that_fits(row: dict[str, Any]) -> None:
    assert row_check(FIELDS)([row]) is None
    Draft202012Validator(row_schema(FIELDS)).validate(row)


@pytest.mark.parametrize(
    ("row", "code", "field"),
    [
        ({"city": "x" * 11}, "too_long", "city"),
        ({"notes": "é" * 15_001}, "too_long", "notes"),
        ({"email": "jürgen@example.com"}, "invalid_value", "email"),
        ({"chats": "3"}, "wrong_type", "chats"),
        ({"chats": 3.5}, "wrong_type", "chats"),
        ({"revenue": "3"}, "wrong_type", "revenue"),
        ({"optIn": "yes"}, "wrong_type", "optIn"),
        ({"born": "2026-01-31T10:00:00Z"}, "invalid_value", "born"),
        ({"lastChatAt": "2026-01-31T10:00:00.123456Z"}, "invalid_value", "lastChatAt"),
    ],
)
def test_a_row_that_does_not_fit_is_named_by_field_without_its_value(
    row: dict[str, Any], code: str, field: str
) -> None:
    refused = row_check(FIELDS)([row])

    assert isinstance(refused, Refused)
    assert (refused.code, refused.field) == (code, field)
    assert str(row[field])[:11] not in refused.reason
    assert row_check(FIELDS)([{"city": "Rome"}, row, {}]) == refused, "wherever it stands"
