from __future__ import annotations

from random import Random

import pytest

from target_marketo.governor.fairness import WAKE_UPS_PER_SECOND, delay, must_yield


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
