"""Each open question about lists, programs, activities and objects, at each of its positions."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
import requests

from tests.sandbox.marketo_api import code_of
from tests.sandbox.marketo_examples import (
    CHAT_DATE,
    CHAT_ID,
    EXAMPLES,
    chat,
    with_attribute,
)
from tests.sandbox.object_api import ObjectApi, make_list, make_type, outcomes
from tests.sandbox.questions import Question, cases
from tests.sandbox.questions.objects import MARKETO_OBJECTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.sandbox.marketo import MarketoSandbox

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
TYPES = {"activityTypeIds": CHAT_ID}
EARLY = "2026-11-01T00:00:00Z"


@pytest.fixture
def api(marketo: MarketoSandbox) -> Iterator[ObjectApi]:
    """A client of a Marketo with three people, two of one e-mail, and an object of each kind."""
    marketo.reset(**EXAMPLES, clock_start=NOW.isoformat(), large_list_members=3)
    marketo.seed([{"email": email} for email in ("a@example.com", "b@example.com") * 2][:3])
    with ObjectApi(marketo) as client:
        client.log_in()
        yield client


ADA, BEA, AGAIN = 1001, 1002, 1003


def result(reply: Any) -> Any:
    """The code of a refused call, or what became of its only row."""
    return code_of(reply) or outcomes(reply)[0]


def added(api: ObjectApi, row: dict[str, Any]) -> Any:
    """What became of the only row, and of its date and attributes if it shows."""
    answer = result(api.add(row))
    found = api.read("2020-01-01T00:00:00Z", **TYPES)
    return answer if not found else (answer, found[0]["activityDate"], found[0]["attributes"])


def date_of(api: ObjectApi, date: str) -> Any:
    answer = added(api, chat(ADA, activityDate=date))
    return answer if isinstance(answer, str) else answer[:2]


def attribute(api: ObjectApi, name: str, value: Any) -> Any:
    """What became of an attribute that was added: its value, or the code."""
    answer = added(api, with_attribute(ADA, name, value))
    if isinstance(answer, str):
        return answer
    return [each["value"] for each in answer[2]][2:]


def ids(api: ObjectApi) -> Any:
    reply = api.add(*(chat(ADA, f"T{n}") for n in range(4)))
    return [row.get("id") for row in reply["result"]]


def lost(api: ObjectApi) -> Any:
    """How many of four rows are there once the call has ended, and how it ended."""
    body = {"input": [chat(ADA, f"T{n}") for n in range(4)]}
    ended = "lost"
    with contextlib.suppress(requests.RequestException):
        ended = str(
            code_of(
                api.session.post(
                    f"{api.sandbox.endpoint}/v1/activities/external.json", json=body, timeout=0.3
                ).json()
            )
        )
    before = len(api.sandbox.activities())
    api.sandbox.set_faults([])
    while any(entry.reply == 0 for entry in api.sandbox.journal()):
        pass
    return ended, before, len(api.sandbox.activities())


def late(api: ObjectApi) -> list[int]:
    """How many show at once, and two minutes later."""
    api.add(chat(ADA))
    counts = []
    for seconds in (0, 121):
        api.sandbox.advance_clock(seconds)
        counts.append(len(api.read(EARLY, **TYPES)))
    return counts


def made(api: ObjectApi) -> list[tuple[bool, int]]:
    """Whether a type, and how many lists, show at once after they were made, and later."""
    make_type(api, "seenLate")
    make_list(api, "Seen late")
    seen = []
    for seconds in (0, 121):
        api.sandbox.advance_clock(seconds)
        types = api.call("GET", "/v1/activities/external/types.json")["result"]
        lists = api.call("GET", "/v1/lists.json?name=Seen late")
        shows = any(each["apiName"] == "seenLate" for each in types)
        seen.append((shows, len(lists.get("result", []))))
    return seen


def back_dated(api: ObjectApi) -> int:
    """How many are read since an hour ago, of one that was added now and dated yesterday."""
    api.add(chat(ADA))
    return len(api.read("2026-11-28T11:00:00Z", **TYPES))


def pages(api: ObjectApi) -> list[tuple[int, bool]]:
    """How many rows each page has, and whether there are more, when reading about one lead."""
    api.add(chat(ADA), chat(ADA), chat(BEA))
    found, token, more = [], api.token(EARLY), True
    while more:
        reply = api.page(token, leadIds=BEA, **TYPES)
        more, token = reply["moreResult"], reply["nextPageToken"]
        found.append((len(reply["result"]), more))
    return found


def names(api: ObjectApi) -> Any:
    api.add(chat(ADA))
    return [sorted(each) for each in api.read(EARLY, **TYPES)[0]["attributes"]]


def read_by_list(api: ObjectApi) -> Any:
    api.add_to_list(1001, ADA, BEA, AGAIN)
    return code_of(api.page(api.token(EARLY), listId=1001, **TYPES))


def member(api: ObjectApi, name: str, value: Any) -> Any:
    api.set_status("Visited", ADA)
    body = {"input": [{"leadId": ADA, name: value}]}
    return result(api.call("POST", "/v1/programs/1001/members.json", json=body))


def updateable(api: ObjectApi, name: str) -> tuple[Any, Any]:
    described = api.call("GET", "/v1/programs/members/describe.json")["result"][0]["fields"]
    says = next(each["updateable"] for each in described if each["name"] == name)
    return says, member(api, name, "true")


def in_turn(api: ObjectApi, *statuses: str) -> list[Any]:
    return [result(api.set_status(status, ADA)) for status in statuses]


def linked(api: ObjectApi, link: str, value: Any) -> Any:
    answer = result(api.sync_objects({"threadId": "T1", link: value}))
    found = api.sandbox.custom_objects("livechatChat_c")
    return answer, [each["linked"].get(link) for each in found]


def skipped_row(api: ObjectApi) -> Any:
    api.set_status("Engaged", ADA)
    (row,) = api.set_status("Visited", ADA)["result"]
    return sorted(row)


OLD = "2024-10-01T00:00:00Z"
FUTURE = "2027-01-01T00:00:00Z"
LONG = "x" * 256
# By question: what is done, and the result by position.
ANSWERS: dict[str, tuple[Callable[[ObjectApi], Any], list[Any]]] = {
    "made_lag": (made, [[(True, 1), (True, 1)], [(False, 0), (True, 1)]]),
    "activity_id": (ids, [[1, 2, 3, 4], [None] * 4, [1, 2, 0, 1]]),
    "lost_reply": (
        lost,
        [("lost", 4, 4), ("lost", 0, 4), ("lost", 2, 2), ("604", 2, 2), ("lost", 0, 0)],
    ),
    "date_without_zone": (
        lambda api: date_of(api, "2026-11-27T10:15:00"),
        [("added", "2026-11-27T10:15:00Z"), ("added", "2026-11-27T15:15:00Z"), "1003"],
    ),
    "date_in_future": (lambda api: date_of(api, FUTURE), [("added", FUTURE), "1003"]),
    # The last: taken, and never seen.
    "date_too_old": (lambda api: date_of(api, OLD), [("added", OLD), "1003", "added"]),
    "date_with_fraction": (
        lambda api: date_of(api, "2026-11-27T10:15:00.123Z"),
        [("added", CHAT_DATE), "1003"],
    ),
    "unknown_attribute": (
        lambda api: attribute(api, "colour", "red"),
        ["1006", [], "1006"],
    ),
    "unknown_activity_type": (
        lambda api: (api.add(chat(ADA, activityTypeId=9))["success"], result(_unknown_type(api))),
        [(True, "1003"), (True, "1013"), (False, "1003"), (False, "1013")],
    ),
    "wrong_attribute_type": (
        lambda api: attribute(api, "rated", "perhaps"),
        ["1003", ["perhaps"]],
    ),
    "long_attribute": (
        lambda api: added(api, chat(ADA, attributes=[{"apiName": "threadId", "value": LONG}])),
        [
            "1003",
            ("added", CHAT_DATE, [{"name": "Thread ID", "value": LONG[:255]}]),
            ("added", CHAT_DATE, [{"name": "Thread ID", "value": LONG}]),
        ],
    ),
    "null_attribute": (lambda api: attribute(api, "rated", None), [[], "1003"]),
    "no_attributes": (
        lambda api: added(api, chat(ADA, attributes=[])),
        [("added", CHAT_DATE, []), "1002"],
    ),
    "blank_primary": (
        lambda api: added(api, chat(ADA, primaryAttributeValue="", attributes=[])),
        [("added", CHAT_DATE, []), "1002"],
    ),
    "discard_without_draft": (
        lambda api: code_of(api.type_call("livechatChat", "/discardDraft")),
        ["1048", "1003"],
    ),
    "activity_lag": (late, [[1, 1], [0, 1]]),
    "activity_token": (back_dated, [0, 1]),
    "activity_scan": (pages, [[(1, False)], [(0, True), (0, True), (1, False)]]),
    "activity_empty_result": (
        lambda api: api.page(api.token(EARLY), **TYPES).get("result"),
        [[], None],
    ),
    "activity_attribute_names": (
        names,
        [[["name", "value"]] * 2, [["apiName", "name", "value"]] * 2],
    ),
    "large_list": (read_by_list, [None, "1003"]),
    "list_added_again": (
        lambda api: [result(api.add_to_list(1001, ADA)) for _ in range(2)],
        [["added", "added"], ["added", "skipped"], ["added", "1017"]],
    ),
    "equal_step": (
        lambda api: in_turn(api, "Chatted", "Declined", "Declined"),
        [["created", "updated", "1037"], ["created", "1037", "1037"]],
    ),
    "unknown_status_level": (
        lambda api: (api.set_status("Gone", ADA)["success"], in_turn(api, "Gone")),
        [(False, ["1025"]), (True, ["1025"])],
    ),
    "skipped_member_lead_id": (
        skipped_row,
        [["reasons", "seq", "status"], ["leadId", "reasons", "seq", "status"]],
    ),
    "same_member_twice": (
        lambda api: outcomes(api.set_status("Visited", ADA, ADA)),
        [["created", "1037"], ["created", "1036"]],
    ),
    "not_in_program": (
        lambda api: in_turn(api, "Not in Program"),
        [["created"], ["1025"], ["1003"]],
    ),
    "unknown_program": (
        lambda api: code_of(api.set_status("Visited", ADA, program=9)),
        ["1013", "1003"],
    ),
    "acquired_by_updateable": (
        lambda api: updateable(api, "acquiredBy"),
        [(True, "updated"), (False, "1006")],
    ),
    "status_reason_updateable": (
        lambda api: updateable(api, "statusReason"),
        [(True, "updated"), (False, "1006")],
    ),
    "unknown_member_field": (
        lambda api: member(api, "colour", "red"),
        ["1006", "1006"],
    ),
    "link_to_nobody": (
        lambda api: linked(api, "leadId", 9),
        [("1004", []), ("created", [None])],
    ),
    "link_to_several": (
        lambda api: linked(api, "leadEmail", "a@example.com"),
        [("1004", []), ("created", [ADA]), ("created", [AGAIN])],
    ),
    "unknown_object": (
        lambda api: code_of(api.sync_objects({"threadId": "T1"}, name="nothing_c")),
        ["1013", "610", "1003"],
    ),
    "lead_field_taken": (
        lambda api: [result(make_field(api, name)) for name in ("chatNotes", "chatNotes")],
        [["created", "1017"], ["created", "1017"]],
    ),
    "extract_updated_at": (lambda api: extract(api, ""), [None, "1035"]),
    "extract_early_file": (
        lambda api: extract(api, "file"),
        [(404, "File not found"), (200, "1003")],
    ),
    "extract_cancelled": (lambda api: extract(api, "cancel"), ["Cancelled", "Canceled"]),
}


def make_field(api: ObjectApi, name: str) -> Any:
    body = {"input": [{"name": name, "displayName": name, "dataType": "string"}]}
    return api.call("POST", "/v1/leads/schema/fields.json", json=body)


def extract(api: ObjectApi, act: str) -> Any:
    """What is answered to this, of a job that extracts leads by when they were updated."""
    body = {
        "fields": ["id"],
        "filter": {
            "updatedAt": {"startAt": "2026-11-28T00:00:00Z", "endAt": "2026-11-29T00:00:00Z"}
        },
    }
    made = api.send("POST", "/../bulk/v1/leads/export/create.json", json=body).json()
    if not made["success"] or not act:
        return code_of(made)
    path = f"/../bulk/v1/leads/export/{made['result'][0]['exportId']}"
    if act == "cancel":
        return api.call("POST", f"{path}/cancel.json")["result"][0]["status"]
    reply = api.send("GET", f"{path}/file.json")
    return reply.status_code, code_of(reply.json()) if reply.ok else reply.text


def _unknown_type(api: ObjectApi) -> Any:
    return api.add(chat(ADA, activityTypeId=9))


def test_every_question_is_answered_at_each_position() -> None:
    asked = {question.name: question for question in MARKETO_OBJECTS if question.positions}

    assert sorted(asked) == sorted(ANSWERS)
    for name, (_, expected) in ANSWERS.items():
        assert len(expected) == len(asked[name].positions) > 1


@pytest.mark.parametrize(
    ("question", "position"),
    [pytest.param(*case, id=case[1]) for case in cases(MARKETO_OBJECTS)],
)
def test_the_switch_does_what_its_position_says(
    question: Question, position: str, marketo: MarketoSandbox, api: ObjectApi
) -> None:
    act, expected = ANSWERS[question.name]
    options = dict(question.positions[position])
    number = list(question.positions).index(position)
    if "faults" in options:
        marketo.set_faults(options["faults"])
    else:
        marketo.set_options(**options)

    assert act(api) == expected[number]
