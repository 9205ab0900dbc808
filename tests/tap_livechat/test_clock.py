"""Whose clock counts: LiveChat's, as its replies tell it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tap_livechat.timestamps import parse, render
from tests.sandbox.livechat.client import LiveChatSandbox
from tests.tap_livechat.conftest import Tap

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("ahead_by", [timedelta(days=3), timedelta(hours=2), -timedelta(days=3)])
def test_nothing_is_lost_whatever_the_hosts_clock_says(tmp_path: Path, ahead_by: timedelta) -> None:
    livechats = datetime.now(UTC).replace(microsecond=0) - ahead_by
    period = {
        "clock": (livechats - timedelta(hours=3)).isoformat(),
        "start": (livechats - timedelta(days=2)).isoformat(),
        "end": livechats.isoformat(),
    }
    with LiveChatSandbox(visitors=90, **period) as livechat:
        tap = Tap(tmp_path, livechat)
        delivered: set[str] = set()
        state: dict[str, Any] | None = None
        for _ in range(4):
            run = tap.run(["chats"], state)
            delivered |= set(run.values("chats", "thread_id"))
            state = run.states[-1]
            assert run.code == 0
            assert run.log.count("this host's clock is") == 1
            bookmark = parse(state["bookmarks"]["chats"]["replication_key_value"])
            assert bookmark is not None
            assert bookmark < livechat.now()
            livechat.advance(3600)
        livechat.advance(12 * 3600)
        delivered |= set(tap.run(["chats"], state).values("chats", "thread_id"))

        assert delivered == set(livechat.expected()["threads"])


def test_a_clock_that_is_right_is_not_spoken_of(tap: Tap) -> None:
    assert "clock" not in tap.run(["chats"]).log


def test_without_a_date_the_hosts_clock_has_to_do(tap: Tap, livechat: LiveChatSandbox) -> None:
    livechat.change(send_date=False)
    try:
        run = tap.run(["chats"])
    finally:
        livechat.change(send_date=True)

    assert set(run.values("chats", "thread_id")) == set(livechat.expected()["threads"])


@pytest.mark.parametrize("source", ["archives", "customers", "cdp"])
def test_a_start_in_the_future_ends_the_run_in_one_line(tap: Tap, source: str) -> None:
    in_a_year = render(datetime.now(UTC) + timedelta(days=365))
    bookmark = {"replication_key": "last_activity_at", "replication_key_value": in_a_year}

    by_state = tap.run(["visitors"], {"bookmarks": {"visitors": bookmark}}, visitor_source=source)
    by_setting = tap.run(["visitors"], start_date=in_a_year, visitor_source=source)

    for run, named in ((by_state, "state of visitors"), (by_setting, "setting start_date")):
        assert run.code == 1
        [line] = run.errors
        assert named in line
        assert "lies in the future" in line
        assert not run.records
