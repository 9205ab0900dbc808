"""One thread and a scripted clock: the same in memory, in SQLite and in PostgreSQL."""

from __future__ import annotations

import json
import logging
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from random import Random
from typing import TYPE_CHECKING

import pytest

from target_marketo.governor import (
    Cancelled,
    Governor,
    LeaseLost,
    Limits,
    Outcome,
    StoreUnavailable,
)
from target_marketo.store.errors import StoreError
from tests.target_marketo.governor.memory_leases import MemoryLeases
from tests.target_marketo.governor.scripted import (
    LATENCY,
    ScriptedClock,
    after,
    call,
    fail_until_it_opens,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from target_marketo.governor import Lease
    from target_marketo.store.leases import Leases, Ledger
    from tests.target_marketo.governor.conftest import Instance

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


def test_a_lost_lease_is_counted_back_once(instance: Instance, clock: ScriptedClock) -> None:
    governor = instance.governor()
    call(governor, clock)
    lease = governor.acquire()
    after(clock, 5.1)
    with pytest.raises(LeaseLost):
        governor.check(lease)
    governor.release(lease, Outcome.NOT_SENT)  # as whoever acquires does, whatever happens
    assert governor.snapshot().today_ours == 1


def test_a_call_that_may_still_be_at_work_holds_no_place_and_is_under_way(
    instance: Instance, clock: ScriptedClock
) -> None:
    """Somebody on the way answered 502: Marketo may still carry the call out."""
    governor = instance.governor(concurrent=1)
    lease = governor.acquire()
    after(clock, 1.0)
    governor.release(lease, Outcome.UNAVAILABLE, at_work=True)
    governor.release(governor.acquire(), Outcome.OK)
    assert clock.now == 1001.0
    (left,) = instance.governor().under_way().values()
    assert left == pytest.approx(129.0)
    after(clock, 128.9)
    assert governor.under_way()
    after(clock, 0.2)
    assert not governor.under_way()


def test_a_call_that_may_last_longer_holds_its_place_for_longer(
    instance: Instance, clock: ScriptedClock
) -> None:
    governor = instance.governor(concurrent=1, lease_seconds=130.0)
    lease = governor.acquire(longer_by=30.0)
    assert governor.seconds_left(lease) == pytest.approx(160.0)
    governor.acquire()
    assert clock.now - 1000.0 == pytest.approx(160.0, abs=1.5)


def test_a_frozen_process_does_not_send(instance: Instance, clock: ScriptedClock) -> None:
    governor = instance.governor()
    lease = governor.acquire()
    after(clock, 5.1)
    with pytest.raises(LeaseLost, match="could not be sent"):
        governor.check(lease)
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
    assert governor.acquired == 25
    assert governor.attempts <= 30


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
    def transaction(self, instance: str, *, durable: bool = True) -> Iterator[Ledger]:
        if self.broken:
            raise StoreError("store sqlite: disk I/O error")
        with self._leases.transaction(instance, durable=durable) as ledger:
            yield ledger


class CountedLeases:
    """Leases that count their transactions."""

    def __init__(self, leases: Leases) -> None:
        self._leases = leases
        self.count = 0

    @contextmanager
    def transaction(self, instance: str, *, durable: bool = True) -> Iterator[Ledger]:
        self.count += 1
        with self._leases.transaction(instance, durable=durable) as ledger:
            yield ledger


def test_a_call_that_ends_while_a_thread_waits_for_it_is_settled_by_that_thread(
    instance: Instance, clock: ScriptedClock
) -> None:
    leases = instance.leases = CountedLeases(instance.leases)
    governor = instance.governor(concurrent=1)
    first = governor.acquire()

    def reply() -> None:
        clock.while_asleep = lambda: None
        before = leases.count
        governor.release(first, Outcome.OK)
        assert leases.count == before

    clock.while_asleep = reply
    before = leases.count
    governor.acquire()
    assert leases.count == before + 2  # refused, and granted
    assert governor.snapshot().calls_in_window == 2


def test_what_was_left_to_a_waiting_thread_is_settled_also_when_it_gives_up(
    instance: Instance, clock: ScriptedClock
) -> None:
    governor = instance.governor(concurrent=1)
    first = governor.acquire()
    ended: list[Lease] = []

    def reply() -> None:
        clock.while_asleep = lambda: None
        governor.release(first, Outcome.OK)
        ended.append(first)

    clock.while_asleep = reply
    with pytest.raises(Cancelled):
        governor.acquire(lambda: bool(ended))
    assert governor.snapshot().slots_in_flight == 0


def test_calls_that_end_together_share_a_transaction(
    instance: Instance, clock: ScriptedClock
) -> None:
    leases = instance.leases = CountedLeases(instance.leases)
    governor = instance.governor(calls=100, concurrent=50)
    flight = [governor.acquire() for _ in range(40)]
    before = leases.count
    with ThreadPoolExecutor(40) as pool:
        list(pool.map(lambda lease: governor.release(lease, Outcome.OK), flight))
    assert leases.count - before <= 40
    usage = governor.snapshot()
    assert (usage.slots_in_flight, usage.calls_in_window) == (0, 40)


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


def test_a_store_that_restarts_costs_neither_the_count_nor_the_look_at_calls_under_way(
    governor: Governor, broken: BrokenLeases, clock: ScriptedClock
) -> None:
    def mend() -> None:
        broken.broken = clock.now < until

    clock.while_asleep = mend
    for visit in (lambda: governor.note_usage(5), governor.under_way):
        broken.broken, until = True, clock.now + 13.0
        visit()
        assert until <= clock.now <= until + 3.0
    broken.broken = True
    clock.while_asleep = lambda: None
    with pytest.raises(StoreUnavailable):
        governor.note_usage(5)


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
