"""As what `setup` makes a thing: a table of types and names."""

from __future__ import annotations

from typing import Any

import pytest

from target_marketo.mapping.schema_check import StreamSchema
from target_marketo.ops.setup.data_types import api_name, data_type, label

TIME = {"type": "string", "format": "date-time"}


@pytest.mark.parametrize(
    ("declared", "given", "made"),
    [
        (TIME, None, "datetime"),
        ({"anyOf": [TIME, {"type": "null"}]}, "string", "datetime"),
        ({"type": "string", "format": "date"}, None, "date"),
        ({"type": ["integer", "null"]}, None, "integer"),
        ({"type": "number"}, "integer", "float"),
        ({"type": ["integer", "number"]}, None, "float"),
        ({"type": "boolean"}, None, "boolean"),
        ({"type": ["boolean", "string"]}, None, "string"),
        ({"type": "string"}, None, "string"),
        ({"type": "string"}, "text", "text"),
        ({"type": "array"}, "text", "text"),
        ({"type": "object"}, None, "string"),
        ({}, "currency", "currency"),
        (None, "datetime", "datetime"),
        (None, None, "string"),
    ],
)
def test_the_schema_decides_then_the_entry_then_it_is_a_string(
    declared: Any, given: str | None, made: str
) -> None:
    schema = StreamSchema() if declared is None else StreamSchema({"x": declared}, is_open=False)

    assert data_type(schema, "x", given).name == made


@pytest.mark.parametrize(
    ("value", "made"), [(True, "boolean"), (3, "integer"), (1.5, "float"), ("x", "string")]
)
def test_a_constant_tells_its_own_type(value: Any, made: str) -> None:
    assert data_type(StreamSchema(), None, None, value).name == made


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("liveChatLastChatAt", "Live Chat Last Chat At"),
        ("thread_id", "Thread Id"),
        ("utmCampaign2", "Utm Campaign 2"),
        ("URLOfPage", "URL Of Page"),
        ("x", "X"),
    ],
)
def test_labels_read_as_words(name: str, shown: str) -> None:
    assert label(name) == shown


@pytest.mark.parametrize(
    ("text", "name"), [("topic", "topic"), ("last_topic", "lastTopic"), ("Thema, groß", "themaGro")]
)
def test_api_names_have_letters_and_digits_only(text: str, name: str) -> None:
    assert api_name(text) == name
