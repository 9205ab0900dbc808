"""What a record brings besides its person: read from the setting, made for each record."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_marketo.mapping.attachments import (
    ATTRIBUTES_BYTES,
    AttachmentKind,
    attribute_value,
    lanes,
)
from target_marketo.mapping.mapper import Mapper
from target_marketo.mapping.plan import Mapped
from target_marketo.mapping.refusals import Refused, Unfit
from target_marketo.mapping.texts import TEXT_BYTES
from target_marketo.problems import SettingError
from tests.target_marketo.mapping.described import FIELDS

ACTIVITY: dict[str, Any] = {
    "type": "livechatChat",
    "once": "thread_id",
    "date": "created_at",
    "primary": {"from": "topic", "otherwise": "Chat"},
    "attributes": {"threadId": "thread_id", "seconds": "duration", "rating": "rating"},
}
OBJECT: dict[str, Any] = {
    "name": "chat_c",
    "dedupe": "threadId",
    "link": "leadId",
    "fields": {"threadId": "id"},
}
CHAT = {
    "email": "a@example.com",
    "thread_id": "T1",
    "created_at": "2026-01-01T02:00:00.5+01:00",
    "duration": 312,
    "topic": None,
    "rating": None,
    "id": 7,
}


def chats(**entry: Any) -> dict[str, Any]:
    return {"chats": {"key": "email", **entry}}


def mapped(record: dict[str, Any], types: Any = None, **entry: Any) -> Mapped:
    mapper = Mapper(chats(**entry), FIELDS)
    known = [lane for lane, _ in lanes(mapper.plan("chats", {}).entry)]
    mapper.learn({lane: (types or {}).get(lane.key[0], {}) for lane in known})
    found = mapper.plan("chats", {}).map(record)
    assert isinstance(found, Mapped)
    return found


def test_nothing_is_made_where_nothing_is_asked_for() -> None:
    found = mapped(CHAT, fields={"email": "email"})

    assert (found.attachments, found.left_out) == ((), ())


def test_lists_and_programs_are_the_same_for_every_record() -> None:
    entry: dict[str, Any] = {
        "lists": [" LiveChat visitors ", 12],
        "programs": {"LiveChat": {"2": "Engaged"}},
    }
    plan = Mapper(chats(**entry), FIELDS).plan("chats", {})
    first, second = plan.map(CHAT), plan.map(CHAT | {"email": "b@example.com"})

    assert isinstance(first, Mapped)
    assert isinstance(second, Mapped)
    assert first.attachments is second.attachments
    assert [(each.lane.kind, each.lane.key) for each in first.attachments] == [
        (AttachmentKind.LIST, ("LiveChat visitors",)),
        (AttachmentKind.LIST, ("12",)),
        (AttachmentKind.PROGRAM, ("LiveChat.2", "Engaged")),
    ]


def test_a_chat_becomes_an_activity_with_native_values() -> None:
    (activity,) = mapped(CHAT, activity=ACTIVITY | {"if_missing": "skip"}).attachments

    assert activity.lane.key == ("livechatChat",)
    assert (activity.lane.since, activity.lane.skip_if_missing) == ("first_run", True)
    assert (activity.once, activity.at, activity.primary) == ("T1", "2026-01-01T01:00:00Z", "Chat")
    assert activity.values == {"threadId": "T1", "seconds": 312}, "what has no value is absent"


def test_an_object_is_known_by_its_dedupe_field() -> None:
    (thing,) = mapped(CHAT, object=OBJECT).attachments

    assert (thing.lane.key, thing.lane.dedupe, thing.lane.link) == (
        ("chat_c",),
        "threadId",
        "leadId",
    )
    assert thing.values == {"threadId": 7}
    assert mapped(CHAT | {"id": None}, object=OBJECT).left_out[0].field == "object.threadId"


@pytest.mark.parametrize(
    ("change", "field", "code"),
    [
        ({"thread_id": None}, "activity.once", "missing"),
        ({"thread_id": "x" * 256}, "activity.once", "too_long"),
        ({"created_at": "yesterday"}, "activity.date", "wrong_type"),
        ({"created_at": None}, "activity.date", "missing"),
    ],
)
def test_an_activity_that_cannot_be_made_costs_nothing_else(
    change: dict[str, Any], field: str, code: str
) -> None:
    found = mapped(CHAT | change, activity=ACTIVITY, lists=["L"])

    assert [each.lane.kind for each in found.attachments] == [AttachmentKind.LIST]
    assert [(each.field, each.code) for each in found.left_out] == [(field, code)]
    assert found.values == {"email": "a@example.com"}


def test_an_attribute_that_is_nested_is_left_out_of_its_activity() -> None:
    found = mapped(CHAT | {"rating": {"x": 1}}, activity=ACTIVITY)

    assert "rating" not in found.attachments[0].values
    assert [each.field for each in found.left_out] == ["activity.attributes.rating"]
    assert all(isinstance(each, Refused) for each in found.left_out)


VALUES: list[tuple[Any, Any]] = [
    (True, True),
    (3, 3),
    (3.0, 3),
    (3.5, 3.5),
    ("2026-01-01T02:00:00.5+01:00", "2026-01-01T01:00:00Z"),
    ("2026-01-01", "2026-01-01"),
    ("2026-01-01T is no time", "2026-01-01T is no time"),
    (["a", "b"], "a;b"),
    ("  ", None),
    (None, None),
    ("x" * 300, "x" * 255),
    ("\U0001f600" * 200, "\U0001f600" * 127),
]


@pytest.mark.parametrize(("value", "expected"), VALUES, ids=range(len(VALUES)))
def test_an_attribute_takes_a_value_in_its_native_form(value: Any, expected: Any) -> None:
    assert attribute_value(value) == expected


@given(
    st.lists(st.text(alphabet='a"é\U0001f600', min_size=1, max_size=9), min_size=3, max_size=8),
    st.integers(1_000, 9_000),
)
def test_the_attributes_of_an_activity_fit_together_whatever_they_hold(
    texts: list[str], times: int
) -> None:
    texts_by_name = {f"t{number}": text * times for number, text in enumerate(texts)}
    activity = ACTIVITY | {
        "attributes": dict(zip(texts_by_name, texts_by_name, strict=True)) | {"id": "thread_id"}
    }
    types = {"livechatChat": dict.fromkeys(texts_by_name, "text")}

    (made,) = mapped(CHAT | texts_by_name, types, activity=activity).attachments

    rows = [{"apiName": name, "value": value} for name, value in made.values.items()]
    size = len(json.dumps(rows, ensure_ascii=False, separators=(",", ":")).encode())
    assert size <= ATTRIBUTES_BYTES
    assert made.values["id"] == "T1", "the longest give way"


def test_a_nested_attribute_value_is_unfit() -> None:
    with pytest.raises(Unfit):
        attribute_value({"x": 1})


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"list": ["a"]}, "not `list`; did you mean `lists`?"),
    ({"lists": "a"}, "`streams.chats.lists` must be a list of static lists"),
    ({"lists": [{}]}, "must be a list of static lists"),
    ({"programs": ["a"]}, "`streams.chats.programs` must be an object"),
    ({"programs": {"LiveChat": 5}}, "`streams.chats.programs.LiveChat` must be a member status"),
    ({"lists": ["a"], "only_if": {"active": []}}, "`streams.chats.only_if.active` must be a value"),
    ({"lists": ["a"], "create": "no"}, "`streams.chats.create` must be true or false"),
    ({"key": "id", "lists": ["a"], "create": True}, "nobody can be created by Marketo's own `id`"),
    ({"activity": {"type": "t"}}, "`streams.chats.activity` needs `once`"),
    ({"activity": ACTIVITY | {"onc": "x"}}, "not `onc`; did you mean `once`?"),
    ({"activity": ACTIVITY | {"since": "soon"}}, "must be first_run, everything or a date"),
    ({"activity": ACTIVITY | {"since": "2026-13-01"}}, "must be first_run, everything or a date"),
    ({"activity": ACTIVITY | {"primary": {"from": "x", "type": "sting"}}}, "mean `string`?"),
    ({"activity": ACTIVITY | {"attributes": {"other": "x"}}}, "must have one from"),
    ({"activity": ACTIVITY | {"if_missing": "fail"}}, "is one of skip, not `fail`"),
    ({"activity": ACTIVITY | {"primary": {"otherwise": "Chat"}}}, "primary` needs `from`"),
    ({"activity": ACTIVITY | {"attributes": {"thread-id": "x"}}}, "letters, digits"),
    ({"activity": ACTIVITY | {"attributes": {f"a{n}": "x" for n in range(21)}}}, "20 at most"),
    ({"object": OBJECT | {"dedupe": "threadid"}}, "`fields`; did you mean `threadId`?"),
    ({"object": OBJECT | {"link": "threadId"}}, "take `threadId` out of `fields`"),
    ({"lists": [" "]}, "must be a list of static lists"),
    ({"object": {"name": "x"}}, "`streams.chats.object` needs `dedupe`"),
    ({"fields": {"city": {"from": "c", "write": "newest"}}}, "needs a `group` with a `greatest`"),
    ({"fields": {"city": {"from": "c", "write": "newest", "group": "g"}}}, "needs one `greatest`"),
    ({"fields": {"city": {"from": "c", "when_full": "leave"}}}, "goes with `write: append` only"),
    ({"fields": {"tags": {"from": "c", "write": "append", "when_full": "x"}}}, "not `x`"),
]  # fmt: skip


@pytest.mark.parametrize(("entry", "said"), WRONG, ids=range(len(WRONG)))
def test_a_wrong_option_is_one_line_that_names_it(entry: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingError) as error:
        Mapper(chats(**entry), FIELDS)

    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_every_problem_is_reported_where_all_are_asked_for() -> None:
    told: list[str] = []

    Mapper(
        {
            "a": {"fields": {"emial": "email", "city": {"from": "c", "write": "never"}}},
            "b": {"lists": "x"},
            "*": "yes",
        },
        FIELDS,
        tell=told.append,
    )

    assert len(told) == 4


EVERYTHING = {
    "lists": ["VIP", "News"],
    "programs": {"LiveChat": "Engaged", "Other": "Member"},
    "activity": ACTIVITY,
    "object": OBJECT,
}


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ("list:VIP", [(AttachmentKind.LIST, "VIP")]),
        ("program:Other", [(AttachmentKind.PROGRAM, "Other: Member")]),
        ("activity:livechatChat#0123456789ab", [(AttachmentKind.ACTIVITY, "livechatChat")]),
        ("object:chat_c#0123456789ab", [(AttachmentKind.OBJECT, "chat_c")]),
        ("list:gone", []),
        ("program:VIP", []),
        ("activity:chat_c#0123456789ab", []),
        ("field:email", []),
    ],
)
def test_a_part_of_a_record_is_one_of_its_attachments(
    part: str, expected: list[tuple[AttachmentKind, str]]
) -> None:
    plan = Mapper(chats(fields={"email": "email"}, **EVERYTHING), FIELDS).plan("chats", {})
    found = plan.only(part).map(CHAT)

    assert isinstance(found, Mapped)
    assert [(each.lane.kind, str(each.lane)) for each in found.attachments] == expected


def test_all_lanes_of_an_entry_are_known_before_the_first_record() -> None:
    entry = Mapper(chats(fields={"email": "email"}, **EVERYTHING), FIELDS).plan("chats", {}).entry

    assert [(str(lane), fields) for lane, fields in lanes(entry)] == [
        ("VIP", ()),
        ("News", ()),
        ("LiveChat: Engaged", ()),
        ("Other: Member", ()),
        ("livechatChat", ("threadId", "seconds", "rating")),
        ("chat_c", ("threadId",)),
    ]
    alone = Mapper(chats(lists=["VIP"]), FIELDS).plan("chats", {}).entry
    assert [str(lane) for lane, _ in lanes(alone)] == ["VIP"]


@pytest.mark.parametrize(
    ("option", "since", "skips"),
    [
        ({}, "first_run", False),
        ({"since": "2026-11-01"}, "2026-11-01", False),
        ({"since": "everything"}, "everything", False),
        ({"if_missing": "skip"}, "first_run", True),
    ],
)
def test_a_lane_knows_since_when_and_what_if_its_type_is_missing(
    option: dict[str, str],
    since: str,
    skips: bool,  # noqa: FBT001
) -> None:
    found = mapped(CHAT, fields={"email": "email"}, activity=ACTIVITY | option)
    (activity,) = found.attachments

    assert (activity.lane.since, activity.lane.skip_if_missing) == (since, skips)
    assert activity.lane.once == "threadId"


def test_texts_that_are_too_long_for_their_attributes_are_cut() -> None:
    record = CHAT | {"topic": "t" * 300, "rating": "r" * 300, "duration": "é" * 40_000}
    types = {"livechatChat": {"rating": "string", "seconds": "text"}}
    (activity,) = mapped(record, types, fields={"email": "email"}, activity=ACTIVITY).attachments

    assert activity.primary == "t" * 255
    assert activity.values["rating"] == "r" * 255
    seconds = activity.values["seconds"]
    assert set(seconds) == {"é"}
    assert 1000 < len(seconds.encode()) <= TEXT_BYTES


TYPED: list[tuple[str, Any, Any]] = [
    ("integer", 312.0, 312),
    ("integer", "312", 312),
    ("float", "2.5", 2.5),
    ("boolean", "yes", True),
    ("date", "2026-01-01T23:30:00-05:00", "2026-01-01"),
    ("datetime", 1764240000, "2025-11-27T10:40:00Z"),
    ("string", 3, 3),
    ("phone", "  +1 ", "+1"),
    ("text", "x" * 300, "x" * 300),
]


@pytest.mark.parametrize("kind", ["activity", "object"])
@pytest.mark.parametrize(("data_type", "value", "expected"), TYPED)
def test_what_is_attached_takes_a_value_as_its_type_is(
    kind: str, data_type: str, value: Any, expected: Any
) -> None:
    entries: dict[str, dict[str, Any]] = {
        "activity": ACTIVITY,
        "object": OBJECT | {"fields": OBJECT["fields"] | {"rating": "rating"}},
    }
    name = {"activity": "livechatChat", "object": "chat_c"}[kind]
    found = mapped(CHAT | {"rating": value}, {name: {"rating": data_type}}, **{kind: entries[kind]})
    assert found.attachments[0].values["rating"] == expected


@pytest.mark.parametrize(
    ("data_type", "value"),
    [("integer", 12.5), ("integer", True), ("date", "soon"), ("boolean", "maybe"), ("float", [1])],
)
def test_a_value_that_is_not_of_its_type_is_left_out_and_named(data_type: str, value: Any) -> None:
    """Marketo would refuse the activity as a whole, and not say for which attribute."""
    types = {"livechatChat": {"rating": data_type}}
    found = mapped(CHAT | {"rating": value}, types, activity=ACTIVITY)

    assert "rating" not in found.attachments[0].values
    assert [each.field for each in found.left_out] == ["activity.attributes.rating"]


def test_a_type_that_may_not_be_looked_at_is_what_the_entry_says() -> None:
    attributes = ACTIVITY["attributes"] | {"rating": {"from": "rating", "type": "text"}}
    record = CHAT | {"rating": "r" * 300}
    (activity,) = mapped(record, activity=ACTIVITY | {"attributes": attributes}).attachments
    assert activity.values["rating"] == "r" * 300


PRIMARY: list[tuple[Any, str]] = [(0, "0"), (False, "false"), (True, "true"), (["a", "b"], "a;b")]
BLANK: tuple[Any, ...] = (None, "", "  ", [], [None])


@pytest.mark.parametrize(("topic", "primary"), PRIMARY + [(blank, "Chat") for blank in BLANK])
def test_the_primary_attribute_is_never_blank_where_the_entry_says_what_stands_for_nothing(
    topic: Any, primary: str
) -> None:
    (activity,) = mapped(CHAT | {"topic": topic}, activity=ACTIVITY).attachments
    assert activity.primary == primary


@pytest.mark.parametrize(
    ("once", "types"),
    [
        ("T\x001", {}),
        ("T\n1", {}),
        ("007", {"threadId": "integer"}),
        ("T1", {"threadId": "integer"}),
    ],
)
def test_a_once_value_that_would_not_come_back_as_it_is_makes_no_activity(
    once: str, types: dict[str, str]
) -> None:
    """It would be looked for in vain, and written again."""
    found = mapped(CHAT | {"thread_id": once}, {"livechatChat": types}, activity=ACTIVITY)
    assert found.attachments == ()
    assert "activity.once" in {each.field for each in found.left_out}


def test_of_attributes_that_are_too_long_together_no_more_is_cut_than_need_be() -> None:
    record = CHAT | {"a": "a" * 30_000, "b": "b" * 30_000, "c": "c" * 6_000}
    attributes = ACTIVITY["attributes"] | {name: name for name in "abc"}
    types = {"livechatChat": dict.fromkeys("abc", "text")}
    (activity,) = mapped(
        record,
        types,
        fields={"email": "email"},
        activity=ACTIVITY | {"attributes": attributes},
    ).attachments

    kept = sum(len(activity.values[name]) for name in "abc")
    assert ATTRIBUTES_BYTES - 2_000 < kept < ATTRIBUTES_BYTES
