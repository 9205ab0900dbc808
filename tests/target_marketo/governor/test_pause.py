from __future__ import annotations

from random import Random

import pytest

from target_marketo.governor.pause import Pause
from target_marketo.governor.retries import full_jitter


class Highest(Random):
    def random(self) -> float:
        return 1.0


def test_refusals_that_follow_one_another_end_in_standing_back() -> None:
    pause, now, lengths = Pause(), 1000.0, []
    for _ in range(7):
        pause = pause.after_rate_limited(now, 20.0, Highest())
        lengths.append(pause.until - now)
        now = pause.until + 1.0
    assert lengths == [2.0, 4.0, 60.0, 120.0, 240.0, 240.0, 240.0]


def test_a_clean_window_starts_again() -> None:
    pause = Pause().after_rate_limited(1000.0, 20.0, Highest())
    again = pause.after_rate_limited(pause.until + 20.0, 20.0, Highest())
    assert again.repeats == 0


def test_a_concurrency_refusal_pauses_for_a_moment() -> None:
    pause = Pause().after_concurrency_limited(1000.0, 20.0, Highest())
    assert pause.until == 1000.5


def test_a_shorter_pause_does_not_end_a_longer_one() -> None:
    pause = Pause(until=1030.0).after_concurrency_limited(1000.0, 20.0, Random(1))
    assert pause.until == 1030.0


@pytest.mark.parametrize(("attempt", "longest"), [(0, 0.5), (1, 1.0), (4, 8.0), (10_000, 20.0)])
def test_full_jitter_is_uniform_up_to_the_doubled_base(attempt: int, longest: float) -> None:
    random = Random(attempt)
    drawn = [full_jitter(attempt, base=0.5, cap=20.0, random=random) for _ in range(500)]
    assert 0.0 <= min(drawn) < 0.05 * longest
    assert 0.95 * longest < max(drawn) <= longest
