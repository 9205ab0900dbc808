from __future__ import annotations

from random import Random

import pytest

from target_marketo.governor.places import (
    WAKE_UPS_PER_SECOND,
    delay,
    free_at,
    must_yield,
    next_call_at,
)


@pytest.mark.parametrize(
    ("untils", "budget", "expected"),
    [
        ([], 1, 100.0),
        ([99.0, 100.0], 1, 100.0),  # over: a place ends at its instant, not after it
        ([101.0], 1, 101.0),
        ([101.0], 2, 100.0),
        ([103.0, 101.0, 102.0], 3, 101.0),
        ([103.0, 101.0, 102.0], 2, 102.0),  # a budget that was cut waits for more than one
        ([103.0, 101.0, 102.0], 1, 103.0),
    ],
)
def test_a_place_is_free_when_fewer_than_the_budget_are_held(
    untils: list[float], budget: int, expected: float
) -> None:
    assert free_at(untils, budget, now=100.0) == expected


def test_a_reduced_budget_is_spent_evenly() -> None:
    at = next_call_at(0.0, budget=10, window=20.0, now=100.0)
    granted = []
    for _ in range(10):
        now = max(100.0, at)
        granted.append(now)
        at = next_call_at(at, budget=10, window=20.0, now=now)
    assert granted[-1] - granted[2] == pytest.approx(14.0)


def test_calls_that_came_late_may_catch_up_by_two() -> None:
    assert next_call_at(0.0, budget=10, window=20.0, now=100.0) == 98.0


@pytest.mark.parametrize(
    ("mine", "waiting", "free", "expected"),
    [
        (5, [], 1, False),
        (5, [5, 4, 3], 1, False),  # within the slack
        (6, [3], 1, True),
        (6, [3], 2, False),  # one for each
        (6, [0, 1, 2], 3, True),
        (0, [6], 1, False),
    ],
)
def test_the_free_places_go_to_those_that_hold_clearly_less(
    *, mine: int, waiting: list[int], free: int, expected: bool
) -> None:
    assert must_yield(mine, waiting, free=free, slack=2) is expected


def test_a_process_alone_sleeps_exactly_until_the_place_is_free() -> None:
    assert delay(3.5, 1, Random(1)) == 3.5


@pytest.mark.parametrize("processes", [2, 4, 10, 100])
def test_together_they_wake_no_oftener_than_the_store_should_be_asked(processes: int) -> None:
    random = Random(processes)
    sleeps = [delay(0.0, processes, random) for _ in range(2000)]
    wakes_per_second = processes / (sum(sleeps) / len(sleeps))
    assert wakes_per_second <= WAKE_UPS_PER_SECOND * processes / (processes - 1) * 1.1
