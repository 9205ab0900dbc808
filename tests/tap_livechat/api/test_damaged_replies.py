"""Whatever LiveChat answers is read and written down, or is found to be no whole reply.

A failure prints how to repeat it; `--hypothesis-seed=N` begins elsewhere.
"""

from __future__ import annotations

import contextlib
import tempfile
import time
from typing import TYPE_CHECKING, Any, cast

import msgspec
import pytest
import requests
from hypothesis import example, given
from hypothesis import strategies as st

from tap_livechat.api import auth, replies
from tap_livechat.errors import LiveChatError
from tap_livechat.records import visitor
from tap_livechat.records.thread import event_records
from tap_livechat.streams.directory import (
    Agents,
    Bots,
    CustomerBans,
    DirectoryStream,
    Groups,
    Tags,
)
from tests.damaged_replies import damaged

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_livechat.api import payloads

_USER = {
    "id": "b7eff798",
    "type": "customer",
    "name": "Ann",
    "email": "ann@example.com",
    "session_fields": [{"plan": "gold"}],
    "last_visit": {
        "id": 1,
        "started_at": "2026-11-20T12:00:00.000000Z",
        "geolocation": {"city": "Rome"},
    },
}
_EVENT = {"id": "e1", "type": "message", "text": "hi", "created_at": "2026-11-20T12:00:00.000000Z"}
_CHAT = {
    "id": "PJ0MRSHTDG",
    "users": [_USER],
    "thread": {"id": "K600", "created_at": "2026-11-20T12:00:00.000000Z", "events": [_EVENT]},
    "properties": {"routing": {"pinned": True}},
}
_CREATED = "2026-11-20T12:00:00.000000Z"
_GROUPS = [{"id": 1, "priority": "normal"}]
_DIRECTORY: dict[type[DirectoryStream], dict[str, Any]] = {
    Agents: {
        "id": "ann@example.com",
        "account_id": "b7eff798",
        "name": "Ann",
        "max_chats_count": 5,
        "last_logout": _CREATED,
        "suspended": False,
        "groups": _GROUPS,
    },
    Groups: {"id": 1, "name": "Sales", "agent_priorities": {"ann@example.com": "normal"}},
    Tags: {"name": "offer", "group_ids": [0, 1], "author_id": "a", "created_at": _CREATED},
    Bots: {"id": "5c9871d5", "name": "Robot", "max_chats_count": 5, "groups": _GROUPS},
    CustomerBans: {"ip": "192.0.2.1", "created_at": _CREATED, "expires_at": _CREATED},
}
_CDP = {
    "customer_id": "b7eff798",
    "monitoring": {"name": "Ann", "email": "ann@example.com", "visits": [_USER["last_visit"]]},
    "custom_fields": {"app": {"plan": "gold"}},
    "statistics": {"chats_count": 1, "last_activity_at": _CREATED},
}
_LEFT = {
    "visitor": {
        "id": "b7eff798",
        "name": "Ann",
        "email": "ann@example.com",
        "visitor_custom_variables": [{"key": "plan", "value": "gold"}],
    },
    "queue": {"start_date": _CREATED, "duration": 10, "group": 1, "url": "https://example.com"},
    "prechat_survey": [{"type": "name", "key": "Name:", "value": "Ann"}],
}
_SUMMARY = {"id": "K600", "created_at": _CREATED, "active": True}


def _listed(stream: type[DirectoryStream]) -> Callable[[bytes], Any]:
    return lambda reply: [stream.record(row) for row in replies.listed(reply)]


_READERS: dict[str, tuple[Any, Callable[[bytes], Any]]] = {
    "archives": (
        {"chats": [_CHAT], "found_chats": 1, "next_page_id": "n"},
        lambda reply: len(list(replies.archives(reply))),
    ),
    **{
        f"chats {version}": (
            {name: [{"id": "PJ0", last: _SUMMARY}], "found_chats": 1, "next_page_id": "n"},
            replies.open_chats,
        )
        for version, name, last in (
            ("3.6", "chats_summary", "last_thread_summary"),
            ("3.7", "chats_info", "last_thread_info"),
        )
    },
    "customers": (
        {"customers": [_USER], "total_customers": 1},
        lambda reply: [
            visitor.from_customer(each) for each in replies.customers(reply).customers or ()
        ],
    ),
    "cdp": (
        {"customers": [_CDP], "next_page_id": "n"},
        lambda reply: [
            visitor.from_cdp(each) for each in replies.cdp_customers(reply).customers or ()
        ],
    ),
    "queued_visitors_left": (
        {"records": {"PJ0": _LEFT}, "summary": {"total_pages": 1}},
        lambda reply: [
            visitor.from_queue(key, row)
            for key, row in (replies.queued_visitors_left(reply).records or {}).items()
        ],
    ),
    "report": (
        {"records": {"2026-11-20": {"total": 7, "agents": [1, 2]}}},
        lambda reply: sorted((replies.report(reply).records or {}).items()),
    ),
    **{stream.__name__: ([row], _listed(stream)) for stream, row in _DIRECTORY.items()},
}


@pytest.mark.parametrize("name", _READERS)
@given(data=st.data())
def test_a_reply_is_read_or_is_unreadable(name: str, data: st.DataObject) -> None:
    good, read = _READERS[name]
    reply = data.draw(damaged(good) | st.binary(max_size=20))
    with contextlib.suppress(*replies.UNREADABLE):
        msgspec.json.encode(read(reply))


@pytest.mark.parametrize("name", ["archives", "chats 3.6", "chats 3.7", "customers", "cdp"])
@pytest.mark.parametrize("row", [None, {}, 7, {"id": None}])
def test_a_page_of_which_a_row_is_missing_is_not_a_reply(name: str, row: object) -> None:
    good, read = _READERS[name]
    rows = {key: [*value, row] for key, value in good.items() if isinstance(value, list)}
    assert rows

    with pytest.raises(replies.UNREADABLE):
        read(msgspec.json.encode({**good, **rows}))


@pytest.mark.parametrize("name", _READERS)
def test_the_good_reply_is_read(name: str) -> None:
    good, read = _READERS[name]
    assert read(msgspec.json.encode(good))


_GRANTED = {
    "access_token": "dal:a",
    "refresh_token": "dal:b",
    "expires_in": 28800,
    "scope": "chats--all:ro,customers:ro",
    "account_id": "b7eff798",
    "organization_id": "7a0ffc48",
}


@example(200, b'{"access_token": "a", "refresh_token": "\xe2\x82\xac"}')
@example(200, b'{"access_token": "\xe2\x82\xac"}')
@example(200, b'{"access_token": "a", "expires_in": 1%s}' % (b"0" * 400))
@given(st.sampled_from([200, 200, 200, 302, 400, 429, 500]), damaged(_GRANTED))
def test_a_token_is_read_and_can_be_sent_or_there_is_none(status: int, content: bytes) -> None:
    reply = requests.Response()
    reply.status_code, reply._content = status, content
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        patch.setattr(requests, "post", lambda *_, **__: reply)
        patch.setattr(requests, "get", lambda *_, **__: reply)
        patch.setattr(time, "sleep", lambda _: None)
        auth.look_up("http://127.0.0.1", "Bearer x")
        patch.setenv("XDG_STATE_HOME", folder)
        token = auth.RefreshedToken(
            {
                "accounts_url": "http://127.0.0.1",
                "client_id": "c",
                "client_secret": "s",
                "refresh_token": "r",
            }
        )
        with contextlib.suppress(LiveChatError):
            assert token.authorization().isascii()
            token.identity()


@pytest.mark.parametrize("number", ["1e999", "-1e999", "1" * 5000, "-" + "1" * 5000])
def test_a_number_that_no_computer_holds_costs_its_field_and_no_run(number: str) -> None:
    """An app may set it as a property, and a visitor may send it."""
    said = b'{"id":"E","type":"custom","content":[%b,1]}' % number.encode()
    thread = b'{"id":"T","created_at":"2026-11-20T12:00:00Z","events":[%b],' % said
    thread += b'"properties":{"app":{"a":%b,"b":7,"c":1.5}}}' % number.encode()
    reply = b'{"chats":[{"id":"C","thread":%b}],"found_chats":1}' % thread

    [[chat]] = replies.transcripts(reply)

    assert chat.thread.properties == {"app": {"a": None, "b": 7, "c": 1.5}}
    [record] = event_records(cast("payloads.TranscribedChat", chat))
    assert record["content"] == "[null,1]"
    agents = replies.listed(b'[{"id":"a","max_chats_count":%b}]' % number.encode())
    assert Agents.record(agents[0])["max_chats_count"] is None
    with pytest.raises(msgspec.DecodeError):
        replies.listed(b'[{"id":"a","max_chats_count":%b,"x":NaN}]' % number.encode())
