from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from target_marketo.governor.day import Day, day_ends, next_reset


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-07-10T12:00", ["2026-07-11T05:02", "2026-07-11T06:02", "2026-07-12T05:02"]),
        ("2026-12-10T12:00", ["2026-12-11T06:02", "2026-12-12T06:02"]),
        # The clock goes forward on 8 March and back on 1 November.
        ("2026-03-07T12:00", ["2026-03-08T06:02", "2026-03-09T05:02", "2026-03-09T06:02"]),
        ("2026-10-31T12:00", ["2026-11-01T05:02", "2026-11-01T06:02", "2026-11-02T06:02"]),
    ],
)
def test_a_spent_quota_may_be_back_at_either_midnight(at: str, expected: list[str]) -> None:
    instant, seen = utc(at), []
    for _ in expected:
        instant = next_reset(instant)
        seen.append(instant)
    assert seen == [utc(text) for text in expected]


@pytest.mark.parametrize(
    ("spent_at", "again_at"),
    [
        ("2026-07-10T12:00", "2026-07-10T13:00"),
        ("2026-07-11T04:30", "2026-07-11T05:02"),
        ("2026-07-11T05:10", "2026-07-11T06:02"),
        ("2026-12-11T05:30", "2026-12-11T06:02"),
    ],
)
def test_a_spent_quota_is_tried_at_each_reset_and_in_any_case_an_hour_later(
    spent_at: str, again_at: str
) -> None:
    assert Day(tried_at=utc(spent_at).timestamp()).try_again_at() == utc(again_at)


@pytest.mark.parametrize(
    ("at", "ends"),
    [
        ("2026-07-11T04:59", "2026-07-11T05:00"),
        ("2026-07-11T05:00", "2026-07-12T05:00"),
        ("2026-12-11T05:59", "2026-12-11T06:00"),
    ],
)
def test_the_day_ends_at_midnight_in_chicago(at: str, ends: str) -> None:
    assert day_ends(utc(at)) == utc(ends)


def at_work(moment: str, ours: int, **more: Any) -> Day:
    """A day on which we made so many calls, the last of them just now."""
    day = Day().at(utc(moment))
    return replace(day, ours=ours, called_at=utc(moment).timestamp(), **more)


def test_a_new_day_counts_from_nothing() -> None:
    day = at_work("2026-07-10T12:00", 5).note(100, utc("2026-07-10T12:00"))
    assert day.at(utc("2026-07-11T04:59")).everybody == 100
    assert day.at(utc("2026-07-11T05:00")).everybody == 0


def test_everybody_is_what_was_noted_and_what_we_did_since() -> None:
    now = utc("2026-07-10T12:00")
    day = at_work("2026-07-10T12:00", 5)
    assert day.everybody == 5
    assert day.note(2, now).everybody == 5, "a count that is told late"
    day = replace(day.note(100, now), ours=8)
    assert day.everybody == 103
    assert day.note(99, now).everybody == 100, "read a little earlier by another process"


def test_a_count_that_fell_began_again_whatever_our_clock_says() -> None:
    day = at_work("2026-07-10T12:00", 40_000).note(45_000, utc("2026-07-10T12:00"))
    day = day.note(30, utc("2026-07-10T12:10"))
    assert day.everybody == 30


def test_between_the_two_possible_resets_the_old_count_is_believed_for_an_hour_at_most() -> None:
    """Summer, and Marketo begins its day at 06:00 UTC: at 05:30 it still tells yesterday's."""
    day = at_work("2026-07-11T05:00", 900).note(45_000, utc("2026-07-11T05:30"))
    assert day.everybody == 45_000
    assert day.ask_again_at() == utc("2026-07-11T06:02")
    later = day.at(utc("2026-07-11T06:03")).note(12, utc("2026-07-11T06:03"))
    assert later.everybody == 12


def test_calls_before_the_later_reset_are_not_held_against_the_day() -> None:
    day = at_work("2026-07-11T05:10", 5_000).at(utc("2026-07-11T06:01"))
    assert day.everybody == 0
    assert replace(day, ours=5_010).everybody == 10
    winter = at_work("2026-12-11T06:10", 5_000).at(utc("2026-12-11T07:10"))
    assert winter.everybody == 5_000


def test_a_count_that_lacks_calls_of_an_hour_ago_began_again() -> None:
    day = at_work("2026-07-10T12:00", 40_000)
    assert day.note(20, utc("2026-07-10T12:59")).everybody == 40_000
    assert day.note(20, utc("2026-07-10T13:00")).everybody == 20


@pytest.mark.parametrize(
    ("noted", "minutes", "wanted"),
    [
        (0, 60, False),
        (30_000, 30, False),  # 30,000 and 9,000 of others, at most
        (34_000, 30, True),
        (39_900, 3, False),  # 900 calls: less than a fortieth of the limit
        (39_900, 4, True),
    ],
)
def test_the_count_is_read_again_when_others_may_have_used_up_what_is_left(
    *, noted: int, minutes: int, wanted: bool
) -> None:
    now = utc("2026-07-10T12:00")
    day = Day().at(now).note(noted, now)
    later = now + timedelta(minutes=minutes)
    assert day.wants_reading(later, daily=40_000, others_at_most=5.0) is wanted


def test_a_wall_clock_that_is_set_back_does_not_bring_yesterday_back() -> None:
    day = replace(Day().at(utc("2026-07-11T05:10")), ours=5)
    assert day.at(utc("2026-07-11T04:10")) == day


def test_a_wall_clock_that_was_years_ahead_does_not_stop_the_count_for_years() -> None:
    day = replace(Day().at(utc("2031-01-01T12:00")), ours=5)
    mended = day.at(utc("2026-07-11T12:00"))
    assert (mended.date, mended.ours) == ("2026-07-11", 5)
    assert mended.at(utc("2026-07-12T12:00")).ours == 0


def test_a_spent_quota_stays_spent_over_midnight_until_it_is_tried() -> None:
    spent = utc("2026-07-10T12:00")
    day = replace(Day().at(spent), tried_at=spent.timestamp())
    tomorrow = day.at(spent + timedelta(days=1))
    assert tomorrow.spent
    assert tomorrow.try_again_at() == utc("2026-07-10T13:00")


def test_a_probe_counts_until_its_time_is_over() -> None:
    assert not Day().probing(0.0)
    assert not Day(probe_until=100.0).probing(99.0), "nobody tries"
    day = Day(probe="lease", probe_until=100.0)
    assert day.probing(99.9)
    assert not day.probing(100.0)


def test_a_day_of_which_nothing_is_known_is_empty() -> None:
    day = Day()
    assert (day.ours, day.early, day.noted_ours, day.everybody) == (0, 0, 0, 0)
    assert (day.rate_limited, day.concurrency_limited) == (0, 0)
    assert (day.called_at, day.noted_at, day.probe_until) == (0.0, 0.0, 0.0)
    assert not day.spent


def test_near_the_end_of_a_small_quota_ten_calls_of_others_are_worth_a_reading() -> None:
    now = utc("2026-07-10T12:00")
    day = Day(noted_at=now.timestamp(), noted_total=95)
    wants = [
        day.wants_reading(now + timedelta(seconds=seconds), daily=100, others_at_most=1.0)
        for seconds in (9.9, 10.0)
    ]
    assert wants == [False, True]


def test_a_wall_clock_that_was_two_days_ahead_is_not_believed_either() -> None:
    day = replace(Day().at(utc("2026-07-13T12:00")), ours=5)
    assert day.at(utc("2026-07-11T12:00")).date == "2026-07-11"
    assert day.at(utc("2026-07-12T12:00")) == day


def test_a_count_that_began_again_counts_all_that_we_do_from_then_on() -> None:
    day = at_work("2026-07-10T12:00", 40_000, early=7).note(45_000, utc("2026-07-10T12:00"))
    day = replace(day.note(0, utc("2026-07-10T12:10")), ours=1)
    assert day.everybody == 1


def test_without_a_reading_nobody_knows_of_others() -> None:
    day = at_work("2026-07-10T12:00", 39_999)
    later = utc("2026-07-10T18:00")
    assert not day.wants_reading(later, daily=40_000, others_at_most=5.0)


def test_a_wall_clock_that_is_set_back_asks_for_no_reading() -> None:
    now = utc("2026-07-10T12:00")
    day = Day(noted_at=now.timestamp(), noted_total=95)
    before = now - timedelta(seconds=30)
    assert not day.wants_reading(before, daily=100, others_at_most=20.0)
