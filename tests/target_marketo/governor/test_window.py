from __future__ import annotations

import pytest

from target_marketo.governor.pace import next_call_at
from target_marketo.governor.window import free_at


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
