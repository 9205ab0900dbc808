"""Paging and interruption of the one pass, against pages in memory: properties."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tap_livechat.api import replies
from tap_livechat.streams import windows
from tap_livechat.timestamps import render
from tests.tap_livechat.streams.archive import (
    MINUTE,
    NOW,
    Archive,
    Row,
    bookmarks,
    remembered,
    run,
)


@st.composite
def archives(draw: st.DrawFn, most: int = 40) -> list[Row]:
    """Threads anywhere in ten days, some at the same minute, some still open at the end."""
    spans = draw(
        st.lists(
            st.tuples(st.integers(0, 14_390), st.integers(0, 3000), st.integers(0, 9)),
            max_size=most,
        )
    )
    return [
        Row(number, created, created + length, visitor)
        for number, (created, length, visitor) in enumerate(spans)
    ]


quickly = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@quickly
@given(rows=archives(), by=st.sampled_from(["created", "closed"]))
def test_every_closed_thread_is_delivered_with_all_its_events_and_its_visitor(
    rows: list[Row], by: str
) -> None:
    archive = Archive(rows, by=by)

    done = run(archive, page_size=1)

    closed = [row for row in rows if not archive.is_open(row)]
    assert done.ids("chats", "thread_id") == {f"thread-{row.number}" for row in closed}
    assert done.ids("visitors", "visitor_id") == {f"visitor-{row.visitor}" for row in closed}
    assert len(done.ids("chat_events", "event_id")) == 2 * len(closed)


@quickly
@given(
    rows=archives(),
    by=st.sampled_from(["created", "closed"]),
    size=st.sampled_from([1, 5]),
    data=st.data(),
)
def test_a_run_cut_at_any_request_goes_on_and_in_the_end_has_delivered_it_all(
    rows: list[Row], by: str, size: int, data: st.DataObject
) -> None:
    options: dict[str, Any] = {
        "lookback_minutes": 0,
        "page_size": size,
    }
    whole = run(Archive(list(rows), by=by), **options)
    delivered: dict[str, set[str]] = defaultdict(set)
    state: dict[str, Any] | None = None
    cuts = 0
    while True:
        cut = data.draw(st.integers(0, 12)) if cuts < 4 else None
        part = run(Archive(list(rows), by=by, cut=cut), state, **options)
        for stream, key in (("chats", "thread_id"), ("chat_events", "event_id")):
            delivered[stream] |= part.ids(stream, key)
        delivered["visitors"] |= part.ids("visitors", "visitor_id")
        state = part.state or state
        cuts += 1
        if not part.was_cut:
            break

    assert delivered["chats"] == whole.ids("chats", "thread_id")
    assert delivered["chat_events"] == whole.ids("chat_events", "event_id")
    assert delivered["visitors"] == whole.ids("visitors", "visitor_id")
    assert state == whole.state


@quickly
@given(rows=archives(), later=st.integers(0, 5000))
def test_what_was_open_is_delivered_by_a_later_run_whatever_the_bookmark(
    rows: list[Row], later: int
) -> None:
    first = run(Archive(rows), lookback_minutes=0)
    later_on = NOW + later * MINUTE
    archive = Archive(rows, moment=later_on)
    second = run(archive, first.state, lookback_minutes=0)

    closed = {f"thread-{row.number}" for row in rows if not archive.is_open(row)}
    assert first.ids("chats", "thread_id") | second.ids("chats", "thread_id") == closed
    assert remembered(second.state) == {
        f"thread-{row.number}" for row in rows if archive.is_open(row)
    }
    assert bookmarks(second.state) == {render(later_on - windows.SAFETY_LAG)}, "it goes on"


@quickly
@given(rows=archives(), arriving=archives(most=8))
def test_threads_that_close_while_we_page_come_now_or_next_time(
    rows: list[Row], arriving: list[Row]
) -> None:
    late = [
        replace(row, number=1000 + row.number, closed=min(row.closed, 14_390)) for row in arriving
    ]
    archive = Archive([*rows, *(replace(row, closed=10**6) for row in late)], closing=list(late))
    first = run(archive, lookback_minutes=0)
    settled = Archive([*rows, *late])
    second = run(settled, first.state, lookback_minutes=0)
    third = run(settled, second.state, lookback_minutes=0)

    delivered = first.ids("chats", "thread_id") | second.ids("chats", "thread_id")
    assert settled.closed_ids() <= delivered
    if not any(settled.is_open(row) for row in settled.rows):
        assert not third.ids("chats", "thread_id"), "nothing is repeated"


@settings(parent=quickly, max_examples=12)
@given(count=st.integers(0, 1700))
@example(count=395)  # full pages
def test_requests_stay_within_the_bound(count: int) -> None:
    rows = [Row(number, number * 8, number * 8 + 1, number % 7) for number in range(count)]
    archive = Archive(rows)

    done = run(archive)

    assert len(done.ids("chats", "thread_id")) == count
    # One for the chats that are open, and one where the estimate says that some are missing.
    assert len(archive.requests) <= max(math.ceil(count / 5), 1) + 2


@pytest.mark.parametrize("reply", [b"{}", b'{"chats_summary": null}', b'{"found_chats": 3}', b"[]"])
def test_a_reply_without_its_list_is_no_reply(reply: bytes) -> None:
    for decode in (
        replies.archives,
        replies.open_chats,
        replies.customers,
        replies.cdp_customers,
    ):
        with pytest.raises(msgspec.DecodeError):
            decode(reply)


@pytest.mark.parametrize("found", [b"[]", b"null"])
def test_a_reply_that_says_there_is_nothing_is_one(found: bytes) -> None:
    page = b'{"chats": %b, "chats_summary": %b, "found_chats": 0}' % (found, found)
    people = b'{"customers": %b, "total_customers": 0, "next_page_id": ""}' % found

    assert list(replies.archives(page)) == []
    assert replies.open_chats(page).threads == []
    assert not replies.customers(people).customers
    assert not replies.cdp_customers(people).customers


def test_output_is_in_order_of_time() -> None:
    rows = [Row(number, number * 10, number * 10 + 1, number) for number in range(1200)]

    done = run(Archive(rows))

    times = [record["created_at"] for record in done.records["chats"]]
    assert times == sorted(times)
    assert len(times) == len(set(times)) == 1200


def test_a_stream_that_is_selected_later_gets_all_and_the_others_only_what_is_new() -> None:
    rows = [Row(number, number * 10, number * 10 + 1, number) for number in range(100)]
    state = run(Archive(rows)).state
    assert state is not None
    del state["bookmarks"]["chats"]

    again = run(Archive(rows), state, lookback_minutes=60)

    assert len(again.ids("chats", "thread_id")) == 100
    assert not again.records["visitors"]
    assert not again.records["chat_events"]


def test_an_empty_page_is_not_the_end() -> None:
    class Sparse(Archive):
        def _archives(self, payload: dict[str, Any]) -> dict[str, Any]:
            if payload.get("page_id") == "more":
                return super()._archives({"filters": {"to": render(NOW)}, "limit": 100})
            return {"chats": [], "next_page_id": "more", "found_chats": 0}

    done = run(Sparse([Row(1, 10, 20, 1)]))

    assert done.ids("chats", "thread_id") == {"thread-1"}
