"""One thread and a scripted clock: the same in memory, in SQLite and in PostgreSQL."""

from __future__ import annotations

import json
import logging
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random
from typing import TYPE_CHECKING

import pytest

from target_marketo.governor import (
    BudgetSpent,
    Cancelled,
    Governor,
    LeaseLost,
    Limits,
    OutageTooLong,
    Outcome,
    StoreUnavailable,
)
from target_marketo.store.database import StoreError
from target_marketo.store.memory import MemoryLeases
from tests.target_marketo.governor.scripted import NOON, ScriptedClock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from target_marketo.governor import Lease
    from target_marketo.store.leases import Leases, Ledger
    from tests.target_marketo.governor.conftest import Instance

LATENCY = 0.2


def call(governor: Governor, clock: ScriptedClock, outcome: Outcome = Outcome.OK) -> float:
    """One call; when it was sent."""
    lease = governor.acquire()
    lease.check()
    sent = clock.now
    clock.now += LATENCY
    governor.release(lease, outcome)
    return sent


def after(clock: ScriptedClock, seconds: float) -> None:
    clock.now += seconds


# The window and the slots


def test_the_window_is_held_from_the_reply_on(instance: Instance, clock: ScriptedClock) -> None:
    governor = instance.governor(calls=3)
    sent = [call(governor, clock) for _ in range(7)]
    assert sent[2] - sent[0] == pytest.approx(2 * LATENCY)
    assert sent[3] - (sent[0] + LATENCY) == pytest.approx(20.01)
    assert sent[6] - (sent[3] + LATENCY) == pytest.approx(20.01)


def test_governors_of_one_instance_share_the_window(
    instance: Instance, clock: ScriptedClock
) -> None:
    governors = [instance.governor(calls=4) for _ in range(2)]
    sent = [call(governors[turn % 2], clock) for turn in range(8)]
    assert sent[4] - sent[0] > 20.0
    assert sent[7] - sent[3] > 20.0


def test_instances_do_not_share(instance: Instance, clock: ScriptedClock) -> None:
    call(instance.governor(calls=1), clock)
    instance.name += ".other"
    started = clock.now
    assert call(instance.governor(calls=1), clock) == started


def test_a_slot_in_flight_is_waited_for(instance: Instance, clock: ScriptedClock) -> None:
    governor = instance.governor(concurrent=2)
    first, _second = governor.acquire(), governor.acquire()

    def reply() -> None:
        if clock.now > 1003.0:
            governor.release(first, Outcome.OK)
            clock.while_asleep = lambda: None

    clock.while_asleep = reply
    governor.acquire()
    assert 1003.0 < clock.now < 1005.0


def test_a_killed_process_holds_its_places_for_the_time_of_its_lease(
    instance: Instance, clock: ScriptedClock
) -> None:
    killed, governor = instance.governor(calls=2, concurrent=2), instance.governor(calls=2)
    killed.acquire()
    killed.acquire()
    governor.acquire()
    # Its calls may still run until 130 s, and have arrived as late as that.
    assert clock.now - 1000.0 == pytest.approx(130.0 + 20.01, abs=0.5)


def test_a_time_out_keeps_its_places_to_the_end_of_the_lease(
    instance: Instance, clock: ScriptedClock
) -> None:
    governor = instance.governor(concurrent=1)
    governor.release(governor.acquire(), Outcome.UNKNOWN)
    governor.acquire()
    assert clock.now - 1000.0 == pytest.approx(130.0, abs=1.5)


def test_a_call_that_was_not_sent_gives_everything_back(
    instance: Instance, clock: ScriptedClock
) -> None:
    governor = instance.governor(calls=1)
    governor.release(governor.acquire(), Outcome.NOT_SENT)
    usage = governor.snapshot()
    assert (usage.calls_in_window, usage.slots_in_flight, usage.today_ours) == (0, 0, 0)


def test_a_frozen_process_does_not_send(instance: Instance, clock: ScriptedClock) -> None:
    governor = instance.governor()
    lease = governor.acquire()
    after(clock, 5.1)
    with pytest.raises(LeaseLost, match="could not be sent"):
        lease.check()
    assert governor.snapshot().slots_in_flight == 0


def test_a_reply_that_comes_after_the_lease_ended_still_counts(
    instance: Instance, clock: ScriptedClock
) -> None:
    governor = instance.governor()
    lease = governor.acquire()
    after(clock, 500.0)
    governor.release(lease, Outcome.OK)
    usage = governor.snapshot()
    assert (usage.calls_in_window, usage.slots_in_flight) == (1, 0)


def test_nobody_waits_for_a_call_that_is_cancelled(instance: Instance) -> None:
    governor = instance.governor(calls=1)
    governor.acquire()
    with pytest.raises(Cancelled):
        governor.acquire(lambda: True)


def test_waiting_asks_the_store_once_for_each_place(
    instance: Instance, clock: ScriptedClock
) -> None:
    governor = instance.governor(calls=5)
    for _ in range(25):
        call(governor, clock)
    assert governor.stats.acquired == 25
    assert governor.stats.attempts <= 30
    assert governor.stats.waited_seconds == pytest.approx(4 * 20.01, abs=5.0)


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
    with pytest.raises(BudgetSpent, match="3 calls were made today, the daily limit, until"):
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
    with pytest.raises(BudgetSpent, match="may be back at 2026-11-21 06:02 UTC"):
        second.acquire()


def test_one_call_tries_a_spent_quota_after_each_possible_reset(
    instance: Instance, clock: ScriptedClock
) -> None:
    clock.wall_ahead = datetime(2026, 7, 10, 12, tzinfo=UTC) - NOON
    governors = [instance.governor() for _ in range(3)]
    tries: list[datetime] = []
    call(governors[0], clock, Outcome.QUOTA_SPENT)
    for minute in (minute for minute in range(24 * 60) if minute % 60 in {0, 1, 2, 3, 30}):
        clock.now = 1000.0 + 60.0 * minute
        for governor in governors:
            try:
                lease = governor.acquire()
            except BudgetSpent:
                continue
            tries.append(clock.utc())
            governor.release(lease, Outcome.QUOTA_SPENT)
    assert [f"{at:%d %H:%M}" for at in tries] == ["11 05:02", "11 06:02", "11 07:02"]


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


def fail_until_it_opens(governor: Governor, clock: ScriptedClock) -> None:
    while governor.snapshot().breaker == "closed":
        call(governor, clock, Outcome.UNAVAILABLE)


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
    first, second = instance.governor(), instance.governor()
    fail_until_it_opens(first, clock)
    first.acquire()
    sent = clock.now
    assert first.snapshot().breaker == "half open"
    second.acquire()
    assert clock.now - sent == pytest.approx(130.0, abs=2.0)


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


def test_retries_are_paced_by_the_breaker_or_paid_for(
    instance: Instance, clock: ScriptedClock
) -> None:
    governor = instance.governor(calls=1000)
    assert [governor.retry_allowed() for _ in range(11)] == [True] * 10 + [False]
    fail_until_it_opens(governor, clock)
    assert all(governor.retry_allowed() for _ in range(50))
    call(governor, clock)
    assert not governor.retry_allowed()


# What people see


def test_the_snapshot_names_who_holds_what(instance: Instance, clock: ScriptedClock) -> None:
    governor = instance.governor(calls=50)
    call(governor, clock)
    governor.acquire()
    after(clock, 7.0)
    usage = governor.snapshot()
    (holder,) = usage.holders
    assert (holder.in_flight, holder.in_window) == (1, 2)
    assert (clock.utc() - holder.since).total_seconds() == pytest.approx(7.0 + LATENCY, abs=0.01)
    shown = json.loads(json.dumps(usage.as_dict()))
    assert shown["calls_limit"] == 50
    assert shown["day_ends"] == "2026-11-21T06:00:00Z"
    assert shown["holders"][0]["pid"] == holder.pid


def test_each_event_is_one_line_in_the_log(
    instance: Instance, clock: ScriptedClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    governor = instance.governor(calls=100)
    call(governor, clock, Outcome.RATE_LIMITED)
    call(governor, clock, Outcome.CONCURRENCY_LIMITED)
    fail_until_it_opens(governor, clock)
    call(governor, clock)
    call(governor, clock, Outcome.QUOTA_SPENT)
    texts = [record.getMessage().removeprefix(f"{instance.name}") for record in caplog.records]
    assert [text.split(",")[0] for text in texts] == [
        ": too many calls (606)",
        ": too many calls at a time (615)",
        " does not answer: only probes until it does",
        " answers again",
        ": the daily quota is spent (607)",
    ]


# The store fails


class BrokenLeases:
    """Leases that fail while `broken`."""

    def __init__(self, leases: Leases) -> None:
        self._leases = leases
        self.broken = False

    @contextmanager
    def transaction(self, instance: str) -> Iterator[Ledger]:
        if self.broken:
            raise StoreError("store sqlite: disk I/O error")
        with self._leases.transaction(instance) as ledger:
            yield ledger


@pytest.fixture
def broken(clock: ScriptedClock) -> BrokenLeases:
    return BrokenLeases(MemoryLeases(clock.monotonic))


@pytest.fixture
def governor(broken: BrokenLeases, clock: ScriptedClock) -> Governor:
    limits = Limits(calls=10, seconds=20.0, concurrent=5, daily=1000, lease_seconds=130.0)
    return Governor("instance.example", limits, broken, clock=clock, random=Random(1))


def test_without_its_store_nothing_is_granted(
    governor: Governor, broken: BrokenLeases, clock: ScriptedClock
) -> None:
    broken.broken = True
    with pytest.raises(StoreUnavailable, match="disk I/O error; no call is made without it"):
        governor.acquire()
    assert 30.0 <= clock.now - 1000.0 <= 33.0
    assert len(clock.sleeps) < 100


def test_a_store_that_comes_back_in_time_is_waited_for(
    governor: Governor, broken: BrokenLeases, clock: ScriptedClock
) -> None:
    broken.broken = True

    def mend() -> None:
        broken.broken = clock.now < 1010.0

    clock.while_asleep = mend
    governor.acquire()
    assert clock.now >= 1010.0


def test_a_lease_released_while_the_store_fails_is_settled_later(
    governor: Governor, broken: BrokenLeases
) -> None:
    leases: list[Lease] = [governor.acquire() for _ in range(3)]
    broken.broken = True
    for lease in leases:
        governor.release(lease, Outcome.RATE_LIMITED)
    broken.broken = False
    governor.note_usage(5)
    usage = governor.snapshot()
    assert (usage.slots_in_flight, usage.calls_in_window, usage.rejected_606) == (0, 3, 3)


@pytest.mark.parametrize(
    "wrong",
    [{"calls": 0}, {"concurrent": 0}, {"seconds": 0.0}, {"daily": 0}, {"grace_seconds": 130.0}],
)
def test_impossible_limits_are_refused(wrong: dict[str, float]) -> None:
    right = {"calls": 1, "seconds": 1.0, "concurrent": 1, "daily": 1, "lease_seconds": 130.0}
    with pytest.raises(ValueError, match=r"limits start|grace_seconds"):
        Limits(**{**right, **wrong})  # type: ignore[arg-type]  # deliberately
