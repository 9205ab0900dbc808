"""What a pass over the archives asks for, and what it tells of the answers."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

import pytest

from tap_livechat.api.auth import Grant
from tap_livechat.streams import windows
from tap_livechat.tap import TapLiveChat
from tap_livechat.timestamps import parse, render
from tests.tap_livechat.streams.archive import NOW, START, Archive, Row, bookmarks, remembered, run

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_livechat.api.client import Client
    from tap_livechat.api.methods import Method

ROWS = [Row(n, n, n + 1, n % 50) for n in range(40)]
CHATS = {"active": True, "include_chats_without_threads": False}


@dataclass
class Asked(Archive):
    """Notes what it is asked; each reply takes a minute."""

    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def call(self, method: Method, payload: dict[str, Any], decode: Callable[[bytes], Any]) -> Any:
        self.asked.append((method.name, payload))
        self.moment += timedelta(minutes=1)
        return super().call(method, payload, decode)


def at(minute: float) -> datetime:
    return START + timedelta(minutes=minute)


@pytest.mark.parametrize("group_ids", [[], [3]])
def test_what_is_open_is_asked_for_first_and_whatever_its_group(group_ids: list[int]) -> None:
    archive = Asked([])
    run(archive, page_size=25, group_ids=group_ids)

    end = render(NOW + timedelta(minutes=1) - windows.SAFETY_LAG)
    ours = {"group_ids": group_ids} if group_ids else {}
    assert archive.asked == [
        ("list_chats", {"filters": CHATS, "sort_order": "desc", "limit": 100}),
        ("list_archives", {"filters": {"to": end, **ours}, "sort_order": "asc", "limit": 25}),
    ]


def test_a_window_ends_before_the_first_reply_and_begins_a_microsecond_before_the_bookmark() -> (
    None
):
    archive = Asked([Row(n, n, 10**6, n) for n in range(150)])  # two pages of open chats
    state = run(archive, start_date=render(START)).state
    assert archive.requests.count("list_chats") == 2
    end = NOW + timedelta(minutes=1) - windows.SAFETY_LAG
    assert bookmarks(state) == {render(end)}

    archive.asked.clear()
    run(archive, state, lookback_minutes=7)
    filters = [payload["filters"] for name, payload in archive.asked if name == "list_archives"]
    assert [parse(each["from"]) for each in filters] == [end - timedelta(minutes=7, microseconds=1)]


def test_what_was_open_is_asked_for_by_its_chat_from_just_before_it_began() -> None:
    rows = [Row(1, 60, 5000, 1), Row(2, 90, 4000, 2), Row(3, 50, 55, 2)]
    archive = Asked(rows, moment=at(100))
    state = run(archive).state
    assert remembered(state) == {"thread-1", "thread-2"}

    archive.asked.clear()
    archive.moment = at(6000)
    done = run(archive, state, lookback_minutes=0)

    by_chat = [
        payload["filters"]
        for _, payload in archive.asked
        if "chat_ids" in payload.get("filters", {})
    ]
    assert by_chat == [
        {"chat_ids": ["chat-1", "chat-2"], "from": render(at(60) - timedelta(microseconds=1))}
    ]
    assert [row["thread_id"] for row in done.records["chats"]] == ["thread-1", "thread-2"]
    assert remembered(done.state) == set()


def test_of_what_was_open_that_which_ended_in_another_group_is_let_go() -> None:
    rows = [Row(1, 60, 4000, 1, group=7, first_group=3), Row(2, 60, 4000, 2, group=3)]
    archive = Archive(rows, moment=at(100))
    ours: dict[str, Any] = {"group_ids": [7], "lookback_minutes": 0}
    state = run(archive, **ours).state
    assert remembered(state) == {"thread-1", "thread-2"}, "nobody knows yet where they end"

    archive.moment = at(5000)
    done = run(archive, state, **ours)

    assert [row["thread_id"] for row in done.records["chats"]] == ["thread-1"]
    assert remembered(done.state) == set()


def test_a_stream_that_is_behind_reads_on_and_the_others_get_nothing_from_before_their_start() -> (
    None
):
    archive = Archive([Row(n, minute - 5, minute, n) for n, minute in enumerate((49, 50, 51))])
    state: dict[str, Any] = {
        "bookmarks": {
            name: {
                "replication_key": "last_activity_at",
                "replication_key_value": render(at(since)),
            }
            for name, since in (("visitors", 10), ("chats", 50))
        }
    }
    done = run(archive, state, streams=("visitors", "chats"), lookback_minutes=0)

    assert len(done.records["visitors"]) == 3
    assert [row["thread_id"] for row in done.records["chats"]] == ["thread-1", "thread-2"]


def test_no_more_than_a_thousand_chats_are_asked_for_at_once_the_oldest_first() -> None:
    archive = Asked([Row(n, n, 4000, n) for n in range(1001)], moment=at(3000))
    state = run(archive, page_size=100).state
    archive.asked.clear()
    archive.moment = at(5000)
    done = run(archive, state, page_size=100, lookback_minutes=0)

    by_chat = [
        (len(payload["filters"]["chat_ids"]), payload["filters"]["from"])
        for _, payload in archive.asked
        if "chat_ids" in payload.get("filters", {})
    ]
    assert by_chat == [
        (1000, render(at(0) - timedelta(microseconds=1))),
        (1, render(at(1000) - timedelta(microseconds=1))),
    ]
    assert len(done.records["chats"]) == 1001


def test_of_a_period_what_began_in_it_and_is_open_is_waited_for() -> None:
    rows = [Row(n, minute, 10**6, n) for n, minute in enumerate((99, 100, 399, 400))]
    period: dict[str, Any] = {"start_date": render(at(100)), "end_date": render(at(400))}

    state = run(Archive(rows), **period).state

    assert remembered(state) == {"thread-1", "thread-2"}


class Narrow(Archive):
    """A thread of each chat came before, and the token does not see it."""

    def _chat(self, row: Row) -> dict[str, Any]:
        chat = super()._chat(row)
        seen = None if row.number else "before"
        return {
            **chat,
            "thread": {
                **chat["thread"],
                "previous_thread_id": "before",
                "previous_accessible_thread_id": seen,
            },
        }


@pytest.mark.parametrize(
    ("archive", "scopes", "is_told"),
    [
        (Archive(ROWS), "chats--all:ro", False),
        (Archive(ROWS), "chats--access:ro", True),
        (Archive(ROWS), "", False),  # LiveChat does not name them
        (Narrow(ROWS), "", True),
        (Narrow(ROWS[:1]), "", False),
    ],
)
def test_a_token_that_sees_part_of_the_chats_is_told_of_once(
    archive: Archive, scopes: str, *, is_told: bool
) -> None:
    archive.authenticator.grant = Grant.of({"scope": scopes})
    archive.warnings.clear()

    run(archive)

    assert len(archive.requests) > 1
    assert len(archive.warnings) == is_told


@pytest.mark.parametrize("streams", [["visitors", "chats"], ["chats"]])
@pytest.mark.parametrize(("limit", "requests"), [(3, 1), (100, 1), (101, 2), (300, 3)])
def test_a_trial_run_shows_the_first_threads_for_the_fewest_requests_and_moves_no_bookmark(
    limit: int, requests: int, streams: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    archive = Archive([Row(n, n, n + 1, n) for n in range(500)])
    tap = TapLiveChat(config={"access_token": "test", "page_size": 100}, limit=limit)
    tap.session().client = cast("Client", archive)
    for name, stream in tap.streams.items():
        stream.selected = name in streams
    tap.sync_all()

    messages = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    for kind in streams:
        shown = [each for each in messages if each["type"] == "RECORD" and each["stream"] == kind]
        assert len(shown) == limit
    described = [each["stream"] for each in messages if each["type"] == "SCHEMA"]
    assert sorted(described) == sorted(streams)
    assert archive.requests == ["list_archives"] * requests
    for each in messages:
        if each["type"] == "STATE":
            assert not any(each["value"]["bookmarks"].values())
