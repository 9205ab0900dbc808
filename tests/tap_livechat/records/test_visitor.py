"""Any of LiveChat's shapes becomes one flat record: tables, and the vendor's own samples."""

from __future__ import annotations

import copy
import json
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_livechat.api import payloads, replies
from tap_livechat.records import forms, names, schemas, thread, visitor
from tap_livechat.records.row import Row
from tap_livechat.streams.archives import ArchiveVisitors, ChatEvents, _has_hidden_neighbour
from tap_livechat.streams.directory import Agents, Bots, CustomerBans, Groups, Tags
from tap_livechat.timestamps import parse, render
from tests.sandbox.livechat.samples import GEOLOCATION
from tests.tap_livechat.records.chats import (
    chat,
    filled_form,
    from_customer,
    row_of,
    typed,
    visitor_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable

SAMPLES = Path(__file__).resolve().parents[4] / "shared" / "specs" / "livechat-samples"
needs_samples = pytest.mark.skipif(
    not SAMPLES.is_dir(), reason="the vendor's sample payloads are not in ../shared/specs"
)
FIELDS = {
    "visitors": schemas.VISITOR,
    "chats": schemas.CHAT,
    "chat_events": schemas.CHAT_EVENT,
    "agents": schemas.AGENT,
    "groups": schemas.GROUP,
    "tags": schemas.TAG,
    "bots": schemas.BOT,
    "customer_bans": schemas.CUSTOMER_BAN,
}
FITS = {
    stream: jsonschema.Draft7Validator(schemas.to_schema(fields, ()))
    for stream, fields in FIELDS.items()
}
VISITOR_SCHEMA = schemas.to_schema(schemas.VISITOR, ("visitor_id",))


def sample(name: str) -> Any:
    return json.loads((SAMPLES / f"{name}.json").read_bytes())


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ({"answer": "a@example.com"}, "a@example.com"),
        ({"answer": "  a@example.com\n"}, "a@example.com"),
        ({"answer": ""}, ""),
        ({"answer": None}, ""),
        ({}, ""),
        ({"answer": {"id": "0", "label": "Support"}}, "Support"),
        ({"answer": {"id": 2, "group_id": 1, "label": ""}}, "2"),
        ({"answers": [{"id": "0", "label": "it"}, {"id": "1", "label": "retail"}]}, "it, retail"),
        ({"answers": []}, ""),
        ({"answer": ["a", "b"]}, "a, b"),
        ({"answer": 7}, "7"),
        ({"answer": {}}, ""),
        ({"answer": {"value": ["a", "b"]}}, "a, b"),
        ({"answer": {"label": ["a"]}}, "a"),
        ({"answer": {"answer": {"label": "x"}}}, "x"),
    ],
)
def test_an_answer_is_read_whatever_its_shape(answer: dict[str, Any], text: str) -> None:
    assert forms.answer_text(answer) == text


@pytest.mark.parametrize(
    ("profile", "form", "form_type", "email", "source"),
    [
        ("p@example.com", "f@example.com", "prechat", "p@example.com", "profile"),
        (None, "f@example.com", "prechat", "f@example.com", "prechat"),
        (None, "f@example.com", "postchat", "f@example.com", "postchat"),
        (None, "f@example.com", "ask_for_email", "f@example.com", "ask_for_email"),
        (None, "f@example.com", None, "f@example.com", "prechat"),
        (None, "f@example.com", "ticket", "f@example.com", "ticket"),
        ("", "f@example.com", "prechat", "f@example.com", "prechat"),
        ("broken@", "f@example.com", "prechat", "f@example.com", "prechat"),
        ("broken@", "also broken", "prechat", "broken@", "profile"),
        (None, "broken", "prechat", "broken", "prechat"),
        (None, "", "prechat", None, None),
        (" UP@Example.com ", "", "prechat", "UP@Example.com", "profile"),
    ],
)
def test_the_email_comes_from_the_profile_or_else_from_a_form(
    profile: str | None, form: str, form_type: str | None, email: str | None, source: str | None
) -> None:
    field = {"type": "email", "label": "E-mail", "answer": form}
    event = filled_form(field, **({"form_type": form_type} if form_type else {}))

    record = visitor_of(chat(event, customer={"email": profile}))

    assert (record["email"], record["email_source"]) == (email, source)


@pytest.mark.parametrize(
    ("name", "first", "last", "origin"),
    [
        ("Thomas Anderson", "Thomas", "Anderson", "given"),
        ("Dr. Juan de la Vega Jr.", "Juan", "de la Vega", "given"),
        ("van der Berg, Pieter", "Pieter", "van der Berg", "given"),
        ("María José Carreño Quiñones", "María José Carreño", "Quiñones", "given"),
        ("山田 太郎", "太郎", "山田", "given"),
        ("Anna", "Anna", None, "given"),
        ("anna@example.com", None, None, "given"),
        ("Client", None, None, "default"),
        ("visitor", None, None, "default"),
        ("Customer", None, None, "default"),
        ("", None, None, "default"),
        (None, None, None, "default"),
    ],
)
def test_names_are_split_and_default_names_are_not(
    name: str | None, first: str | None, last: str | None, origin: str
) -> None:
    record = from_customer({"id": "c1", "name": name})

    assert (record["first_name"], record["last_name"]) == (first, last)
    assert record["name_is_default"] is (origin == "default")


def test_a_name_from_the_form_replaces_a_default_name() -> None:
    event = filled_form({"type": "name", "label": "Name", "answer": "Grace Hopper"})

    record = visitor_of(chat(event, customer={"name": "Client"}))

    assert (record["name"], record["first_name"], record["last_name"]) == (
        "Grace Hopper",
        "Grace",
        "Hopper",
    )
    assert record["name_is_default"] is False


@given(
    st.from_regex(r"[A-Z][a-z]{2,8} [A-Z][a-z]{2,8}", fullmatch=True)
    | st.sampled_from(["Mary Ann", "John Esq", "Sir Elton", "Van Gogh", "Anna Phd", "Abdul Salam"])
)
def test_the_short_cut_for_plain_names_says_what_the_library_says(name: str) -> None:
    assert names.split(name) == names.parsed(name)


@pytest.mark.parametrize(
    ("address", "geolocation", "place"),
    [
        (None, {"city": "Cork", "country": "Ireland", "country_code": "IE"}, "Cork Ireland IE"),
        (
            {"city": "Rome", "country": "Italy"},
            {"city": "Cork", "country_code": "IE"},
            "Rome Italy None",
        ),
        (
            {"city": "Rome", "country": "Italy"},
            {"country": "Italy", "country_code": "IT"},
            "Rome Italy IT",
        ),
        ({"address": "Via Appia 1"}, {"city": "Cork", "country": "Ireland"}, "Cork Ireland None"),
        (None, None, "None None None"),
    ],
)
def test_a_place_is_never_half_stated_and_half_guessed(
    address: Any, geolocation: Any, place: str
) -> None:
    record = from_customer({"id": "c1", "address": address, "visit": {"geolocation": geolocation}})

    assert " ".join(str(record[name]) for name in ("city", "country", "country_code")) == place


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2019-12-17T08:53:20.693553+01:00", "2019-12-17T07:53:20.693553Z"),
        ("2017-10-12T13:56:16Z", "2017-10-12T13:56:16.000000Z"),
        ("2017-10-12T15:19:21.010200Z", "2017-10-12T15:19:21.010200Z"),
        ("2017-10-12T15:19:21.01Z", "2017-10-12T15:19:21.010000Z"),
        ("2017-10-12 15:19:21", "2017-10-12T15:19:21.000000Z"),
        ("2017-10-12T15:19:21.1234567Z", "2017-10-12T15:19:21.123456Z"),
        ("0001-01-01T00:00:00+05:00", None),  # before the first moment
        ("", None),
        ("yesterday", None),
        (None, None),
        (17, None),
    ],
)
def test_times_become_utc_with_six_digits(text: object, utc: str | None) -> None:
    moment = parse(text)

    assert (moment and render(moment)) == utc


def test_two_threads_on_one_page_are_one_row_with_the_newest_facts() -> None:
    form = filled_form({"type": "email", "label": "E-mail", "answer": "f@example.com"})
    older = chat(form, tags=["sales"], customer={"name": "Client"})
    newer = chat(tags=["support"], customer={"name": "Ada Lovelace"})
    newer["thread"] |= {"id": "NEXT", "created_at": "2026-01-02T10:00:00.000000Z"}

    [record] = ArchiveVisitors.records(None, [row_of(older), row_of(newer)])  # type: ignore[arg-type] # no state

    assert record["email"] == "f@example.com"
    assert record["name"] == "Ada Lovelace"
    assert record["last_thread_id"] == "NEXT"
    assert record["tags"] == ["sales", "support"]
    assert record["last_activity_at"] == "2026-01-02T10:00:00.000000Z"


RECORDS = st.builds(
    lambda **of: {**from_customer({"id": "c1"}), **of},
    email=st.sampled_from([None, "a@example.com", "b@example.com", "broken@"]),
    city=st.sampled_from([None, "Cork", "Rome"]),
    country=st.sampled_from([None, "Ireland", "Italy"]),
    phone=st.sampled_from([None, "+1", "+2"]),
    ip=st.sampled_from([None, "198.51.100.1"]),
    last_page_url=st.sampled_from([None, "https://www.example.com"]),
    tags=st.lists(st.sampled_from(["sales", "support"]), unique=True),
    session_fields=st.dictionaries(st.sampled_from("ab"), st.sampled_from("xy")),
    last_activity_at=st.sampled_from(
        ["2026-01-01T00:00:00.000000Z", "2026-01-02T00:00:00.000000Z"]
    ),
)


@given(RECORDS, RECORDS, RECORDS)
def test_where_pages_end_makes_no_difference_to_a_merged_visitor(
    first: dict[str, Any], second: dict[str, Any], third: dict[str, Any]
) -> None:
    merge = visitor.merge

    assert merge(merge(first, second), third) == merge(first, merge(second, third))
    assert merge(first, first) == first


def side_by_side() -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """The same person as list_archives, list_customers and the CDP have them."""
    visit: dict[str, Any] = {
        "started_at": "2026-01-01T09:59:00.000000Z",
        "ended_at": "2026-01-01T10:30:00.000000Z",
        "referrer": "https://www.example.org/",
        "ip": "198.51.100.7",
        "user_agent": "Firefox",
        "geolocation": GEOLOCATION,
        "last_pages": [
            {"opened_at": "2026-01-01T09:59:00.000000Z", "url": "https://a.example", "title": "A"},
            {"opened_at": "2026-01-01T10:01:00.000000Z", "url": "https://b.example", "title": "B"},
        ],
    }
    counts = {"chats_count": 1, "threads_count": 2, "visits_count": 3, "page_views_count": 4}
    common = {
        "id": "c1",
        "type": "customer",
        "name": "Thomas Anderson",
        "email": "t.anderson@example.com",
        "created_at": "2025-12-31T23:00:00+01:00",
        "customer_last_event_created_at": "2026-01-01T10:20:00.000000Z",
        "agent_last_event_created_at": "2026-01-01T10:10:00.000000Z",
        "session_fields": [{"plan": "free"}, {"cart": "3"}, {"plan": "team"}],
        "statistics": counts,
    }
    archives = chat(customer={**common, "phone_number": "+48100200300", "visit": visit})
    customers = {**common, "last_visit": visit}
    cdp = {
        "customer_id": "c1",
        "monitoring": {
            "name": "Thomas Anderson",
            "name_is_default": False,
            "email": "t.anderson@example.com",
            "phone_number": "+48100200300",
            "session_fields": [
                {"key": "plan", "value": "free"},
                {"key": "cart", "value": "3"},
                {"key": "plan", "value": "team"},
            ],
            "created_at": "2025-12-31T22:00:00Z",
            "visits": [
                {"started_at": "2025-12-01T00:00:00Z", "ip": "198.51.100.1", "pages": []},
                {
                    "started_at": visit["started_at"],
                    "ip": "198.51.100.7",
                    "user_agent": "Firefox",
                    "page_referrer": "https://www.example.org/",
                    "geolocation": visit["geolocation"],
                    "pages": [
                        {
                            "started_at": page["opened_at"],
                            "url": page["url"],
                            "title": page["title"],
                        }
                        for page in visit["last_pages"]
                    ],
                },
            ],
        },
        "statistics": {**counts, "last_activity_at": "2026-01-01T10:20:00Z"},
    }
    return (
        visitor_of(archives),
        from_customer(customers),
        visitor.from_cdp(typed(cdp, payloads.CdpCustomer)),
    )


@pytest.mark.parametrize("name", list(schemas.VISITOR))
def test_the_three_sources_agree_on_the_same_person(name: str) -> None:
    archives, customers, cdp = (record[name] for record in side_by_side())

    if name in {"last_chat_id", "last_thread_id", "tags", "group_ids", "agents", "form_answers"}:
        assert not customers, "only archives have threads"
        assert not cdp
    elif name == "phone":
        assert archives == cdp == "+48100200300"
        assert customers is None, "version 3.5 has no phone numbers"
    else:
        assert archives == customers == cdp
        assert (archives is None) == (name == "postal_code"), "nobody has stated an address"


@needs_samples
@pytest.mark.parametrize("name", sorted(path.stem for path in SAMPLES.glob("*.json")))
def test_every_sample_of_the_vendor_passes(name: str) -> None:
    payload = sample(name)
    records = []
    if name.endswith("-customer"):
        records = [("visitors", from_customer(payload))]
    elif "users" in payload and "threads" in payload:
        payload = {**payload, "thread": payload["threads"][0]}
        records = rows_of(payload)
    elif name.endswith("-thread"):
        records = rows_of(
            {"id": "C", "users": [sample("agent-chat-v3.6-customer")], "thread": payload}
        )
    elif "created_at" in payload and "id" in payload:
        records = rows_of(chat(payload, customer=sample("agent-chat-v3.6-customer")))
    elif name.startswith("configuration"):
        records = directory_rows(name, payload)
    else:
        records = rows_of(chat(customer={"carts": payload}, properties=payload))
    assert records
    for stream, record in records:
        FITS[stream].validate(record)


def directory_rows(name: str, payload: list[dict[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    kinds = {
        "listAgents": Agents,
        "listGroups": Groups,
        "listTags": Tags,
        "listBots": Bots,
        "listCustomerBans": CustomerBans,
    }
    kind = kinds[name.split("-")[2]]
    stream = {Bots: "bots", CustomerBans: "customer_bans"}.get(kind, name.split("-list")[1].lower())
    return [(stream, kind.record(row)) for row in payload]


def rows_of(payload: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    row = row_of(payload)
    rows = [
        (str(kind.name), record)
        for kind in (ArchiveVisitors, ChatEvents)
        for record in kind.records(None, [row])  # type: ignore[arg-type] # they keep no state
    ]
    return [*rows, ("chats", thread.chat_record(row))]


BARE: dict[str, Any] = {"id": "T", "created_at": "2026-01-01T10:00:00.000000Z"}


@needs_samples
def test_the_sample_customer_becomes_this_record() -> None:
    record = from_customer(sample("agent-chat-v3.5-customer"))

    jsonschema.validate(record, VISITOR_SCHEMA)
    assert record["first_name"] == "Thomas"
    assert record["last_name"] == "Anderson"
    assert record["city"] == "Wroclaw"
    assert record["last_page_title"] == "LiveChat - Tour"
    assert record["session_fields"] == {
        "custom_key": "custom_value",
        "another_custom_key": "another_custom_value",
    }
    assert record["last_activity_at"] == "2017-10-12T15:19:21.010200Z"


@pytest.mark.parametrize(
    "payload",
    [
        {"id": "C", "thread": BARE},
        {"id": "C", "users": None, "thread": BARE | {"events": None}},
        {"id": "C", "users": [None, {}, {"type": "customer"}], "thread": BARE},
        {"id": "C", "thread": BARE | {"events": [None, {}]}},
        chat(restricted_access="You can't access threads older than 60 days on starter plan"),
        chat(customer={"visit": {"geolocation": {"latitude": "?"}, "last_pages": [None]}}),
        chat(customer={"session_fields": [None, {"a": None}, {"a": 1}], "statistics": None}),
        chat({"id": "E", "type": "message", "deleted": True}),
        chat({"id": "E", "type": "custom", "content": [1, {"a": None}], "created_at": "?"}),
    ],
)
def test_absent_and_odd_values_pass(payload: dict[str, Any]) -> None:
    rows = rows_of(payload)

    assert bool(rows) is bool((payload.get("thread") or {}).get("id")), "only a thread has rows"
    for stream, record in rows:
        FITS[stream].validate(record)


# A chat with a leaf of each kind, and what no leaf should be.
RICH = chat(
    filled_form({"label": "Your e-mail", "type": "email", "answer": "a@example.com"}),
    {"id": "E1", "type": "message", "author_id": "c1", "visibility": "all", "text": "Hi"},
    {"id": "E2", "type": "file", "size": 7, "width": 1, "url": "u", "name": "f"},
    {"id": "E3", "type": "system_message", "system_message_type": "t", "text_vars": {"a": "b"}},
    {"id": "E4", "type": "system", "source": "s", "version": "1", "details": "{}"},
    {"id": "E5", "type": "rich_message", "template_id": "cards", "elements": [{"title": "t"}]},
    customer={
        "name": "Ada Lovelace",
        "email": "ada@example.com",
        "phone_number": "+48100200300",
        "address": {"city": "Rome", "country": "Italy"},
        "visit": {
            "ip": "::1",
            "geolocation": GEOLOCATION,
            "last_pages": [{"url": "u", "title": "t", "opened_at": "2026-01-01T10:00:00Z"}],
        },
        "statistics": {"chats_count": 3, "threads_count": 4},
        "session_fields": [{"k": "v"}],
    },
    properties={
        "routing": {"start_url": "u", "referrer": "r"},
        "rating": {"score": 1, "comment": "good"},
        "source": {"client_id": "c"},
    },
    queue={"wait_time": 3},
    summary={"text": "short"},
    tags=["sales"],
    access={"group_ids": [1]},
    restricted_access="no",
    previous_thread_id="T0",
)
# Whose chat it is, and which: what of another type has to stop a run, or people were passed over.
FRAME = ("id", "type", "users", "thread", "events")


def leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The ways to all the parts of a payload."""
    inner: Any = ()
    if isinstance(value, dict):
        inner = value.items()
    elif isinstance(value, list):
        inner = enumerate(value)
    return [path, *(way for key, each in inner for way in leaves(each, (*path, key)))][not path :]


def with_odd(payload: Any, way: tuple[Any, ...], odd: object) -> Any:
    changed = copy.deepcopy(payload)
    part = changed
    for key in way[:-1]:
        part = part[key]
    part[way[-1]] = odd
    return changed


@pytest.mark.parametrize("way", leaves(RICH), ids=lambda way: ".".join(map(str, way)))
def test_one_odd_part_neither_ends_a_run_nor_makes_a_row_that_does_not_fit(
    way: tuple[Any, ...],
) -> None:
    odd: list[Any] = [None, 5, 5.5, 10**400, True, "odd", [], [[1]], ["odd"], {}, {"a": {"b": 1}}]
    for part in odd:
        try:
            rows = rows_of(with_odd(RICH, way, part))
        except msgspec.DecodeError:
            assert way[-1] in FRAME or way[-2] in FRAME or abs(part) > 2**64, (way, part)
            continue
        for stream, record in rows:
            FITS[stream].validate(record)


def test_a_chat_tells_where_it_came_from_and_what_became_of_it() -> None:
    row = row_of(RICH)

    record = thread.chat_record(row)

    told = {
        "queue_seconds": 3,
        "summary": "short",
        "start_url": "u",
        "referrer": "r",
        "client_id": "c",
        "rating": "good",
        "rating_comment": "good",
        "restricted_access": "no",
        "previous_thread_id": "T0",
        "group_ids": [1],
        "form_answers": {"Your e-mail": "a@example.com"},
        "properties": RICH["thread"]["properties"],
    }
    assert {name: record[name] for name in told} == told


@pytest.mark.parametrize(
    ("neighbours", "is_hidden"),
    [
        ({}, False),
        ({"previous_thread_id": "T0"}, False),  # absent: the same
        ({"previous_thread_id": "T0", "previous_accessible_thread_id": "T0"}, False),
        ({"previous_thread_id": "T0", "previous_accessible_thread_id": None}, True),
        ({"previous_thread_id": "T2", "previous_accessible_thread_id": "T1"}, True),
    ],
)
def test_a_hidden_thread_before_this_one_tells_that_access_is_partial(
    neighbours: dict[str, Any],
    is_hidden: bool,  # noqa: FBT001 - a parameter
) -> None:
    assert _has_hidden_neighbour(row_of(chat(**neighbours)).thread) is is_hidden


def test_the_notice_that_a_chat_was_closed_is_nothing_that_anybody_said() -> None:
    said = {"id": "E1", "type": "message", "created_at": "2026-01-01T10:00:05Z"}
    notice = {"id": "E2", "type": "system_message", "created_at": "2026-01-01T10:09:00Z"}
    row = row_of(chat(said, notice))

    [visitor_row] = ArchiveVisitors.records(None, [row])  # type: ignore[arg-type] # no state
    chat_row = thread.chat_record(row)
    assert visitor_row["last_activity_at"] == "2026-01-01T10:00:05.000000Z"
    assert chat_row["last_activity_at"] == "2026-01-01T10:09:00.000000Z"


@pytest.mark.parametrize(
    ("wire", "text"),
    [
        (rb"caf\u00e9 \ud83d\ude00", "caf\u00e9 \U0001f600"),
        (rb"half \ud83d of it", "half \ufffd of it"),
        (rb"a\u0000b\u0000\u0000c", "abc"),
        (rb"written \\u0000", "written \\u0000"),
        (rb"both \ud83d\u0000", "both \ufffd"),
    ],
)
def test_what_no_database_holds_is_left_out_of_a_text(wire: bytes, text: str) -> None:
    said = b'"events":[{"id":"E","text":"%b"}]' % wire
    thread = b'{"id":"T","created_at":"2026-01-01T00:00:00Z",%b}' % said

    [[found]] = replies.transcripts(b'{"chats":[{"id":"C","thread":%b}]}' % thread)

    assert isinstance(found, payloads.TranscribedChat)
    assert [event.text for event in found.thread.events or ()] == [text]


@needs_samples
@pytest.mark.parametrize("kind", [payloads.Chat, payloads.Thread, payloads.User, payloads.Event])
def test_what_fits_is_the_same_mended_or_not(kind: type[payloads.Payload]) -> None:
    whole = sample("agent-chat-v3.6-chat")
    samples = [sample(path.stem) for path in SAMPLES.glob("*.json")]
    samples.append({**whole, "thread": whole["threads"][0]})  # as list_archives has it
    as_they_are, mended = [], []
    for payload in samples:
        with suppress(msgspec.ValidationError):
            as_they_are.append(msgspec.convert(payload, kind))
            mended.append(payloads.mended(payload, kind))

    assert as_they_are
    assert mended == as_they_are


def test_of_a_broken_page_all_that_fits_is_kept() -> None:
    broken = chat(
        {"id": "E1", "type": "message", "created_at": "2026-01-01T10:00:05"},
        {"id": "E2", "type": "message", "created_at": "soon"},
        customer={"name": "Ada Lovelace", "visit": "yes", "statistics": [1]},
        tags="sales",
    )
    reply = {"chats": [broken, chat()], "next_page_id": "P2"}
    page = replies.transcripts(msgspec.json.encode(reply))

    assert page.next_page_id == "P2"
    first, second = (Row.of(each) for part in page for each in part)
    assert second == row_of(chat())
    [record] = ArchiveVisitors.records(None, [first])  # type: ignore[arg-type] # no state
    assert (record["name"], record["tags"]) == ("Ada Lovelace", [])
    assert record["last_activity_at"] == "2026-01-01T10:00:05.000000Z"
    assert [row["event_id"] for row in ChatEvents.records(None, [first])] == ["E1", "E2"]  # type: ignore[arg-type] # no state


@pytest.mark.parametrize(
    "page",
    [
        {"chats": [], "next_page_id": 7},
        {"chats": [], "found_chats": "x"},
        {"chats": {"id": "C"}},
        {"chats": [None]},
        {"chats": [7]},
        {"chats": ["chat"]},
    ],
)
def test_nothing_is_guessed_of_how_to_go_on(page: dict[str, Any]) -> None:
    with pytest.raises(msgspec.DecodeError):
        replies.archives(msgspec.json.encode(page))


@pytest.mark.parametrize("read", [replies.archives, replies.transcripts])
@pytest.mark.parametrize(
    ("where", "odd"),
    [
        ("id", None),
        ("id", ""),
        ("id", []),
        ("users", 5),
        ("users", ["c1"]),
        ("thread", None),
        ("thread", "x"),
        ("thread", {}),
        ("thread.id", None),
        ("thread.id", ""),
        ("thread.id", {}),
        ("thread.created_at", None),
        ("thread.created_at", ""),
        ("thread.created_at", "soon"),
        ("thread.created_at", 7),
        ("thread.events", "none"),
        ("thread.events", ["hello"]),
    ],
)
def test_nothing_is_guessed_of_who_was_there_and_when(
    read: Callable[[bytes], replies.ArchivesPage], where: str, odd: object
) -> None:
    row = chat()
    [*way, last] = where.split(".")
    inside = row["thread"] if way else row
    inside[last] = odd

    with pytest.raises(msgspec.DecodeError):
        list(read(msgspec.json.encode({"chats": [row]})))
    del inside[last]
    if last in {"id", "thread", "created_at"}:
        with pytest.raises(msgspec.DecodeError):
            list(read(msgspec.json.encode({"chats": [row]})))


@pytest.mark.parametrize(
    ("read", "reply"),
    [
        (replies.customers, {"customers": [{"id": "c1"}, {"name": "Ada"}]}),
        (replies.customers, {"customers": [{"id": ""}]}),
        (replies.cdp_customers, {"customers": [{"monitoring": {}}]}),
    ],
)
def test_a_customer_without_an_id_is_no_reply(
    read: Callable[[bytes], object], reply: dict[str, Any]
) -> None:
    with pytest.raises(msgspec.DecodeError):
        read(msgspec.json.encode(reply))


@pytest.mark.parametrize(
    ("created_at", "utc"),
    [
        ("2019-12-17T08:53:20.693553+01:00", "2019-12-17T07:53:20.693553Z"),
        ("2017-10-12T13:56:16Z", "2017-10-12T13:56:16.000000Z"),
        ("0001-01-01T00:00:00+05:00", "0001-01-01T00:00:00.000000Z"),
        ("9999-12-31T23:59:59-05:00", "9999-12-31T23:59:59.000000Z"),
        ("2017-10-12T15:19:21", "2017-10-12T15:19:21.000000Z"),
        ("", None),
    ],
)
def test_a_time_of_the_wire_becomes_utc(created_at: str, utc: str | None) -> None:
    assert from_customer({"id": "c1", "created_at": created_at})["created_at"] == utc


def test_a_chat_tells_its_duration_its_first_response_and_its_rating() -> None:
    def said(second: int, author: str, **of: Any) -> dict[str, Any]:
        at = f"2026-01-01T10:00:{second:02}.000000Z"
        return {"id": f"E{second}", "type": "message", "created_at": at, "author_id": author, **of}

    payload = chat(
        said(1, "bot", text="Hello!"),
        said(5, "c1", text="Is anybody there?"),
        said(7, "smith@example.com", visibility="agents", text="(mine)"),
        said(15, "smith@example.com", text="Yes!"),
        said(20, "", type="system_message", system_message_type="chat_transferred"),
        properties={"rating": {"score": 0, "comment": "slow"}},
        tags=["sales"],
    )
    row = row_of(payload)

    record = thread.chat_record(row)

    assert record["duration_seconds"] == 20
    assert record["first_response_seconds"] == 10
    assert (record["rating"], record["rating_comment"]) == ("bad", "slow")
    assert record["transfers_count"] == 1
    assert record["agents"] == ["smith@example.com"]
    assert record["ended_at"] == "2026-01-01T10:00:20.000000Z"


def test_a_later_moment_may_be_the_smaller_text() -> None:
    earlier, later = parse("2026-01-01T10:30:00Z"), parse("2026-01-01T11:00:00-01:00")

    assert earlier is not None
    assert later is not None
    assert earlier < later
