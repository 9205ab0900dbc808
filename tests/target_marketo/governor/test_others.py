"""What others use of the window, and what a run starts with: pure, then with a governor."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from target_marketo.governor import Outcome
from target_marketo.governor.others import Reading, left_over, rate
from tests.target_marketo.governor.scripted import after, call

if TYPE_CHECKING:
    from tests.target_marketo.governor.conftest import Instance
    from tests.target_marketo.governor.counted import CountedGovernor
    from tests.target_marketo.governor.scripted import ScriptedClock


@pytest.mark.parametrize(
    ("earlier", "later", "expected"),
    [
        (None, (100.0, 50), None),
        ((100.0, 50), (120.0, 70), 1.0),
        ((100.0, 50), (120.0, 50), 0.0),
        ((100.0, 50), (109.9, 70), None),  # too near
        ((100.0, 50), (110.0, 70), 2.0),
        ((100.0, 50), (100.0 + 86_399, 86_449), 1.0),
        ((100.0, 50), (100.0 + 86_400, 86_450), None),
        ((100.0, 50), (3700.0, 3650), 1.0),
        ((100.0, 50), (100.0 + 90_000, 70), None),  # another day
        ((100.0, 50), (120.0, 3), None),  # the count began anew
        ((120.0, 50), (100.0, 70), None),  # the wall clock was set back
    ],
)
def test_two_readings_tell_how_fast_others_call(
    earlier: tuple[float, int] | None, later: tuple[float, int], expected: float | None
) -> None:
    assert rate(earlier and Reading(*earlier), Reading(*later)) == expected


def test_what_is_left_leaves_room_for_more_than_their_mean() -> None:
    assert left_over(100, 20.0, 0.0) == 100
    assert 60 < left_over(100, 20.0, 1.0) < 80
    assert left_over(100, 16.0, 1.0) == 100 - 16 - 2 * 4, "two standard deviations"
    assert left_over(100, 20.0, 5.0) < 0


def budget(governor: CountedGovernor) -> int:
    return governor.snapshot().calls_budget


def test_a_run_starts_with_the_limit_less_what_others_use(
    instance: Instance, clock: ScriptedClock
) -> None:
    instance.governor(calls=100, daily=100_000).note_usage(1000, 400)
    after(clock, 3600.0)
    governor = instance.governor(calls=100, daily=100_000)
    governor.note_usage(1000 + 3600 + 7, 407)
    assert budget(governor) == int(left_over(100, 20.0, 1.0))
    assert not governor.wants_usage()


def test_a_second_reading_of_the_same_moment_changes_nothing(
    instance: Instance, clock: ScriptedClock
) -> None:
    instance.governor(calls=100, daily=100_000).note_usage(1000, 400)
    after(clock, 3600.0)
    governor = instance.governor(calls=100, daily=100_000)
    governor.note_usage(4607, 407)
    known = budget(governor)
    governor.note_usage(4607, 407)
    assert budget(governor) == known == int(left_over(100, 20.0, 1.0))


def test_without_an_earlier_reading_half_the_ceiling_is_used_for_one_window(
    instance: Instance, clock: ScriptedClock
) -> None:
    governor = instance.governor(calls=100, daily=100_000)
    governor.note_usage(1000, 400)
    assert budget(governor) == 50
    assert not governor.wants_usage()
    after(clock, 20.0)
    assert governor.wants_usage()
    assert not governor.wants_usage(), "who asks first reads it"
    governor.note_usage(1020, 400)
    assert budget(governor) == int(left_over(100, 20.0, 1.0))
    after(clock, 100.0)
    assert not governor.wants_usage()


def test_alone_the_whole_limit_is_used_from_the_second_reading_on(
    instance: Instance, clock: ScriptedClock
) -> None:
    governor = instance.governor(calls=100, daily=100_000)
    governor.note_usage(400, 400)
    after(clock, 20.0)
    governor.note_usage(440, 440)
    assert budget(governor) == 100


def test_a_limit_that_leaves_room_for_others_is_not_reduced(
    instance: Instance, clock: ScriptedClock
) -> None:
    """50 of the instance's 100, and others at 1 call a second."""
    governor = instance.governor(calls=50, daily=100_000)
    governor.note_usage(1000, 400)
    assert budget(governor) == 50
    after(clock, 20.0)
    governor.note_usage(1020, 400)
    assert budget(governor) == 50


def test_an_api_that_does_not_tell_users_is_asked_about_all_and_ours_are_taken_out(
    instance: Instance, clock: ScriptedClock
) -> None:
    governor = instance.governor(calls=100, daily=100_000)
    governor.note_usage(1000)
    for _ in range(10):
        call(governor, clock)
    after(clock, 18.0)
    governor.note_usage(1010)
    assert budget(governor) == 100


def test_a_refusal_since_the_start_counts_for_more_than_a_reading(
    instance: Instance, clock: ScriptedClock
) -> None:
    governor = instance.governor(calls=100, daily=100_000)
    governor.note_usage(1000, 400)
    for _ in range(10):
        call(governor, clock)
    call(governor, clock, Outcome.RATE_LIMITED)
    refused = budget(governor)
    after(clock, 15.0)
    governor.note_usage(1000, 400)
    assert budget(governor) <= refused + 5


def test_a_reading_seconds_after_the_last_changes_nothing(
    instance: Instance, clock: ScriptedClock
) -> None:
    governor = instance.governor(calls=100, daily=100_000)
    governor.note_usage(1000, 400)
    after(clock, 5.0)
    instance.governor(calls=100, daily=100_000).note_usage(1005, 400)
    assert budget(governor) == 50
