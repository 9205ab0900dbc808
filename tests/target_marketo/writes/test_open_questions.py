"""What nobody could say about lists, programs, activities and objects: the target at each answer.

The questions and the sandbox's positions are `tests/sandbox/questions/objects.py`. Each test plays
one or some of them at all of their positions; whatever the answer is, people come, nothing is lost
or written twice, and what Marketo refuses stands in the error log.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from target_marketo.marketo.objects import Objects
from tests.sandbox.faults import Fault
from tests.sandbox.marketo_api import MarketoApi
from tests.sandbox.marketo_examples import CHAT_ID, EXAMPLES
from tests.sandbox.object_api import make_list, make_type
from tests.sandbox.questions import Question, cases
from tests.sandbox.questions.objects import MARKETO_OBJECTS
from tests.target_marketo.ops import test_setup
from tests.target_marketo.writes import chatting
from tests.target_marketo.writes.attaching import (
    FIELDS,
    LIST,
    PEOPLE,
    PROGRAM,
    THING,
    everybody,
    ids,
    messages,
    replayed,
    visitor,
)
from tests.target_marketo.writes.chatting import ADD, CHATS, QUICK, chat, streams, wrong
from tests.target_marketo.writes.troubles import about

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sandbox.marketo.client import MarketoSandbox
    from tests.target_marketo.in_process import InProcess

PLAYED: list[str] = []


def each_of(*names: str) -> pytest.MarkDecorator:
    """Parameters: the positions of the questions with these names, as options of the sandbox."""
    PLAYED.extend(names)
    chosen = [case for case in cases(MARKETO_OBJECTS) if case[0].name in names]
    return pytest.mark.parametrize(
        ("question", "options"),
        [pytest.param(each, dict(each.positions[at]), id=at) for each, at in chosen],
    )


# Activities


@each_of(
    *("activity_id", "activity_lag", "activity_token", "activity_scan", "activity_empty_result"),
    *("activity_attribute_names", "date_without_zone", "date_too_old", "date_with_fraction"),
    *("null_attribute", "no_attributes", "long_attribute", "lost_reply"),
)
def test_each_chat_is_there_once(
    marketo: MarketoSandbox, target: InProcess, question: Question, options: dict[str, Any]
) -> None:
    lost = [about(fault, ADD, at_most=1) for fault in options.pop("faults", ())]
    if "activity_lag" in options:
        options["activity_lag"] = min(options["activity_lag"], 0.9)
    marketo.set_options(**options)
    if question.name.startswith("activity_"):  # what is read back
        lost = [Fault(what="partly", share=0.5, calls=(ADD,), at_most=1)]
    marketo.set_faults(lost)
    ended = target.run(chatting.messages(text="x" * 400), streams=streams(), **QUICK)

    assert (ended.code, ended.states) == (0, [{"done": 1}])
    assert wrong(marketo) == []


@each_of("date_in_future", "wrong_attribute_type", "blank_primary")
def test_a_chat_that_marketo_refuses_is_in_the_error_log_and_the_others_are_there(
    marketo: MarketoSandbox, target: InProcess, question: Question, options: dict[str, Any]
) -> None:
    marketo.set_options(**options)
    # What a type asks for is known and kept to, unless types may not be looked at.
    unseen = {"denied_permissions": ["Read-Only Activity Metadata", "Read-Write Activity Metadata"]}
    odds: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
        "date_in_future": ({"created_at": "2099-01-01T00:00:00Z"}, {}, {}),
        "wrong_attribute_type": ({"seconds": "some"}, unseen, {"type": str(CHAT_ID)}),
        "blank_primary": ({"topic": None}, {}, {"primary": "topic"}),
    }
    odd, more, named = odds[question.name]
    marketo.set_options(**more)
    *head, last = chatting.messages(topic="Sales")
    odd_one = chat(CHATS, **odd)
    ended = target.run([*head, odd_one, last], streams=streams(**named))

    assert (ended.code, ended.states) == (0, [{"done": 1}])
    refused = [each for each in options.values() if each in ("1002", "1003")]
    assert {each for each in wrong(marketo) if f"T{CHATS} " not in each} == set()
    written = [
        each["attributes"]["threadId"] for each in marketo.activities() if each["attributes"]
    ]
    assert written.count(f"T{CHATS}") == (not refused)
    assert [each.code for each in target.entries()] == refused


def _without_its_type(api: MarketoApi) -> None:
    api.call("POST", "/v1/activities/external/type/livechatChat/delete.json")


def _without_an_attribute(api: MarketoApi) -> None:
    path = "/v1/activities/external/type/livechatChat"
    body = {"attributes": [{"apiName": "transcript"}]}
    api.call("POST", f"{path}/attributes/delete.json", json=body)
    api.call("POST", f"{path}/approve.json")


@each_of("unknown_attribute", "unknown_activity_type")
def test_what_is_taken_from_a_type_within_the_day_costs_no_person_and_is_reported_with_its_cure(
    marketo: MarketoSandbox, target: InProcess, question: Question, options: dict[str, Any]
) -> None:
    takes: dict[str, Callable[[MarketoApi], None]] = {
        "unknown_attribute": _without_an_attribute,
        "unknown_activity_type": _without_its_type,
    }
    marketo.set_options(**options)
    target.run(chatting.messages(chats=1, text="hello"), streams=streams())
    with MarketoApi(marketo) as api:
        api.log_in()
        takes[question.name](api)
    ended = target.run(chatting.messages(text="hello"), streams=streams())
    after = target.run(chatting.messages(text="hello"), streams=streams())

    assert len(marketo.leads()) == chatting.PEOPLE
    assert ended.states == after.states == [{"done": 1}]
    if "ignore" in options.values():
        assert (ended.code, wrong(marketo), target.entries()) == (0, [], [])
    else:
        assert (ended.code, after.code) == (1, 1)
        assert "marketo-ops setup --apply" in after.said
        assert "marketo-ops setup --apply" in ended.said
        assert {each.code for each in target.entries()} == {"1013"}
        # The run that begins without the type cannot tell that one of them is there.
        assert len(target.entries()) == CHATS
        assert marketo.counts().calls[ADD] == 2, "once before, once to find out"


@each_of("made_lag")
def test_what_was_just_made_is_found_when_it_shows_and_until_then_costs_no_person(
    marketo: MarketoSandbox, target: InProcess, question: Question, options: dict[str, Any]
) -> None:
    marketo.reset(**options)
    with MarketoApi(marketo) as api:
        api.log_in()
        make_type(api, "livechatChat", "threadId", "durationSeconds", "transcript")
        make_list(api, "LiveChat visitors")
    both = streams()
    both["chats"] |= LIST.entry
    at_once = target.run(chatting.messages(), streams=both)

    assert len(marketo.leads()) == chatting.PEOPLE
    assert at_once.states == [{"done": 1}]
    shows = options["made_lag"] == 0
    assert at_once.code == int(not shows)
    if not shows:
        assert "`marketo-ops setup --apply` makes it" in at_once.said
        marketo.advance_clock(121)
        assert target.run(replayed(target, both), streams=both).code == 0

    assert wrong(marketo) == []
    assert len(LIST.held(marketo)) == chatting.PEOPLE
    assert all(each.resolved for each in target.entries())


# Lists


@each_of("list_added_again")
def test_who_is_in_the_list_already_is_done(
    marketo: MarketoSandbox, target: InProcess, question: Question, options: dict[str, Any]
) -> None:
    marketo.set_options(**options)
    for _ in range(2):
        ended = target.run(everybody(), streams=LIST.streams())
        assert ended.code == 0

    assert (LIST.held(marketo), target.entries()) == (ids(marketo, *PEOPLE), [])


# Programs


@each_of("skipped_member_lead_id")
def test_nobody_goes_back_in_a_program(
    marketo: MarketoSandbox, target: InProcess, question: Question, options: dict[str, Any]
) -> None:
    marketo.set_options(**options)
    target.run(everybody(), streams=PROGRAM.streams())
    visited = PROGRAM.streams(programs={"LiveChat": "Visited"})
    ended = target.run(everybody(), streams=visited)

    assert (ended.code, target.entries()) == (0, [])
    assert set(marketo.program_members("LiveChat").values()) == {"Engaged"}


@each_of("equal_step")
def test_of_two_statuses_of_one_step_the_first_of_a_run_is_sent(
    marketo: MarketoSandbox, target: InProcess, question: Question, options: dict[str, Any]
) -> None:
    marketo.set_options(**options)
    both = PROGRAM.streams(programs={"LiveChat": "Chatted"})
    both["chats"] = {"key": "email", "fields": FIELDS, "programs": {"LiveChat": "Declined"}}
    records = [visitor("a", stream) for stream in ("visitors", "chats")]
    ended = target.run(messages(records, ("visitors", "chats")), streams=both)

    assert (ended.code, target.entries()) == (0, [])
    assert list(marketo.program_members("LiveChat").values()) == ["Chatted"]


@each_of("same_member_twice")
def test_whoever_chats_often_is_in_a_call_once(
    marketo: MarketoSandbox, target: InProcess, question: Question, options: dict[str, Any]
) -> None:
    marketo.set_options(**options)
    both = PROGRAM.streams()
    both["chats"] = {"key": "email", "fields": FIELDS, **PROGRAM.entry}
    chats = [visitor(name, "chats") for name in PEOPLE for _ in range(3)]
    records = [*(visitor(name) for name in PEOPLE), *chats]
    ended = target.run(messages(records, ("visitors", "chats")), streams=both)

    assert (ended.said, target.entries()) == ("", [])
    assert PROGRAM.held(marketo) == ids(marketo, *PEOPLE)
    assert marketo.counts().rows["member_status"] == {"created": len(PEOPLE)}


@each_of("unknown_status_level", "not_in_program")
def test_a_status_that_marketo_does_not_set_ends_its_program_alone(
    marketo: MarketoSandbox, target: InProcess, question: Question, options: dict[str, Any]
) -> None:
    marketo.set_options(**options)
    ended = target.run(
        everybody(), streams=PROGRAM.streams(programs={"LiveChat": "Not in Program"}, **LIST.entry)
    )
    refused = "accept" not in options.values()

    assert (ended.code, ended.states) == (int(refused), [{"done": 1}])
    assert LIST.held(marketo) == ids(marketo, *PEOPLE)
    assert {each.part for each in target.entries()} == {"program:LiveChat"} - {
        "" if refused else "program:LiveChat"
    }
    assert marketo.counts().calls["member_status"] == 1


@each_of("unknown_program")
def test_a_program_that_is_taken_away_within_the_day_costs_one_call_and_no_person(
    marketo: MarketoSandbox, target: InProcess, question: Question, options: dict[str, Any]
) -> None:
    target.run(messages([visitor("a")]), streams=PROGRAM.streams())
    marketo.reset(**EXAMPLES | {"programs": (), "static_lists": ()}, **options)
    ended = target.run(everybody(), streams=PROGRAM.streams())

    assert (ended.code, ended.states) == (1, [{"done": 1}])
    assert "Marketo has no program `LiveChat`" in ended.said
    assert len(marketo.leads()) == len(PEOPLE)
    assert marketo.counts().calls["member_status"] == 1
    assert {each.part for each in target.entries()} == {"program:LiveChat"}


# Custom objects


@each_of("unknown_object")
def test_an_object_that_is_taken_away_within_the_day_costs_few_calls(
    marketo: MarketoSandbox, target: InProcess, question: Question, options: dict[str, Any]
) -> None:
    target.run(messages([visitor("a")]), streams=THING.streams())
    marketo.set_options(**options)
    with MarketoApi(marketo) as api:
        api.log_in()
        api.call("POST", "/v1/customobjects/schema/livechatChat_c/delete.json")
    before = marketo.counts().calls["sync_objects"]
    ended = target.run(everybody(), streams=THING.streams())

    assert (ended.code, ended.states) == (1, [{"done": 1}])
    assert marketo.counts().calls["sync_objects"] == before + 1
    assert len(target.entries()) == len(PEOPLE)


@each_of("link_to_nobody")
def test_an_object_of_somebody_who_was_deleted_meanwhile_is_reported_or_kept_without_a_link(
    marketo: MarketoSandbox,
    target: InProcess,
    question: Question,
    options: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What Marketo accepts has no link then, until the person's next record sets it."""
    marketo.set_options(**options)
    upsert = Objects.upsert

    def upsert_after_a_deletion(objects: Objects, name: str, rows: Any) -> Any:
        monkeypatch.setattr(Objects, "upsert", upsert)
        marketo.delete_leads(*ids(marketo, "p3"))
        return upsert(objects, name, rows)

    monkeypatch.setattr(Objects, "upsert", upsert_after_a_deletion)
    ended = target.run(everybody(), streams=THING.streams())
    refused = "1004" in options.values()

    assert (ended.code, ended.states) == (0, [{"done": 1}])
    kept = {each["threadId"]: each["linked"] for each in marketo.custom_objects("livechatChat_c")}
    assert kept.keys() == {f"T-{name}" for name in PEOPLE} - ({"T-p3"} if refused else set())
    assert [(each.email, each.code) for each in target.entries()] == [
        ("p3@example.com", "1004")
    ] * refused

    again = target.run(everybody(), streams=THING.streams())

    assert again.code == 0
    assert THING.held(marketo) == ids(marketo, *PEOPLE)


# All of them


def test_every_question_is_played_at_each_of_its_positions_or_says_why_it_is_never_met() -> None:
    levels = test_setup.test_a_field_whose_name_is_taken_is_reported
    (mark,) = levels.pytestmark  # type: ignore[attr-defined]
    asked = {each.name: each for each in MARKETO_OBJECTS if each.positions and not each.not_met}
    in_setup = asked["lead_field_taken"].positions.values()

    assert sorted([*PLAYED, "lead_field_taken"]) == sorted(asked)
    assert [each["lead_field_taken"] for each in in_setup] == mark.args[1]
