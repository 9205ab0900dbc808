"""What a reading of Marketo's log says of an activity."""

from __future__ import annotations

import time
from email.utils import formatdate
from typing import Any

import pytest

from target_marketo.marketo.activities import Activity, Attribute, Value
from target_marketo.marketo.server_clock import ServerClock
from target_marketo.store.activity_ledger import Pending
from target_marketo.writes.activity_reading import (
    OnceAttribute,
    Watch,
    by_once,
    seconds_of,
    start_of,
)

CHAT = 100_001
THREAD = Attribute("threadId", "Thread ID")


def pending(date: str, sent_at: str) -> Pending:
    return Pending(CHAT, "a", 1, 7, date, seconds_of(sent_at), "run-1")


def activity(**attribute: Any) -> Activity:
    return Activity(7, CHAT, attributes=(Value(**attribute),))


@pytest.mark.parametrize(
    ("date", "sent_at"),
    [
        ("2026-11-20T12:00:00Z", "2026-11-28T12:00:00Z"),  # a chat of last week
        ("2026-12-24T12:00:00Z", "2026-11-20T12:00:00Z"),  # one that lies in the future
    ],
)
def test_reading_begins_before_its_date_and_before_it_was_sent(date: str, sent_at: str) -> None:
    late = pending("2026-12-31T00:00:00Z", "2026-12-31T00:00:00Z")
    assert start_of([late, pending(date, sent_at)]) == seconds_of("2026-11-20T11:59:00Z")


@pytest.mark.parametrize(
    "read_back",
    [
        activity(name="Thread ID", value="T1"),
        activity(name="thread id", value="T1 "),
        activity(api_name="threadId", value="T1"),
    ],
)
def test_an_activity_is_known_by_either_name_of_its_attribute(read_back: Activity) -> None:
    assert by_once([read_back], OnceAttribute(THREAD)) == {"T1": [read_back]}
    assert by_once([read_back], OnceAttribute(THREAD), {"T2"}) == {}


def test_where_the_type_is_not_described_a_like_name_will_do() -> None:
    once = OnceAttribute(Attribute("threadId"), described=False)
    found = by_once([activity(name="Thread ID", value=5), activity(name="Topic", value="x")], once)
    assert list(found) == ["5"]


def test_its_own_name_goes_before_a_like_one() -> None:
    once = OnceAttribute(Attribute("threadId"), described=False)
    both = (Value(name="thread_id", value="another"), Value(api_name="threadId", value="T1"))
    assert once.of(Activity(7, CHAT, attributes=both)) == "T1"


def test_absent_is_what_two_readings_far_enough_apart_did_not_show() -> None:
    watch, which = Watch(60.0), (CHAT, "a")

    assert watch.rest(which, 1000.0) == 0.0
    assert not watch.is_absent(which, 1000.0)
    assert watch.rest(which, 1010.0) == 50.0
    assert not watch.is_absent(which, 1059.0)
    assert watch.is_absent(which, 1060.0)
    watch.forget(which)
    assert not watch.is_absent(which, 1060.0)


def test_a_clock_that_is_set_back_makes_nobody_wait_for_ever() -> None:
    watch = Watch(60.0)
    watch.is_absent((CHAT, "a"), 9000.0)
    assert watch.rest((CHAT, "a"), 1000.0) == 60.0


@pytest.mark.parametrize(
    ("date", "ahead"),
    [
        (formatdate(4600, usegmt=True), 3600.0),
        (formatdate(1000 + 90_000, usegmt=True), 0.0),  # who is a day off is not Marketo
        ("yesterday", 0.0),
        (None, 0.0),
    ],
)
def test_marketos_clock_is_read_from_its_replies(date: str | None, ahead: float) -> None:
    clock = ServerClock(lambda: 1000.0)
    clock.note(date)
    assert clock.now() == 1000.0 + ahead


def test_before_the_first_reply_the_clock_is_this_hosts() -> None:
    assert abs(ServerClock().now() - time.time()) < 5
