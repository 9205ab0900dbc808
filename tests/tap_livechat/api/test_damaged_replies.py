"""Whatever LiveChat answers is read, or is found to be no whole reply."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tap_livechat.api import payloads, replies
from tests.damaged_replies import damaged

if TYPE_CHECKING:
    from collections.abc import Callable

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
_READERS: dict[str, tuple[dict[str, Any], Callable[[bytes], Any]]] = {
    "archives": (
        {"chats": [_CHAT], "found_chats": 1, "next_page_id": "n"},
        lambda reply: list(replies.archives(reply)),
    ),
    "customers": (
        {"customers": [_USER], "total_customers": 1},
        replies.Decoder(payloads.Customers),
    ),
}


@pytest.mark.parametrize("name", _READERS)
# To damage is slower than to read where the machine is busy.
@settings(suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_a_reply_is_read_or_is_unreadable(name: str, data: st.DataObject) -> None:
    good, read = _READERS[name]
    reply = data.draw(damaged(good) | st.binary(max_size=20))
    with contextlib.suppress(*replies.UNREADABLE):
        read(reply)


@pytest.mark.parametrize("name", _READERS)
def test_the_good_reply_is_read(name: str) -> None:
    good, read = _READERS[name]
    assert read(msgspec.json.encode(good))
