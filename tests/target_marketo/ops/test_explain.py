"""`marketo-ops explain`: why a person would be written as they would be."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from target_marketo.store.activity_ledger import ActivityLedger, Claim
from target_marketo.store.run_ledger import moment
from tests.sandbox.marketo_examples import CHAT_ID, EXAMPLES
from tests.target_marketo.conftest import Target, lines, record, schema, state

if TYPE_CHECKING:
    from tests.sandbox.marketo.client import MarketoSandbox

    from .conftest import Ops, Store

STREAMS = {
    "visitors": {
        "key": "email",
        "fields": {
            "email": "email",
            "firstName": {"from": "first_name", "write": "if_empty"},
            "city": {"from": "city", "write": "if_empty", "group": "geography"},
            "country": {"from": "country", "write": "if_empty", "group": "geography"},
            "phone": "phone",
            "leadSource": {"value": "LiveChat", "write": "on_create"},
        },
    }
}
ANN, BOB, EVE = "ann@planted.example", "bob@planted.example", "eve@planted.example"


def explained(ops: Ops, messages: list[Any], *arguments: str, streams: Any = STREAMS) -> Any:
    result = ops(
        "explain",
        *arguments,
        "--json",
        input=lines([schema(), *messages]),
        TARGET_MARKETO_STREAMS=json.dumps(streams),
    )
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def by_field(person: Any) -> dict[str, tuple[str, str]]:
    return {line["field"]: (line["outcome"], line["why"]) for line in person["lines"]}


def test_each_field_tells_its_outcome_and_why(ops: Ops, marketo: MarketoSandbox) -> None:
    marketo.seed([{"email": ANN, "city": "Rome", "phone": "1"}])
    ann = record(ANN.upper(), first_name="Ann", city="Oslo", country="Norway", phone="2")

    (person,) = explained(ops, [ann, state(1)], ANN)["people"]

    assert person["verdict"] == "update"
    assert by_field(person) == {
        "email": ("the same", "Marketo has it already"),
        "firstName": ("written", "empty in Marketo"),
        "city": ("kept", "city is filled already"),
        "country": ("kept", "city is filled already"),
        "phone": ("written", "differs"),
        "leadSource": ("kept", "the person is there already"),
    }
    phone = next(line for line in person["lines"] if line["field"] == "phone")
    assert (phone["incoming"], phone["in_marketo"], phone["rule"]) == ("2", "1", "always")


def test_what_does_not_fit_is_shown_with_both_lengths(ops: Ops) -> None:
    long = record(ANN, first_name="x" * 300, city="Rome")

    (person,) = explained(ops, [long], "--limit", "1")["people"]

    assert person["verdict"] == "create"
    told = by_field(person)
    assert told["firstName"] == (
        "left out",
        "300 characters, 255 allowed; `truncate` would cut it",
    )
    assert told["city"] == ("written", "a new person")
    assert told["country"] == ("", "the record has no value")


def test_it_says_what_the_run_then_does(ops: Ops, target: Target, marketo: MarketoSandbox) -> None:
    marketo.seed([{"email": ANN, "city": "Rome"}, {"email": BOB, "firstName": "Bob"}])
    messages = [
        record(ANN, city="Oslo", phone="1"),
        record(BOB, first_name="Robert"),
        record(EVE, city="Pisa"),
        record(ANN, first_name="Ann", phone="2"),
    ]

    found = explained(ops, messages, "--limit", "10")
    before = marketo.leads()
    target.run([schema(), *messages], streams=STREAMS)

    held = {lead["email"]: lead for lead in before}
    after = {lead["email"]: lead for lead in marketo.leads()}
    verdicts = {each["key"]: each["verdict"] for each in found["people"]}
    assert verdicts == {ANN: "update", BOB: "leave", EVE: "create"}
    assert sorted(held) == [ANN, BOB], "explaining writes nobody"
    for person in found["people"]:
        for line in person["lines"]:
            name, now = line["field"], after[person["key"]].get(line["field"])
            changed = now != held.get(person["key"], {}).get(name)
            assert changed == (line["outcome"] == "written"), (person["key"], line)
            if changed:
                assert now == line["incoming"]


def test_a_limit_takes_the_first_people_with_all_of_their_records(ops: Ops) -> None:
    messages = [record(None), record(ANN), record(BOB), record(EVE), record(ANN, city="Rome")]

    found = explained(ops, messages, "--limit", "2")

    assert [each["key"] for each in found["people"]] == [ANN, BOB]
    assert by_field(found["people"][0])["city"] == ("written", "a new person")
    assert (found["records"], found["without_key"]) == (5, 1)


def test_three_hundred_people_cost_one_lookup_and_reads_only(
    ops: Ops, marketo: MarketoSandbox
) -> None:
    messages = [record(f"p{number}@planted.example") for number in range(300)]

    first = explained(ops, messages, "--limit", "300")
    second = explained(ops, messages, "--limit", "300")

    assert (first["marketo_calls"], second["marketo_calls"]) == (2, 1), "describe is kept for a day"
    assert marketo.leads() == []


def test_refused_records_deleted_ones_and_nobody_are_reported(ops: Ops) -> None:
    streams = {
        "visitors": {**STREAMS["visitors"], "create": False, "only_if": {"city": "Rome"}},
    }
    bad = record("bad.address@", city="Rome")
    messages = [bad, record(ANN, city="Oslo"), record(EVE, city="Rome")]

    refused, skipped, nobody = explained(ops, messages, "--limit", "9", streams=streams)["people"]

    assert (refused["verdict"], refused["why"]) == (
        "refuse",
        "invalid_email: not an e-mail address that Marketo accepts",
    )
    assert skipped["verdict"] == "leave"
    assert skipped["notes"] == ["1 x visitors: skipped, not asked for by `only_if`"]
    assert (nobody["verdict"], "creates nobody" in nobody["why"]) == ("leave", True)


def test_of_several_people_with_one_address_it_shows_whom_the_setting_chooses(
    ops: Ops, marketo: MarketoSandbox
) -> None:
    marketo.seed([{"email": ANN, "city": "Rome"}, {"email": ANN}])
    messages = lines([schema(), record(ANN, city="Oslo")])

    shown = {
        policy: json.loads(
            ops(
                "explain",
                ANN,
                "--json",
                input=messages,
                TARGET_MARKETO_STREAMS=json.dumps(STREAMS),
                TARGET_MARKETO_DUPLICATES=policy,
            ).stdout
        )["people"]
        for policy in ("newest", "oldest", "all", "reject")
    }

    verdicts = {policy: [each["verdict"] for each in people] for policy, people in shown.items()}
    assert verdicts == {
        "newest": ["update"],
        "oldest": ["leave"],
        "all": ["leave", "update"],
        "reject": ["refuse"],
    }
    assert "2 people share the key" in shown["newest"][0]["notes"][0]


def test_what_would_be_sent_besides_the_person_is_shown(ops: Ops) -> None:
    streams = {
        "chats": {
            "key": "email",
            "fields": {"email": "email"},
            "lists": ["LiveChat visitors"],
            "programs": {"LiveChat": "Engaged"},
            "activity": {
                "type": "livechatChat",
                "once": "thread_id",
                "date": "created_at",
                "primary": {"from": "topic", "otherwise": "Chat"},
                "attributes": {"threadId": "thread_id", "rating": "rating"},
            },
        }
    }
    chat = record(ANN, "chats", thread_id="T1", created_at="2026-01-02T03:04:05Z", rating="good")
    names = ("email", "thread_id", "created_at", "topic", "rating")

    result = ops(
        "explain",
        ANN,
        "--json",
        input=lines([schema("chats", names), chat, chat]),
        TARGET_MARKETO_STREAMS=json.dumps(streams),
    )

    (person,) = json.loads(result.stdout)["people"]
    assert [(each["kind"], each["target"]) for each in person["sent"]] == [
        ("static_lists", "LiveChat visitors"),
        ("program_members", "LiveChat: Engaged"),
        ("custom_activities", "livechatChat"),
    ]
    assert person["sent"][2]["values"] == {
        "once": "T1",
        "at": "2026-01-02T03:04:05Z",
        "primary": "Chat",
        "rating": "good",
        "threadId": "T1",
    }
    assert {each["outcome"] for each in person["sent"]} == {"left out"}
    assert "static list `LiveChat visitors`" in person["sent"][0]["why"]
    assert "no custom activity type `livechatChat`" in person["sent"][2]["why"]


def test_of_activities_it_says_which_a_run_would_write_and_moves_nothing(
    ops: Ops, store: Store, marketo: MarketoSandbox
) -> None:
    marketo.reset(**EXAMPLES)
    activity = {
        "type": "livechatChat",
        "once": "thread_id",
        "since": "first_run",
        "date": "created_at",
        "primary": "topic",
        "attributes": {"threadId": "thread_id"},
    }
    fields = {"email": "email"}
    streams = {"chats": {"key": "email", "fields": fields, "activity": activity}}
    now = datetime.now(UTC)
    ages = {"new": 1, "old": 30, "done": 2, "sent": 3, "undecided": 4}
    chats = [
        record(
            ANN, "chats", thread_id=once, created_at=moment(now - timedelta(hours=age)), topic="T"
        )
        for once, age in ages.items()
    ]
    messages = lines([schema("chats", ("email", "thread_id", "created_at", "topic")), *chats])

    def outcomes() -> dict[str, tuple[str, str]]:
        shown = ops(
            "explain", ANN, "--json", input=messages, TARGET_MARKETO_STREAMS=json.dumps(streams)
        )
        (person,) = json.loads(shown.stdout)["people"]
        return {
            each["values"]["once"]: (each["outcome"], each["why"].partition(":")[0])
            for each in person["sent"]
        }

    before = outcomes()
    with closing(store.open()) as database:
        ledger = ActivityLedger(database, store.instance, "run")
        ledger.claim(
            CHAT_ID, [Claim(once, 1, "2026-11-28") for once in ("done", "sent", "undecided")]
        )
        ledger.settle(CHAT_ID, done={"done": "guid"})
        with database.write() as connection:
            ledger.undecide(connection, CHAT_ID, ["undecided"])
        kept = ledger.states(CHAT_ID, ages)
    after = outcomes()

    assert before["new"] == before["done"] == ("written", "")
    assert before["old"][0] == "left out"
    assert before["old"][1].startswith("it is from before 20")
    assert after == before | {
        "done": ("the same", "it is on the timeline already"),
        "sent": ("left out", "it was sent, and the next run finds out what came of it"),
        "undecided": ("left out", "only a person can tell if it is there"),
    }
    with closing(store.open()) as database:
        ledger = ActivityLedger(database, store.instance, "run")
        assert ledger.states(CHAT_ID, ages) == kept
        assert ledger.since_or(CHAT_ID, "nothing is kept") == "nothing is kept"


def test_of_two_streams_each_has_its_lines_and_the_later_one_says_what_is_written(
    ops: Ops,
) -> None:
    always = {"email": "email", "city": "city", "phone": {"from": "phone", "clear": True}}
    streams = {
        "visitors": {"fields": always},
        "forms": {"fields": {"email": "email", "city": "city"}},
    }
    messages = [
        schema("forms", ["email", "city"]),
        record(ANN, city="Rome"),
        record(ANN, "forms", city="Oslo"),
    ]

    (person,) = explained(ops, messages, ANN, streams=streams)["people"]

    found = {(line["stream"], line["field"]): line for line in person["lines"]}
    assert (found["forms", "city"]["outcome"], found["visitors", "city"]["outcome"]) == (
        "written",
        "kept",
    )
    assert found["visitors", "city"]["why"] == "another record of the input says otherwise"
    assert found["visitors", "phone"]["why"] == "the record has no value"


def test_an_address_may_come_on_the_first_line_so_that_no_shell_remembers_it(ops: Ops) -> None:
    messages = lines([schema(), record(ANN), record(BOB)])

    found = json.loads(ops("explain", "-", "--json", input=f"{BOB}\n{messages}").stdout)

    assert [each["key"] for each in found["people"]] == [BOB]


def test_what_cannot_be_explained_ends_in_one_line_without_the_address(ops: Ops) -> None:
    messages = lines([schema(), record(ANN)])

    for arguments, given, told in (
        ((), messages, "name one person"),
        ((ANN, "--limit", "3"), messages, "name one person"),
        ((BOB,), messages, "none of the 1 records of the input is about b***@p***.example"),
        ((BOB,), "no message\n", "line 1 of the input is not a Singer message"),
        ((BOB,), lines([record(ANN)]), "line 1 of the input is a RECORD of a stream without"),
    ):
        result = ops("explain", *arguments, input=given)
        assert result.exit_code == 1
        assert told in result.output
        assert result.output.count("\n") == 1


def test_in_a_pipe_it_is_one_table_of_tab_separated_lines(
    ops: Ops, marketo: MarketoSandbox
) -> None:
    marketo.seed([{"email": ANN, "city": "Rome"}])
    messages = lines([schema(), record(ANN, city="Oslo"), record(BOB, city="Pisa")])

    result = ops(
        "explain", "--limit", "2", input=messages, TARGET_MARKETO_STREAMS=json.dumps(STREAMS)
    )

    header, *rows = [line.split("\t") for line in result.stdout.splitlines()]
    assert {len(row) for row in rows} == {len(header)}
    assert header[:4] == ["person", "Marketo's id", "verdict", "stream"]
    assert [row[4:] for row in rows if row[4] == "city"] == [
        ["city", "Oslo", "Rome", "if_empty, geography", "kept", "city is filled already"],
        ["city", "Pisa", "", "if_empty, geography", "written", "a new person"],
    ]
    assert "would create" not in result.stdout
    assert "would create 1, update 0, leave 1" in result.stderr


def test_with_another_key_it_says_who_has_the_address(ops: Ops, marketo: MarketoSandbox) -> None:
    marketo.set_options(custom_fields=[{"name": "crmKey", "data_type": "string"}])
    marketo.seed([{"email": ANN}, {"email": BOB, "crmKey": "b"}])
    fields = {"crmKey": "last_chat_id", "email": "email"}
    messages = [record(ANN.upper(), last_chat_id="a"), record(BOB, last_chat_id="x")]
    messages.append(record(EVE, last_chat_id="e"))

    streams = {"visitors": {"key": "crmKey", "fields": fields}}
    told = explained(ops, messages, "--limit", "3", streams=streams)

    ann, bob, eve = told["people"]
    assert (ann["verdict"], eve["verdict"]) == ("update", "create")
    assert "found by the address, and gets the key `crmKey`" in ann["notes"]
    assert bob["verdict"] == "refuse"
    assert bob["why"].startswith("key_conflict: ")


def test_an_id_that_is_unknown_is_refused(ops: Ops) -> None:
    streams = {"visitors": {"key": "id", "fields": {"id": "chats_count", "city": "city"}}}

    (nobody,) = explained(
        ops, [record(ANN, chats_count=99, city="Rome")], "--limit", "1", streams=streams
    )["people"]

    assert (nobody["verdict"], nobody["why"][:11]) == ("refuse", "unknown_id:")
