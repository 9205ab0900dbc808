from __future__ import annotations

from random import Random

from target_marketo.governor.breaker import FAILURES_TO_OPEN, Breaker
from target_marketo.governor.retries import RetryBudget


def opened(now: float = 100.0) -> Breaker:
    breaker = Breaker()
    for _ in range(FAILURES_TO_OPEN):
        assert not breaker.is_open
        breaker = breaker.after_failure("call", now, Random(1))
    return breaker


def test_it_opens_after_failures_in_a_row() -> None:
    assert opened().is_open


def test_five_failures_in_a_row_open_it_and_four_do_not() -> None:
    breaker = Breaker()
    opens = []
    for _ in range(5):
        breaker = breaker.after_failure("call", 100.0, Random(1))
        opens.append(breaker.is_open)
    assert opens == [False] * 4 + [True]


def test_an_answer_in_between_starts_the_count_again() -> None:
    breaker = Breaker()
    for _ in range(20):
        for _ in range(FAILURES_TO_OPEN - 1):
            breaker = breaker.after_failure("call", 100.0, Random(1))
        breaker = breaker.after_answer("call", 99.0)
    assert breaker == Breaker()


def test_probes_are_at_most_twelve_seconds_apart() -> None:
    for seed in range(20):
        breaker, now, waits = opened(), 100.0, []
        for _ in range(8):
            waits.append(breaker.probe_at - now)
            now = breaker.probe_at
            breaker = breaker.send_probe("probe", now + 130.0)
            breaker = breaker.after_failure("probe", now, Random(seed))
        longest = [2.0, 4.0, 8.0, *[12.0] * 5]
        assert [0.8 * most <= wait <= most for most, wait in zip(longest, waits, strict=True)] == [
            True
        ] * 8


def test_failures_of_calls_that_were_under_way_do_not_put_the_probe_off() -> None:
    breaker = opened()
    assert breaker.after_failure("another", 101.0, Random(1)) == breaker


def test_the_probe_closes_it() -> None:
    assert opened().send_probe("probe", 200.0).after_answer("probe", 90.0) == Breaker()


def test_an_answer_to_a_call_from_before_does_not_close_it() -> None:
    breaker = opened(now=100.0)
    assert breaker.after_answer("old", 99.0) == breaker
    assert breaker.after_answer("of that very moment", 100.0) == breaker


def test_a_probe_whose_process_was_killed_ends_with_its_lease() -> None:
    breaker = opened().send_probe("probe", until=230.0)
    assert breaker.probing(229.0)
    assert not breaker.probing(230.0)


def test_a_probe_that_was_not_sent_leaves_its_place() -> None:
    breaker = opened().send_probe("probe", until=230.0)
    assert not breaker.without_probe("probe").probing(101.0)


def test_retries_drain_and_successes_refill() -> None:
    budget = RetryBudget()
    assert [budget.spend() for _ in range(11)] == [True] * 10 + [False]
    for _ in range(9):
        budget.earn()
    assert not budget.spend()
    budget.earn()
    assert budget.spend()
    assert not budget.spend()
