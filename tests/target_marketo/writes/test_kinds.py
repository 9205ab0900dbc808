"""Lists, program status and custom objects through the whole target: once, and for the right ones.

Each kind goes through the same troubles; what is its own comes after them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.sandbox.faults import Fault
from tests.sandbox.marketo_api import MarketoApi
from tests.sandbox.object_api import make_list
from tests.target_marketo.writes.attaching import (
    FIELDS,
    KINDS,
    LIST,
    OBJECT,
    PEOPLE,
    PROGRAM,
    THING,
    Kept,
    everybody,
    ids,
    messages,
    visitor,
)
from tests.target_marketo.writes.troubles import TROUBLES, about

if TYPE_CHECKING:
    from tests.sandbox.marketo.client import MarketoSandbox
    from tests.target_marketo.in_process import InProcess

EVERYTHING = {name: value for kind in KINDS for name, value in kind.entry.items()}
each_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)


@each_kind
def test_it_follows_the_people_of_the_run_and_a_second_run_changes_nothing(
    marketo: MarketoSandbox, target: InProcess, kind: Kept
) -> None:
    first = target.run(everybody(), streams=kind.streams())
    second = target.run(everybody(), streams=kind.streams())

    assert [(ended.code, ended.states) for ended in (first, second)] == [(0, [{"done": 1}])] * 2
    assert kind.held(marketo) == ids(marketo, *PEOPLE)
    assert len(marketo.leads()) == len(PEOPLE)
    assert marketo.counts().calls[kind.call] == 2, "one for each run"
    assert target.logged() == {}


def test_names_are_looked_up_once_a_day(marketo: MarketoSandbox, target: InProcess) -> None:
    streams = {"visitors": {"key": "email", "fields": FIELDS, **EVERYTHING}}
    target.run(everybody(), streams=streams)
    target.run(everybody(), streams=streams)
    calls = marketo.counts().calls

    assert [calls[each] for each in ("lists", "programs", "channels", "describe_objects")] == [
        1
    ] * 4
    assert [calls[kind.call] for kind in KINDS] == [2, 2, 2]


def test_a_list_that_was_made_again_within_the_day_is_found_again(
    marketo: MarketoSandbox, target: InProcess
) -> None:
    target.run(messages([visitor("a")]), streams=LIST.streams())
    with MarketoApi(marketo) as api:
        api.log_in()
        api.call("POST", "/asset/v1/staticList/1001/delete.json")
        make_list(api, "LiveChat visitors")
    ended = target.run(everybody(), streams=LIST.streams())

    assert (ended.code, target.entries()) == (0, [])
    assert LIST.held(marketo) == ids(marketo, *PEOPLE)


def test_a_dry_run_attaches_nothing(marketo: MarketoSandbox, target: InProcess) -> None:
    streams = {"visitors": {"key": "email", "fields": FIELDS, **EVERYTHING}}
    ended = target.run(everybody(), streams=streams, dry_run=True)

    assert ended.code == 0
    assert not {"sync", *(kind.call for kind in KINDS)} & marketo.counts().calls.keys()


@each_kind
def test_calls_are_full(marketo: MarketoSandbox, target: InProcess, kind: Kept) -> None:
    names = [f"p{number}" for number in range(620)]
    target.run(messages(visitor(name) for name in names), streams=kind.streams())

    assert marketo.counts().calls[kind.call] == 3
    assert kind.held(marketo) == ids(marketo, *names)


TELLING = ("partly", "late", "611, applied", "502", "reordered", "1004 to some")


@pytest.mark.parametrize(
    ("kind", "trouble"),
    [
        *((LIST, trouble) for trouble in TROUBLES),
        *((kind, trouble) for kind in (PROGRAM, THING) for trouble in TELLING),
    ],
    ids=str,
)
def test_no_trouble_costs_anything(
    marketo: MarketoSandbox, target: InProcess, kind: Kept, trouble: str
) -> None:
    # As often as an activity may be tried: what can be repeated has no such number.
    often = {"at_most": 3} if trouble.startswith("611") else {}
    marketo.set_faults([about(fault, kind.call, **often) for fault in TROUBLES[trouble]])
    if trouble != "late":
        target.hold_for(0.2)
    ended = target.run(
        everybody(), streams=kind.streams(), request_timeout_seconds=1, rate_limit_seconds=1
    )

    assert (ended.code, ended.states, ended.said) == (0, [{"done": 1}], "")
    assert kind.held(marketo) == ids(marketo, *PEOPLE)
    assert target.logged() == {}
    assert marketo.counts().overlapping_keys == 0


@each_kind
def test_a_row_that_breaks_its_calls_is_found_by_halving(
    marketo: MarketoSandbox, target: InProcess, kind: Kept
) -> None:
    marketo.seed({"email": f"{name}@example.com", "firstName": name} for name in PEOPLE)
    poison = "T-p7" if kind is THING else str(ids(marketo, "p7")[0])
    fault = Fault(what="answer", code="1099", calls=(kind.call,), holding=poison)
    marketo.set_faults([fault])
    ended = target.run(everybody(), streams=kind.streams())

    assert (ended.code, ended.states) == (0, [{"done": 1}])
    assert kind.held(marketo) == ids(marketo, *(name for name in PEOPLE if name != "p7"))
    (logged,) = target.entries()
    assert (logged.email, logged.part, logged.code) == ("p7@example.com", logged.part, "1099")
    assert logged.part.startswith(kind.part)


ENDS_LANE: dict[str, tuple[dict[str, Any], str]] = {
    "static_lists": ({"lists": ["Nobody's"]}, "list:Nobody's"),
    "program_members": ({"programs": {"LiveChat": "Delighted"}}, "program:LiveChat"),
    "custom_objects": ({"object": OBJECT | {"name": "nothing_c"}}, "object:nothing_c"),
}


@each_kind
def test_a_lane_that_is_missing_costs_no_person_and_no_other_lane(
    marketo: MarketoSandbox, target: InProcess, kind: Kept
) -> None:
    wrong, part = ENDS_LANE[kind.name]
    others = [other.entry for other in KINDS if other is not kind]
    entry = {name: value for each in (*others, wrong) for name, value in each.items()}
    streams = {"visitors": {"key": "email", "fields": FIELDS, **entry}}
    ended = target.run(everybody(), streams=streams)

    assert ended.code == 1
    assert ended.states == [{"done": 1}]
    assert len(marketo.leads()) == len(PEOPLE)
    for other in KINDS:
        if other is not kind:
            assert other.held(marketo) == ids(marketo, *PEOPLE)
    entries = target.entries()
    assert {each.part.partition("#")[0] for each in entries} == {part}
    assert {each.email for each in entries} == {f"{name}@example.com" for name in PEOPLE}
    assert part.partition(":")[2] in ended.said
    assert "\n" not in ended.said


@each_kind
@pytest.mark.parametrize("code", ["603", "616", "703", "1026", "709"])
def test_a_kind_that_is_not_allowed_costs_no_person_and_no_other_kind(
    marketo: MarketoSandbox, target: InProcess, kind: Kept, code: str
) -> None:
    marketo.set_faults([Fault(what="answer", code=code, calls=(kind.call,))])
    streams = {"visitors": {"key": "email", "fields": FIELDS, **EVERYTHING}}
    ended = target.run(everybody(), streams=streams)

    assert (ended.code, ended.states) == (1, [{"done": 1}])
    assert len(marketo.leads()) == len(PEOPLE)
    for other in KINDS:
        assert (other.held(marketo) == ids(marketo, *PEOPLE)) == (other is not kind)
    assert {(each.part.partition("#")[0], each.code) for each in target.entries()} == {
        (kind.part, code)
    }


@each_kind
def test_of_a_person_who_is_refused_nothing_is_written_and_there_is_one_entry(
    marketo: MarketoSandbox, target: InProcess, kind: Kept
) -> None:
    marketo.set_faults([Fault(what="row", code="1003", calls=("sync",), holding="p3@")])
    ended = target.run(everybody(), streams=kind.streams())

    assert (ended.code, ended.states) == (0, [{"done": 1}])
    assert [(each.email, each.part) for each in target.entries()] == [("p3@example.com", "person")]
    assert kind.held(marketo) == ids(marketo, *(name for name in PEOPLE if name != "p3"))


@each_kind
def test_nobody_without_an_email_is_attached_to(
    marketo: MarketoSandbox, target: InProcess, kind: Kept
) -> None:
    nobody = visitor("x")
    nobody["record"]["email"] = None
    ended = target.run(messages([nobody, visitor("a")]), streams=kind.streams())

    assert (ended.code, kind.held(marketo)) == (0, ids(marketo, "a"))


@each_kind
def test_the_part_that_is_delivered_resolves_its_entry_and_no_other(
    marketo: MarketoSandbox, target: InProcess, kind: Kept
) -> None:
    """People go on meanwhile, and do not resolve what is attached to them."""
    marketo.set_faults([Fault(what="answer", code="616", calls=(kind.call,))])
    target.run(everybody(), streams=kind.streams())
    target.run(everybody(), streams={"visitors": {"key": "email", "fields": FIELDS}})
    assert len([each for each in target.entries() if not each.resolved]) == len(PEOPLE)

    marketo.set_faults([])
    ended = target.run(messages([visitor("p0")]), streams=kind.streams())
    assert ended.code == 0
    assert [each.email for each in target.entries() if each.resolved] == ["p0@example.com"]


@each_kind
def test_two_streams_attach_to_one_person_once(
    marketo: MarketoSandbox, target: InProcess, kind: Kept
) -> None:
    streams = kind.streams()
    streams["chats"] = {"key": "email", "fields": FIELDS, **kind.entry}
    both = [visitor(name, stream) for name in PEOPLE for stream in ("visitors", "chats")]
    ended = target.run(messages(both, ("visitors", "chats")), streams=streams)

    assert (ended.code, kind.held(marketo)) == (0, ids(marketo, *PEOPLE))
    assert marketo.counts().calls[kind.call] == 1
    assert sum(marketo.counts().rows[kind.call].values()) == len(PEOPLE)


@each_kind
def test_a_person_who_was_merged_meanwhile_is_looked_up_once_more(
    marketo: MarketoSandbox, target: InProcess, kind: Kept
) -> None:
    marketo.seed({"email": f"{name}@example.com", "firstName": name} for name in PEOPLE)
    marketo.set_faults([Fault(what="row", code="1004", share=1.0, calls=(kind.call,))])
    ended = target.run(everybody(), streams=kind.streams())

    assert (ended.code, ended.states) == (0, [{"done": 1}])
    assert {(each.part.partition("#")[0], each.code) for each in target.entries()} == {
        (kind.part, "1004")
    }
    assert marketo.counts().calls[kind.call] == 2


@each_kind
def test_the_run_counts_what_was_attached(
    marketo: MarketoSandbox, target: InProcess, kind: Kept
) -> None:
    target.run(everybody(), streams=kind.streams())

    assert target.attachments() == {kind.name: len(PEOPLE)}


@each_kind
def test_a_chat_makes_nobody_and_goes_to_those_of_the_other_stream(
    marketo: MarketoSandbox, target: InProcess, kind: Kept
) -> None:
    streams = {
        "visitors": {"key": "email", "fields": FIELDS},
        "chats": {"key": "email", "create": False, **kind.entry},
    }
    chats = [visitor(name, "chats") for name in ("a", "b", "c")]
    ended = target.run(
        messages([*chats, visitor("a"), visitor("b")], ("chats", "visitors")), streams=streams
    )

    assert (ended.code, ended.states) == (0, [{"done": 1}])
    assert kind.held(marketo) == ids(marketo, "a", "b")
    assert len(marketo.leads()) == 2, "c is nobody"
    assert target.entries() == []


# Each one's own


@pytest.mark.parametrize("code", ["1013", "709"])
@pytest.mark.parametrize(
    ("kind", "call"), [(LIST, "lists"), (PROGRAM, "channels"), (THING, "describe_objects")], ids=str
)
def test_a_name_that_may_not_be_looked_up_costs_no_person(
    marketo: MarketoSandbox, target: InProcess, kind: Kept, call: str, code: str
) -> None:
    marketo.set_faults([Fault(what="answer", code=code, calls=(call,))])
    ended = target.run(everybody(), streams=kind.streams())

    assert (ended.code, ended.states) == (1, [{"done": 1}])
    assert (len(marketo.leads()), kind.held(marketo)) == (len(PEOPLE), [])
    assert {each.part.partition("#")[0] for each in target.entries()} == {kind.part}


@pytest.mark.parametrize("kind", [PROGRAM, THING], ids=str)
def test_a_row_that_is_in_its_call_twice_to_marketo_goes_out_once_more(
    marketo: MarketoSandbox, target: InProcess, kind: Kept
) -> None:
    fault = Fault(what="row", code="1036", share=0.5, at_most=1, calls=(kind.call,))
    marketo.set_faults([fault])
    ended = target.run(everybody(), streams=kind.streams())

    assert (ended.code, target.entries()) == (0, [])
    assert kind.held(marketo) == ids(marketo, *PEOPLE)


@pytest.mark.parametrize("first", ["visitors", "chats"])
def test_of_two_statuses_in_a_run_the_later_step_is_the_only_one_sent(
    marketo: MarketoSandbox, target: InProcess, first: str
) -> None:
    streams = {
        "visitors": {"key": "email", "fields": FIELDS, "programs": {"LiveChat": "Visited"}},
        "chats": {"key": "email", "fields": FIELDS, "programs": {"1001": "Engaged"}},
    }
    order = ["visitors", "chats"] if first == "visitors" else ["chats", "visitors"]
    both = [visitor(name, stream) for name in PEOPLE for stream in order]
    ended = target.run(messages(both, order), streams=streams)

    assert (ended.code, set(marketo.program_members("LiveChat").values())) == (0, {"Engaged"})
    assert marketo.counts().rows["member_status"] == {"created": len(PEOPLE)}


@pytest.mark.parametrize("order", [("visitors", "chats"), ("chats", "visitors")])
def test_by_its_id_a_program_is_written_without_the_permission_to_look_at_it(
    marketo: MarketoSandbox, target: InProcess, order: tuple[str, str]
) -> None:
    """Then Marketo alone sees to it that nobody goes back."""
    marketo.set_options(denied_permissions=["Read-Only Asset", "Read-Write Asset"])
    streams = {
        "visitors": {"key": "email", "fields": FIELDS, "programs": {"1001": "Visited"}},
        "chats": {"key": "email", "fields": FIELDS, "programs": {"1001": "Engaged"}},
    }
    both = [visitor(name, stream) for stream in order for name in PEOPLE]
    for _ in range(2):
        ended = target.run(messages(both, order), streams=streams)
        assert (ended.code, ended.states, target.entries()) == (0, [{"done": 1}], [])

    assert PROGRAM.held(marketo) == ids(marketo, *PEOPLE)
    assert set(marketo.program_members("LiveChat").values()) == {"Engaged"}


@pytest.mark.parametrize("named", ["9", "1001"])
def test_an_id_that_leads_nowhere_ends_its_lane_with_the_cure(
    marketo: MarketoSandbox, target: InProcess, named: str
) -> None:
    """As Marketo says when it is written to: no such program, or no such status."""
    marketo.set_options(denied_permissions=["Read-Only Asset", "Read-Write Asset"])
    status = "Engaged" if named == "9" else "Delighted"
    ended = target.run(everybody(), streams=PROGRAM.streams(programs={named: status}))

    assert (ended.code, len(marketo.leads())) == (1, len(PEOPLE))
    assert f"program:{named}" in ended.said
    assert "check the names in `streams`" in ended.said
    assert marketo.counts().calls["member_status"] == 1


def test_a_later_record_of_an_object_updates_it(marketo: MarketoSandbox, target: InProcess) -> None:
    chats = [visitor("a", thread_id="T1"), visitor("a", thread_id="T2")]
    rated = [visitor("a", thread_id="T1", rating="good")]
    for records in (chats, rated, [*chats, *rated]):
        assert target.run(messages(records), streams=THING.streams()).code == 0

    found = {
        each["threadId"]: each.get("rating") for each in marketo.custom_objects("livechatChat_c")
    }
    assert found == {"T1": "good", "T2": None}
    assert marketo.counts().calls["sync_objects"] == 3


def test_keys_of_objects_that_marketo_holds_for_one_are_written_one_after_the_other(
    marketo: MarketoSandbox, target: InProcess
) -> None:
    records = [
        visitor("a", thread_id="t1", rating="bad"),
        visitor("a", thread_id="T1", rating="good"),
    ]
    ended = target.run(messages(records), streams=THING.streams())

    assert (ended.code, target.entries()) == (0, [])
    assert [each["rating"] for each in marketo.custom_objects("livechatChat_c")] == ["good"]


def test_another_object_of_the_person_resolves_nothing(
    marketo: MarketoSandbox, target: InProcess
) -> None:
    marketo.set_faults([Fault(what="row", code="1003", calls=("sync_objects",), share=1.0)])
    target.run(messages([visitor("a", thread_id="T1")]), streams=THING.streams())
    marketo.set_faults([])
    target.run(messages([visitor("a", thread_id="T2")]), streams=THING.streams())
    assert [each.resolved for each in target.entries()] == [False]

    target.run(messages([visitor("a", thread_id="T1", rating="ok")]), streams=THING.streams())
    assert [each.resolved for each in target.entries()] == [True]
