"""The calls about activities, lists, programs and objects, with the sandbox at the other end."""

from __future__ import annotations

import time
from random import Random
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from target_marketo.governor import Governor, Limits
from target_marketo.mapping.texts import STRING_CHARACTERS
from target_marketo.marketo.activities import (
    Activities,
    Activity,
    ActivityType,
    Attribute,
)
from target_marketo.marketo.attachments import understand_rows
from target_marketo.marketo.auth import Token
from target_marketo.marketo.client import Marketo
from target_marketo.marketo.codes import Class, Family, of_row
from target_marketo.marketo.connections import pooled_session
from target_marketo.marketo.errors import (
    EndsKind,
    EndsLane,
    OutcomeUnknown,
    Rejected,
    SendFewer,
)
from target_marketo.marketo.lists import Lists
from target_marketo.marketo.objects import Objects
from target_marketo.marketo.programs import Programs
from tests.sandbox.faults import Fault
from tests.sandbox.marketo.client import MarketoSandbox
from tests.sandbox.marketo_examples import CHAT_ID, EXAMPLES, chat
from tests.target_marketo.governor.memory_leases import MemoryLeases

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from target_marketo.marketo.attachments import Rows

A, B, C, NOBODY = 1001, 1002, 1003, 9
THREAD = Attribute("threadId", "Thread ID")
TIMEOUT = 8.0


@pytest.fixture(scope="module")
def running() -> Iterator[MarketoSandbox]:
    with MarketoSandbox() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: MarketoSandbox) -> MarketoSandbox:
    """Three people, and an object of each kind."""
    running.reset(**EXAMPLES, clock_start="2026-11-28T12:00:00Z")
    running.seed({"email": f"{name}@example.com"} for name in "abc")
    return running


@pytest.fixture
def caller(sandbox: MarketoSandbox) -> Iterator[Marketo]:
    limits = Limits(calls=1000, seconds=1, concurrent=5, daily=10_000, lease_seconds=20)
    with pooled_session(5, sandbox.endpoint) as session:
        yield Marketo(
            endpoint=sandbox.endpoint,
            token=Token(session, sandbox.identity, sandbox.client_id, sandbox.client_secret),
            session=session,
            governor=Governor("instance.example", limits, MemoryLeases(), random=Random(1)),
            timeout=TIMEOUT,
            patience_seconds=0.0,
        )


def encoded(*rows: dict[str, Any]) -> list[bytes]:
    return [msgspec.json.encode(row) for row in rows]


def add(caller: Marketo, *rows: dict[str, Any]) -> Rows:
    return Activities(caller).add(lambda: encoded(*rows))


def outcomes(rows: Rows) -> list[str]:
    return [row.code or row.status for row in rows.rows]


def read(caller: Marketo, *leads: int, since: float = 0.0) -> list[Activity]:
    pages = Activities(caller).pages(since, CHAT_ID, leads)
    return [each for page in pages for each in page.result]


# --- activities ----------------------------------------------------------------------------------


def test_types_are_listed_and_described(caller: Marketo) -> None:
    activities = Activities(caller)
    approved, draft = activities.types()
    assert (approved.api_name, approved.id, approved.status) == (
        "livechatChat",
        CHAT_ID,
        "approved",
    )
    assert (draft.id, draft.status) == (None, "draft")
    described = activities.describe("livechatChat")
    assert described.primary_attribute == Attribute("topic", "Topic")
    assert THREAD in described.attributes
    with pytest.raises(EndsLane):
        activities.describe("unknown")


def test_a_type_is_made_step_by_step(caller: Marketo) -> None:
    activities = Activities(caller)
    wanted = ActivityType(
        api_name="rated",
        name="Rated",
        trigger_name="Rates",
        filter_name="Rated it",
        primary_attribute=Attribute("topic", "Topic"),
    )
    assert activities.create(wanted).status == "draft"
    assert activities.add_attributes("rated", [THREAD]).attributes == (THREAD,)
    assert activities.approve("rated").id == CHAT_ID + 1
    with pytest.raises(Rejected):
        activities.create(wanted)


def test_activities_are_answered_at_their_positions(
    sandbox: MarketoSandbox, caller: Marketo
) -> None:
    written = add(caller, chat(A, "T1"), chat(NOBODY), chat(B, "T2"))
    assert outcomes(written) == ["added", "1004", "added"]
    assert [row.marketo_guid for row in written.rows] == ["1", None, "2"]
    assert written.request_id == sandbox.journal()[-1].request_id


@pytest.mark.parametrize("position", ["unique", "absent", "repeated"])
def test_an_added_activity_needs_no_id(
    sandbox: MarketoSandbox, caller: Marketo, position: str
) -> None:
    sandbox.set_options(activity_id=position)
    written = add(caller, chat(A), chat(A))
    assert [row.marketo_guid for row in written.rows] == ["1", "2"]
    assert len(read(caller, A)) == 2


def test_the_rows_are_asked_for_when_the_call_may_be_made(
    sandbox: MarketoSandbox, caller: Marketo
) -> None:
    asked: list[int] = []

    def rows() -> Sequence[bytes]:
        asked.append(len(asked))
        return encoded(*[chat(A)] * (3 - len(asked)))

    sandbox.set_faults([Fault(what="answer", code="606", calls=("add_activities",), at=(1,))])
    written = Activities(caller).add(rows)

    assert len(asked) == 2, "once for each attempt"
    assert outcomes(written) == ["added"], "as many as there were at last"


def test_what_the_rows_raise_ends_the_call_unsent(sandbox: MarketoSandbox, caller: Marketo) -> None:
    def rows() -> Sequence[bytes]:
        raise KeyError

    with pytest.raises(KeyError):
        Activities(caller).add(rows)
    assert "add_activities" not in sandbox.counts().calls


def test_our_limits_of_attributes_are_the_sandboxs(caller: Marketo) -> None:
    def thread(length: int) -> dict[str, Any]:
        return chat(A, attributes=[{"apiName": "threadId", "value": "x" * length}])

    def transcript(size: int) -> dict[str, Any]:
        frame = len(msgspec.json.encode([{"apiName": "transcript", "value": ""}]))
        text = "x" * (size - frame)
        return chat(A, attributes=[{"apiName": "transcript", "value": text}])

    rows = [thread(STRING_CHARACTERS), thread(STRING_CHARACTERS + 1)]
    assert outcomes(add(caller, *rows)) == ["added", "1003"]
    rows = [transcript(65_536), transcript(65_537)]  # bytes, encoded
    assert outcomes(add(caller, *rows)) == ["added", "1049"]


def test_activities_read_back_whatever_their_attributes_are_called(
    sandbox: MarketoSandbox, caller: Marketo
) -> None:
    add(caller, chat(A, "T1"), chat(B, "T2"), chat(A, "T3", attributes=[]))
    for names in ("display", "both"):
        sandbox.set_options(activity_attribute_names=names)
        assert [each.value(THREAD) for each in read(caller)] == ["T1", "T2", None]
    assert [each.value(Attribute("THREADID")) for each in read(caller, B)] == ["T2"]
    assert [each.lead_id for each in read(caller, B, C)] == [B]


def test_a_reading_goes_on_over_empty_pages(sandbox: MarketoSandbox, caller: Marketo) -> None:
    add(caller, chat(A, "T1"), chat(A, "T2"), chat(B, "T3"))
    sandbox.set_options(activity_scan=1, activity_empty_result="missing")
    pages = list(Activities(caller).pages(0.0, CHAT_ID, [B]))
    assert [len(page.result) for page in pages] == [0, 0, 1]
    assert [page.more_result for page in pages] == [True, True, False]


def test_a_reading_begins_where_it_is_told_to(sandbox: MarketoSandbox, caller: Marketo) -> None:
    add(caller, chat(A))
    moment = 1_795_774_500.0  # the date of the chat
    assert len(read(caller, since=moment)) == 1
    assert read(caller, since=moment + 1) == []
    sandbox.set_options(activity_lag=60.0)
    add(caller, chat(A))
    assert read(caller, since=moment) == []


def test_a_reading_is_of_thirty_people_at_most(caller: Marketo) -> None:
    with pytest.raises(ValueError, match="30"):
        next(Activities(caller).pages(0.0, CHAT_ID, range(31)))


# --- lists ---------------------------------------------------------------------------------------


def test_a_list_is_found_by_name_and_by_id(sandbox: MarketoSandbox, caller: Marketo) -> None:
    lists = Lists(caller)
    (found,) = lists.named("LiveChat visitors")
    assert (found.id, found.program_name) == (1001, None)
    assert lists.of_id(1002).program_name == "LiveChat"
    assert lists.named("livechat visitors") == []
    with pytest.raises(EndsLane):
        lists.of_id(77)


def test_names_that_a_comma_would_part_are_found(caller: Marketo) -> None:
    lists = Lists(caller)
    (folder,) = lists.folders("Group Lists")
    made = lists.create("Visitors, all of them & more", folder.id, "from LiveChat")
    assert lists.named("Visitors, all of them & more") == [made]
    assert lists.named("Nobody's, ever") == []
    assert lists.folders("Nobody's") == []


def test_a_list_is_not_made_twice(caller: Marketo) -> None:
    with pytest.raises(Rejected) as caught:
        Lists(caller).create("LiveChat visitors", 12)
    assert caught.value.code == "709"


@pytest.mark.parametrize("position", ["added", "skipped"])
def test_adding_somebody_again_is_harmless(
    sandbox: MarketoSandbox, caller: Marketo, position: str
) -> None:
    sandbox.set_options(list_added_again=position)
    lists = Lists(caller)
    assert outcomes(lists.add(1001, [A, NOBODY])) == ["added", "1004"]
    assert outcomes(lists.add(1001, [B, A])) == ["added", "added"]
    assert sandbox.list_members("LiveChat visitors") == [A, B]


def test_who_is_told_to_be_there_already_is_done(sandbox: MarketoSandbox, caller: Marketo) -> None:
    sandbox.set_options(list_added_again="skipped_1017")
    lists = Lists(caller)
    lists.add(1001, [A])
    assert outcomes(lists.add(1001, [A, B])) == ["1017", "added"]
    assert of_row("1017", Family.LISTS).kind is Class.DONE


def test_an_unknown_list_ends_its_lane_alone(sandbox: MarketoSandbox, caller: Marketo) -> None:
    with pytest.raises(EndsLane):
        Lists(caller).add(77, [A])
    sandbox.set_options(denied_permissions=["Read-Write Lead"])
    with pytest.raises(EndsKind):
        Lists(caller).add(1001, [A])


# --- programs ------------------------------------------------------------------------------------


def test_a_program_is_found_with_its_steps(caller: Marketo) -> None:
    programs = Programs(caller)
    (found,) = programs.named("LiveChat")
    assert programs.of_id(found.id) == [found]
    steps = {each.name: each.step for each in programs.statuses(found.channel)}
    assert steps["Visited"] < steps["Chatted"] == steps["Declined"] < steps["Engaged"]
    assert [each.name for each in programs.statuses(found.channel) if each.hidden] == ["Archived"]
    assert not programs.named("Nothing")
    assert not programs.of_id(77)
    assert not programs.statuses("Nothing")


@pytest.mark.parametrize("position", ["absent", "present"])
def test_who_has_the_status_already_is_known_by_1037(
    sandbox: MarketoSandbox, caller: Marketo, position: str
) -> None:
    sandbox.set_options(skipped_member_lead_id=position)
    programs = Programs(caller)
    assert outcomes(programs.set_status(1001, "Chatted", [A, NOBODY, B])) == [
        *("created", "1004", "created")
    ]
    assert outcomes(programs.set_status(1001, "Engaged", [B, C])) == ["updated", "created"]
    assert outcomes(programs.set_status(1001, "Chatted", [A, B, C])) == ["1037"] * 3
    assert of_row("1037", Family.STATUS).kind is Class.DONE
    assert sandbox.program_members("LiveChat") == {A: "Chatted", B: "Engaged", C: "Engaged"}


def test_an_unknown_program_or_status_ends_its_lane(
    sandbox: MarketoSandbox, caller: Marketo
) -> None:
    programs = Programs(caller)
    with pytest.raises(EndsLane):
        programs.set_status(77, "Engaged", [A])
    with pytest.raises(EndsLane):
        programs.set_status(1001, "engaged", [A])
    sandbox.set_options(missing_features={"programs": "703"})
    with pytest.raises(EndsKind):
        programs.set_status(1001, "Engaged", [A])


# --- custom objects ------------------------------------------------------------------------------


def test_an_object_is_described(caller: Marketo) -> None:
    found = Objects(caller).describe("livechatChat_c")
    assert found.dedupe_fields == ("threadId",)
    assert found.links_to_lead_id == ("leadId",)
    types = {each.name: (each.data_type, each.updateable) for each in found.fields}
    assert (types["leadId"], types["createdAt"]) == (("integer", True), ("datetime", False))


def test_records_are_upserted_by_their_key(sandbox: MarketoSandbox, caller: Marketo) -> None:
    objects = Objects(caller)
    rows = encoded({"threadId": "T1", "leadId": A}, {"threadId": "T2", "leadId": NOBODY})
    assert outcomes(objects.upsert("livechatChat_c", rows)) == ["created", "1004"]
    rows = encoded({"threadId": "T1", "rating": "good"})
    assert outcomes(objects.upsert("livechatChat_c", rows)) == ["updated"]
    (kept,) = sandbox.custom_objects("livechatChat_c")
    assert (kept["leadId"], kept["rating"]) == (A, "good")


@pytest.mark.parametrize("code", ["1013", "610"])
def test_an_unknown_object_ends_its_lane(
    sandbox: MarketoSandbox, caller: Marketo, code: str
) -> None:
    sandbox.set_options(unknown_object=code)
    with pytest.raises(EndsLane):
        Objects(caller).upsert("nothing_c", encoded({"threadId": "T1"}))


@pytest.mark.parametrize("code", ["603", "616", "703", "1026"])
def test_a_kind_that_was_not_bought_ends_alone(
    sandbox: MarketoSandbox, caller: Marketo, code: str
) -> None:
    sandbox.set_options(missing_features={"custom_objects": code})
    with pytest.raises(EndsKind) as caught:
        Objects(caller).describe("livechatChat_c")
    assert caught.value.code == code
    assert outcomes(Lists(caller).add(1001, [A])) == ["added"]


# --- whatever is written -------------------------------------------------------------------------

WRITES: dict[str, tuple[str, Callable[[Marketo], Rows]]] = {
    "activities": ("add_activities", lambda caller: add(caller, chat(A), chat(B), chat(C))),
    "lists": ("add_to_list", lambda caller: Lists(caller).add(1001, [A, B, C])),
    "programs": (
        "member_status",
        lambda caller: Programs(caller).set_status(1001, "Engaged", [A, B, C]),
    ),
    "objects": (
        "sync_objects",
        lambda caller: Objects(caller).upsert(
            "livechatChat_c", encoded(*({"threadId": f"T{n}"} for n in range(3)))
        ),
    ),
}
OF_ANY = pytest.mark.parametrize("name", list(WRITES))


@OF_ANY
@pytest.mark.parametrize(
    "fault",
    [
        Fault(what="reset"),
        Fault(what="reset", applied=True),
        Fault(what="partly", share=0.5),
        Fault(what="partly", share=0.5, code="604"),
        Fault(what="answer", code="611", applied=True),
        Fault(what="answer", code="502"),
        Fault(what="answer", code="999"),
        Fault(what="status", code="502", applied=True),
        Fault(what="cut"),
        Fault(what="truncated"),
        Fault(what="empty"),
        Fault(what="html"),
        Fault(what="no_result"),
        Fault(what="short"),
        Fault(what="long"),
        Fault(what="wrong_type"),
    ],
    ids=lambda fault: f"{fault.what}-{fault.code}-{fault.applied}",
)
def test_a_write_without_one_result_a_row_is_unknown_and_not_repeated(
    sandbox: MarketoSandbox, caller: Marketo, name: str, fault: Fault
) -> None:
    kind, write = WRITES[name]
    sandbox.set_faults([msgspec.structs.replace(fault, calls=(kind,))])
    with pytest.raises(OutcomeUnknown):
        write(caller)
    assert sandbox.counts().calls[kind] == 1


@pytest.mark.parametrize("name", ["lists", "programs", "objects"])
def test_results_in_another_order_are_seen(
    sandbox: MarketoSandbox, caller: Marketo, name: str
) -> None:
    kind, write = WRITES[name]
    orders = set()
    for _ in range(6):
        sandbox.set_faults([Fault(what="reordered", calls=(kind,))])
        try:
            write(caller)
        except OutcomeUnknown:
            orders.add("another")
        else:
            orders.add("ours")
    assert "another" in orders


@OF_ANY
def test_a_write_that_was_refused_is_sent_again_where_that_helps(
    sandbox: MarketoSandbox, caller: Marketo, name: str
) -> None:
    kind, write = WRITES[name]
    sandbox.set_faults(
        [
            Fault(what="token_expires", calls=(kind,), at=(1,)),
            Fault(what="answer", code="606", calls=(kind,), at=(2,)),
        ]
    )
    assert len(write(caller).rows) == 3
    assert sandbox.counts().calls[kind] == 3


@OF_ANY
def test_a_row_s_fault_at_response_level_asks_for_fewer_rows(
    sandbox: MarketoSandbox, caller: Marketo, name: str
) -> None:
    kind, write = WRITES[name]
    sandbox.set_faults([Fault(what="answer", code="1003", calls=(kind,))])
    with pytest.raises(SendFewer):
        write(caller)


@pytest.mark.parametrize(
    ("server", "setting", "waits"),
    [(90, 120, 120), (120, 120, 150), (30, 120, 60), (300, 120, 330)],
)
def test_a_call_is_waited_for_longer_than_its_server_takes(
    caller: Marketo, server: float, setting: float, waits: float
) -> None:
    caller.timeout = setting
    assert Lists(caller)._timeout(server) == waits


def test_a_slow_custom_object_is_waited_for(sandbox: MarketoSandbox, caller: Marketo) -> None:
    caller.timeout = 1.0
    sandbox.set_faults([Fault(what="late", seconds=1.1, calls=("sync_objects", "member_status"))])
    began = time.monotonic()
    assert outcomes(WRITES["objects"][1](caller)) == ["created"] * 3
    assert time.monotonic() - began > 1.1
    with pytest.raises(OutcomeUnknown):
        WRITES["programs"][1](caller)


@pytest.mark.parametrize(
    "result",
    [
        [{"status": "added", "seq": 1}, {"status": "added", "seq": 0}],
        [{"status": "added", "id": B}, {"status": "added", "id": A}],
        [{"status": "added", "leadId": B}, {"status": "added"}],
        [{"status": "added"}],
        [{"status": "added"}, {"status": "merged"}],
        [{"status": "added"}, {"status": "skipped", "reasons": ["1003"]}],
        [{"status": "added"}, {}],
    ],
)
def test_results_that_cannot_be_told_apart_are_none(result: Any) -> None:
    content = msgspec.json.encode({"success": True, "result": result})
    with pytest.raises(msgspec.ValidationError):
        understand_rows(content, 2, frozenset({"added"}), [A, B])
