from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from target_marketo.governor.day import Day, day_ends, next_reset


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-07-10T12:00", ["2026-07-11T05:02", "2026-07-11T06:02", "2026-07-11T07:02"]),
        ("2026-12-10T12:00", ["2026-12-11T06:02", "2026-12-11T07:02", "2026-12-12T06:02"]),
        # The clock goes forward on 8 March and back on 1 November.
        ("2026-03-07T12:00", ["2026-03-08T06:02", "2026-03-08T07:02", "2026-03-09T05:02"]),
        ("2026-10-31T12:00", ["2026-11-01T05:02", "2026-11-01T06:02", "2026-11-01T07:02"]),
        ("2026-11-01T12:00", ["2026-11-02T06:02", "2026-11-02T07:02", "2026-11-03T06:02"]),
    ],
)
def test_a_spent_quota_may_be_back_at_either_midnight(at: str, expected: list[str]) -> None:
    instant, seen = utc(at), []
    for _ in expected:
        instant = next_reset(instant)
        seen.append(instant)
    assert seen == [utc(text) for text in expected]


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


def test_a_new_day_counts_from_nothing() -> None:
    day = Day().at(utc("2026-07-10T12:00"))
    day = replace(day, ours=5).note(100)
    assert day.at(utc("2026-07-11T04:59")).everybody == 100
    assert day.at(utc("2026-07-11T05:00")) == Day(date="2026-07-11")


def test_everybody_is_what_was_noted_and_what_we_did_since() -> None:
    day = replace(Day(), ours=5)
    assert day.everybody == 5
    day = replace(day.note(100), ours=8)
    assert day.everybody == 103
    assert day.note(6).everybody == 8, "a count that lags behind is not believed below our own"


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
    assert tomorrow.try_again_at() == utc("2026-07-11T05:02")
