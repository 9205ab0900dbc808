"""Hours at the API's own scale, in simulated time; with `--long` more of them, and three seeds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from target_marketo.governor import turnstile
from tests.target_marketo.governor.simulation import (
    FAST,
    MIDDLE,
    Figures,
    Latency,
    Simulation,
    limits,
)

if TYPE_CHECKING:
    from collections.abc import Callable

SHORT_SEEDS, LONG_SEEDS = (1,), (1, 2, 3)


@pytest.fixture(autouse=True)
def look_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is cancelled before the end: looking twice a second would take most of the time."""
    monkeypatch.setattr(turnstile, "LOOK_SECONDS", 10.0)


def alone(seed: int, seconds: float, latency: Latency, processes: int) -> Simulation:
    simulation = Simulation(seed, latency=latency)
    for _ in range(processes):
        simulation.process(16 // processes, limits(), seconds)
    simulation.run()
    return simulation


@pytest.mark.parametrize("processes", [1, 4])
@pytest.mark.parametrize(
    ("latency", "least", "first"), [(FAST, 0.985, 3.5), (MIDDLE, 0.94, 16.0)], ids=["fast", "mid"]
)
def test_alone_the_ceiling_is_reached_and_never_passed(
    *,
    processes: int,
    latency: Latency,
    least: float,
    first: float,
    long: bool,
    say: Callable[[str], None],
) -> None:
    if processes > 1 and latency is MIDDLE and not long:
        pytest.skip("--long")
    for seed in LONG_SEEDS if long else SHORT_SEEDS:
        simulation = alone(seed, 4000.0 if long else 430.0, latency, processes)
        figures, checker = simulation.figures, simulation.checker
        shares = sorted(figures.by_process.values())
        say(
            f"seed {seed}: {processes} processes, {figures.verdicts.total()} calls,"
            f" steady {figures.steady(100):.2%}, {figures.refused} refused,"
            f" most in a window {checker.most_in_window}, in flight {checker.most_in_flight},"
            f" first 100 in {figures.first(100):.1f} s, shares {shares}"
        )
        assert figures.verdicts.total() >= 2000
        assert figures.refused == 0
        assert figures.steady(100) >= least
        assert figures.first(100) < first
        assert shares[-1] <= 1.2 * shares[0]


def beside(seed: int, seconds: float, rate: float, *, counting: bool, calls: int) -> Figures:
    simulation = Simulation(seed, refused_count=counting)
    simulation.process(16, limits(calls, 10 if calls > 50 else 5), seconds)
    simulation.others(lambda _now: rate, seconds)
    return simulation.run()


@pytest.mark.parametrize("counting", [False, True], ids=["refused calls free", "refused count"])
def test_beside_others_at_one_call_a_second_few_are_refused(
    *, counting: bool, long: bool, say: Callable[[str], None]
) -> None:
    seconds = 4000.0 if long else 800.0
    for seed in LONG_SEEDS if long else SHORT_SEEDS:
        figures = beside(seed, seconds, 1.0, counting=counting, calls=100)
        say(
            f"seed {seed}: beside 1/s, {figures.rate(0, seconds):.2f} calls/s,"
            f" {figures.refused_per_1000:.1f} of 1,000 refused,"
            f" {figures.others_refused_percent:.1f} % of the others'"
        )
        assert figures.refused_per_1000 <= 10.0
        assert figures.others_refused_percent <= 6.0
        assert figures.rate(0, seconds) >= 0.8 * 4.0


@pytest.mark.parametrize("counting", [False, True], ids=["refused calls free", "refused count"])
@pytest.mark.parametrize("rate", [1.0, 2.5])
def test_the_default_budget_never_collapses(
    *, counting: bool, rate: float, long: bool, say: Callable[[str], None]
) -> None:
    """50 calls and 5 slots, beside others that leave room for 50 at least."""
    seconds = 4000.0 if long else 300.0
    for seed in LONG_SEEDS if long else SHORT_SEEDS:
        figures = beside(seed, seconds, rate, counting=counting, calls=50)
        say(
            f"seed {seed}: 50 beside {rate}/s, {figures.rate(0, seconds):.2f} calls/s,"
            f" {figures.refused_per_1000:.1f} of 1,000 refused,"
            f" {figures.others_refused_percent:.1f} % of the others'"
        )
        assert figures.rate(0, seconds) >= 0.6 * min(2.5, 5.0 - rate)
        assert figures.others_refused_percent <= 10.0


def test_where_refused_calls_count_the_ceiling_is_left_to_the_others_in_time(
    *, long: bool, say: Callable[[str], None]
) -> None:
    """100 calls beside 2.5/s: if we do not stand back, seed 2 ends with all of theirs refused."""
    seconds = 2000.0 if long else 800.0
    for seed in range(1, 17) if long else (2, 6):
        figures = beside(seed, seconds, 2.5, counting=True, calls=100)
        end = figures.others_refused_percent_since(0.75 * seconds)
        say(
            f"seed {seed}: 100 beside 2.5/s, refused count,"
            f" {figures.rate(0, seconds):.2f} calls/s,"
            f" {figures.refused_per_1000:.1f} of 1,000 refused,"
            f" {figures.others_refused_percent:.1f} % of the others', {end:.1f} % at the end"
        )
        assert end <= 15.0
        assert figures.rate(0.75 * seconds, seconds) >= 1.0


def test_once_tipped_the_others_never_recover_even_alone(say: Callable[[str], None]) -> None:
    """Why we have to stand back early: nothing that we could do later helps.

    2.5/s with two retries each are 7.5 calls/s while every one is refused, and 5/s fill the window.
    """
    simulation = Simulation(2, refused_count=True, adapts=False)
    simulation.process(16, limits(), until=120.0)
    simulation.others(lambda _now: 2.5, 4000.0)
    simulation.time.spawn(lambda: simulation.time.sleep(4000.0))
    figures = simulation.run()
    refused = figures.others_refused_percent_since(1000.0)
    say(f"seed 2: nobody but others from 120 s on: from 1,000 to 4,000 s {refused:.1f} % refused")
    assert refused >= 99.0


def test_our_share_is_back_soon_after_the_others_have_gone(
    *, long: bool, say: Callable[[str], None]
) -> None:
    """The longest pause is twelve windows; then the budget grows by five each window."""
    for seed in LONG_SEEDS if long else SHORT_SEEDS:
        simulation = Simulation(seed, refused_count=True)
        simulation.process(16, limits(), until=1600.0)
        # They fill the window alone, and end.
        simulation.others(lambda _now: 6.0, 600.0)
        figures = simulation.run()
        rates = [figures.rate(since, since + 100.0) for since in range(600, 1600, 100)]
        say(f"seed {seed}: others gone at 600 s, then calls/s {[round(one, 1) for one in rates]}")
        assert rates[4] > 0.5
        assert rates[9] >= 3.5


@pytest.mark.parametrize("minutes", [5, 30])
def test_an_outage_is_probed_seldom_and_left_at_once(
    *, minutes: int, long: bool, say: Callable[[str], None]
) -> None:
    start, end = 60.0, 60.0 + 60.0 * minutes
    for seed in LONG_SEEDS if long else SHORT_SEEDS:
        simulation = Simulation(seed, outages=[(start, end)])
        for _ in range(4):
            simulation.process(3, limits(), end + 40.0)
        figures = simulation.run()
        wasted = len(figures.waste)
        back = [at - end for at in figures.served if at >= end]
        say(
            f"seed {seed}: {minutes} min outage, {wasted} calls wasted"
            f" ({wasted / minutes:.1f} a minute), 95 calls served {back[94]:.1f} s after its end"
        )
        assert wasted <= 10 * minutes
        # The last probes still hold the other places of the window.
        assert back[94] <= 20.0
        assert figures.refused == 0


@pytest.mark.parametrize("told_late", [0.0, 10.0], ids=["told at once", "told late"])
@pytest.mark.parametrize("readings", [(20.0, 40.0), (20.0,)], ids=["a reading", "no reading"])
def test_nobody_pays_for_our_first_window(
    *, readings: tuple[float, ...], told_late: float, long: bool, say: Callable[[str], None]
) -> None:
    """100 calls beside others at 1/s, over 95 s from when something is known of them."""
    since, until = 40.0, 135.0
    for seed in range(1, 9) if long else range(1, 4):
        simulation = Simulation(seed, told_late=told_late)
        simulation.process(16, limits(), until, readings=readings)
        simulation.others(lambda _now: 1.0, until)
        figures = simulation.run()
        others = figures.others_refused_percent_since(since)
        ours = figures.refused_per_1000 / 10
        say(
            f"seed {seed}, readings at {readings}: {figures.rate(since, until):.2f} calls/s,"
            f" {ours:.1f} % of ours refused, {others:.1f} % of the others'"
        )
        assert others <= 6.0
        assert ours <= 2.0


@pytest.mark.parametrize("told_late", [0.0, 10.0], ids=["told at once", "told late"])
@pytest.mark.parametrize("readings", [(20.0, 40.0), (20.0,)], ids=["a reading", "no reading"])
def test_alone_the_ceiling_is_reached_from_the_window_of_which_something_is_known(
    *, readings: tuple[float, ...], told_late: float, say: Callable[[str], None]
) -> None:
    simulation = Simulation(1, told_late=told_late)
    simulation.process(16, limits(), 440.0, readings=readings)
    figures = simulation.run()
    windows = [figures.rate(start, start + 20.0) * 20.0 for start in range(40, 420, 20)]
    say(f"readings at {readings}: calls in each window {[round(calls) for calls in windows]}")
    assert figures.refused == 0
    assert windows[0] >= 98.5
    assert sum(windows) / len(windows) >= 98.5
