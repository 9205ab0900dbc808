"""The other two sources of visitors, against replies in memory: what is odd about their lists."""

from __future__ import annotations

import io
import json
import logging
import random
from contextlib import redirect_stdout
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

import msgspec
import pytest

from tap_livechat.api.auth import Authenticator
from tap_livechat.api.methods import LIST_CDP_CUSTOMERS
from tap_livechat.errors import RefusedError
from tap_livechat.streams.customers import VisitorStream
from tap_livechat.streams.windows import SAFETY_LAG
from tap_livechat.tap import TapLiveChat
from tap_livechat.timestamps import parse, render

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_livechat.api.client import Client
    from tap_livechat.api.methods import Method


class Replies:
    """Answers every request alike."""

    def __init__(self, reply: dict[str, Any]) -> None:
        self.reply = msgspec.json.encode(reply)
        self.requests = 0
        self.asked: list[dict[str, Any]] = []
        self.warnings: list[str] = []
        self.authenticator = Authenticator("Bearer test")

    def call(self, method: Method, payload: dict[str, Any], decode: Callable[[bytes], Any]) -> Any:
        del method
        self.requests += 1
        self.asked.append(payload)
        assert self.requests < 50, "it does not end"
        return decode(self.reply)

    def now(self) -> datetime:
        return datetime(2026, 1, 11, tzinfo=UTC)

    def warn(self, message: str) -> None:
        self.warnings.append(message)


def visitors(source: str, replies: object, **config: Any) -> list[dict[str, Any]]:
    tap = TapLiveChat(config={"access_token": "test", "visitor_source": source, **config})
    session = tap.session()
    session.client = cast("Client", replies)
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
def test_after_three_pages_without_anybody_new_no_more_is_paid_for_a_list_without_end(
    customers: list[dict[str, Any]],
) -> None:
    replies = Replies({"customers": customers, "next_page_id": "2"})

    with pytest.raises(RefusedError, match="do not end"):
        visitors("cdp", replies)

    assert replies.requests == len(customers) + 3 + 1


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


TIMES = {
    "created_at": "created_at",
    "customer_last_event_created_at": "customer_last_event",
    "agent_last_event_created_at": "agent_last_event",
}


def customer(name: str, created: str, said: str = "", agent: str = "") -> dict[str, Any]:
    times = {"created_at": created, LAST: said, "agent_last_event_created_at": agent}
    return {"id": name, "type": "customer", **{key: at for key, at in times.items() if at}}


class Lists(Replies):
    """`list_customers` in each of its orders, on one page."""

    def __init__(self, customers: list[dict[str, Any]]) -> None:
        super().__init__({})
        self.customers = customers

    def call(self, method: Method, payload: dict[str, Any], decode: Callable[[bytes], Any]) -> Any:
        ((time, since),) = [
            (name, each["gte"]) for name, each in payload["filters"].items() if name in TIMES
        ]
        assert TIMES[time] == payload["sort_by"]
        earliest = parse(since)
        listed = [
            each for each in self.customers if (at := parse(each[time])) and at >= (earliest or at)
        ]
        self.reply = msgspec.json.encode({"customers": sorted(listed, key=lambda each: each[time])})
        return super().call(method, payload, decode)


def test_who_is_on_several_lists_is_written_once() -> None:
    first, later, before = "2026-01-01T00:00:00Z", "2026-01-04T10:00:00Z", "2025-12-31T23:59:59Z"
    customers = [
        customer("created as the period begins", first, later, later),
        customer("back again", before, first, later),
        customer("only answered", before, before, later),
    ]

    found = visitors("customers", Lists(customers), start_date=first)

    assert sorted(record["visitor_id"] for record in found) == sorted(
        each["id"] for each in customers
    )


def test_a_period_ends_just_before_its_end() -> None:
    end, before = "2026-01-03T00:00:00Z", "2026-01-02T23:59:59.999999Z"
    listed = [customer("a", before), customer("b", end)]
    config = {"start_date": "2026-01-01T00:00:00Z", "end_date": end}

    in_cdp = [
        {"customer_id": name, "statistics": {"last_activity_at": at}}
        for name, at in (("a", before), ("b", end))
    ]

    for source, customers in (("customers", listed), ("cdp", in_cdp)):
        found = visitors(source, Replies({"customers": customers}), **config)
        assert [record["visitor_id"] for record in found] == ["a"], source


@pytest.mark.parametrize(
    ("group_ids", "filters"), [([], {}), ([3, 7], {"chat_group_ids": {"values": [3, 7]}})]
)
def test_customers_are_asked_for_by_the_groups_that_are_set(
    group_ids: list[int], filters: dict[str, Any]
) -> None:
    replies = Replies({"customers": []})

    visitors("customers", replies, group_ids=group_ids)

    (asked,) = replies.asked
    assert asked["filters"] == {"include_customers_without_chats": False, **filters}


def test_fewer_than_livechat_counts_are_asked_for_once_more_and_told() -> None:
    reply = {"customers": [customer("a", "2026-01-02T10:00:00Z")], "total_customers": 2}
    replies = Replies(reply)

    assert len(visitors("customers", replies)) == 1
    assert replies.requests == 2
    assert replies.warnings == ["list_customers: LiveChat counts 2 customers and lists 1"]


@pytest.mark.parametrize("source", ["customers", "cdp"])
def test_an_account_without_customers_is_asked_once_and_none_are_missing(source: str) -> None:
    replies = Replies({"customers": []})

    assert visitors(source, replies) == []
    assert (replies.requests, replies.warnings) == (1, [])


class Shifting:
    """`list_customers` and the Platform's, paged by offset, while people go on chatting.

    After each request somebody who was listed is active again, and leaves their place.
    """

    def __init__(self, count: int, *, ends_after: int | None = None) -> None:
        self.random = random.Random(5)
        self.is_busy = True
        self.active = {f"c{n}": START + timedelta(minutes=n // 3) for n in range(count)}
        self.created = {name: moment - timedelta(days=9) for name, moment in self.active.items()}
        self.ends_after = ends_after
        self.requests = 0
        self.warnings: list[str] = []
        self.authenticator = Authenticator("Bearer test")

    def call(self, method: Method, payload: dict[str, Any], decode: Callable[[bytes], Any]) -> Any:
        self.requests += 1
        reply = self._cdp(payload) if method is LIST_CDP_CUSTOMERS else self._customers(payload)
        if self.is_busy:
            name = self.random.choice(list(self.active))
            self.active[name] = NOW + timedelta(seconds=self.requests)
        return decode(msgspec.json.encode(reply))

    def now(self) -> datetime:
        return NOW

    def warn(self, message: str) -> None:
        self.warnings.append(message)

    def _customers(self, payload: dict[str, Any]) -> dict[str, Any]:
        asked = json.loads(payload["page_id"]) if "page_id" in payload else {**payload, "skip": 0}
        if asked["sort_by"] == "agent_last_event":
            return {"customers": [], "total_customers": 0}
        time = asked["sort_by"] == "created_at"
        times = self.created if time else self.active
        since = parse(asked["filters"].get("created_at" if time else LAST, {}).get("gte"))
        page, total, more = self._page(times, since, asked["skip"], asked["limit"])
        reply: dict[str, Any] = {"customers": [self._customer(name) for name in page]}
        reply["total_customers"] = total
        if more:
            reply["next_page_id"] = json.dumps({**asked, "skip": asked["skip"] + len(page)})
        return reply

    def _cdp(self, payload: dict[str, Any]) -> dict[str, Any]:
        number, size = int(payload["page_id"]), payload["results_per_page"]
        clauses = [each for group in payload["filters"] for each in group["clauses"]]
        since = parse(clauses[0]["range"]["from"]) if clauses else None
        page, total, more = self._page(self.active, since, (number - 1) * size, size)
        customers = [
            {"customer_id": name, "statistics": {"last_activity_at": render(self.active[name])}}
            for name in page
        ]
        next_page_id = str(number + 1) if more else ""
        return {"customers": customers, "next_page_id": next_page_id, "total": total}

    def _page(
        self, times: dict[str, datetime], since: datetime | None, skip: int, limit: int
    ) -> tuple[list[str], int, bool]:
        listed = sorted(
            (name for name in times if since is None or times[name] >= since),
            key=lambda name: (times[name], name),
        )
        end = skip + limit
        more = end < len(listed) and (self.ends_after is None or end < self.ends_after)
        return listed[skip:end], len(listed), more

    def _customer(self, name: str) -> dict[str, Any]:
        active = render(self.active[name])
        return {
            "id": name,
            "type": "customer",
            "created_at": render(self.created[name]),
            LAST: active,
        }


LAST = "customer_last_event_created_at"
START = datetime(2026, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 1, 11, tzinfo=UTC)


@pytest.mark.parametrize("ends_after", [None, 30])
@pytest.mark.parametrize("source", ["customers", "cdp"])
def test_nobody_is_missed_where_pages_shift_while_we_read(
    source: str, ends_after: int | None
) -> None:
    account = Shifting(1490, ends_after=ends_after)
    untouched = set(account.active)

    found = visitors(source, account, start_date=render(START), page_size=15)

    untouched -= {name for name, moment in account.active.items() if moment >= NOW}
    assert untouched <= {record["visitor_id"] for record in found}
    assert len(untouched) > 1200
    # Three are active in the same minute: up to three of each page come twice.
    assert account.requests <= 1490 / 12 + 5
    assert account.warnings == []


@pytest.mark.parametrize("source", ["customers", "cdp"])
def test_more_customers_of_one_moment_than_fit_a_page_all_come(source: str) -> None:
    account = Shifting(0)
    account.active = {f"c{n}": START + timedelta(minutes=n // 40) for n in range(200)}
    account.created = dict(account.active)
    account.is_busy = False

    found = visitors(source, account, start_date=render(START), page_size=15)

    assert {record["visitor_id"] for record in found} == set(account.active)


@pytest.mark.parametrize("source", ["customers", "cdp"])
def test_where_nobody_moves_each_comes_once_however_early_a_list_ends(source: str) -> None:
    for count in range(40):
        account = Shifting(0, ends_after=15)
        account.active = {f"c{n}": START + timedelta(minutes=n // 3) for n in range(count)}
        account.created = dict(account.active)
        account.is_busy = False

        found = visitors(source, account, start_date=render(START), page_size=15)

        assert [record["visitor_id"] for record in found] == sorted(
            account.active, key=lambda name: (account.active[name], name)
        )
        assert account.warnings == []


def written(
    account: object, source: str, limit: int | None = None, **config: Any
) -> list[dict[str, Any]]:
    """The messages of a run of the visitors."""
    config = {"access_token": "test", "visitor_source": source, "page_size": 15, **config}
    tap = TapLiveChat(config=config, limit=limit)
    tap.session().client = cast("Client", account)
    for name, stream in tap.streams.items():
        stream.selected = name == "visitors"
    lines = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    with redirect_stdout(lines):
        tap.sync_all()
        lines.flush()
    lines.seek(0)
    return [json.loads(line) for line in lines]


def still(count: int) -> Shifting:
    account = Shifting(count)
    account.is_busy = False
    return account


@pytest.mark.parametrize("source", ["customers", "cdp"])
def test_each_page_leaves_with_a_state_that_says_how_far_it_is_read(source: str) -> None:
    account = still(40)
    account.created = account.active
    found = written(account, source, start_date=render(START))

    at = 0
    seen: list[tuple[int, str]] = []
    for each in found:
        at += each["type"] == "RECORD"
        if each["type"] == "STATE":
            bookmark = each["value"]["bookmarks"]["visitors"]["replication_key_value"]
            seen.append((at, bookmark))
    assert seen == [
        (15, render(START + timedelta(minutes=14 // 3))),
        (30, render(START + timedelta(minutes=29 // 3))),
        (40, render(NOW - SAFETY_LAG)),
    ]


@pytest.mark.parametrize("source", ["customers", "cdp"])
@pytest.mark.parametrize(("limit", "requests"), [(3, 1), (15, 1), (16, 2)])
def test_a_trial_run_ends_with_the_visitors_that_it_was_to_show_and_moves_no_bookmark(
    source: str, limit: int, requests: int
) -> None:
    account = still(400)
    found = written(account, source, limit, start_date=render(START))

    assert sum(each["type"] == "RECORD" for each in found) == limit
    assert not any(
        each["value"]["bookmarks"].get("visitors") for each in found if each["type"] == "STATE"
    )
    assert account.requests <= 2 * requests + 1, "three lists, of which one is empty"


def test_how_many_left_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    written(still(40), "cdp")
    (counted,) = [
        record.getMessage() for record in caplog.records if "record_count" in record.getMessage()
    ]
    assert "40" in counted
