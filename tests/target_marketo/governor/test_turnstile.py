from __future__ import annotations

import time
from functools import partial
from random import Random
from threading import Thread

import pytest

from target_marketo.governor import Cancelled, Limits, Outcome, SystemClock
from target_marketo.governor.turnstile import Turnstile
from tests.target_marketo.governor.counted import CountedGovernor
from tests.target_marketo.governor.memory_leases import MemoryLeases
from tests.target_marketo.governor.simulated_time import SimulatedTime
from tests.target_marketo.governor.simulation import SLOW, Simulation, limits


def test_threads_go_through_in_the_order_in_which_they_came() -> None:
    clock, order = SimulatedTime(), []
    turnstile = Turnstile(clock)

    def go(number: int) -> None:
        clock.sleep(0.1 * number)
        with turnstile.turn(lambda: False):
            order.append(number)
            clock.sleep(1.0)

    for number in (3, 1, 4, 0, 2):
        clock.spawn(partial(go, number))
    clock.run()
    assert order == [0, 1, 2, 3, 4]
    assert clock.now == pytest.approx(5.0)


def test_a_cancelled_thread_leaves_the_queue_and_lets_the_next_one_through() -> None:
    clock, through = SimulatedTime(), []
    turnstile = Turnstile(clock)

    def hold() -> None:
        with turnstile.turn(lambda: False):
            clock.sleep(10.0)

    def give_up() -> None:
        with pytest.raises(Cancelled), turnstile.turn(lambda: clock.now >= 2.0):
            pass
        through.append(("cancelled", clock.now))

    def wait() -> None:
        with turnstile.turn(lambda: False):
            through.append(("through", clock.now))

    for work in (hold, give_up, wait):
        clock.spawn(work)
    clock.run()
    assert through == [("cancelled", 2.0), ("through", 10.0)]


def test_many_waiting_processes_do_not_keep_the_store_busy() -> None:
    """Calls so slow that slots are scarce: nobody can tell when the next one is free."""
    simulation = Simulation(1, latency=SLOW)
    for _ in range(10):
        simulation.process(4, limits(), 60.0)
    simulation.run()
    visits = sum(governor.attempts for governor in simulation.governors)
    granted = sum(governor.acquired for governor in simulation.governors)
    assert granted > 200
    assert (visits - granted) / 60.0 <= 60.0


def test_a_simulation_with_the_same_seed_takes_the_same_course() -> None:
    def run(seed: int) -> list[float]:
        simulation = Simulation(seed)
        for _ in range(2):
            simulation.process(4, limits(), 50.0)
        return simulation.run().served

    assert run(7) == run(7)
    assert run(7) != run(8)


def test_threads_share_a_governor_in_real_time() -> None:
    """On the real clock: eight threads, forty calls, windows of a tenth of a second."""
    few = Limits(10, 0.1, 4, daily=1000, lease_seconds=30.0)
    governor = CountedGovernor(
        "instance.example", few, MemoryLeases(), clock=SystemClock(), random=Random(1)
    )
    started = time.monotonic()

    def work() -> None:
        for _ in range(5):
            lease = governor.acquire()
            governor.check(lease)
            governor.release(lease, Outcome.OK)

    threads = [Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert governor.counts == {Outcome.OK: 40}
    assert time.monotonic() - started >= 3 * 0.11
    assert governor.snapshot().slots_in_flight == 0
