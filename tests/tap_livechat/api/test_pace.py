"""Limits that nobody publishes: what they cost, and how long they take. The clock is scripted."""

from __future__ import annotations

import socket
from collections import deque
from typing import TYPE_CHECKING

import pytest

from tap_livechat.api import retries
from tap_livechat.api.methods import LIST_ARCHIVES
from tap_livechat.api.retries import Pace, Patience, RetryableError, ThrottledError
from tap_livechat.errors import UnavailableError
from tests.sandbox.livechat.client import LiveChatSandbox
from tests.tap_livechat.api.scripted import OK, RESET, client, decode, error, reply, scripted
from tests.tap_livechat.conftest import Tap

if TYPE_CHECKING:
    from pathlib import Path


class Limit:
    """So many requests in a sliding window; `counts_all`: those that it refuses, too."""

    def __init__(self, calls: int, seconds: float, *, counts_all: bool = False) -> None:
        self.calls, self.seconds, self.counts_all = calls, seconds, counts_all
        self.now = 0.0
        self._taken: deque[float] = deque()

    def admits(self) -> bool:
        while self._taken and self._taken[0] <= self.now - self.seconds:
            self._taken.popleft()
        admitted = len(self._taken) < self.calls
        if admitted or self.counts_all:
            self._taken.append(self.now)
        return admitted


def read(pages: int, limit: Limit, latency: float, retry_after: float | None = None) -> int:
    """How many requests so many pages cost under a limit."""
    pace = Pace(lambda: limit.now)
    billed = 0
    for _ in range(pages):
        patience = Patience(lambda: limit.now)
        while True:
            limit.now += pace.due()
            pace.sent()
            billed += 1
            limit.now += latency
            if limit.admits():
                pace.replied()
                break
            pace.throttled()
            seconds = patience.wait(ThrottledError("too many", retry_after))
            assert seconds is not None, "it gave up"
            limit.now += seconds
    return billed


@pytest.mark.parametrize("latency", [0.005, 0.2, 1.0])
@pytest.mark.parametrize("counts_all", [False, True])
@pytest.mark.parametrize("retry_after", [None, 5.0])
@pytest.mark.parametrize("calls", [180, 60, 30])
def test_a_limit_without_retry_after_is_ridden_out_for_few_requests_more(
    *, calls: int, retry_after: float | None, counts_all: bool, latency: float
) -> None:
    limit = Limit(calls, 60.0, counts_all=counts_all)

    billed = read(2000, limit, latency, retry_after)

    assert billed <= 2000 * 1.08
    at_the_limit = max(2000 / calls * 60.0, 2000 * latency)
    # A Retry-After that is not true where refusals count, too, costs the most time.
    assert limit.now <= at_the_limit * (5 if counts_all and retry_after else 2.5)


def test_four_hundred_pages_at_180_a_minute() -> None:
    assert read(400, Limit(180, 60.0), 0.2) <= 420


@pytest.mark.parametrize("counts_all", [False, True])
@pytest.mark.parametrize("retry_after", [0.0, 0.1, 1.0, 5.0])
@pytest.mark.parametrize("calls", [180, 60, 30, 10])
def test_a_retry_after_that_is_too_short_costs_few_requests_more(
    *, calls: int, retry_after: float, counts_all: bool
) -> None:
    assert read(400, Limit(calls, 60.0, counts_all=counts_all), 0.2, retry_after) <= 400 * 1.25


@pytest.mark.parametrize("retry_after", [None, 0.0, 1.0, 5.0])
def test_a_limit_that_opens_in_no_quarter_of_an_hour_is_asked_few_times(
    retry_after: float | None,
) -> None:
    now = [0.0]
    patience = Patience(lambda: now[0])
    asked = 0
    while (seconds := patience.wait(ThrottledError("too many", retry_after))) is not None:
        now[0] += seconds
        asked += 1

    assert asked <= 40


def test_without_a_refusal_nothing_is_waited_for() -> None:
    limit = Limit(10**6, 1.0)

    assert read(1000, limit, 0.1) == 1000
    assert limit.now == pytest.approx(100.0)


def test_after_a_refusal_the_pace_is_half_and_grows_back_slowly() -> None:
    now = [0.0]
    pace = Pace(lambda: now[0])
    for _ in range(50):
        pace.sent()
        now[0] += 0.1
        pace.replied()
    pace.throttled()
    pace.sent()
    assert pace.due() == pytest.approx(0.2)

    pace.throttled()
    pace.sent()
    assert pace.due() == pytest.approx(0.2), "the same refusal once more"

    for _ in range(70):
        pace.replied()
    assert pace.due() == pytest.approx(0.1, rel=0.05)
    for _ in range(1000):
        pace.replied()
    assert pace.due() == 0


def test_refusals_use_up_no_tries_and_are_waited_for_a_quarter_of_an_hour() -> None:
    now = [0.0]
    patience = Patience(lambda: now[0])
    tries = 0
    while (seconds := patience.wait(ThrottledError("too many"))) is not None:
        now[0] += seconds
        tries += 1
    assert retries.PATIENCE_SECONDS <= now[0] <= retries.PATIENCE_SECONDS + 60
    assert tries <= 40

    patience = Patience(lambda: now[0])
    for _ in range(30):
        patience.wait(ThrottledError("too many"))
    assert patience.wait(RetryableError("a reset")) is not None


@pytest.mark.parametrize("retry_after", [None, 0.0, 1.0])
def test_a_run_against_a_limit_loses_nothing_and_is_billed_for_little_more(
    tmp_path: Path, retry_after: float | None
) -> None:
    with LiveChatSandbox(
        light_threads=3000, rate_calls=12, rate_seconds=2.0, retry_after_seconds=retry_after
    ) as livechat:
        run = Tap(tmp_path, livechat).run(["chats"])

        assert run.code == 0
        assert len(set(run.values("chats", "thread_id"))) == len(run.values("chats", "thread_id"))
        assert set(run.values("chats", "thread_id")) == set(livechat.expected()["threads"])
        assert livechat.counts()["errors"]["too_many_requests"] <= 10


def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.mark.parametrize(
    "url",
    [f"http://127.0.0.1:{unused_port()}", "http://livechat.invalid", "https://127.0.0.1:1"],
    ids=["nobody listens", "no such host", "a port that is closed"],
)
def test_a_request_that_never_reached_livechat_is_not_billed(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    with client(url) as livechat, pytest.raises(UnavailableError, match="cannot be reached"):
        livechat.call(LIST_ARCHIVES, {}, decode)

    assert livechat.count.total == retries.MAX_TRIES
    assert livechat.count.dollars == 0


def test_a_request_that_may_have_been_answered_is_billed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    with scripted(RESET, error(500, "internal"), OK) as server, client(server.url) as livechat:
        livechat.call(LIST_ARCHIVES, {}, decode)

    assert livechat.count.dollars == pytest.approx(2 * 0.27 / 1000)


@pytest.mark.parametrize(
    ("date", "told"),
    [
        ("Thu, 01 Jan 2026 00:00:00 GMT", "ahead of LiveChat's"),
        ("Thu, 01 Jan 2099 00:00:00 GMT", "behind LiveChat's"),
        ("yesterday", ""),
        ("Thu, 99 Jan 2026 00:00:00 GMT", ""),
    ],
)
def test_a_clock_that_differs_is_reported_once(
    date: str, told: str, caplog: pytest.LogCaptureFixture
) -> None:
    dated = reply(200, {"chats": []}, Date=date)
    with scripted(dated, dated) as server, client(server.url) as livechat:
        for _ in range(2):
            livechat.call(LIST_ARCHIVES, {}, decode)

    assert caplog.text.count("this host's clock is") == bool(told)
    assert told in caplog.text
    if told:
        assert f"{livechat.now():%a, %d %b %Y %H:%M:%S} GMT" == date
