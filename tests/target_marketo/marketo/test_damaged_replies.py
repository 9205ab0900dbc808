"""Whatever Marketo answers is read, or is unreadable in one of the known ways."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from target_marketo.marketo import replies
from tests.damaged_replies import damaged

if TYPE_CHECKING:
    from collections.abc import Callable

_ENVELOPE: dict[str, Any] = {"requestId": "1#2", "success": True}
_FIELD = {"name": "city", "displayName": "City", "dataType": "string", "length": 255}
_DESCRIBE2 = {
    "name": "API Lead",
    "searchableFields": [["email"], ["id"]],
    "fields": [_FIELD | {"updateable": True}],
}
_ROWS = [{"id": 1, "status": "updated"}, {"status": "skipped", "reasons": [{"code": "1003"}]}]
_READERS: dict[str, tuple[list[Any], Callable[[bytes], Any]]] = {
    "describe2": ([_DESCRIBE2], replies.description),
    "describe": (
        [_FIELD | {"id": 2, "rest": {"name": "city", "readOnly": False}}],
        lambda content: replies.with_types(content, []),
    ),
    "usage": (
        [{"date": "2026-11-20", "total": 9, "users": [{"userId": "a@b.c", "count": 9}]}],
        replies.used_today,
    ),
    "partitions": ([{"id": 1, "name": "Default"}], replies.partitions),
    "lookup": ([{"id": 1, "email": "ann@example.com"}], replies.found),
    "sync": (_ROWS, lambda content: replies.answer(content, 2)),
}


@pytest.mark.parametrize("name", _READERS)
@given(data=st.data())
def test_a_reply_is_read_or_is_unreadable(name: str, data: st.DataObject) -> None:
    result, read = _READERS[name]
    reply = data.draw(damaged(_ENVELOPE | {"result": result}) | st.binary(max_size=20))
    with contextlib.suppress(*replies.UNREADABLE):
        read(reply)


@pytest.mark.parametrize("name", _READERS)
def test_the_good_reply_is_read(name: str) -> None:
    result, read = _READERS[name]
    assert read(msgspec.json.encode(_ENVELOPE | {"result": result}))


@example(b"[" * 5000)
@given(damaged(_ENVELOPE | {"errors": [{"code": "606", "message": "m"}]}) | st.binary(max_size=20))
def test_a_head_is_read_and_what_is_shown_of_it_is_short(reply: bytes) -> None:
    head = replies.head(reply)
    assert len(replies.code_of(200, head)) < 20
    assert len(replies.request_id(head)) < 60
