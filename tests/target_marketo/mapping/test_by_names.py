"""Streams without an entry: what is mapped by its name, what is left, and what is said of it."""

from __future__ import annotations

from typing import Any

import pytest

from target_marketo.mapping.by_names import by_names
from target_marketo.mapping.field_types import Field
from target_marketo.mapping.schema_check import StreamSchema
from target_marketo.problems import SettingError
from tests.target_marketo.mapping.described import FIELDS

TEXT, NUMBER = {"type": "string"}, {"type": "integer"}
DESCRIBED = {field.name: field for field in FIELDS}


def mapped(properties: dict[str, Any], described: dict[str, Field] = DESCRIBED) -> Any:
    return by_names("people", StreamSchema(properties, is_open=False), described)


def test_fields_are_filled_by_their_names_and_by_like_ones() -> None:
    found = mapped(
        {"email": TEXT, "first_name": TEXT, "Last Name": TEXT, "unsubscribed": {}, "city": TEXT}
    )

    assert {each.name: each.source for each in found.entry.fields} == {
        "email": "email",
        "firstName": "first_name",
        "lastName": "Last Name",
        "city": "city",
    }
    assert {each.name: each.group for each in found.entry.fields if each.group} == {
        "city": "geography"
    }
    assert found.told.startswith("maps email, first_name -> firstName, Last Name -> lastName, city")
    assert found.left.keys() == {"unsubscribed"}


def test_the_exact_name_goes_before_a_like_one() -> None:
    found = mapped({"first_name": TEXT, "firstName": TEXT})
    assert {each.name: each.source for each in found.entry.fields} == {"firstName": "firstName"}
    assert found.left == {"first_name": "firstName is there"}


def test_two_like_names_of_one_field_are_an_error() -> None:
    with pytest.raises(SettingError, match="`first_name`, `First Name` fit `firstName` equally"):
        mapped({"first_name": TEXT, "First Name": TEXT})


def test_what_is_left_is_told_with_its_reason() -> None:
    doubled = DESCRIBED | {"first_name": Field("first_name", "string", 255)}
    found = mapped(
        {"email": NUMBER, "createdAt": TEXT, "chats": TEXT, "FIRSTNAME": TEXT, "other": TEXT},
        doubled,
    )

    assert found.entry.fields == ()
    assert found.left["chats"] == "string, Marketo's is integer"
    assert found.left["FIRSTNAME"] == "fits several fields"
    assert found.left["createdAt"] == "read-only in Marketo"
    assert found.left["other"] == ""
    assert found.left["email"] == "integer, Marketo's is email"
    assert "FIRSTNAME (fits several fields)" in found.told
    assert found.told.endswith("other")


def test_a_stream_of_which_nothing_fits_says_so() -> None:
    assert mapped({"other": TEXT}).told == "maps nothing; leaves other"
    assert mapped({"email": TEXT}).told == "maps email; leaves nothing"


def test_a_long_list_is_cut_and_counted() -> None:
    found = mapped({f"x{number:02}": TEXT for number in range(14)})
    assert "x11" in found.told
    assert "x12" not in found.told
    assert "2 more" in found.told
    one_more = mapped({f"x{number:02}": TEXT for number in range(13)})
    assert "1 more" in one_more.told
