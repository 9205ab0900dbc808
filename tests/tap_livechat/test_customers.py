"""The other two sources of visitors, against replies in memory: what is odd about their lists."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

import msgspec
import pytest

from tap_livechat.errors import RefusedError
from tap_livechat.streams.customers import VisitorStream
from tap_livechat.tap import TapLiveChat

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_livechat.api.client import Client
    from tap_livechat.api.methods import Method


class Replies:
    """Answers every request alike."""

    def __init__(self, reply: dict[str, Any]) -> None:
        self.reply = msgspec.json.encode(reply)
        self.requests = 0

    def call(self, method: Method, payload: dict[str, Any], decode: Callable[[bytes], Any]) -> Any:
        del method, payload
        self.requests += 1
        assert self.requests < 50, "it does not end"
        return decode(self.reply)


def visitors(source: str, replies: Replies, **config: Any) -> list[dict[str, Any]]:
    tap = TapLiveChat(config={"access_token": "test", "visitor_source": source, **config})
    session = tap.session()
    session.client = cast("Client", replies)
    session.now = datetime(2026, 1, 11, tzinfo=UTC)
    stream = tap.streams["visitors"]
    assert isinstance(stream, VisitorStream)
    return [record for batch in stream.batches() for record in batch.records]


@pytest.mark.parametrize("start_date", [None, "2026-01-01T00:00:00Z"])
def test_a_customer_without_a_time_of_creation_comes_too(start_date: str | None) -> None:
    said = "2026-01-02T10:00:00Z"
    customers = [
        {"id": "a", "type": "customer", "customer_last_event_created_at": said},
        {"id": "b", "type": "customer", "created_at": "2026-01-03T10:00:00Z"},
    ]

    found = visitors("customers", Replies({"customers": customers}), start_date=start_date)

    assert [record["visitor_id"] for record in found] == ["a", "b"]


@pytest.mark.parametrize(
    "customers",
    [[], [{"customer_id": "a", "statistics": {"last_activity_at": "2026-01-02T10:00Z"}}]],
)
def test_pages_that_do_not_end_are_not_paid_for_for_ever(customers: list[dict[str, Any]]) -> None:
    replies = Replies({"customers": customers, "next_page_id": "2"})

    with pytest.raises(RefusedError, match="do not end"):
        visitors("cdp", replies)

    assert replies.requests < 8


def test_a_cdp_customer_without_monitoring_or_a_time_of_activity_comes_too() -> None:
    visit, chat = "2026-01-04T10:00:00Z", "2026-01-05T10:00:00Z"
    customers: list[dict[str, Any]] = [
        {"customer_id": "a", "monitoring": None, "statistics": None},
        {
            "customer_id": "b",
            "monitoring": {"name": "Ann Lee", "created_at": "2026-01-02T10:00:00Z"},
            "statistics": {"last_visit_at": visit, "last_chat_at": chat},
        },
        {"customer_id": "c", "statistics": {"last_activity_at": "2026-01-03T10:00:00Z"}},
        {"customer_id": "d", "custom_fields": {"app1": {"tier": "gold"}, "app2": "odd"}},
    ]

    found = visitors("cdp", Replies({"customers": customers, "next_page_id": ""}))

    assert [record["visitor_id"] for record in found] == ["a", "b", "c", "d"]
    assert [record["last_activity_at"] for record in found] == [
        None,
        "2026-01-05T10:00:00.000000Z",
        "2026-01-03T10:00:00.000000Z",
        None,
    ]
    assert found[3]["session_fields"] == {"tier": "gold"}
