"""Whatever Marketo answers is read, or is unreadable in one of the known ways.

A failure prints how to repeat it; `--hypothesis-seed=N` begins elsewhere.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, cast

import msgspec
import pytest
import requests
from hypothesis import example, given
from hypothesis import strategies as st

from target_marketo.marketo import replies
from target_marketo.marketo.activities import Activities, ActivityType, Attribute
from target_marketo.marketo.auth import Token
from target_marketo.marketo.errors import MarketoError, Rejected
from target_marketo.marketo.lead_fields import LeadFields, NewField
from target_marketo.marketo.leads import Leads
from target_marketo.marketo.lists import Lists
from target_marketo.marketo.objects import Objects
from target_marketo.marketo.programs import Programs
from target_marketo.marketo.transport import Reply
from target_marketo.writes.activity_reading import OnceAttribute, by_once
from tests.damaged_replies import damaged

if TYPE_CHECKING:
    from collections.abc import Callable

    from target_marketo.marketo.call import Caller, Request

_ENVELOPE: dict[str, Any] = {"requestId": "1#2", "success": True}
_FIELD = {"name": "city", "displayName": "City", "dataType": "string", "length": 255}
_DESCRIBE2 = {
    "name": "API Lead",
    "searchableFields": [["email"], ["id"]],
    "fields": [_FIELD | {"updateable": True}],
}
_ATTRIBUTE = Attribute("threadId", "Thread ID")
_TYPE = {
    "id": 100001,
    "apiName": "livechatChat",
    "status": "approved",
    "primaryAttribute": {"apiName": "topic", "name": "Topic", "dataType": "string"},
    "attributes": [{"apiName": "threadId", "name": "Thread ID", "dataType": "string"}],
}
_ACTIVITY = {
    "id": 3,
    "leadId": 7,
    "activityTypeId": 100001,
    "activityDate": "2026-11-20T12:00:00Z",
    "marketoGUID": "3",
    "primaryAttributeValue": "Chat",
    "attributes": [{"name": "Thread ID", "value": "K600"}, {"apiName": "rating", "value": 5}],
}
_OBJECT = {
    "name": "livechatChat_c",
    "dedupeFields": ["threadId"],
    "fields": [{"name": "threadId", "dataType": "string", "length": 255, "updateable": False}],
    "relationships": [{"field": "leadId", "relatedTo": {"name": "Lead", "field": "Id"}}],
}
_LIST = {"id": 1001, "name": "A", "programName": "LiveChat"}
_SKIPPED = {"status": "skipped", "reasons": [{"code": "1004", "message": "m"}]}


class _Answering:
    """Marketo, with one answer to everything."""

    timeout = 120.0

    def __init__(self, reply: bytes) -> None:
        self._reply = reply

    def call(self, request: Request, understand: Callable[[bytes], Any]) -> Any:
        if callable(request.body):
            request.body()
        return understand(self._reply)


def _reader(ask: Callable[[Caller], Any]) -> Callable[[bytes], Any]:
    return lambda content: ask(cast("Caller", _Answering(content)))


def _activities(caller: Caller) -> Any:
    """As many as `marketo-ops` and a run would look at of a page."""
    page = next(Activities(caller).pages(0.0, 100001, [7]))
    return by_once(page.result, OnceAttribute(_ATTRIBUTE, described=False))


def _rows(status: str, **more: Any) -> list[dict[str, Any]]:
    return [{"status": status, "seq": 0, "id": 1} | more, {"seq": 1} | _SKIPPED]


_ENDPOINTS: dict[str, tuple[list[Any], Callable[[Caller], Any]]] = {
    "describe2": ([_DESCRIBE2], lambda caller: Leads(caller).describe()),
    "partitions": ([{"id": 1, "name": "Default"}], lambda caller: Leads(caller).partitions()),
    "sync": (
        _rows("updated"),
        lambda caller: [row.texts for row in Leads(caller).sync("", "", [b"1", b"2"]).rows],
    ),
    "activity types": ([_TYPE], lambda caller: Activities(caller).types()),
    "activity type": ([_TYPE], lambda caller: Activities(caller).describe("livechatChat")),
    "new activity type": ([_TYPE], lambda caller: Activities(caller).create(ActivityType("a"))),
    "add activities": (
        _rows("added", marketoGUID="3"),
        lambda caller: [row.code for row in Activities(caller).add(lambda: [b"1", b"2"]).rows],
    ),
    "activities": ([_ACTIVITY], _activities),
    "lists": ([_LIST], lambda caller: Lists(caller).named("A")),
    "list": ([_LIST], lambda caller: Lists(caller).of_id(1001)),
    "folders": ([{"id": 4, "name": "B", "path": "/B"}], lambda caller: Lists(caller).folders("B")),
    "new list": ([_LIST], lambda caller: Lists(caller).create("A", 4, "text")),
    "add to list": (_rows("added"), lambda caller: Lists(caller).add(1001, [1, 2])),
    "programs": (
        [{"id": 5, "name": "LiveChat", "channel": "Chat"}],
        lambda caller: Programs(caller).named("LiveChat"),
    ),
    "channels": (
        [{"name": "Chat", "progressionStatuses": [{"name": "Engaged", "step": 10}]}],
        lambda caller: Programs(caller).statuses("Chat"),
    ),
    "status": (
        _rows("created", leadId=1),
        lambda caller: Programs(caller).set_status(5, "Engaged", [1, 2]),
    ),
    "object type": ([_OBJECT], lambda caller: Objects(caller).describe("a").links_to_lead_id),
    "upsert objects": (
        _rows("created"),
        lambda caller: Objects(caller).upsert("livechatChat_c", [b"1", b"2"]),
    ),
    "new field": (
        [{"name": "city", "status": "created"}],
        lambda caller: LeadFields(caller).create(NewField("city", "City", "string")),
    ),
}
_READERS: dict[str, tuple[list[Any], Callable[[bytes], Any]]] = {
    "describe": (
        [_FIELD | {"id": 2, "rest": {"name": "city", "readOnly": False}}],
        lambda content: replies.with_types(content, []),
    ),
    "usage": (
        [{"date": "2026-11-20", "total": 9, "users": [{"userId": "a@b.c", "count": 9}]}],
        replies.used_today,
    ),
    "lookup": ([{"id": 1, "email": "ann@example.com"}], replies.found),
    **{name: (result, _reader(ask)) for name, (result, ask) in _ENDPOINTS.items()},
}
# A page of activities, and the token that it is asked for with.
_MORE = {"nextPageToken": "t", "moreResult": False}


@pytest.mark.parametrize("name", _READERS)
@given(data=st.data())
def test_a_reply_is_read_or_is_unreadable(name: str, data: st.DataObject) -> None:
    result, read = _READERS[name]
    good = _ENVELOPE | _MORE | {"result": result}
    reply = data.draw(damaged(good) | st.binary(max_size=20))
    with contextlib.suppress(*replies.UNREADABLE, Rejected):
        read(reply)


@pytest.mark.parametrize("name", _READERS)
def test_the_good_reply_is_read(name: str) -> None:
    result, read = _READERS[name]
    found = read(msgspec.json.encode(_ENVELOPE | _MORE | {"result": result}))
    assert found or name == "new field"


@pytest.mark.parametrize(
    "name", ["usage", "lookup", "sync", "activity types", "activities", "lists", "programs"]
)
def test_a_number_that_no_store_can_hold_is_unreadable(name: str) -> None:
    result, read = _READERS[name]
    reply = msgspec.json.encode(_ENVELOPE | _MORE | {"result": result})
    key, number = {"usage": (b"total", 9), "activities": (b"leadId", 7)}.get(
        name, (b"id", result[0].get("id"))
    )
    written = b'"%s":%d' % (key, number)
    assert written in reply

    with pytest.raises(replies.UNREADABLE):
        read(reply.replace(written, b'"%s":%d' % (key, 10**300)))


_PAGED: dict[str, Callable[[Caller], Any]] = {
    "lookup": lambda caller: Leads(caller).lookup("email", ["ann@example.com"], ["id"]),
    "activities": lambda caller: list(Activities(caller).pages(0.0, 100001)),
}


@pytest.mark.parametrize("result", [[], [{"id": 1, "leadId": 7, "activityTypeId": 100001}]])
@pytest.mark.parametrize("name", _PAGED)
def test_pages_that_go_round_in_a_circle_end_with_one_line(
    name: str, result: list[dict[str, Any]]
) -> None:
    page = {"nextPageToken": "t", "moreResult": True, "result": result}
    caller = cast("Caller", _Answering(msgspec.json.encode(_ENVELOPE | page)))
    with pytest.raises(Rejected, match="go round in a circle"):
        _PAGED[name](caller)


@pytest.mark.parametrize("name", _PAGED)
def test_a_page_with_more_behind_it_but_no_way_there_is_unreadable(name: str) -> None:
    """Whoever took it for the last would take people for new who are on the next."""
    page = {"moreResult": True, "result": [], "nextPageToken": ""}
    caller = cast("Caller", _Answering(msgspec.json.encode(_ENVELOPE | page)))
    with pytest.raises(replies.UNREADABLE):
        _PAGED[name](caller)


@example(b"[" * 5000)
@given(damaged(_ENVELOPE | {"errors": [{"code": "606", "message": "m"}]}) | st.binary(max_size=20))
def test_a_head_is_read_and_what_is_shown_of_it_is_short(reply: bytes) -> None:
    head = replies.head(reply)
    assert len(replies.code_of(200, head)) < 20
    assert len(replies.request_id(head)) < 60


class _Identity(Token):
    """The identity service, with one answer to everything."""

    answer = Reply(200, b"")

    def _send(self, method: str, **options: Any) -> Reply:
        return self.answer


@example(200, b'{"access_token": "\xe2\x82\xac", "expires_in": 3599}')
@example(200, b'{"access_token": "a\\nb", "expires_in": 3599}')
@example(200, b'{"access_token": "a", "expires_in": 1%s}' % (b"0" * 400))
@given(
    status=st.sampled_from([200, 200, 200, 302, 400, 401, 500]),
    content=damaged({"access_token": "a:b", "expires_in": 3599, "scope": "a@b.c"})
    | st.binary(max_size=20),
)
def test_a_token_is_read_and_can_be_sent_or_there_is_none(status: int, content: bytes) -> None:
    token = _Identity(requests.Session(), "", "", "", sleep=lambda _: None)
    token.answer = Reply(status, content)
    try:
        found = token.get()
    except MarketoError:
        return
    f"Bearer {found}\r\n".encode("ascii")
    assert "\n" not in found
