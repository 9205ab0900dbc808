"""Whose clock counts: LiveChat's, as its replies tell it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any

import pytest

from tap_livechat.timestamps import parse, render
from tests.sandbox.livechat.client import LiveChatSandbox
from tests.tap_livechat.conftest import Tap

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import tzinfo
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


class HostClock:
    """What the host takes for the time: so far from LiveChat's, from one reading to the next."""

    def __init__(self, livechat: LiveChatSandbox) -> None:
        self._livechat = livechat
        self._off: Iterator[timedelta] = iter(())
        self.set([timedelta()])

    def set(self, off: Sequence[timedelta]) -> None:
        """Of the run to come; the last one stays."""
        self._now = self._livechat.now()
        self._off = chain(off, repeat(off[-1]))

    def now(self, zone: tzinfo) -> datetime:
        return self._now.astimezone(zone) + next(self._off)


DAYS = timedelta(days=3)
RIGHT = timedelta()
STEPS = {
    "forward": [[RIGHT], [RIGHT], [DAYS], [DAYS], [DAYS], [DAYS]],
    "back": [[RIGHT], [RIGHT], [-DAYS], [-DAYS], [-DAYS], [-DAYS]],
    "there and back": [[DAYS], [-DAYS], [DAYS], [-DAYS], [RIGHT], [-DAYS]],
    "from the past": [[-DAYS], [-DAYS], [RIGHT], [RIGHT], [DAYS], [RIGHT]],
    "by hours": [[timedelta(hours=2)], [RIGHT], [-timedelta(hours=2)], [RIGHT], [RIGHT], [RIGHT]],
    "in a run": [[RIGHT, RIGHT, RIGHT, DAYS], [DAYS, -DAYS], [RIGHT] * 3 + [-DAYS], [RIGHT]],
}


@pytest.mark.parametrize("late", [RIGHT, timedelta(minutes=40)])
@pytest.mark.parametrize("steps", STEPS.values(), ids=STEPS.keys())
def test_a_clock_that_changes_between_runs_and_within_one_loses_nothing_and_costs_nothing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    steps: list[list[timedelta]],
    late: timedelta,
) -> None:
    """Hourly runs with chats that are open for hours, and archives that are so late."""
    lookback = 60 if late else 0
    end = datetime(2026, 11, 20, tzinfo=UTC)
    begun = end - timedelta(hours=len(steps) - 1)
    period = {
        "clock": begun.isoformat(),
        "start": (end - timedelta(days=1)).isoformat(),
        "end": end.isoformat(),
    }
    with LiveChatSandbox(
        visitors=250, archive_lag_seconds=late.total_seconds(), **period
    ) as livechat:
        tap = Tap(tmp_path, livechat)
        host = HostClock(livechat)
        monkeypatch.setattr("tap_livechat.api.client.datetime", host)
        delivered: set[str] = set()
        states: list[dict[str, Any]] = []
        for off in [*steps, [RIGHT], [RIGHT]]:
            host.set(off)
            livechat.reset()
            caplog.clear()
            run = tap.run_here(["chats"], states[-1] if states else None, lookback_minutes=lookback)
            delivered |= set(run.values("chats", "thread_id"))
            states.append(run.states[-1])
            is_right = all(abs(each) < timedelta(minutes=1) for each in off)
            assert caplog.text.count("this host's clock is") == (not is_right)
            # New, open, those that have closed, and one where the count says that more are there.
            rows = sum(entry["rows"] for entry in livechat.requests())
            assert livechat.counts()["requests_total"] <= 4 + rows // 100
            livechat.advance(3600)

        assert any("open_threads" in state["bookmarks"]["chats"] for state in states)
        last = livechat.now() - timedelta(hours=1, minutes=1)
        archived = {t.id for t in livechat.crowd().threads if t.closed_at + late <= last}
        assert archived
        assert archived <= delivered


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
