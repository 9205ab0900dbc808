"""The plan of a stream: which records are skipped, what of them is taken, and what is doubtful."""

from __future__ import annotations

from typing import Any

import pytest

from target_marketo.mapping.mapper import Mapper
from target_marketo.mapping.plan import DELETED, Mapped, StreamPlan
from target_marketo.mapping.refusals import Refusal, Refused, Skip
from target_marketo.mapping.rules import Write
from target_marketo.mapping.schema_check import StreamSchema
from target_marketo.mapping.values import Kind, same
from target_marketo.problems import SettingError
from tests.target_marketo.mapping.described import FIELDS, streams

ANN = {"email": "ann@example.com"}


def plan_of(setting: Any, **options: Any) -> StreamPlan:
    return Mapper(setting, FIELDS, **options).plan("visitors", {})


def entry(**options: Any) -> dict[str, Any]:
    return {"visitors": {"key": "email", "fields": {"email": "email", "city": "city"}, **options}}


# Records that are skipped


SAYS_YES: list[Any] = [True, "2026-11-28T00:00:00Z", 1, "true", ["x"], {"at": 1}]
SAYS_NO: list[Any] = [False, None, "", 0, "0", 0.0, " No ", "FALSE", []]


@pytest.mark.parametrize("mark", DELETED)
def test_a_record_marked_deleted_is_skipped_unless_that_is_switched_off(mark: str) -> None:
    skips, delivers = plan_of(entry(), skips_deleted=True), plan_of(entry(), skips_deleted=False)

    for value in SAYS_YES:
        assert skips.map({**ANN, mark: value}) is Skip.DELETED, value
        assert plan_of(entry()).map({**ANN, mark: value}) is Skip.DELETED, "by default"
        assert isinstance(delivers.map({**ANN, mark: value}), Mapped), value
    for value in SAYS_NO:
        assert isinstance(skips.map({**ANN, mark: value}), Mapped), value


@pytest.mark.parametrize(
    ("wanted", "value", "is_taken"),
    [
        (False, False, True),
        (False, True, False),
        (False, 0, False),
        (1, True, False),
        (1, 1, True),
        (["a", "b"], "b", True),
        (["a", "b"], "c", False),
        (["a", "b"], None, False),
        ("a", "A", False),
    ],
)
def test_only_if_takes_the_records_with_one_of_the_values(
    wanted: Any, value: Any, *, is_taken: bool
) -> None:
    found = plan_of(entry(only_if={"active": wanted})).map({**ANN, "active": value})

    assert (found is Skip.NOT_ASKED_FOR) is not is_taken
    assert isinstance(found, Mapped) is is_taken


def test_every_condition_of_only_if_counts() -> None:
    plan = plan_of(entry(only_if={"active": False, "kind": "chat"}))

    assert isinstance(plan.map({**ANN, "active": False, "kind": "chat"}), Mapped)
    assert plan.map({**ANN, "active": False, "kind": "mail"}) is Skip.NOT_ASKED_FOR
    assert plan.map({**ANN, "active": True, "kind": "chat"}) is Skip.NOT_ASKED_FOR
    assert plan.map({**ANN, "active": True, "_sdc_deleted_at": "x"}) is Skip.DELETED


def test_a_stream_without_an_entry_is_left_out_and_the_log_says_how_to_let_it_in() -> None:
    plan = Mapper(entry(), FIELDS).plan("vistors", {"email": {}})

    assert plan.map(ANN) is Skip.STREAM_LEFT_OUT
    assert plan.map({**ANN, "_sdc_deleted": True}) is Skip.STREAM_LEFT_OUT
    (note,) = plan.notes
    assert "no entry for it" in note
    assert "`visitors`" in note
    assert '`"*": by_names`' in note


def test_a_stream_without_an_entry_is_let_in_where_that_is_asked_for() -> None:
    plan = Mapper({**entry(), "*": "by_names"}, FIELDS).plan("people", {"email": {}, "city": {}})

    assert isinstance(plan.map(ANN), Mapped)
    assert "maps email, city" in plan.notes[0]


def test_the_other_streams_of_tap_livechat_are_left_out_of_the_built_in_mapping() -> None:
    mapper = Mapper(None, FIELDS)
    chats = mapper.plan("chats", {"thread_id": {}, "email": {}})

    assert chats.map(ANN) is Skip.STREAM_LEFT_OUT
    assert "left out" in chats.notes[0]
    assert isinstance(mapper.plan("chats", {"email": {}}).map(ANN), Mapped), "somebody else's chats"
    assert mapper.entries == frozenset()
    assert Mapper(entry(), FIELDS).entries == {"visitors"}


# What is taken


def test_a_record_without_a_key_of_its_stream_is_refused() -> None:
    plan = Mapper(entry(), FIELDS).plan("visitors", {}, ["id"])

    refused = plan.map(ANN)
    assert isinstance(refused, Refused)
    assert (refused.code, refused.reason) == (
        Refusal.MISSING_KEY,
        "the record has no `id`, a key of its stream",
    )
    assert isinstance(plan.map({**ANN, "id": 1}), Mapped)


def test_without_how_new_they_are_the_newest_values_say_nothing() -> None:
    setting = streams(
        lastChatAt={"from": "at", "write": "greatest", "group": "chat"},
        firstName={"from": "first", "write": "newest", "group": "chat"},
        city="city",
    )
    record = {**ANN, "first": "Ann", "city": "Rome"}
    at = "2026-11-28T10:00:00Z"

    assert plan_of(setting).map(record).values == {**ANN, "city": "Rome"}  # type: ignore[union-attr]
    with_time = plan_of(setting).map({**record, "at": at})
    assert with_time.values == {**ANN, "city": "Rome", "lastChatAt": at, "firstName": "Ann"}  # type: ignore[union-attr]


def test_a_constant_key_and_a_key_that_is_cut_are_converted_apart() -> None:
    by_constant = {"visitors": {"key": "email", "fields": {"email": {"value": "a@example.com"}}}}
    cut = {
        "visitors": {
            "key": "externalKey",
            "fields": {"externalKey": {"from": "ref", "truncate": True}},
        }
    }
    short = {"ref": "x" * 50}

    assert plan_of(by_constant).map({}) == Mapped("a@example.com", {"email": "a@example.com"})
    assert plan_of(cut).map(short) == Mapped("x" * 50, {"externalKey": "x" * 50})


# One part of a record, for a replay

PARTS = streams(
    city={"from": "city", "write": "if_empty", "group": "geography"},
    state={"from": "region", "write": "if_empty", "group": "geography"},
    country={"value": "IT", "write": "if_empty", "group": "geography"},
    firstName="first",
    leadSource={"value": "LiveChat"},
)
RECORD = {**ANN, "city": "Rome", "region": "RM", "first": "Ann"}


@pytest.mark.parametrize(
    ("part", "values"),
    [
        ("field:firstName", {"firstName": "Ann"}),
        ("field:leadSource", {"leadSource": "LiveChat"}),
        ("field:city", {"city": "Rome", "state": "RM", "country": "IT"}),
        ("field:email", ANN),
        ("field:gone", {}),
        ("list:VIP", {}),
    ],
)
def test_a_part_of_a_record_is_one_field_with_its_group_and_makes_nobody(
    part: str, values: dict[str, Any]
) -> None:
    only = plan_of(PARTS).only(part)

    assert only.map(RECORD) == Mapped("ann@example.com", values)
    assert {rule.field for rule in only.rules.all} == values.keys()
    assert not only.rules.creates
    assert not only.entry.create
    assert only.part == part
    assert plan_of(PARTS).rules.creates


# Doubts


def checked(setting: Any, properties: dict[str, Any], **options: Any) -> StreamPlan:
    return Mapper(setting, FIELDS).plan("visitors", properties, **options)


def test_a_key_that_the_schema_does_not_have_is_doubtful() -> None:
    has, text = {"email": {"type": "string"}}, {"city": {"type": "string"}}
    setting = {"visitors": {"key": "email", "fields": {"email": "address", "city": "city"}}}
    constant = {"visitors": {"key": "email", "fields": {"email": {"value": "a@example.com"}}}}

    assert not checked(entry(), {**has, **text}).key_is_doubtful
    assert checked(entry(), {}).key_is_doubtful, "nobody said what the records have"
    assert checked(setting, text, open_ended=True).key_is_doubtful
    assert not checked(constant, text).key_is_doubtful


def test_a_type_that_cannot_fit_is_an_error_where_it_is_declared() -> None:
    text, number = {"type": "string"}, {"type": "boolean"}
    several = {"type": ["array", "null"], "items": {"type": "string"}}
    chats = streams(chats="n")
    appended = streams(tags={"from": "tags", "write": "append"})
    first = streams(city="mystery", chats="n")

    for setting, properties in (
        (chats, {"email": text, "n": several}),
        (streams(), {"email": number}),
        (streams(tags="tags"), {"email": text, "tags": several}),
        (first, {"email": text, "n": several}),
    ):
        with pytest.raises(SettingError, match="which does not fit Marketo's"):
            checked(setting, properties, open_ended=True)
    assert checked(appended, {"email": text, "tags": several}).warnings == ()


def test_a_source_that_may_come_after_all_is_a_warning_each() -> None:
    setting = streams(city="town", state="region")
    plan = checked(setting, {"email": {"type": "string"}}, open_ended=True)

    assert [each.partition(":")[0] for each in plan.warnings] == [
        "`streams.visitors.fields.city`",
        "`streams.visitors.fields.state`",
    ]
    with pytest.raises(SettingError, match="no property `town`"):
        checked(setting, {"email": {"type": "string"}})


def test_a_mail_address_of_another_name_is_what_a_missing_key_is_taken_for() -> None:
    with pytest.raises(SettingError, match="is it `contact_email`"):
        checked(streams(), {"contact_email": {"type": "string"}}, open_ended=True)


def test_what_marketo_lacks_of_the_built_in_mapping_is_a_warning_and_the_rest_goes_on() -> None:
    lacking = [field for field in FIELDS if field.name not in ("city", "leadSource")]
    plan = Mapper(None, lacking).plan("visitors", {})

    assert ["`city`" in each for each in plan.warnings] == [True, False]
    assert all("Marketo has no field" in each for each in plan.warnings)
    assert "firstName" in {each.name for each in plan.planned}


def test_all_that_is_wrong_is_reported_where_that_is_asked_for() -> None:
    told: list[str] = []
    setting = streams(zzz="x", createdAt="y", city="city")
    mapper = Mapper(setting, FIELDS, tell=told.append)

    assert len(told) == 2
    assert {each.name for each in mapper.plan("visitors", {}).planned} == {"city"}


@pytest.mark.parametrize(
    ("writes", "said"),
    [
        (("if_empty", "always"), "goes with"),
        (("newest", "newest"), "needs one `greatest` field, and has 0"),
        (("greatest", "greatest"), "needs one `greatest` field, and has 2"),
        (("if_empty", "greatest"), "mixes `if_empty` with others"),
    ],
)
def test_a_group_is_of_one_kind(writes: tuple[str, str], said: str) -> None:
    names = ("chats", "lastChatAt")
    fields = {
        name: {"from": name, "write": write, "group": "g"}
        for name, write in zip(names, writes, strict=True)
    }
    with pytest.raises(SettingError, match=said):
        plan_of(streams(**fields))


def test_the_rows_that_leave_are_checked_by_the_fields_that_are_mapped() -> None:
    mapper = Mapper(entry(), FIELDS)

    assert mapper.check([{**ANN, "city": "Rome"}]) is None
    assert mapper.check([{**ANN, "city": None, "id": 1}]) is None
    wrong = mapper.check([{**ANN, "city": 7}])
    assert wrong is not None
    assert (wrong.code, wrong.field) == (Refusal.WRONG_TYPE, "city")
    assert mapper.check([{**ANN, "firstName": "Ann"}]) is not None, "nobody asked for it"
    address = f"{'a' * 64}@{'b' * 60}.{'c' * 60}.{'d' * 60}.org"
    assert mapper.check([{"email": address.ljust(255, "g")}]) is None
    assert mapper.check([{"email": address.ljust(256, "g")}]) is not None


def test_a_plan_is_made_of_a_schema_that_was_read() -> None:
    plan = Mapper(entry(), FIELDS).plan_of("visitors", StreamSchema({}, is_open=True), ["email"])

    assert plan.key_properties == ("email",)
    assert [rule.write for rule in plan.rules.all] == [Write.ALWAYS, Write.ALWAYS]


@pytest.mark.parametrize(
    ("kind", "left", "right", "expected"),
    [
        (Kind.DATE, "2026-11-28", "2026-11-28T23:00:00Z", True),
        (Kind.DATE, "2026-11-28", "2026-11-29", False),
        (Kind.DATETIME, "2026-11-28T10:00:00.9Z", "2026-11-28T10:00:00Z", True),
        (Kind.DATETIME, "2026-11-28T10:00:00Z", "2026-11-28T10:00:01Z", False),
        (Kind.NUMBER, "many", 1, False),
    ],
)
def test_values_mean_the_same_as_their_kind_says(
    kind: Kind, left: Any, right: Any, *, expected: bool
) -> None:
    assert same(kind, left, right) is expected
