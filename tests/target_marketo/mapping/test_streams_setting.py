"""The `streams` setting: what it means, and what is said when it is wrong."""

from __future__ import annotations

from typing import Any

import pytest

from target_marketo.mapping.default_streams import DEFAULT_STREAMS
from target_marketo.mapping.mapper import Mapper
from target_marketo.mapping.plan import Mapped
from target_marketo.mapping.refusals import Refusal, Refused
from target_marketo.problems import SettingError
from tests.target_marketo.mapping.described import FIELDS, streams


def mapped(setting: dict[str, Any] | None, record: dict[str, Any]) -> Any:
    return Mapper(setting, FIELDS).plan("visitors", {}).map(record)


def test_the_default_maps_a_visitor_of_tap_livechat() -> None:
    record = {
        "email": "Ann@Example.com",
        "first_name": "Ann",
        "city": "Rome",
        "region": None,
        "country": "Italy",
    }

    assert mapped(None, record) == Mapped(
        "Ann@Example.com",
        {
            "email": "Ann@Example.com",
            "firstName": "Ann",
            "city": "Rome",
            "country": "Italy",
            "leadSource": "LiveChat",
        },
    )
    assert set(DEFAULT_STREAMS) == {"visitors"}


@pytest.mark.parametrize("email", [None, "", "  "])
def test_a_record_without_key_is_skipped(email: str | None) -> None:
    assert mapped(streams(), {"email": email}) is None
    assert mapped(streams(), {}) is None


def test_a_value_comes_from_a_path_into_nested_values() -> None:
    setting = streams(
        firstName="profile.names.0.first",
        lastName="odd.name",
        city={"from": "profile.city"},
    )
    record = {
        "email": "a@example.com",
        "profile": {"names": [{"first": "Ann"}], "city": None},
        "odd.name": "Lee",
    }

    assert mapped(setting, record).values == {
        "email": "a@example.com",
        "firstName": "Ann",
        "lastName": "Lee",
    }


def test_null_clears_only_where_that_is_asked_for() -> None:
    setting = streams(firstName="first", lastName={"from": "last", "clear": True})

    values = mapped(setting, {"email": "a@example.com", "first": None, "last": None}).values

    assert values == {"email": "a@example.com", "lastName": None}


def test_keys_in_another_case_are_one_person_and_keys_of_other_letters_are_not() -> None:
    plan = Mapper(
        {"visitors": {"key": "externalKey", "fields": {"externalKey": "key"}}}, FIELDS
    ).plan("visitors", {})

    assert plan.person("STRASSE") == plan.person("Strasse")
    assert plan.person("STRASSE") != plan.person("Straße")


def test_a_value_that_does_not_fit_costs_its_field_or_where_that_is_set_the_record() -> None:
    setting = streams(chats="n", firstName="first")
    record = {"email": "a@example.com", "n": "many", "first": "Ann"}
    refused = Refused(Refusal.WRONG_TYPE, "chats", "not a number")

    values = {"email": "a@example.com", "firstName": "Ann"}
    assert mapped(setting, record) == Mapped("a@example.com", values, (refused,))
    strict = Mapper(setting, FIELDS, rejects_unfit=True).plan("visitors", {})
    assert strict.map(record) == refused


def test_a_key_with_a_comma_is_refused() -> None:
    setting = {"visitors": {"key": "externalKey", "fields": {"externalKey": "ref"}}}

    assert mapped(setting, {"ref": "a,b"}).code == "key_with_comma"
    assert mapped(setting, {"ref": "a-b"}) == Mapped("a-b", {"externalKey": "a-b"})


def test_a_stream_without_an_entry_goes_by_names() -> None:
    properties = dict.fromkeys(
        ["email", "first_name", "lastName", "city", "id", "company", "created_at", "other"]
    )

    plan = Mapper({}, FIELDS).plan("people", properties)

    assert {rule.field: (str(rule.write), rule.group) for rule in plan.rules.all} == {
        "email": ("if_empty", None),
        "firstName": ("if_empty", None),
        "lastName": ("if_empty", None),
        "city": ("if_empty", "geography"),
    }


def test_the_lookup_asks_only_for_what_the_rules_need() -> None:
    plan = Mapper(None, FIELDS).plan("visitors", {})

    assert "leadSource" not in plan.lookup_fields
    assert plan.lookup_fields[:2] == ("id", "email")


WRONG: list[tuple[Any, str]] = [
    ([], "`streams` must be an object"),
    ({"visitors": []}, "`streams.visitors` must be an object"),
    ({"visitors": {"fields": {}}}, "`streams.visitors.fields` must be an object"),
    ({"visitors": {"key": "email"}}, "needs `fields`"),
    ({"visitors": {"keys": 1, "fields": {"email": "email"}}}, "not `keys`"),
    ({"visitors": {"key": 1, "fields": {"email": "email"}}}, "must be the name"),
    ({"visitors": {"key": "emial", "fields": {"email": "email"}}}, "did you mean `email`"),
    ({"visitors": {"key": "firstName", "fields": {"email": "email"}}}, "cannot search"),
    (streams(firstname="x"), "no field `firstname`; did you mean `firstName`?"),
    (streams(first_nam="x"), "did you mean `firstName`?"),
    (streams(zzz="x"), "Marketo has no field `zzz`"),
    (streams(createdAt="x"), "read-only"),
    (streams(id="x"), "read-only"),
    (streams(city=1), "`streams.visitors.fields.city` must be"),
    (streams(city={}), "needs either `from` or `value`"),
    (streams(city={"from": "a", "value": "b"}), "needs either"),
    (streams(city={"from": 1}), "`streams.visitors.fields.city.from` must be"),
    (streams(city={"from": "a", "wirte": "always"}), "not `wirte`; did you mean `write`?"),
    (streams(city={"from": "a", "write": "sometimes"}), "not `sometimes`"),
    (streams(city={"from": "a", "truncate": "yes"}), "must be true or false"),
    (streams(city={"from": "a", "group": "g"}), "goes with `write: if_empty`"),
    (streams(city={"from": "a", "write": "if_empty", "clear": True}), "goes with `write: always`"),
    (streams(city={"value": "a", "clear": True}), "`streams.visitors.fields.city.clear` does noth"),
    (streams(city={"from": "a", "write": "append", "truncate": True}), "beside `write: append`"),
    (streams(chats={"from": "a", "truncate": True}), "`truncate` needs a string or a text"),
    (streams(unsubscribed={"from": "a", "truncate": True}), "`truncate` needs a string or a text"),
    (streams(email={"from": "a", "truncate": True}), "`truncate` needs a string or a text"),
    (streams(unsubscribed={"from": "a", "write": "if_empty"}), "is a boolean"),
    (streams(city={"from": "a", "write": "greatest"}), "needs a number or a date"),
    (streams(chats={"from": "a", "write": "append"}), "needs a string or a text"),
    (streams(chats={"value": "many"}), "does not fit"),
    ({"two\nlines": None}, r"`streams.two\nlines` must be an object"),
]


@pytest.mark.parametrize(("setting", "said"), WRONG)
def test_a_wrong_mapping_is_one_line_that_names_it(setting: Any, said: str) -> None:
    with pytest.raises(SettingError) as error:
        Mapper(setting, FIELDS)

    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_a_property_that_the_stream_does_not_have_is_an_error_with_the_nearest() -> None:
    mapper = Mapper(streams(firstName="frist_name", tags="nested.part"), FIELDS)

    with pytest.raises(SettingError, match="no property `frist_name`; did you mean `first_name`"):
        mapper.plan("visitors", {"email": {}, "first_name": {}, "nested": {}})


def test_names_with_dots_are_put_together_however_meltano_nests_them() -> None:
    entry = {"key": "email", "fields": {"email": "email"}}
    flat = Mapper({"public.contacts": entry, "public.people.all": entry}, FIELDS)
    nested = Mapper({"public": {"contacts": entry, "people": {"all": entry}}}, FIELDS)
    both = Mapper({"public": {**entry, "contacts": entry}}, FIELDS)

    assert flat.entries == nested.entries == {"public.contacts", "public.people.all"}
    assert both.entries == {"public", "public.contacts"}


def test_a_misspelt_option_is_no_part_of_a_name() -> None:
    with pytest.raises(SettingError, match="did you mean `fields`"):
        Mapper({"people": {"key": "email", "feilds": {"fields": {"email": "email"}}}}, FIELDS)


@pytest.mark.parametrize("given", [streams(city={"from": "a", "type": "sting"})])
def test_a_type_that_marketo_does_not_have_is_reported_with_the_nearest(given: Any) -> None:
    with pytest.raises(SettingError, match="did you mean `string`"):
        Mapper(given, FIELDS)
