"""`--limit` and `max_requests`: less than all, and nothing lost."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest

from tests import warm
from tests.tap_livechat.conftest import Output

if TYPE_CHECKING:
    from tests.sandbox.livechat.client import LiveChatSandbox
    from tests.tap_livechat.conftest import Tap


def first(tap: Tap, number: int, streams: list[str], **settings: Any) -> Output:
    command = [*tap.command(streams, **settings), "--limit", str(number)]
    done = warm.run(command, env=tap.environment)
    return Output(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize("number", [1, 7, 150])
def test_limit_reads_the_first_threads_in_the_fewest_requests_and_writes_no_state(
    tap: Tap, livechat: LiveChatSandbox, number: int
) -> None:
    run = first(tap, number, ["visitors", "chats", "chat_events"])

    counts = livechat.counts()
    whole = tap.run(["chats"])
    assert run.code == 0
    assert counts["requests"] == {"list_archives": math.ceil(number / 100)}
    assert run.values("chats", "thread_id") == whole.values("chats", "thread_id")[:number]
    assert set(run.values("visitors", "visitor_id")) == set(run.values("chats", "visitor_id"))
    assert set(run.values("chat_events", "thread_id")) <= set(run.values("chats", "thread_id"))
    assert run.states == []


@pytest.mark.parametrize("source", ["customers", "cdp"])
def test_limit_reads_the_first_visitors_of_the_other_sources(
    tap: Tap, livechat: LiveChatSandbox, source: str
) -> None:
    run = first(tap, 7, ["visitors"], visitor_source=source)

    assert run.code == 0
    assert len(run.records["visitors"]) == 7
    assert livechat.counts()["requests_total"] == 1
    assert run.states == []


def test_limit_is_at_least_one(tap: Tap) -> None:
    run = first(tap, 0, ["visitors"])

    assert run.code != 0
    assert "Traceback" not in run.log


def test_a_budget_of_requests_ends_a_run_in_good_order_and_the_next_one_goes_on(
    tap: Tap, livechat: LiveChatSandbox
) -> None:
    threads: list[str] = []
    state: dict[str, Any] | None = None
    for _ in range(20):
        livechat.reset()
        run = tap.run(["chats"], state, max_requests=3, lookback_minutes=0, page_size=50)
        assert run.code == 0
        assert livechat.counts()["requests_total"] <= 3
        threads += run.values("chats", "thread_id")
        state = run.states[-1]
        if "max_requests" not in run.log:
            break
        assert "max_requests: 3 requests were made; the next run goes on" in run.log

    assert set(threads) == set(livechat.expected()["threads"])
    assert len(threads) < 2 * len(set(threads))


def test_a_budget_that_gets_nowhere_is_an_error(tap: Tap) -> None:
    run = tap.run(["chats"], max_requests=1)

    assert run.code == 1
    [line] = run.errors
    assert "max_requests: 1 requests were made, and the run got no further: set it higher" in line
