"""Runs one after the other against an account that lives on: what arrives, and what it costs.

The clock is LiveChat's and steered; threads are those of `archive`.
"""

from __future__ import annotations

import math
import tracemalloc
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from random import Random
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from tap_livechat.api import replies
from tap_livechat.errors import LiveChatError, SettingsError, StateError
from tap_livechat.streams import windows
from tap_livechat.timestamps import parse, render
from tests.tap_livechat.streams.archive import (
    NOW,
    START,
    Archive,
    Row,
    bookmarks,
    remembered,
    run,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tap_livechat.api.methods import Method

HOUR = 60
DAY = 24 * HOUR
ARCHIVES = ("visitors", "chats", "chat_events")


def at(minute: float) -> datetime:
    return START + timedelta(minutes=minute)


class Account:
    """An archive, and the runs that read it, each from the STATE of the one before."""

    def __init__(self, rows: list[Row], **options: Any) -> None:
        self.archive = Archive(rows, **options)
        self.state: dict[str, Any] | None = None
        self.delivered: list[str] = []

    def run(self, minute: float, **config: Any) -> int:
        """One run at this minute; how many requests it took."""
        self.archive.moment = at(minute)
        self.archive.requests.clear()
        done = run(self.archive, self.state, **{"page_size": 100, **config})
        self.state = done.state
        self.delivered += [row["thread_id"] for row in done.records["chats"]]
        return len(self.archive.requests)

    def hourly(self, hours: int, **config: Any) -> Iterator[tuple[int, int]]:
        for hour in range(1, hours + 1):
            yield hour, self.run(hour * HOUR, **config)

    @property
    def missing(self) -> set[str]:
        return self.archive.closed_ids() - set(self.delivered)


@pytest.mark.parametrize("lookback", [0, 60])
@pytest.mark.parametrize("lag", [0, 10, 90, 600])
@pytest.mark.parametrize("closed", range(7 * HOUR - 20, 7 * HOUR + 20, 7))
def test_a_chat_of_hours_that_is_archived_late_is_delivered(
    closed: int, lag: int, lookback: int
) -> None:
    account = Account([Row(1, 2 * HOUR, closed, 1), Row(2, 3 * HOUR, closed + 1, 2)], lag=lag)

    for _ in account.hourly((closed + lag) // HOUR + 3, lookback_minutes=lookback):
        pass

    assert account.missing == set()
    assert remembered(account.state) == set(), "what has been seen is remembered no more"


def test_a_run_cut_after_its_first_request_forgets_no_open_chat() -> None:
    account = Account([Row(1, HOUR, 5 * HOUR - 5, 1)], lag=10)
    account.run(2 * HOUR)

    for cut in range(1, 4):
        account.archive.cut = cut
        account.archive.moment = at(5 * HOUR)
        account.archive.requests.clear()
        done = run(account.archive, account.state)
        account.state = done.state or account.state
    account.archive.cut = None
    account.run(9 * HOUR)

    assert account.missing == set()


@pytest.mark.parametrize("length", [5, 50, 400, 3000])
def test_a_chat_that_is_handed_to_one_of_the_groups_is_delivered(length: int) -> None:
    rows = [
        Row(1, 2 * HOUR, 2 * HOUR + length, 1, group=7, first_group=3),
        Row(2, 2 * HOUR, 2 * HOUR + length, 2, group=3, first_group=7),
        Row(3, 3 * HOUR, 3 * HOUR + 5, 3, group=7),
    ]
    account = Account(rows)

    for _ in account.hourly(60, group_ids=[7], lookback_minutes=0):
        pass

    assert set(account.delivered) == {"thread-1", "thread-3"}
    assert remembered(account.state) == set()


@pytest.mark.parametrize("stream", ARCHIVES)
def test_a_bookmark_in_the_future_ends_the_run_and_names_the_stream(stream: str) -> None:
    account = Account([Row(1, 60, 70, 1)])
    account.run(5 * HOUR)
    assert account.state is not None
    account.state["bookmarks"][stream]["replication_key_value"] = render(at(400 * DAY))

    with pytest.raises(StateError, match=f"state of {stream}: .*lies in the future"):
        account.run(6 * HOUR)


@pytest.mark.parametrize(
    "kept",
    [
        {"T": ["C", "2026-01-01T00:00:00", "2026-01-01T00:00:00"]},
        {"T": ["C", None, None]},
        {"T": ["C"]},
        ["T"],
        "T",
    ],
)
def test_open_threads_of_another_form_end_the_run_before_it_is_paid_for(kept: Any) -> None:
    account = Account([Row(1, 60, 70, 1)])
    account.run(5 * HOUR)
    assert account.state is not None
    account.state["bookmarks"]["chats"]["open_threads"] = kept

    with pytest.raises(StateError, match="state of chats: open_threads is of another form"):
        account.run(6 * HOUR)
    assert account.archive.requests == []


def test_a_start_date_in_the_future_ends_the_run() -> None:
    with pytest.raises(SettingsError, match=r"start_date: .*lies in the future"):
        Account([]).run(HOUR, start_date="2027-01-01T00:00:00Z")


@pytest.mark.parametrize(
    ("before", "after", "named"),
    [
        ({"group_ids": [1]}, {"group_ids": [1, 2]}, "visitors: it was made with another group_ids"),
        ({}, {"group_ids": [1]}, "another group_ids"),
        ({"visitor_source": "customers"}, {}, "visitors: it was made with another visitor_source"),
        ({"account_id": "A"}, {"account_id": "B"}, "another account_id"),
    ],
)
def test_a_state_of_other_settings_ends_the_run_with_the_way_out(
    before: dict[str, Any], after: dict[str, Any], named: str
) -> None:
    account = Account([Row(1, 60, 70, 1)])
    account.run(5 * HOUR)
    assert account.state is not None
    for stream in account.state["bookmarks"].values():
        if stream:
            stream["belongs_to"] |= before
    identity = {"account_id": after.pop("account_id")} if "account_id" in after else {}
    account.archive.authenticator.identity = lambda: identity  # type: ignore[method-assign] # whose token it is

    with pytest.raises(StateError, match=named) as raised:
        account.run(6 * HOUR, **after)

    assert "remove visitors from the state" in str(raised.value)
    assert account.archive.requests == [], "nothing was paid for"


def test_a_run_that_ends_earlier_than_the_one_before_it_moves_no_bookmark_back() -> None:
    account = Account([Row(1, 60, 70, 1)])
    account.run(5 * HOUR)
    before = bookmarks(account.state)
    account.run(6 * HOUR, end_date=render(at(4.5 * HOUR)))  # within the lookback

    assert bookmarks(account.state) == before
    account.run(7 * HOUR)
    assert min(bookmarks(account.state)) > max(before)


@pytest.mark.parametrize("lookback", [0, 60])
def test_a_period_that_is_given_the_state_of_another_run_ends_and_says_so(lookback: int) -> None:
    account = Account([Row(1, 60, 70, 1)])
    account.run(5 * HOUR)

    with pytest.raises(StateError, match=r"state of visitors: .*end_date.*a state of its own"):
        account.run(6 * HOUR, end_date=render(at(2 * HOUR)), lookback_minutes=lookback)

    account = Account([Row(1, 60, 70, 1)])
    for minute in (5 * HOUR, 6 * HOUR):
        account.run(minute, end_date=render(at(2 * HOUR)), lookback_minutes=lookback)


def test_the_order_of_groups_is_no_difference() -> None:
    account = Account([Row(1, 60, 70, 1)])
    account.run(5 * HOUR, group_ids=[2, 1])
    before = bookmarks(account.state)

    account.run(6 * HOUR, group_ids=[1, 2])

    assert min(bookmarks(account.state)) > max(before)


@pytest.mark.parametrize("size", [7, 100])
@pytest.mark.parametrize("ends_after", [20, 50, 100, 199, 299])
@pytest.mark.parametrize("by", ["created", "closed"])
def test_a_list_that_ends_early_is_asked_once_more_from_where_it_ended(
    ends_after: int, by: str, size: int
) -> None:
    account = Account(
        [Row(n, n * 5, n * 5 + 3 + n % 40, n % 9) for n in range(300)],
        ends_after=ends_after,
        found=lambda count: count,
        by=by,
    )

    account.run(10 * DAY, page_size=size)

    assert account.missing == set()
    assert account.archive.warnings == []


def test_a_list_that_never_comes_to_what_it_counts_is_reported_and_passed() -> None:
    account = Account(
        [Row(n, n * 5, n * 5 + 3, n % 9) for n in range(300)], found=lambda count: 2 * count
    )

    requests = account.run(10 * DAY)

    assert account.missing == set()
    [warning] = account.archive.warnings
    assert "counts 600 chats and, asked once more, lists 300 fewer" in warning
    assert requests <= 3 + 2
    assert bookmarks(account.state) == {render(at(10 * DAY) - windows.SAFETY_LAG)}


@pytest.mark.parametrize(("counted", "is_told"), [(315, False), (317, True)])
def test_a_twentieth_is_within_the_estimate(counted: int, *, is_told: bool) -> None:
    rows = [Row(n, n * 5, n * 5 + 3, n % 9) for n in range(300)]
    account = Account(rows, found=lambda _: counted)

    account.run(10 * DAY)

    assert bool(account.archive.warnings) is is_told


@pytest.mark.parametrize(
    "row",
    [
        b"null",
        b"{}",
        b'{"thread":{"id":"T","created_at":"2026-01-01T00:00:00Z"}}',
        b'{"id":"C"}',
        b'{"id":"C","thread":null}',
        b'{"id":"C","thread":{"created_at":"2026-01-01T00:00:00Z"}}',
        b'{"id":"C","thread":{"id":"T"}}',
        b'{"id":"C","thread":{"id":"T","created_at":"soon"}}',
    ],
)
def test_a_page_with_a_row_that_is_not_one_is_not_a_reply(row: bytes) -> None:
    good = b'{"id":"C","thread":{"id":"T","created_at":"2026-01-01T00:00:00Z"}}'

    with pytest.raises(msgspec.DecodeError):
        replies.archives(b'{"chats":[%b,%b],"found_chats":2}' % (good, row))


def bound(account: Account, hour: int, lookback: int) -> int:
    """The README's: new, open, and those that were open an hour before and have been archived."""
    now, before = at(hour * HOUR), at((hour - 1) * HOUR - lookback)
    rows = account.archive.rows
    new = sum(account.archive.is_archived(row) and at(row.created) >= before for row in rows)
    is_open = sum(account.archive.is_open(row) for row in rows)
    closed = sum(at((hour - 1) * HOUR) <= at(row.closed) <= now for row in rows)
    return max(math.ceil(new / 100), 1) + max(math.ceil(is_open / 100), 1) + math.ceil(closed / 100)


def test_a_hundred_chats_that_stay_open_for_a_week_cost_what_is_new() -> None:
    days = 7
    rows = [Row(n, n, days * DAY + n, n) for n in range(1, 101)]
    rows += [Row(1000 + n, n * 24, n * 24 + 12, 1000 + n) for n in range(days * DAY // 24)]
    account = Account(rows)

    for hour, requests in account.hourly(days * 24 + 6):
        assert requests <= bound(account, hour, HOUR) + 1
        if 3 < hour < days * 24:
            assert requests <= 3

    assert account.missing == set()
    again = len(account.delivered) / len(rows)
    assert again < 3, "once, and once more by the lookback of an hour"


@pytest.mark.slow
def test_a_thousand_chats_that_are_open_for_a_day_and_close_together_cost_their_pages() -> None:
    """Their ids are more than one request takes."""
    rows = [Row(n, n // 20, DAY + n % 50, n) for n in range(1100)]
    account = Account(rows)

    for hour, requests in account.hourly(27):
        assert requests <= bound(account, hour, HOUR) + 1

    assert len(account.delivered) == len(rows)
    assert remembered(account.state) == set()


@pytest.mark.parametrize("days", [2, pytest.param(5, marks=pytest.mark.slow)])
def test_where_one_chat_in_twenty_stays_open_for_days_a_run_takes_four_requests(days: int) -> None:
    draw = Random(7).randrange
    rows = []
    for number in range(days * 600):
        created = draw(days * DAY)
        length = draw(DAY, days * DAY) if number % 20 == 0 else draw(1, 40)
        rows.append(Row(number, created, created + length, number))
    account = Account(rows, lag=3)

    requests = [count for _, count in account.hourly(2 * days * 24 + 2)]

    assert max(requests[2:]) <= 4
    assert account.missing == set()


@pytest.mark.parametrize("times", [10, 1000])
@pytest.mark.parametrize("by", ["created", "closed"])
@pytest.mark.parametrize("length", [1, 2000])
def test_a_count_that_is_far_too_high_costs_one_request(times: int, by: str, length: int) -> None:
    rows = [Row(n, n, n + 1, n % 50) for n in range(3_000)]
    rows[1500] = Row(1500, 3005 - length, 3005, 0)  # which ends last, whenever it began
    account = Account(rows, found=lambda count: count * times, by=by)

    requests = account.run(10 * DAY)

    assert account.missing == set()
    assert requests <= 30 + 2


def test_a_repeated_row_is_written_once_and_holds_no_bookmark() -> None:
    rows = [Row(n, n, n + 1, n % 50) for n in range(400)]
    account = Account(rows, repeats=True)
    account.archive.cut = 4

    done = run(account.archive, page_size=100)

    assert done.was_cut
    written = [row["thread_id"] for row in done.records["chats"]]
    assert len(written) == len(set(written)) == 298
    [bookmark] = bookmarks(done.state)
    assert parse(bookmark) == at(297)


def test_pages_that_do_not_end_are_not_paid_for_for_ever() -> None:
    class Endless(Archive):
        def _archives(self, payload: dict[str, Any]) -> dict[str, Any]:
            assert len(self.requests) < 50, "it does not end"
            reply = super()._archives({"filters": {"to": render(NOW)}, "limit": 5})
            return reply | {"next_page_id": f"page {len(self.requests)}"}

    archive = Endless([Row(1, 1, 2, 1)])
    with pytest.raises(LiveChatError, match="do not end"):
        run(archive)
    assert archive.requests.count("list_archives") <= 1 + 12, (
        "ten without anything new, and the edges"
    )


@pytest.mark.parametrize("length", [3, 5, 8])
def test_pages_in_a_circle_end_the_run(length: int) -> None:
    class Circle(Archive):
        def _archives(self, payload: dict[str, Any]) -> dict[str, Any]:
            assert len(self.requests) < 50, "it does not end"
            number = len(self.requests) * 3
            return {
                "chats": [self._chat(Row(number, number, number + 1, 1))],
                "found_chats": 9,
                "next_page_id": f"page {len(self.requests) % length}",
            }

    archive = Circle([])
    with pytest.raises(LiveChatError, match="repeats a page"):
        run(archive)
    assert archive.requests.count("list_archives") <= 3 * length


def test_a_chat_that_comes_to_no_archive_is_reported_and_forgotten(
    caplog: pytest.LogCaptureFixture,
) -> None:
    account = Account([Row(1, HOUR, 5 * HOUR, 1)], lag=10**6)
    account.run(2 * HOUR)
    account.run(6 * HOUR)
    account.run(30 * DAY)
    assert remembered(account.state) == {"thread-1"}

    account.run(33 * DAY)

    assert remembered(account.state) == set()
    assert caplog.text.count("1 chats that were open came to no archive in 30 days") == 3


@pytest.mark.parametrize("lag", [0, 90])
@pytest.mark.parametrize("closed", [5 * HOUR, 20 * DAY, 36 * DAY - 5])
def test_what_was_open_before_a_pause_of_weeks_is_asked_for_before_it_is_forgotten(
    closed: int, lag: int
) -> None:
    account = Account([Row(1, HOUR, closed, 1)], lag=lag)
    account.run(4 * HOUR)

    for minute in (36 * DAY, 36 * DAY + HOUR, 36 * DAY + 2 * HOUR):
        account.run(minute)

    assert account.delivered == ["thread-1"]
    assert remembered(account.state) == set()


def test_two_runs_a_minute_apart_lose_nothing_and_repeat_the_lookback_at_most() -> None:
    rows = [Row(n, n, n + 7, n) for n in range(350)]
    account = Account(rows, lag=2)

    for minute in range(200, 400):
        requests = account.run(minute, lookback_minutes=10)
        # New, open, closed since, and one where the count says that there are more.
        assert requests <= 1 + 1 + 1 + 1

    assert account.missing == set()
    assert len(account.delivered) <= 12 * len(rows)


def test_a_state_of_version_0_1_is_read_and_goes_on() -> None:
    """It was held by the oldest open chat, whose id it did not know."""
    rows = [Row(1, HOUR, 5 * HOUR - 1, 1), Row(2, 3 * HOUR, 3 * HOUR + 9, 2)]
    account = Account(rows, lag=30)
    held = {
        "replication_key": "last_activity_at",
        "replication_key_value": render(at(HOUR)),
        "open_since": render(at(HOUR)),
    }
    account.state = {"bookmarks": {name: dict(held) for name in ARCHIVES}}

    account.run(5 * HOUR)  # by now it is closed, and not yet in the archives
    account.run(6 * HOUR)
    account.run(7 * HOUR)

    assert account.missing == set()
    assert bookmarks(account.state) == {render(at(7 * HOUR) - windows.SAFETY_LAG)}


def test_a_stream_that_was_left_out_for_a_while_gets_what_was_open_then() -> None:
    account = Account([Row(1, HOUR, 5 * HOUR, 1), Row(2, 9 * HOUR, 9 * HOUR + 5, 2)])
    account.run(2 * HOUR)
    assert account.state is not None
    chats = account.state["bookmarks"]["chats"]
    chats["open_threads"] = {key: list(value) for key, value in chats["open_threads"].items()}
    old = msgspec.json.encode(chats)
    account.run(8 * HOUR)
    account.delivered.clear()
    account.state["bookmarks"]["chats"] = msgspec.json.decode(old)

    account.run(10 * HOUR)

    assert set(account.delivered) == {"thread-1", "thread-2"}


def test_periods_side_by_side_bring_each_thread_once_for_its_pages_and_two() -> None:
    rows = [Row(n, n, n + 30, n % 50) for n in range(4000)]
    edges = [0, 1000, 2000, 3000, 4100]
    delivered: list[str] = []
    for first, last in pairwise(edges):
        account = Account(rows)
        period = {
            "start_date": render(at(first + 0.5) if first else at(0)),
            "end_date": render(at(last + 0.5)),
        }
        requests = account.run(10 * DAY, **period)
        assert requests <= math.ceil(len(account.delivered) / 100) + 2
        delivered += account.delivered
        assert account.run(10 * DAY + 5, **period) <= 3, "it is done"

    assert len(delivered) == len(set(delivered)) == len(rows)


def test_what_is_open_when_a_period_is_read_comes_when_it_is_read_once_more() -> None:
    account = Account([Row(1, 100, 5000, 1), Row(2, 300, 310, 2), Row(3, 50, 6000, 3)])
    period = {"start_date": render(at(70)), "end_date": render(at(400))}
    account.run(1000, **period)
    assert set(account.delivered) == {"thread-2"}

    account.run(7000, **period)

    assert set(account.delivered) == {"thread-1", "thread-2"}, "the third is another period's"


def test_what_is_open_when_the_live_run_begins_comes_with_it() -> None:
    account = Account([Row(1, 100, 5000, 1), Row(2, 300, 310, 2), Row(3, 600, 610, 3)])

    for minute in (1000, 4000, 7000):
        account.run(minute, start_date=render(at(400)))

    assert set(account.delivered) == {"thread-1", "thread-3"}, "the second is a period's"


def test_an_open_chat_that_is_not_said_to_be_active_is_remembered() -> None:
    """What is listed was asked for as active."""

    class Brief(Archive):
        def _chats(self, payload: dict[str, Any]) -> dict[str, Any]:
            reply = super()._chats(payload)
            for chat in reply["chats_summary"]:
                del chat["last_thread_summary"]["active"]
            return reply

    account = Account([])
    account.archive = Brief([Row(1, 100, 3000, 1)])

    for _ in account.hourly(60):
        pass

    assert account.delivered == ["thread-1"]


class Showing(Archive):
    """An archive that shows open chats too, in the groups where they are at that time."""

    lists_open_chats = True

    def is_archived(self, row: Row) -> bool:
        return at(row.created) <= self.moment

    def _archives(self, payload: dict[str, Any]) -> dict[str, Any]:
        rows = self.rows
        self.rows = [replace(row, group=self._group(row)) for row in rows]
        try:
            return super()._archives(payload)
        finally:
            self.rows = rows

    def _chat(self, row: Row) -> dict[str, Any]:
        chat = super()._chat(row)
        chat["thread"]["active"] = self.is_open(row)
        return chat

    def _chats(self, payload: dict[str, Any]) -> dict[str, Any]:
        return super()._chats(payload) if self.lists_open_chats else {"chats_summary": []}


def test_a_chat_that_one_list_of_open_chats_passed_over_may_still_come_to_our_groups() -> None:
    account = Account([])
    archive = account.archive = Showing([Row(1, 100, 3000, 1, group=7, first_group=3)])
    for minute in (130, 600, 2990):
        archive.lists_open_chats = minute != 2990
        account.run(minute, group_ids=[7])
    assert remembered(account.state) == {"thread-1"}

    archive.lists_open_chats = True
    account.run(5000, group_ids=[7])

    assert account.delivered == ["thread-1"]
    assert remembered(account.state) == set()


def test_an_archive_that_says_nothing_of_active_threads_forgets_no_open_one() -> None:
    """It lists them with the others, and does not tell them apart."""

    class Silent(Archive):
        def is_archived(self, row: Row) -> bool:
            return at(row.created) <= self.moment

        def _chat(self, row: Row) -> dict[str, Any]:
            chat = super()._chat(row)
            del chat["thread"]["active"]
            return chat

    account = Account([])
    account.archive = Silent([Row(1, 100, 5000, 1)])
    account.run(130)
    account.run(4000)
    assert remembered(account.state) == {"thread-1"}
    account.delivered.clear()

    account.run(6000)

    assert account.delivered == ["thread-1"]


def peak_of_a_page(chats: int, events: int, read: Callable[[bytes], replies.ArchivesPage]) -> int:
    """Bytes that reading a page takes at its worst, its own bytes aside."""
    said = [
        {
            "id": f"E{number}",
            "type": "message",
            "created_at": render(at(1)),
            "author_id": "smith@example.com",
            "text": f"Message {number}. " * 8,
        }
        for number in range(events)
    ]
    thread = {"created_at": render(at(1)), "events": said}
    rows = [{"id": f"C{n}", "thread": {"id": f"T{n}", **thread}} for n in range(chats)]
    body = msgspec.json.encode({"chats": rows, "found_chats": chats})
    tracemalloc.start()
    try:
        for part in read(body):
            for chat in part:
                assert len(chat.thread.events or ()) == events
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("read", [replies.archives, replies.transcripts])
def test_memory_does_not_follow_the_size_of_a_page(
    read: Callable[[bytes], replies.ArchivesPage],
) -> None:
    # 8 and 16 MB, decoded by 4.
    assert peak_of_a_page(80, 1000, read) < 1.3 * peak_of_a_page(40, 1000, read)


def test_what_was_said_is_in_memory_where_somebody_wants_it_alone() -> None:
    slim, whole = (
        peak_of_a_page(10, 1000, read) for read in (replies.archives, replies.transcripts)
    )

    assert slim < 0.6 * whole


@pytest.mark.parametrize("is_selected", [True, False])
def test_what_was_said_is_decoded_for_chat_events_alone(*, is_selected: bool) -> None:
    class Watched(Archive):
        def call(
            self, method: Method, payload: dict[str, Any], decode: Callable[[bytes], Any]
        ) -> Any:
            if method.name == "list_archives":
                assert decode is (replies.transcripts if is_selected else replies.archives)
            return super().call(method, payload, decode)

    streams = ARCHIVES if is_selected else ("visitors", "chats")

    done = run(Watched([Row(1, 1, 2, 1)]), streams=streams)

    assert set(done.records) == set(streams)
