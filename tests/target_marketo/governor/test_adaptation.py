"""How refusals, a spent quota and an outage change what every process on the instance may do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from target_marketo.governor import BudgetSpent, OutageTooLong, Outcome
from tests.target_marketo.governor.scripted import (
    LATENCY,
    NOON,
    ScriptedClock,
    after,
    call,
    fail_until_it_opens,
)

if TYPE_CHECKING:
    from tests.target_marketo.governor.conftest import Instance


# Refusals


def test_606_shrinks_the_budget_of_every_process_and_pauses_all(
    instance: Instance, clock: ScriptedClock
) -> None:
    refused, other = instance.governor(calls=100), instance.governor(calls=100)
    for _ in range(40):
        call(refused, clock)
    call(refused, clock, Outcome.RATE_LIMITED)
    usage = other.snapshot()
    assert usage.calls_budget == 34  # 0.85 of the 41 that were used
    assert usage.rejected_606 == 1
    assert usage.paused_until is not None
    pause = (usage.paused_until - clock.utc()).total_seconds()
    assert 1.0 <= pause <= 2.0
    started = clock.now
    other.acquire()
    assert clock.now - started >= pause


def test_606_is_answered_once_for_each_flight(instance: Instance) -> None:
    governor = instance.governor(calls=100)
    flight = [governor.acquire() for _ in range(5)]
    for lease in flight:
        governor.release(lease, Outcome.RATE_LIMITED)
    usage = governor.snapshot()
    assert usage.rejected_606 == 5
    assert usage.calls_budget == 4  # 0.85 x 5, not 0.85^5


def test_the_budget_grows_back_by_five_for_each_clean_window(
    instance: Instance, clock: ScriptedClock
) -> None:
    governor = instance.governor(calls=100)
    for _ in range(40):
        call(governor, clock)
    call(governor, clock, Outcome.RATE_LIMITED)
    after(clock, 2.0)  # the pause
    seen = []
    for _ in range(14):
        after(clock, 20.0)
        seen.append(governor.snapshot().calls_budget)
    assert seen[:3] == [39, 44, 49]
    assert seen[-1] == 100


def test_beside_others_calls_leave_evenly(instance: Instance, clock: ScriptedClock) -> None:
    governor = instance.governor(calls=50, concurrent=10)
    for _ in range(20):
        call(governor, clock)
    call(governor, clock, Outcome.RATE_LIMITED)
    after(clock, 40.0)
    sent = [call(governor, clock) for _ in range(20)]
    gaps = [later - earlier for earlier, later in pairwise(sent[3:])]
    assert min(gaps) > 0.5


def test_615_takes_slots_and_good_calls_give_them_back(
    instance: Instance, clock: ScriptedClock
) -> None:
    governor = instance.governor(calls=1000, concurrent=10)
    call(governor, clock, Outcome.CONCURRENCY_LIMITED)
    usage = governor.snapshot()
    assert (usage.slots_budget, usage.rejected_615) == (7, 1)
    for _ in range(20):
        call(governor, clock)
    assert governor.snapshot().slots_budget == 8
    assert governor.snapshot().calls_budget == 1000


# The day


def test_our_daily_limit_ends_the_day_for_every_process(
    instance: Instance, clock: ScriptedClock
) -> None:
    first, second = instance.governor(daily=3), instance.governor(daily=3)
    for _ in range(3):
        call(first, clock)
    with pytest.raises(BudgetSpent, match="3 calls were made today, which is `max_daily_calls`"):
        second.acquire()
    after(clock, 12 * 3600.0)
    call(second, clock)


def test_calls_of_other_integrations_count(instance: Instance, clock: ScriptedClock) -> None:
    governor = instance.governor(daily=1000)
    call(governor, clock)
    governor.note_usage(998)
    usage = governor.snapshot()
    assert (usage.today_ours, usage.today_everybody, usage.everybody_known) == (1, 998, True)
    call(governor, clock)
    call(governor, clock)
    with pytest.raises(BudgetSpent):
        governor.acquire()


def test_a_spent_quota_stops_every_process_at_once(
    instance: Instance, clock: ScriptedClock
) -> None:
    first, second = instance.governor(), instance.governor()
    call(first, clock, Outcome.QUOTA_SPENT)
    assert first.snapshot().quota_spent
    with pytest.raises(BudgetSpent, match="may be back at 2026-11-20 19:00 UTC"):
        second.acquire()


def test_one_call_tries_a_spent_quota_after_each_possible_reset(
    instance: Instance, clock: ScriptedClock
) -> None:
    clock.wall_ahead = datetime(2026, 7, 10, 12, tzinfo=UTC) - NOON
    governors = [instance.governor() for _ in range(3)]
    tries: list[datetime] = []
    call(governors[0], clock, Outcome.QUOTA_SPENT)
    for minute in range(24 * 60):
        clock.now = 1000.0 + 60.0 * minute
        for governor in governors:
            try:
                lease = governor.acquire()
            except BudgetSpent:
                continue
            tries.append(clock.utc())
            governor.release(lease, Outcome.QUOTA_SPENT)
    seen = [f"{at:%d %H:%M}" for at in tries]
    assert {"11 05:02", "11 06:02"} <= set(seen)
    assert len(seen) == len(set(seen))
    assert all(later - earlier <= timedelta(minutes=61) for earlier, later in pairwise(tries))
    assert len(seen) <= 24 + 2


def test_our_daily_limit_lets_the_count_be_read_an_hour_later_and_believes_it(
    instance: Instance, clock: ScriptedClock
) -> None:
    governor = instance.governor(daily=100)
    for _ in range(3):
        call(governor, clock)
    governor.note_usage(100)
    for reads_usage in (True, False):
        with pytest.raises(BudgetSpent, match="asked again at 2026-11-20 19:00 UTC"):
            governor.acquire(reads_usage=reads_usage)
    after(clock, 3600.0)
    with pytest.raises(BudgetSpent):
        governor.acquire()
    governor.release(governor.acquire(reads_usage=True), Outcome.OK)
    governor.note_usage(7)
    call(governor, clock)
    assert governor.snapshot().today_everybody == 8


@pytest.mark.parametrize("leases", ["memory"], indirect=True)
@pytest.mark.parametrize("others", [0.5, 2.0, 4.0])
def test_the_daily_limit_holds_within_5_percent_with_others_at_work(
    instance: Instance, clock: ScriptedClock, others: float
) -> None:
    governor = instance.governor(calls=100, concurrent=10, daily=600)
    started, ours = clock.now, 0

    def everybody() -> int:
        return ours + int(others * (clock.now - started))

    def work() -> None:
        nonlocal ours
        while True:
            reads = ours == 0 or governor.wants_usage()
            lease = governor.acquire(reads_usage=reads)
            clock.now += LATENCY
            ours += 1
            governor.release(lease, Outcome.OK)
            if reads:
                governor.note_usage(everybody(), ours)

    with pytest.raises(BudgetSpent, match="max_daily_calls"):
        work()
    assert 0.95 * 600 <= everybody() <= 1.05 * 600


def test_while_one_call_tries_the_quota_the_others_wait_for_its_answer(
    instance: Instance, clock: ScriptedClock
) -> None:
    first, second = instance.governor(), instance.governor()
    call(first, clock, Outcome.QUOTA_SPENT)
    after(clock, 24 * 3600.0)
    probe = first.acquire()

    def answer() -> None:
        clock.while_asleep = lambda: None
        first.release(probe, Outcome.OK)

    clock.while_asleep = answer
    call(second, clock)
    assert not second.snapshot().quota_spent


def test_the_wall_clock_may_jump_an_hour_without_moving_the_window(
    instance: Instance, clock: ScriptedClock
) -> None:
    governor = instance.governor(calls=3)
    sent = []
    for jump in (0, 1, -1, 1, -2, 0, 1):
        clock.wall_ahead = timedelta(hours=jump)
        sent.append(call(governor, clock))
    assert sent[3] - sent[0] > 20.0
    assert sent[6] - sent[3] > 20.0
    assert sent[6] - sent[0] < 45.0


# Outages


def test_an_outage_lets_one_probe_through_at_a_time(
    instance: Instance, clock: ScriptedClock
) -> None:
    first, second = instance.governor(calls=1000), instance.governor(calls=1000)
    fail_until_it_opens(first, clock)
    started, probes = clock.now, 0
    while clock.now < started + 300.0:
        call(second, clock, Outcome.UNAVAILABLE)
        probes += 1
    assert probes <= 5 * 10
    call(first, clock)
    assert second.snapshot().breaker == "closed"
    resumed = clock.now
    for _ in range(10):
        call(second, clock)
    assert clock.now - resumed < 10 * LATENCY + 0.1


def test_a_killed_probe_is_replaced_when_its_lease_ends(
    instance: Instance, clock: ScriptedClock
) -> None:
    first = instance.governor(lease_seconds=30.0)
    second = instance.governor(lease_seconds=30.0)
    fail_until_it_opens(first, clock)
    first.acquire()
    sent = clock.now
    assert first.snapshot().breaker == "half open"
    second.acquire()
    assert clock.now - sent == pytest.approx(30.0, abs=2.0)


def test_an_outage_is_not_waited_for_for_ever(instance: Instance, clock: ScriptedClock) -> None:
    governor = instance.governor(calls=1000, outage_patience_seconds=600.0)
    fail_until_it_opens(governor, clock)
    started = clock.now

    def wait_for_ever() -> None:
        while True:
            call(governor, clock, Outcome.UNAVAILABLE)

    with pytest.raises(OutageTooLong, match="for 10 minutes"):
        wait_for_ever()
    assert clock.now - started == pytest.approx(600.0, abs=40.0)


@pytest.mark.parametrize("leases", ["memory"], indirect=True)
@pytest.mark.parametrize("refusal", [Outcome.RATE_LIMITED, Outcome.CONCURRENCY_LIMITED])
def test_refusals_without_end_are_an_outage_like_any_other(
    instance: Instance, clock: ScriptedClock, refusal: Outcome
) -> None:
    governor = instance.governor(outage_patience_seconds=600.0)
    started = clock.now

    def wait_for_ever() -> None:
        while True:
            call(governor, clock, refusal)

    with pytest.raises(OutageTooLong, match="refused every call for 10 minutes"):
        wait_for_ever()
    assert 600.0 <= clock.now - started <= 600.0 + 13 * 20.0  # the longest pause


def test_refusals_with_answers_in_between_are_no_outage(
    instance: Instance, clock: ScriptedClock
) -> None:
    governor = instance.governor(outage_patience_seconds=60.0)
    for _ in range(10):
        call(governor, clock, Outcome.RATE_LIMITED)
        call(governor, clock)


def test_retries_are_paced_by_the_breaker_or_paid_for(
    instance: Instance, clock: ScriptedClock
) -> None:
    governor = instance.governor(calls=1000)
    assert [governor.retry_allowed() for _ in range(11)] == [True] * 10 + [False]
    fail_until_it_opens(governor, clock)
    assert all(governor.retry_allowed() for _ in range(50))
    call(governor, clock)
    assert not governor.retry_allowed()
