"""What a process puts up with: outages and refusals without end, retries, and a count grown old."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from target_marketo.governor.breaker import Breaker
from target_marketo.governor.day import Day
from target_marketo.governor.errors import OutageTooLong
from target_marketo.governor.limits import Limits, Outcome
from target_marketo.governor.noticed import Noticed
from target_marketo.governor.state import State

LIMITS = Limits(calls=50, seconds=20.0, concurrent=5, daily=1000, lease_seconds=130.0)
PATIENCE = 3600.0
UTC_NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
UP = State()
DOWN = State(breaker=Breaker(failures=5, opened_at=1.0))


@pytest.fixture
def noticed() -> Noticed:
    return Noticed("123-abc-456", LIMITS, PATIENCE)


def test_nothing_that_nobody_refused_is_an_outage(noticed: Noticed) -> None:
    noticed.put_up_with_refusals()


@pytest.mark.parametrize("refusal", [Outcome.RATE_LIMITED, Outcome.CONCURRENCY_LIMITED])
def test_refusals_without_end_are_an_outage_and_are_reported_in_minutes(
    noticed: Noticed, refusal: Outcome
) -> None:
    noticed.outcome(refusal, 1000.0)
    noticed.outcome(refusal, 1000.0 + PATIENCE - 1)
    noticed.put_up_with_refusals()

    noticed.outcome(refusal, 1000.0 + PATIENCE)
    with pytest.raises(OutageTooLong, match="has refused every call for 60 minutes"):
        noticed.put_up_with_refusals()


@pytest.mark.parametrize("answer", [Outcome.OK, Outcome.QUOTA_SPENT])
def test_an_answer_between_refusals_ends_them(noticed: Noticed, answer: Outcome) -> None:
    noticed.outcome(Outcome.RATE_LIMITED, 1000.0)
    noticed.outcome(answer, 1001.0)
    noticed.outcome(Outcome.RATE_LIMITED, 1000.0 + PATIENCE)
    noticed.put_up_with_refusals()

    noticed.outcome(Outcome.RATE_LIMITED, 1000.0 + 2 * PATIENCE)
    noticed.outcome(answer, 1001.0 + 2 * PATIENCE)
    noticed.put_up_with_refusals()


@pytest.mark.parametrize("nothing", [Outcome.UNAVAILABLE, Outcome.UNKNOWN, Outcome.NOT_SENT])
def test_what_is_no_answer_of_the_api_ends_no_refusals(noticed: Noticed, nothing: Outcome) -> None:
    noticed.outcome(Outcome.RATE_LIMITED, 1000.0)
    noticed.outcome(nothing, 1001.0)
    noticed.outcome(Outcome.RATE_LIMITED, 1000.0 + PATIENCE)
    with pytest.raises(OutageTooLong):
        noticed.put_up_with_refusals()


def test_an_outage_is_put_up_with_for_so_long_and_is_reported_in_minutes(noticed: Noticed) -> None:
    noticed.put_up_with_outage(1000.0)
    noticed.state(DOWN, 0.0, 1060.0)
    noticed.put_up_with_outage(1000.0 + PATIENCE - 1)
    with pytest.raises(OutageTooLong, match="has not answered for 60 minutes"):
        noticed.put_up_with_outage(1000.0 + PATIENCE)


def test_an_outage_that_another_process_saw_end_begins_again(noticed: Noticed) -> None:
    noticed.put_up_with_outage(1000.0)
    noticed.state(UP, 0.0, 1060.0)
    noticed.put_up_with_outage(1000.0 + PATIENCE)


def test_ten_retries_are_free_then_ten_good_calls_earn_one(noticed: Noticed) -> None:
    assert [noticed.retry_allowed() for _ in range(11)] == [True] * 10 + [False]
    noticed.state(UP, 0.0, 1.0)
    assert not noticed.retry_allowed()
    for outcome in (Outcome.UNAVAILABLE, *[Outcome.OK] * 9):
        noticed.outcome(outcome, 1.0)
    assert not noticed.retry_allowed()
    noticed.outcome(Outcome.OK, 1.0)
    assert noticed.retry_allowed()


def test_while_the_breaker_is_open_it_says_when_to_try_and_no_retry_is_paid_for(
    noticed: Noticed,
) -> None:
    noticed.state(DOWN, 0.0, 1.0)
    assert all(noticed.retry_allowed() for _ in range(50))


def test_the_count_is_wanted_a_window_after_a_guess_and_once(noticed: Noticed) -> None:
    assert not noticed.wants_usage(1000.0, UTC_NOW), "nothing is known yet"
    noticed.state(State(guessed_at=500.0), 505.0, 1000.0)

    wanted = [noticed.wants_usage(now, UTC_NOW) for now in (1014.9, 1015.0, 1024.9, 1025.0)]
    assert wanted == [False, True, False, True], "two readings are ten seconds apart"
    noticed.state(UP, 510.0, 1030.0)
    assert not noticed.wants_usage(1100.0, UTC_NOW), "nobody guesses any more"


def test_the_count_is_wanted_when_others_may_have_used_up_the_day(noticed: Noticed) -> None:
    """The instance allows 100 calls in 20 seconds: 5 a second, which may all be others'."""
    an_hour_ago = UTC_NOW.timestamp() - 3600
    noticed.state(State(day=Day(noted_at=an_hour_ago, noted_total=900)), 0.0, 1000.0)
    assert noticed.wants_usage(1000.0, UTC_NOW)

    just_now = UTC_NOW.timestamp() - 4
    noticed.state(State(day=Day(noted_at=just_now, noted_total=970)), 0.0, 2000.0)
    assert not noticed.wants_usage(2000.0, UTC_NOW), "20 calls since then, and 30 are left"
    seven = UTC_NOW.timestamp() - 7
    noticed.state(State(day=Day(noted_at=seven, noted_total=970)), 0.0, 3000.0)
    assert noticed.wants_usage(3000.0, UTC_NOW), "35 calls since then"
